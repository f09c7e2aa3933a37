"""LocalQuboSVC beside slices of the same size, neighbours' votes, its classical twin and a tuned SVC.

Every method's gamma (of the SVC also C, of the neighbours their number) is cross-validated on the training rows, of the
annealed ones by their classical twins. Three seeds: of centres, slices and samples, and of a split 70 : 30 where a set
has no test set of its own.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from sklearn.datasets import load_svmlight_file
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from common import SHARED, Table
from hqml.svm import LocalQuboSVC, LocalSVC, QuboSVC, QuboSVCEnsemble, SVCSliceEnsemble

SEEDS = range(3)
SIZE = 80
GAMMAS = [0.01, 0.03, 0.1, 0.3, 1.0]
READS = 50
BIASES = ("post-selection", "support")
METHODS = (
    *(column for bias in BIASES for column in (f"local, {bias}", f"twin, {bias}", f"5 deciding, {bias}")),
    *("slices", "neighbours", "SVC"),
)


def measure() -> Table:
    sets = {
        "Landsat, 6 classes": landsat,
        "Landsat 4 v 7": partial(landsat, classes=(4, 7)),
        "svmguide1": svmguide1,
        "sonar": partial(split_of, "sonar.csv"),
        "ionosphere": partial(split_of, "ionosphere.csv"),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # overlapping classes reach C; the comparison is meant so
        rows = [row for name, split in sets.items() for row in _rows(name, split)]
    columns = ["set", "score", *METHODS]
    notes = (
        f"Mean and standard deviation over {len(SEEDS)} seeds, {READS} reads, neighbourhoods and slices of {SIZE}. "
        "Twin: libsvm in the same neighbourhoods. AUROC for two classes only; of neighbours it is that of their votes."
    )
    return Table("local_models", "Local machines", columns, rows, notes)


def landsat(seed: int, classes: Sequence[int] = (1, 2, 3, 4, 5, 7)) -> Sequence[Any]:
    tables = [np.loadtxt(SHARED / "ml" / name) for name in ("sat.trn", "sat.tst")]
    rows = [table[np.isin(table[:, -1], classes)] for table in tables]
    return _standardised(*(part for table in rows for part in (table[:, :-1], table[:, -1])))


def svmguide1(seed: int) -> Sequence[Any]:
    sets = [load_svmlight_file(str(SHARED / "ml" / name), n_features=4) for name in ("svmguide1", "svmguide1.t")]
    return _standardised(*(part for X, y in sets for part in (X.toarray(), y)))


def split_of(name: str, seed: int) -> Sequence[Any]:
    rows = np.loadtxt(SHARED / "ml" / name, delimiter=",", dtype=str, skiprows=1)
    X, y = rows[:, :-1].astype(float), rows[:, -1]
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=seed)
    return _standardised(X, y, X_test, y_test)


def _standardised(X: Any, y: Any, X_test: Any, y_test: Any) -> Sequence[Any]:
    scaler = StandardScaler().fit(X)
    return scaler.transform(X), y, scaler.transform(X_test), y_test


def _rows(name: str, split: Callable[[int], Sequence[Any]]) -> Iterator[list[str]]:
    found = [_scores(split(seed), seed) for seed in SEEDS]
    for number, measured in enumerate(("accuracy", "AUROC")):
        scores = np.array([[values[number] for values in one] for one in found])
        if np.isfinite(scores).all():
            yield [
                name,
                measured,
                *(f"{mean:.3f} ± {std:.3f}" for mean, std in zip(scores.mean(0), scores.std(0), strict=True)),
            ]


def _scores(data: Sequence[Any], seed: int) -> list[tuple[float, float]]:
    X, y, X_test, y_test = data
    return [_score(model, X_test, y_test) for model in _models(X, y, seed)]


def _models(X: Any, y: Any, seed: int) -> Iterator[Any]:
    """Each of METHODS, fitted."""
    local = _tuned(LocalSVC(SVC(C=3), SIZE, random_state=seed), X, y, estimator__gamma=GAMMAS)
    annealing = {"gamma": local.estimator.gamma, "reads": READS, "random_state": seed}
    for bias in BIASES:
        model = LocalQuboSVC(SIZE, bias=bias, **annealing).fit(X, y)
        yield model
        yield model.classical_twin().fit(X, y)
        yield model.set_params(n_deciding=5)  # the same machines
    slices = _tuned(SVCSliceEnsemble(SVC(C=3), SIZE, random_state=seed), X, y, estimator__gamma=GAMMAS)
    svc = QuboSVC(gamma=slices.estimator.gamma, reads=READS)
    yield QuboSVCEnsemble(svc, SIZE, random_state=seed).fit(X, y)
    yield _tuned(KNeighborsClassifier(), X, y, n_neighbors=[1, 3, 5, 9, 15])
    yield _tuned(SVC(), X, y, gamma=GAMMAS, C=[1, 3, 10])


def _tuned(estimator: Any, X: Any, y: Any, **grid: list[Any]) -> Any:
    """Folds are not shuffled: neighbouring rows of Landsat share pixels, and mixing them would flatter."""
    return GridSearchCV(estimator, grid, cv=StratifiedKFold(3)).fit(X, y).best_estimator_


def _score(model: Any, X: Any, y: Any) -> tuple[float, float]:
    accuracy = float(accuracy_score(y, model.predict(X)))
    if len(model.classes_) > 2:
        return accuracy, np.nan
    decided = model.predict_proba(X)[:, 1] if hasattr(model, "predict_proba") else model.decision_function(X)
    return accuracy, float(roc_auc_score(y == model.classes_[1], decided))


if __name__ == "__main__":
    print(measure().markdown())
