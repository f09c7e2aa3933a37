"""Which rule makes one machine of an annealer's many solutions best, and where: QuboSVC's `aggregate`, measured.

Every rule is given the same samples, of three annealers: one that anneals well, one that does not, and the stand-in of
a noisy chip. Held against the default, the mean of the 20 lowest, on the same test samples: ten seeds, which draw
slices and samples, and of sonar, which has no test set, the split as well.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.datasets import load_svmlight_file
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from common import SHARED, Table
from hqml import load_backend
from hqml.svm import QuboSVC, QuboSVCEnsemble

SEEDS = range(10)
READS = 100
DEFAULT = {"aggregate": "mean", "n_solutions": 20}
RULES = {
    "best": {"aggregate": "best"},
    "mean of 5": {"aggregate": "mean", "n_solutions": 5},
    "mean of 100": {"aggregate": "mean", "n_solutions": 100},
    "boltzmann, 20": {"aggregate": "boltzmann", "n_solutions": 20},
    "boltzmann, 100": {"aggregate": "boltzmann", "n_solutions": 100},
    "validation, 20": {"aggregate": "validation", "n_solutions": 20},
}
WELL, BADLY, CHIP = ("cpu", {}), ("neal", {"num_sweeps": 5}), ("qpu-offline", {})
"""Backends and the options of their `sample`. Five sweeps of neal end far above the ground state; the chip's stand-in
adds the noise of an Advantage to every coupling and field."""


@dataclass(frozen=True)
class Case:
    """A set, and how it is annealed.

    Attributes:
        name: for the table.
        split: a seed to (X, y, X_test, y_test), standardised.
        gamma: of the kernel, as in tests/test_landsat.py.
        slice_size: None anneals the whole training set.
        n_slices: None for as many as use every sample once.
        annealers: those that can take it in time.
    """

    name: str
    split: Callable[[int], Sequence[Any]]
    gamma: float | str
    slice_size: int | None
    n_slices: int | None
    annealers: Sequence[tuple[str, dict[str, Any]]]


def measure() -> Table:
    cases = (
        Case("Landsat 4 v 7, 4 x 40", landsat, 0.1, 40, 4, (WELL, BADLY, CHIP)),
        Case("Landsat 4 v 7, 2 x 400", landsat, 0.1, 400, 2, (WELL, BADLY)),
        Case("svmguide1, 4 x 40", svmguide1, "scale", 40, 4, (WELL, BADLY, CHIP)),
        Case("svmguide1, 2 x 400", svmguide1, "scale", 400, 2, (WELL, BADLY)),
        Case("sonar, 4 x 40", sonar, "scale", 40, 4, (WELL, BADLY, CHIP)),
        Case("sonar, 1 x 145", sonar, "scale", None, None, (WELL, BADLY)),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a single solution often leaves the bias 0/0
        rows = [row for case in cases for annealer in case.annealers for row in _rows(case, *annealer)]
    columns = ["set", "annealer", "score", "classical twin", "mean of 20", *RULES]
    beyond = sum(cell.startswith("**") for row in rows for cell in map(str, row))
    notes = (
        f"Mean over 10 seeds, {READS} reads; for each rule its difference to the mean of 20 (the default), with the "
        "95 % interval of 10,000 bootstrap draws of the seeds; bold where 0 is outside: "
        f"{beyond} of {len(rows) * len(RULES)}, where about {0.05 * len(rows) * len(RULES):.0f} are expected by chance "
        "alone. 4 x 40 are four slices of 40 samples. Twin: libsvm on the same slices."
    )
    return Table("aggregation", "Aggregating solutions: what each rule changes", columns, rows, notes)


def landsat(seed: int) -> Sequence[Any]:
    parts = []
    for name in ("sat.trn", "sat.tst"):
        rows = np.loadtxt(SHARED / "ml" / name)
        rows = rows[np.isin(rows[:, -1], (4, 7))]
        parts += [rows[:, :-1], rows[:, -1]]
    return _standardised(*parts)


def svmguide1(seed: int) -> Sequence[Any]:
    parts = []
    for name in ("svmguide1", "svmguide1.t"):
        X, y = load_svmlight_file(str(SHARED / "ml" / name), n_features=4)
        parts += [X.toarray(), y]
    return _standardised(*parts)


def sonar(seed: int) -> Sequence[Any]:
    rows = np.loadtxt(SHARED / "ml" / "sonar.csv", delimiter=",", dtype=str, skiprows=1)
    y = np.unique(rows[:, -1], return_inverse=True)[1]
    X, X_test, y, y_test = train_test_split(rows[:, :-1].astype(float), y, test_size=0.3, stratify=y, random_state=seed)
    return _standardised(X, y, X_test, y_test)


def _standardised(X: Any, y: Any, X_test: Any, y_test: Any) -> Sequence[Any]:
    scaler = StandardScaler().fit(X)
    return scaler.transform(X), y, scaler.transform(X_test), y_test


def _rows(case: Case, backend: str, options: dict[str, Any]) -> Iterator[list[Any]]:
    """Two rows: accuracy and AUROC of the default, and how the rules differ from it."""
    scores = np.array([_scores(case, backend, options, seed) for seed in SEEDS])  # seeds, [twin, default, *RULES], 2
    named = f"{backend} {options or ''}".strip()
    for number, measured in enumerate(("accuracy", "AUROC")):
        twin, default, *others = scores[:, :, number].T
        yield [case.name, named, measured, f"{twin.mean():.4f}", f"{default.mean():.4f}"] + [
            _difference(other - default) for other in others
        ]


def _scores(case: Case, backend: str, options: dict[str, Any], seed: int) -> list[tuple[float, float]]:
    X, y, X_test, y_test = case.split(seed)
    annealer = Remembering(backend, options)
    fitted = [_model(case, annealer, rule, seed).fit(X, y) for rule in (DEFAULT, *RULES.values())]
    models = [fitted[0].classical_twin().fit(X, y), *fitted]
    return [
        (
            float(accuracy_score(y_test, model.predict(X_test))),
            float(roc_auc_score(y_test == model.classes_[1], model.decision_function(X_test))),
        )
        for model in models
    ]


def _model(case: Case, annealer: Remembering, rule: dict[str, Any], seed: int) -> Any:
    svc = QuboSVC(gamma=case.gamma, backend=annealer, reads=READS, random_state=seed, **rule)
    if case.slice_size is None:
        return svc
    return QuboSVCEnsemble(svc, slice_size=case.slice_size, n_slices=case.n_slices, random_state=seed)


def _difference(values: np.ndarray) -> str:
    draws = np.random.default_rng(0).choice(values, (10_000, len(values))).mean(axis=1)
    low, high = np.quantile(draws, (0.025, 0.975))
    shown = f"{values.mean():+.4f} [{low:+.4f}, {high:+.4f}]"
    return f"**{shown}**" if low > 0 or high < 0 else shown


class Remembering:
    """A backend that samples equal models once, so that every rule is given the same samples, and in a fraction of the
    time. Models are told apart by their sizes: "validation" holds samples out, all other rules ask for the same."""

    def __init__(self, backend: str, options: dict[str, Any]) -> None:
        self._backend, self._options = load_backend(backend), options
        self._known: dict[tuple[int, ...], Any] = {}
        self.capabilities = self._backend.capabilities
        self.estimate, self.close = self._backend.estimate, self._backend.close

    def sample(
        self, qubos: Sequence[Any], *, reads: int = 100, seed: int | None = None, time_limit: float | None = None
    ) -> list[Any]:
        sizes = tuple(qubo.num_variables for qubo in qubos)
        if sizes not in self._known:
            self._known[sizes] = self._backend.sample(
                qubos, reads=reads, seed=seed, time_limit=time_limit, **self._options
            )
        return list(self._known[sizes])


if __name__ == "__main__":
    print(measure().markdown())
