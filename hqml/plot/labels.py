"""Which class each row is of."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hqml.errors import DataError


def codes_of(y: Any, classes: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """The place of each row's label among the classes that were trained, (classes,): (rows,).

    Raises:
        DataError: y is not one label a row, or holds one that was not trained.
    """
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise DataError(f"y must be one label a row, (rows,), found shape {labels.shape}")
    if strange := sorted(set(labels.tolist()) - set(classes.tolist()), key=str):
        raise DataError(f"y holds {strange[0]!r}, which is none of the classes trained: {classes.tolist()[:5]}")
    return np.searchsorted(classes, labels)
