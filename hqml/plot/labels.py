"""Which classes a classifier knows, and which of them each row is of."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hqml.errors import DataError


def classes_of(estimator: Any) -> npt.NDArray[Any] | None:
    """The classes that were trained, (classes,); None of what is no classifier, or gives several labels a row.

    Raises:
        NotFittedError: it is not fitted.
    """
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(estimator)
    classes = getattr(estimator, "classes_", None)
    if classes is None or (isinstance(classes, list) and any(np.ndim(one) for one in classes)):
        return None
    return np.asarray(classes)


def codes_of(y: Any, classes: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """The place of each row's label among the classes that were trained, (classes,): (rows,).

    Raises:
        DataError: y is not one label a row, or holds one that was not trained.
    """
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise DataError(f"y must be one label a row, (rows,), found shape {labels.shape}")
    places = {one: place for place, one in enumerate(classes.tolist())}
    if strange := sorted(set(labels.tolist()) - set(places), key=str):
        raise DataError(f"y holds {strange[0]!r}, which is none of the classes trained: {list(places)[:5]}")
    return np.array([places[one] for one in labels.tolist()], dtype=np.intp)
