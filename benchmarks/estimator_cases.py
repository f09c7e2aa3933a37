"""What benchmarks/estimators.py compares: each estimator as it is trained, its twin, and scikit-learn's counterpart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier
from sklearn.feature_selection import SelectKBest, mutual_info_classif
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import RandomizedSearchCV, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier

from hqml.boosting import QBoostClassifier
from hqml.cluster import QuboKMedoids
from hqml.selection import QuboFeatureSelector
from hqml.svm import LocalQuboSVC, QuboMulticlassSVC, QuboSVC, QuboSVCEnsemble, QuboSVR
from hqml.tuning import QuboSearchCV

READS = 20
GRID = {"C": [0.1, 0.3, 1, 3, 10, 30], "gamma": [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1]}
EVALUATIONS = 12


class NotApplicable(Exception):
    """The backend takes no model so large, and the set cannot be cut so small."""


@dataclass(frozen=True)
class Solver:
    """A backend and the largest model it is given here, in variables."""

    backend: str
    variables: int
    options: Mapping[str, Any]

    def parameters(self, seed: int) -> dict[str, Any]:
        return {
            "backend": self.backend,
            "backend_options": dict(self.options) or None,
            "reads": READS,
            "random_state": seed,
        }


SOLVERS = (
    Solver("cpu", 2000, {}),
    Solver("exact", 16, {}),
    Solver("neal", 2000, {"num_sweeps": 200}),
    Solver("tabu", 2000, {"num_restarts": 0}),
    Solver("path-integral", 2000, {"num_sweeps": 20}),
    Solver("gpu", 2000, {"device": "cpu"}),
    Solver("mpi:cpu", 2000, {}),
    Solver("qpu-offline", 80, {}),
)


@dataclass(frozen=True)
class Data:
    """Training and test rows, standardised by the training rows."""

    X: Any
    y: Any
    X_test: Any
    y_test: Any

    def first(self, rows: int) -> Data:
        """With fewer training rows, of every class."""
        if rows >= len(self.X):
            return self
        chosen, _ = train_test_split(np.arange(len(self.X)), train_size=rows, stratify=self.y, random_state=0)
        return replace(self, X=self.X[chosen], y=self.y[chosen])

    def head(self, rows: int) -> Data:
        """With the first training rows, which are in random order."""
        return self if rows >= len(self.X) else replace(self, X=self.X[:rows], y=self.y[:rows])


@dataclass(frozen=True)
class Case:
    """An estimator, and how it is compared.

    Attributes:
        name: of the estimator.
        score: what the figures are.
        peer: the counterpart's name.
        annealed: the figure, and the training rows where they are not all, for (data, solver, seed).
        twin: the figure of the classical twin for (data, seed); None where there is none.
        counterpart: the figure of scikit-learn's counterpart for (data, seed).
    """

    name: str
    score: str
    peer: str
    annealed: Callable[[Data, Solver, int], tuple[float, int | None]]
    twin: Callable[[Data, int], float] | None
    counterpart: Callable[[Data, int], float]


def _accuracy(model: Any, data: Data) -> float:
    return float(model.fit(data.X, data.y).score(data.X_test, data.y_test))


def _classes(data: Data) -> int:
    return len(np.unique(data.y))


def _classifier(make: Callable[[Data, Solver, int], Any], variables_a_row: Callable[[Data], int] | None = None) -> Any:
    """Fit and score; with as many rows as the backend takes where the estimator cannot cut the set itself."""

    def annealed(data: Data, solver: Solver, seed: int) -> tuple[float, int | None]:
        rows = len(data.X) if variables_a_row is None else solver.variables // variables_a_row(data)
        if rows < 2 * _classes(data):
            raise NotApplicable
        smaller = data.first(rows)
        return _accuracy(make(smaller, solver, seed), smaller), None if smaller is data else rows

    return annealed


def _twin(
    make: Callable[[Data, Solver, int], Any], variables_a_row: Callable[[Data], int] | None = None
) -> Callable[[Data, int], float]:
    """The twin of what the first backend trains, on the same rows."""

    def figure(data: Data, seed: int) -> float:
        few = data if variables_a_row is None else data.first(SOLVERS[0].variables // variables_a_row(data))
        return _accuracy(make(few, SOLVERS[0], seed).fit(few.X, few.y).classical_twin(), few)

    return figure


def _svc(data: Data, solver: Solver, seed: int) -> QuboSVC:
    return QuboSVC(**solver.parameters(seed))


def _slices(data: Data, solver: Solver, seed: int) -> QuboSVCEnsemble:
    size = max(min(40, solver.variables // 2), _classes(data))
    return QuboSVCEnsemble(QuboSVC(**solver.parameters(seed)), slice_size=size, random_state=seed)


def _multiclass(data: Data, solver: Solver, seed: int) -> QuboMulticlassSVC:
    return QuboMulticlassSVC(**solver.parameters(seed))


def _local(data: Data, solver: Solver, seed: int) -> LocalQuboSVC:
    return LocalQuboSVC(n_neighbors=min(40, solver.variables // 2), **solver.parameters(seed))


def _boosted(data: Data, solver: Solver, seed: int) -> QBoostClassifier:
    return QBoostClassifier(n_estimators=min(200, solver.variables), **solver.parameters(seed))


def _regression(data: Data) -> Data:
    """The last feature from all others."""
    return Data(data.X[:, :-1], data.X[:, -1], data.X_test[:, :-1], data.X_test[:, -1])


def _svr(data: Data, solver: Solver, seed: int) -> tuple[float, int | None]:
    few = data.head(solver.variables // 4)
    return _accuracy(QuboSVR(**solver.parameters(seed)), _regression(few)), None if few is data else len(few.X)


def _svr_twin(data: Data, seed: int) -> float:
    target = _regression(data)
    model = QuboSVR(**SOLVERS[0].parameters(seed)).fit(target.X, target.y)
    return _accuracy(model.classical_twin(), target)


def _selected(data: Data, selector: Any) -> float:
    """Accuracy of an SVC on what is selected."""
    kept = selector.fit(data.X, data.y).get_support()
    return _accuracy(SVC(), Data(data.X[:, kept], data.y, data.X_test[:, kept], data.y_test))


def _quarter(data: Data) -> int:
    return max(2, data.X.shape[1] // 4)


def _selector(data: Data, solver: Solver, seed: int) -> tuple[float, int | None]:
    if data.X.shape[1] > solver.variables:
        raise NotApplicable
    made = QuboFeatureSelector(_quarter(data), criterion="mutual_information", **solver.parameters(seed))
    return _selected(data, made), None


def _select_best(data: Data, seed: int) -> float:
    return _selected(data, SelectKBest(lambda X, y: mutual_info_classif(X, y, random_state=seed), k=_quarter(data)))


def _agreement(data: Data, model: Any) -> float:
    """Adjusted Rand index of the clusters with the classes, on the test rows."""
    return float(adjusted_rand_score(data.y_test, model.fit(data.X).predict(data.X_test)))


def _medoids(data: Data, solver: Solver, seed: int) -> tuple[float, int | None]:
    few = data.head(solver.variables)
    return _agreement(few, QuboKMedoids(_classes(data), **solver.parameters(seed))), None if few is data else len(few.X)


def _search(data: Data, solver: Solver, seed: int) -> tuple[float, int | None]:
    if solver.variables < sum(map(len, GRID.values())):
        raise NotApplicable
    search = QuboSearchCV(SVC(), GRID, n_iter=EVALUATIONS, cv=3, **solver.parameters(seed))
    return float(search.fit(data.X, data.y).best_score_), None


def _random_search(data: Data, seed: int) -> float:
    search = RandomizedSearchCV(SVC(), GRID, n_iter=EVALUATIONS, cv=3, random_state=seed)
    return float(search.fit(data.X, data.y).best_score_)


def _of(make: Callable[[Data, int], Any]) -> Callable[[Data, int], float]:
    return lambda data, seed: _accuracy(make(data, seed), data)


CASES = (
    Case("QuboSVC", "accuracy", "SVC", _classifier(_svc, lambda data: 2), _twin(_svc), _of(lambda d, s: SVC())),
    Case(
        "QuboSVCEnsemble, slices of 40",
        "accuracy",
        "BaggingClassifier(SVC)",
        _classifier(_slices),
        _twin(_slices),
        _of(lambda d, s: BaggingClassifier(SVC(), max_samples=min(40, len(d.X)), random_state=s)),
    ),
    Case(
        "QuboMulticlassSVC",
        "accuracy",
        "SVC",
        _classifier(_multiclass, lambda data: 2 * _classes(data)),
        _twin(_multiclass, lambda data: 2 * _classes(data)),
        _of(lambda d, s: SVC()),
    ),
    Case(
        "LocalQuboSVC, 40 neighbours",
        "accuracy",
        "KNeighborsClassifier",
        _classifier(_local),
        _twin(_local),
        _of(lambda d, s: KNeighborsClassifier()),
    ),
    Case(
        "QBoostClassifier",
        "accuracy",
        "AdaBoostClassifier, 100 trees of depth 3",
        _classifier(_boosted),
        _twin(_boosted),
        _of(lambda d, s: AdaBoostClassifier(DecisionTreeClassifier(max_depth=3), n_estimators=100, random_state=s)),
    ),
    Case("QuboSVR", "R2", "SVR", _svr, _svr_twin, lambda data, seed: _accuracy(SVR(), _regression(data))),
    Case("QuboFeatureSelector, a quarter", "accuracy", "SelectKBest", _selector, None, _select_best),
    Case(
        "QuboKMedoids",
        "Rand index",
        "KMeans",
        _medoids,
        None,
        lambda data, seed: _agreement(data, KMeans(_classes(data), n_init=10, random_state=seed)),
    ),
    Case(f"QuboSearchCV, {EVALUATIONS} of 42", "CV accuracy", "RandomizedSearchCV", _search, None, _random_search),
)
