"""What the benchmarks share: timing in CPU seconds, problems, tables in benchmarks/results/."""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

RESULTS = Path(__file__).parent / "results"
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@dataclass(frozen=True)
class Table:
    """One benchmark's result: a title that says what is measured, columns, rows, and what a reader should know."""

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    notes: str = ""

    def markdown(self) -> str:
        lines = [f"## {self.title}", "", "| " + " | ".join(self.columns) + " |", "|" + "---|" * len(self.columns)]
        lines += ["| " + " | ".join(_shown(value) for value in row) + " |" for row in self.rows]
        return "\n".join([*lines, "", self.notes, "", f"_{machine()}_", ""])

    def save(self) -> None:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{self.name}.md").write_text(self.markdown())
        rows = [dict(zip(keys(self.columns), row, strict=True)) for row in self.rows]
        (RESULTS / f"{self.name}.json").write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")


def keys(columns: Sequence[str]) -> list[str]:
    """What columns are called in JSON: one of several with the same name also has the name of the column before it."""
    pairs = pairwise(["", *columns])
    return [name if columns.count(name) == 1 else f"{before}: {name}" for before, name in pairs]


def machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("hqml", "numpy", "numba", "dimod", "dwave-samplers"))
    return f"{date.today()}, {_processor()}, Python {platform.python_version()}, {packages}"


def cpu_seconds(work: Callable[[], Any], *, repeats: int = 5) -> tuple[float, Any]:
    """Median CPU seconds of a few runs, and what the last one gave."""
    spent, result = [], None
    for _ in range(repeats):
        started = process_time()
        result = work()
        spent.append(process_time() - started)
    return statistics.median(spent), result


def wall_seconds(work: Callable[[], Any], *, repeats: int = 5) -> float:
    """Median seconds on the clock of a few runs."""
    spent = []
    for _ in range(repeats):
        started = perf_counter()
        work()
        spent.append(perf_counter() - started)
    return statistics.median(spent)


def landsat_kernel(points: int, *, gamma: float = 1 / 36) -> tuple[np.ndarray, np.ndarray, str]:
    """RBF kernel and labels of Landsat pixels; of made-up points where the data is absent.

    Up to 1400 points are of classes 4 against 7, more are of all six, 4 to 7 against 1 to 3, training and test rows.
    """
    from sklearn.datasets import make_classification
    from sklearn.metrics.pairwise import rbf_kernel
    from sklearn.preprocessing import StandardScaler

    if (SHARED / "ml" / "sat.trn").exists():
        rows = np.loadtxt(SHARED / "ml" / "sat.trn")
        if points <= 1400:
            rows, positive, source = rows[np.isin(rows[:, -1], (4, 7))], 7, "Landsat 4 v 7"
        else:
            rows = np.concatenate([rows, np.loadtxt(SHARED / "ml" / "sat.tst")])
            positive, source = 4, "Landsat 4-7 v 1-3"
        rows = np.random.default_rng(1).permutation(rows)[:points]
        X, y = rows[:, :-1], np.where(rows[:, -1] >= positive, 1, -1)
    else:
        X, y = make_classification(points, 36, n_informative=10, random_state=1)
        y, source = 2 * y - 1, "made-up points"
    return rbf_kernel(StandardScaler().fit_transform(X), gamma=gamma), y, source


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.1f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
