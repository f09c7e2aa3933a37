"""What is compared: one ensemble of QUBO-based SVMs on slices of the pixels, trained by each module's own solver."""

from __future__ import annotations

import json
from pathlib import Path

from hqml.compare import LearningProblem, Solver, learning_problem

STORE = "cells"
"""A folder that all modules see: each puts there what it has trained, and the report is made of it."""

SEEDS, READS = (0, 1, 2), 20
SLICE = {"slice_size": 20, "sampling": "balanced", "gamma": 0.1}
"""20 samples of two binary digits each: a complete graph of 40 variables, which every annealer takes."""


def problem(*, tuned: bool = False) -> LearningProblem:
    """The pixels and the ensemble; with `tuned` beside a support vector classifier whose C and gamma are searched."""
    return learning_problem(
        "data/train.csv",
        "svc-ensemble",
        label="soil",
        test="data/test.csv",
        parameters=SLICE,
        name=Path("data/title.txt").read_text(),
        references=("tuned",) if tuned else (),
    )


def solvers() -> dict[str, Solver]:
    """Of each kind of module. What the booster's GPUs are is known when it has run."""
    gpu = Path("data/gpu.json")
    options = json.loads(gpu.read_text()) if gpu.exists() else {}
    return {
        "cpu": Solver("cpu", name="cluster: cpu"),
        "gpu": Solver("gpu", options, name="booster: gpu" + (" (on a CPU)" if options else "")),
        "mpi": Solver("mpi:cpu", name="cluster and booster: mpi:cpu"),
        "qpu": Solver("qpu", name="quantum: qpu"),
    }
