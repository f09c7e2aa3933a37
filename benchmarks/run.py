"""Run every benchmark and write its table to benchmarks/results/."""

from __future__ import annotations

import sys
from importlib import import_module

ALL = ("import_time", "construction", "gram", "temperature_range", "growth", "scale", "time_to_target")


def main(names: list[str]) -> None:
    for name in names or ALL:
        table = import_module(name).measure()
        table.save()
        print(table.markdown(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
