"""Classical machines that are trained on the same rows, without a backend."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.svm import SVC

from hqml.compare.splits import Split
from hqml.errors import DataError

FOLDS = 5

C = np.logspace(-2, 3, 6)
"""Steps of 10, where Hsu, Chang and Lin (A practical guide to support vector classification, 2016) take steps of 4 over
2^-5 to 2^15 and refine: their coarse search, to be affordable for each seed."""

GAMMA = np.logspace(-2, 2, 5)
"""Multiples of scikit-learn's gamma="scale", 1 / (features * variance), which fits data of any unit."""


def tuned_svc(split: Split, seed: int) -> GridSearchCV:
    """An SVC of rbf kernel whose C and gamma are to be searched by the balanced accuracy of stratified folds.

    Args:
        split: the rows it will be fitted to.
        seed: draws the folds.

    Raises:
        DataError: a class has too few rows to be divided into folds.
    """
    folds = min(FOLDS, int(np.unique(split.y, return_counts=True)[1].min()))
    if folds < 2:
        raise DataError("the tuned SVC needs two training rows of each class at least; give more rows")
    gamma = 1 / (split.X.shape[1] * (float(split.X.var()) or 1.0))
    return GridSearchCV(
        SVC(),
        {"C": C, "gamma": GAMMA * gamma},
        scoring="balanced_accuracy",
        cv=StratifiedKFold(folds, shuffle=True, random_state=seed),
    )


def chosen(search: GridSearchCV) -> dict[str, Any]:
    """C and gamma that were found."""
    return {name: float(value) for name, value in search.best_params_.items()}
