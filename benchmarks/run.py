"""Run every benchmark and write its table to benchmarks/results/."""

from __future__ import annotations

import sys
from importlib import import_module

ALL = (
    "import_time",
    "construction",
    "gram",
    "temperature_range",
    "growth",
    "scale",
    "mpi",
    "gpu",
    "qpu",
    "estimators",
    "aggregation",
    "boosting",
    "clustering",
    "local_models",
    "multiclass",
    "selection",
    "tuning",
    "gpu:quality",
    "time_to_target",
    "time_to_target:all_threads",
)
"""A module, whose `measure` gives the table, or module:function."""


def main(names: list[str]) -> None:
    if unknown := [name for name in names if name not in ALL]:
        raise SystemExit(f"found no benchmark {', '.join(unknown)}; there are: {', '.join(ALL)}")
    for name in names or ALL:
        module, _, function = name.partition(":")
        table = getattr(import_module(module), function or "measure")()
        table.save()
        print(table.markdown(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
