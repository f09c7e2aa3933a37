"""Every estimator on every local backend, beside its classical twin and scikit-learn's nearest counterpart.

A few hundred training rows of each set, so that all backends see the same ones; where a backend takes smaller models
still (`exact`, `qpu-offline`), slices, neighbourhoods and pools are as small as it needs them, and what cannot be cut
is trained on as many rows as fit, whose number is in brackets.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from common import SHARED, Table
from estimator_cases import CASES, READS, SOLVERS, Case, Data, NotApplicable, Solver
from hqml.tables import read_table

SEEDS = range(5)
ROWS = 300
"""Training rows: 600 variables for an SVM of two digits, a second or two for the slowest backend."""

TEST_ROWS = 1000


def _sets() -> Iterator[tuple[str, Callable[[int], Data]]]:
    """A name, and the data of a seed. Landsat and svmguide1 have a test set of their own; the others are split."""
    for name, classes in (("Landsat, 6 classes", None), ("Landsat 4 v 7", ("4", "7")), ("Landsat 3 v 4", ("3", "4"))):
        yield name, lambda seed, classes=classes: _given("sat.trn", "sat.tst", seed, classes)
    yield "svmguide1", lambda seed: _given("svmguide1", "svmguide1.t", seed, None)
    for name in ("ionosphere", "sonar"):
        yield name, lambda seed, name=name: _split(name, seed)


def _given(train: str, test: str, seed: int, classes: Any) -> Data:
    libsvm = train.startswith("svmguide")
    tables = [read_table(SHARED / "ml" / file, label=None if libsvm else "-1") for file in (train, test)]
    tables = [table if classes is None else table.of_classes(classes) for table in tables]
    few = [_some(*pair, seed) for pair in zip(tables, (ROWS, TEST_ROWS), strict=True)]
    return _scaled(*few[0], *few[1])


def _some(table: Any, rows: int, seed: int) -> tuple[Any, Any]:
    y = np.asarray(table.labels())
    if rows >= len(y):
        return table.X, y
    chosen, _ = train_test_split(np.arange(len(y)), train_size=rows, stratify=y, random_state=seed)
    return table.X[chosen], y[chosen]


def _split(name: str, seed: int) -> Data:
    table = read_table(SHARED / "ml" / f"{name}.csv", label="class")
    X, X_test, y, y_test = train_test_split(
        table.X, np.asarray(table.labels()), test_size=1 / 3, stratify=table.labels(), random_state=seed
    )
    return _scaled(X, y, X_test, y_test)


def _scaled(X: Any, y: Any, X_test: Any, y_test: Any) -> Data:
    scaler = StandardScaler().fit(X)
    return Data(scaler.transform(X), y, scaler.transform(X_test), y_test)


def measure() -> Table:
    if not SHARED.is_dir():
        raise SystemExit(f"the benchmark data is missing: {SHARED}")
    sets = dict(_sets())
    rows = Parallel(n_jobs=os.cpu_count(), verbose=5)(
        delayed(_row)(name, number) for name in sets for number in range(len(CASES))
    )
    return Table(
        name="estimators",
        title=f"Every estimator on every local backend: {ROWS} training rows, mean and spread over {len(SEEDS)} seeds",
        columns=["set", "estimator", "score", *(solver.backend for solver in SOLVERS), "twin", "scikit-learn", "peer"],
        rows=rows,
        notes="In brackets: training rows, where the backend takes fewer than all. -: its largest model here "
        f"({', '.join(f'{solver.backend} {solver.variables}' for solver in SOLVERS)} variables) is too small, or there "
        "is no twin. Spread is the standard deviation over seeds, of the split as well. QuboSVR predicts the last "
        f"feature from the others. {READS} reads. The twin is that of `cpu`.",
    )


def _row(name: str, number: int) -> list[str]:
    """One line of the table, in a process of its own kind."""
    case, data = CASES[number], [dict(_sets())[name](seed) for seed in SEEDS]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the figures say what came of it
        cells = [_cell(case, solver, data) for solver in SOLVERS]
        twin = "-" if case.twin is None else _mean_and_spread(map(case.twin, data, SEEDS))
        peer = _mean_and_spread(map(case.counterpart, data, SEEDS))
    return [name, case.name, case.score, *cells, twin, peer, case.peer]


def _cell(case: Case, solver: Solver, data: list[Data]) -> str:
    try:
        found = [case.annealed(one, solver, seed) for one, seed in zip(data, SEEDS, strict=True)]
    except NotApplicable:
        return "-"
    rows = found[0][1]
    return _mean_and_spread(figure for figure, _ in found) + (f" ({rows})" if rows else "")


def _mean_and_spread(figures: Iterable[float]) -> str:
    values = list(figures)
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}".replace("0.", ".")


if __name__ == "__main__":
    print(measure().markdown())
