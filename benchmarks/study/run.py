"""Run the project's study, with a quantum node beside it, and write its page. `make study` runs this.

    python benchmarks/study/run.py [--seeds N] [--budget 10m] [--out out/study]

A second run goes on where the first has ended; with another number of seeds it keeps those that are done.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import tempfile
from pathlib import Path

from hqml.cli import main as hqml
from hqml_ocean.node.testing import node_process
from prepare import prepare


def main() -> int:
    """Return the exit status of `hqml compare`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, help="instead of the study's")
    parser.add_argument("--budget", help="end then, e.g. 10m; what is left is for the next run")
    parser.add_argument("--out", type=Path, default=Path("out/study"))
    given = parser.parse_args()
    study = prepare(given.out, seeds=given.seeds)
    limit = ["--budget", given.budget] if given.budget else []
    with (
        tempfile.TemporaryDirectory() as folder,
        open(given.out / "node.log", "w") as log,
        node_process("--port", "0", token=secrets.token_hex(16), folder=folder, log=log) as node,
    ):
        os.environ.update(node.environment)
        return hqml(
            [
                "compare",
                str(study),
                "--store",
                str(given.out / "cells"),
                "--report",
                str(given.out / "study.html"),
                *limit,
            ]
        )


if __name__ == "__main__":
    sys.exit(main())
