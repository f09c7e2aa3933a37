"""The rows that a cell of a learning problem trains and is scored on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from hqml.compare.study import LearningProblem
from hqml.errors import DataError
from hqml.estimators.validation import data_errors
from hqml.qubo import Floats
from hqml.tables import Table


@dataclass(frozen=True)
class Split:
    """Rows to train on and rows to be scored on.

    Attributes:
        X, y: (train, features) and (train,).
        X_test, y_test: (test, features) and (test,).
        features: names of the columns.
        scaled: by the training rows, to mean 0 and variance 1.
    """

    X: Floats
    y: npt.NDArray[Any]
    X_test: Floats
    y_test: npt.NDArray[Any]
    features: tuple[str, ...]
    scaled: bool


def split_of(problem: LearningProblem, seed: int) -> Split:
    """The given test rows, or a stratified share of the data, drawn by the seed: all solvers have the same rows.

    Raises:
        DataError: the data has no labels, cannot be divided, or the test rows are of other classes or columns.
    """
    X, X_test, y, y_test = _divided(problem, seed)
    if strange := sorted(set(np.unique(y_test).tolist()) - set(np.unique(y).tolist()), key=str):
        raise DataError(f"the test rows hold class {strange[0]!r}, of which there is no training row; leave them out")
    if problem.scale:
        scaler = StandardScaler().fit(X)
        X, X_test = scaler.transform(X), scaler.transform(X_test)
    return Split(X, y, X_test, y_test, problem.data.features, problem.scale)


def _divided(problem: LearningProblem, seed: int) -> tuple[Any, Any, Any, Any]:
    data, test = problem.data, problem.test
    if test is not None:
        _check_columns(data, test)
        return data.X, test.X, data.labels(), test.labels()
    labels = data.labels()
    with data_errors():
        divided: tuple[Any, Any, Any, Any] = train_test_split(
            data.X, labels, test_size=problem.test_share, stratify=labels, random_state=seed
        )
    return divided


def _check_columns(data: Table, test: Table) -> None:
    if data.X.shape[1] != test.X.shape[1]:
        raise DataError(f"the test rows have {test.X.shape[1]} features, the training rows {data.X.shape[1]}")
