"""What every kind of file ends as: features, labels, and the names of the columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hqml.errors import DataError, FormatError
from hqml.qubo import Floats


@dataclass(frozen=True)
class Table:
    """Points as rows, features as columns.

    Attributes:
        X: (n, features), float64, finite.
        y: (n,) labels: int64 where all are whole numbers, float64 where all are numbers, else str; None where no
            label was asked for and the file does not say one by itself.
        features: names of the columns of X.
        label: name of the label column, None where there is none.
    """

    X: Floats
    y: npt.NDArray[Any] | None
    features: tuple[str, ...]
    label: str | None

    def labels(self) -> npt.NDArray[Any]:
        """(n,) labels.

        Raises:
            DataError: the table has none.
        """
        if self.y is None:
            raise DataError(f"the table has no labels; say which column holds them: {listed(self.features)}")
        return self.y

    def of_classes(self, classes: Sequence[str]) -> Table:
        """The rows of some classes only.

        Raises:
            DataError: a class has no row.
        """
        present = {str(one): one for one in np.unique(self.labels()).tolist()}
        if absent := [one for one in classes if one.strip() not in present]:
            raise DataError(f"no row is of class {absent[0]!r}; column {self.label!r} holds: {listed(list(present))}")
        rows = np.isin(self.labels(), [present[one.strip()] for one in classes])
        return replace(self, X=self.X[rows], y=self.labels()[rows])


def as_labels(values: npt.ArrayLike) -> npt.NDArray[Any]:
    """Labels as int64 where all are whole numbers, as float64 where all are numbers, else as str.

    So "4", 4 and 4.0 are one class, whatever the kind of file they come from.
    """
    array = np.asarray(values)
    if array.dtype.kind in "OUS":
        text = np.array([one.decode() if isinstance(one, bytes) else str(one).strip() for one in array.tolist()])
        try:
            array = text.astype(np.float64)
        except ValueError:
            return text
        if not np.isfinite(array).all():
            return text
    # Above 2**53 a float64 no longer tells whole numbers apart.
    if array.dtype.kind == "f" and not (np.array_equal(array, np.round(array)) and np.abs(array).max() < 2**53):
        return array.astype(np.float64)
    return array.astype(np.int64)


def check_finite(name: str, X: Floats, y: npt.NDArray[Any]) -> None:
    """Find the first cell of X (n, features) or label of y (n,) that is NaN or infinite.

    Raises:
        FormatError: there is one; the message says where in the file `name`.
    """
    for row, column in np.argwhere(~np.isfinite(X))[:1]:
        raise FormatError(
            f"{name}: row {row + 1}, feature {column + 1} is {X[row, column]}; fill it in or leave it out"
        )
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise FormatError(f"{name}: row {int(np.argmin(np.isfinite(y))) + 1} has no label; fill it in or leave it out")


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names as they stand in a message, not more than `most` of them."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown}, ... ({len(names)} in all)"
