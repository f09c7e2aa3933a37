"""QBoost: of a hundred weak learners select the few whose vote fits best, and put it beside AdaBoost and bagging.

Breast cancer (Wisconsin), 569 tumours in 30 measures; three splits into training and test. All methods use the same
weak learner, a tree of depth 2. `votes` says how many selected learners that agree decide by themselves; the classical
twin solves the same least squares with weights anywhere between 0 and 1, and needs more learners for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

from hqml.boosting import QBoostClassifier, RelaxedBoostClassifier

TREE = DecisionTreeClassifier(max_depth=2, max_features="sqrt")

METHODS: dict[str, Callable[[int], Any]] = {
    "QBoost, 5 votes": lambda seed: QBoostClassifier(TREE, votes=5, random_state=seed),
    "QBoost, 20 votes": lambda seed: QBoostClassifier(TREE, votes=20, random_state=seed),
    "its classical twin": lambda seed: RelaxedBoostClassifier(TREE, votes=20, random_state=seed),
    "AdaBoost": lambda seed: AdaBoostClassifier(TREE, n_estimators=20, random_state=seed),
    "bagging": lambda seed: BaggingClassifier(TREE, n_estimators=100, random_state=seed),
}


def main() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    table = Table("method", "weak learners", "accuracy", "worst of 3 splits")
    for name, method in METHODS.items():
        scores, learners = [], []
        for seed in range(3):
            X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=seed)
            model = method(seed).fit(X_train, y_train)
            scores.append(model.score(X_test, y_test))
            learners.append(len(model.estimators_))
        table.add_row(name, f"{np.mean(learners):.0f}", f"{np.mean(scores):.3f}", f"{min(scores):.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()
