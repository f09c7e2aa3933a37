"""What every classifier shares: checking samples and labels, and turning decisions into classes."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from hqml.errors import DataError
from hqml.estimators.validation import data_errors
from hqml.qubo import Floats

Ints: TypeAlias = npt.NDArray[np.intp]


def labelled(estimator: BaseEstimator, X: Any, y: Any) -> tuple[Floats, Any, Ints]:
    """Check X (samples, features) and y (samples,); sets `n_features_in_`.

    Returns:
        X, the classes (classes,) in order, and the index of each sample's class (samples,).

    Raises:
        DataError: they cannot be trained on.
    """
    with data_errors():
        X, y = validate_data(estimator, X, y, dtype=[np.float64, np.float32])
        check_classification_targets(y)
    classes, codes = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise DataError(f"training needs samples of at least two classes, found one class only: {classes.tolist()}")
    return X, classes, codes.astype(np.intp)


def choices(decisions: Floats) -> Ints:
    """Index of the class that decides: (samples,), for decisions (samples,) of two classes or (samples, classes)."""
    return (decisions > 0).astype(np.intp) if decisions.ndim == 1 else decisions.argmax(axis=1)
