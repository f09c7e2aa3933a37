"""QBoost against AdaBoost, a random forest, its own pool and its classical twin: accuracy, and how many weak learners.

All but the two named otherwise use the same weak learner, a tree of depth 3 that looks at sqrt(features) a split. Five
seeds draw pools and samples, and of the sets without a test set of their own the split 70 : 30 as well. Bagging, the
vote of all, averages probabilities, which is its best side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

from common import SHARED, Table
from hqml.boosting import QBoostClassifier, RelaxedBoostClassifier

SEEDS = range(5)
TREE = DecisionTreeClassifier(max_depth=3, max_features="sqrt")
STUMP = DecisionTreeClassifier(max_depth=1)

METHODS: dict[str, Callable[[int], Any]] = {
    "QBoost (3 rounds)": lambda seed: QBoostClassifier(random_state=seed),
    "QBoost, 1 round": lambda seed: QBoostClassifier(n_rounds=1, random_state=seed),
    "QBoost, 1 round, votes = pool (2008)": lambda seed: QBoostClassifier(n_rounds=1, votes=100, random_state=seed),
    "QBoost, lam='auto'": lambda seed: QBoostClassifier(lam="auto", random_state=seed),
    "QBoost, 2 digits": lambda seed: QBoostClassifier(n_bits=2, random_state=seed),
    "QBoost of stumps": lambda seed: QBoostClassifier(STUMP, random_state=seed),
    "classical twin (3 rounds)": lambda seed: RelaxedBoostClassifier(random_state=seed),
    "classical twin, 1 round": lambda seed: RelaxedBoostClassifier(n_rounds=1, random_state=seed),
    "bagging, 100: the whole pool": lambda seed: BaggingClassifier(TREE, 100, random_state=seed),
    "bagging, 25": lambda seed: BaggingClassifier(TREE, 25, random_state=seed),
    "AdaBoost, 25": lambda seed: AdaBoostClassifier(TREE, n_estimators=25, random_state=seed),
    "AdaBoost, 100": lambda seed: AdaBoostClassifier(TREE, n_estimators=100, random_state=seed),
    "AdaBoost of stumps, 100": lambda seed: AdaBoostClassifier(STUMP, n_estimators=100, random_state=seed),
    "random forest, 100 whole trees": lambda seed: RandomForestClassifier(100, random_state=seed),
}


def measure() -> Table:
    sets = {"breast cancer": cancer, "Landsat 4 v 7": landsat, "sonar": sonar, "ionosphere": ionosphere}
    rows = []
    for name, method in METHODS.items():
        row: list[Any] = [name]
        for split in sets.values():
            found = np.array([_fitted(method(seed), *split(seed)) for seed in SEEDS])
            row += [f"{found[:, 0].mean():.3f} ± {found[:, 0].std():.3f}", round(float(found[:, 1].mean()), 1)]
        rows.append(row)
    columns = ["method", *(column for name in sets for column in (name, "learners"))]
    notes = f"Accuracy on test samples, mean ± standard deviation over {len(SEEDS)} seeds, and weak learners that vote."
    return Table("boosting", "Selecting weak learners: accuracy and how many vote", columns, rows, notes)


def _fitted(model: Any, X: Any, X_test: Any, y: Any, y_test: Any) -> tuple[float, int]:
    return model.fit(X, y).score(X_test, y_test), len(model.estimators_)


def cancer(seed: int) -> Sequence[Any]:
    return _split(*load_breast_cancer(return_X_y=True), seed)


def landsat(seed: int) -> Sequence[Any]:
    train, test = (np.loadtxt(SHARED / "ml" / name) for name in ("sat.trn", "sat.tst"))
    train, test = (rows[np.isin(rows[:, -1], (4, 7))] for rows in (train, test))
    return train[:, :-1], test[:, :-1], train[:, -1], test[:, -1]


def sonar(seed: int) -> Sequence[Any]:
    return _of_file("sonar.csv", seed)


def ionosphere(seed: int) -> Sequence[Any]:
    return _of_file("ionosphere.csv", seed)


def _of_file(name: str, seed: int) -> Sequence[Any]:
    rows = np.loadtxt(SHARED / "ml" / name, delimiter=",", dtype=str, skiprows=1)
    return _split(rows[:, :-1].astype(float), rows[:, -1], seed)


def _split(X: Any, y: Any, seed: int) -> Sequence[Any]:
    return train_test_split(X, y, test_size=0.3, stratify=y, random_state=seed)


if __name__ == "__main__":
    print(measure().markdown())
