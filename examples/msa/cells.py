"""Train the ensemble with one solver, once a seed. All modules run this: `python cells.py --solver qpu`.

What is in the store is not trained again: a step that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from study import READS, SEEDS, STORE, problem, solvers

from hqml.compare import run
from hqml.compare.runner import Progress


def main() -> int:
    """Return the number of trainings that failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--solver", choices=("cpu", "gpu", "mpi", "qpu"), required=True)
    parser.add_argument("--seed", type=int, action="append", help="[default: all]")
    parser.add_argument("--max-qpu-seconds", type=float, help="of all trainings together")
    given = parser.parse_args()
    if given.solver == "gpu":
        choose_device()
    found = run(
        problem(tuned=given.solver == "cpu"),
        solvers()[given.solver],
        seeds=given.seed or SEEDS,
        reads=READS,
        store=STORE,
        max_qpu_seconds=given.max_qpu_seconds,
        on_cell=tell,
    )
    return sum(outcome.status == "failed" for outcome in found.outcomes)


def tell(progress: Progress) -> None:
    """Print what a training gave; of ranks that train together the first does."""
    if outcome := progress.outcome:
        print(f"{outcome.solver}, seed {outcome.seed}: {outcome.error or outcome.scores}", flush=True)


def choose_device() -> None:
    """Write down whether there is an accelerator: a system without one trains on its processors."""
    import torch

    options = {} if torch.cuda.is_available() else {"device": "cpu"}
    Path("data/gpu.json").write_text(json.dumps(options))


if __name__ == "__main__":
    sys.exit(main())
