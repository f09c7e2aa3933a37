"""A comparison nobody ran, for the tests of its figures and of its report: plausible, drawn once from a fixed seed.

Three graphs and one data set at three slice sizes, on five solvers: `cpu`, `gpu` and `neal` differ in time and quality,
`qpu-offline` is a stand-in with modelled times, `broken` fails everywhere with an error that is no text for a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from hqml.compare.comparison import Comparison
from hqml.compare.outcome import Outcome

SEEDS = (0, 1, 2, 3, 4)
READS = 100
GRAPHS = {"ring 100": (100, 140), "ring 200": (200, 280), "ring 400": (400, 560)}
"""Name: (variables, largest cut known)."""

SLICE_SIZES = (20, 40, 80)
SOLVERS = ("cpu", "gpu", "neal", "qpu-offline", "broken")
TUNED = "SVC (tuned)"
NASTY = "RuntimeError: <script>alert(1)</script> & \"quotes\" 'too'"
STAND_IN = "a D-Wave Advantage chip, simulated"

# (share of reads at the best cut of the smallest graph, seconds a read, seconds beside the reads)
_WAYS = {
    "cpu": (0.6, 2e-4, 0.004),
    "gpu": (0.6, 4e-5, 0.05),
    "neal": (0.3, 6e-4, 0.002),
    "qpu-offline": (0.1, 2e-4, 0.1),
}
_SKILL = {"cpu": 0.93, "gpu": 0.928, "neal": 0.91, "qpu-offline": 0.88, TUNED: 0.94}
_MACHINE = {
    "host": "node01",
    "os": "Linux 6.1 x86_64",
    "processor": "AMD EPYC 7402 24-Core Processor",
    "cores": 24,
    "memory_gib": 256,
    "gpus": ["NVIDIA H100"],
    "threads": {"OMP_NUM_THREADS": "24"},
    "versions": {"hqml": "0.1.0", "python": "3.11.9", "numpy": "2.1.0", "dimod": "0.12.20", "torch": "2.6.0"},
}


def comparison(**changes: Any) -> Comparison:
    """The whole of it; `changes` replace entries of the description."""
    return Comparison({**description(), **changes}, outcomes())


def description() -> dict[str, Any]:
    graphs = [
        {"kind": "qubo", "name": name, "source": f"{name}.mc", "digest": name, "sign": -1, "variables": size}
        | {"best": best, "target": None}
        for name, (size, best) in GRAPHS.items()
    ]
    data = [
        {"kind": "learning", "name": name, "source": "landsat.csv", "digest": name, "rows": 240}
        | {"features": ["red", "infrared"], "estimator": "QuboSVCEnsemble", "parameters": {"slice_size": size}}
        | {"given_test": False, "references": ["tuned"]}
        for name, size in _learning_problems().items()
    ]
    return {
        "name": "Rings and Landsat",
        "command": "hqml compare study.yaml --report out.html",
        "target": "best",
        "reads": READS,
        "seeds": list(SEEDS),
        "problems": [*graphs, *data],
        "solvers": [{"label": name, "backend": name, "options": {}} for name in SOLVERS],
    }


def outcomes() -> list[Outcome]:
    """Of all cells; drawn once, since scores take a while."""
    return list(_outcomes())


@cache
def _outcomes() -> tuple[Outcome, ...]:
    rng = np.random.default_rng(7)
    cells: list[Outcome] = []
    for seed in SEEDS:
        for name, (size, best) in GRAPHS.items():
            cells += [qubo_outcome(rng, name, size, best, solver, seed) for solver in SOLVERS]
        for name, slice_size in _learning_problems().items():
            cells += [learning_outcome(rng, name, slice_size, solver, seed) for solver in (*SOLVERS, TUNED)]
    return tuple(_one_after_the_other(cells))


def labels(problem: str, solver: str, seed: int, kind: str) -> dict[str, Any]:
    """The fields that every outcome has."""
    reference = solver == TUNED
    return {
        "key": f"{problem}|{solver}|{seed}",
        "problem": problem,
        "solver": solver,
        "backend": "" if reference else solver,
        "reference": reference,
        "seed": seed,
        "reads": READS,
        "kind": kind,
        "machine": _MACHINE,
        "process": "node01 4711",
    }


def failed_outcome(problem: str, solver: str, seed: int, kind: str, error: str = NASTY) -> Outcome:
    return Outcome(**labels(problem, solver, seed, kind), status="failed", error=error)


def qubo_outcome(rng: np.random.Generator, problem: str, size: int, best: int, solver: str, seed: int) -> Outcome:
    """A call on a graph: the larger it is, the fewer reads find the best cut, the others a few edges less."""
    if solver == "broken":
        return failed_outcome(problem, solver, seed, "qubo")
    share, seconds, overhead = _WAYS[solver]
    hits = int(rng.binomial(READS, share ** (size / 100)))
    misses = best - 2 * (1 + rng.binomial(6, size / 1000, READS - hits))
    levels, counts = np.unique([-best] * hits + [-int(cut) for cut in misses], return_counts=True)
    sampling = READS * seconds * size / 100 * float(rng.uniform(0.9, 1.1))
    return Outcome(
        **labels(problem, solver, seed, "qubo"),
        status="done",
        variables=size,
        qubos=1,
        energies=[[float(level), int(count)] for level, count in zip(levels, counts, strict=True)],
        bound=-1.05 * best,
        timing=_timing(sampling, overhead, solver, seed),
        joules=None if solver == "qpu-offline" else sampling * 250,
        schedule={"method": "annealing", "num_sweeps": 1000, "beta_range": [0.1, 10.0]},
        **(_on_a_chip(size, seed) if solver == "qpu-offline" else {}),
    )


def learning_outcome(rng: np.random.Generator, problem: str, slice_size: int, solver: str, seed: int) -> Outcome:
    """An ensemble trained on one of five overlapping splits."""
    if solver == "broken":
        return failed_outcome(problem, solver, seed, "learning")
    split = np.random.default_rng(seed)  # the same rows for each solver
    truth = (split.random(80) < 0.5).astype(int)
    hard = split.normal(0, 0.6, 80)
    skill = _SKILL[solver] - (0.5 / slice_size if solver != TUNED else 0)
    decision = (2 * truth - 1) * (skill * 2.4 - 1.2) + hard + rng.normal(0, 0.15, 80)
    twin = (2 * truth - 1) * (0.935 * 2.4 - 1.2) + hard
    _, seconds, overhead = _WAYS.get(solver, (0, 0, 0.3))
    timing = _timing(READS * seconds * slice_size / 20, overhead, solver, seed)
    quantum = solver == "qpu-offline"
    return Outcome(
        **labels(problem, solver, seed, "learning"),
        status="done",
        parameters={"slice_size": slice_size},
        variables=0 if solver == TUNED else 2 * slice_size,
        qubos=0 if solver == TUNED else 4,
        energies=[] if solver == TUNED else [[-3.0 * slice_size + float(rng.normal()), 1]],
        timing={**timing, "fit": timing["total"] + 0.02, "predict": 0.003},
        scores=_scores(truth, decision),
        twin={} if solver == TUNED else _scores(truth, twin),
        decisions={"truth": truth.tolist(), "decision": [float(f"{one:.4g}") for one in decision]},
        decision_map=_decision_map(truth, skill) if seed == SEEDS[0] else None,
        test_rows=80,
        train_rows=160,
        **(_on_a_chip(2 * slice_size, seed) if quantum else {}),
    )


def _learning_problems() -> dict[str, int]:
    return {f"Landsat 4 v 7, slice_size={size}": size for size in SLICE_SIZES}


def _timing(sampling: float, overhead: float, solver: str, seed: int) -> dict[str, float]:
    startup = 0.8 if solver == "gpu" else 0.1
    names = ("programming", "network", "embedding") if solver == "qpu-offline" else ("other",)
    parts = {"build": 0.1 * overhead, **{name: 0.9 * overhead / len(names) for name in names}, "sampling": sampling}
    return {**parts, "total": sum(parts.values()), "startup": startup if seed == SEEDS[0] else 0.0}


def _on_a_chip(size: int, seed: int) -> dict[str, Any]:
    """What an annealer's outcome has besides: a grid of qubits, each variable a chain of two neighbours."""
    embedding = None
    if seed == SEEDS[0]:
        chains = {str(variable): [2 * variable, 2 * variable + 1] for variable in range(size)}
        positions = {str(qubit): [(qubit % 40) / 40, (qubit // 40) / 40] for qubit in range(2 * size)}
        embedding = {"chip": "Advantage", "graph_id": "abc", "chains": chains, "positions": positions}
    access = {"programming": 0.015, "sampling": 0.02, "access": 0.035, "overhead": 0.03}
    return {
        "stand_in": STAND_IN,
        "qpu": access,
        "chain_length": 2.0 + (size > 100),
        "chain_breaks": 0.02,
        "embedding": embedding,
    }


def _scores(truth: np.ndarray, decision: np.ndarray) -> dict[str, float]:
    from sklearn.metrics import accuracy_score, average_precision_score, balanced_accuracy_score, roc_auc_score

    return {
        "accuracy": float(accuracy_score(truth, decision > 0)),
        "balanced_accuracy": float(balanced_accuracy_score(truth, decision > 0)),
        "auroc": float(roc_auc_score(truth, decision)),
        "auprc": float(average_precision_score(truth, decision)),
    }


def _decision_map(truth: np.ndarray, skill: float) -> dict[str, Any]:
    axis = np.linspace(-3, 3, 60)
    x, y = np.meshgrid(axis, axis)
    points = np.random.default_rng(3).normal(0, 0.7, (len(truth), 2)) + (2 * truth - 1)[:, None]

    def rounded(values: np.ndarray) -> Any:
        return [[float(f"{one:.4g}") for one in row] for row in values]

    return {
        "x": [float(f"{one:.4g}") for one in axis],
        "y": [float(f"{one:.4g}") for one in axis],
        "z": rounded(skill * (x + y) + 0.3 * np.sin(2 * x)),
        "points": rounded(points),
        "truth": truth.tolist(),
        "axes": ["red", "infrared"],
    }


def _one_after_the_other(cells: Sequence[Outcome]) -> list[Outcome]:
    """Give the cells their hours, none at the same time as another."""
    placed, now = [], 1.7e9
    for cell in cells:
        seconds = cell.timing.get("total", 0.0) + 0.01
        placed.append(replace(cell, started=now, ended=now + seconds))
        now += seconds
    return placed
