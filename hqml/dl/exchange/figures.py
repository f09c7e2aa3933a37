"""How good predictions are, added up part by part, so that no more than a part need be in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hqml.dl.data.fields import class_name
from hqml.errors import DataError

Values = npt.NDArray[Any]
Numbers = npt.NDArray[np.int64]


class ClassFigures:
    """Accuracy, balanced accuracy and, for two classes, the area under the ROC curve.

    Args:
        classes: their names, in the order of their numbers.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self._counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
        self._shares: list[tuple[Values, Values]] = []

    def add(self, truth: Numbers, chosen: Numbers, probabilities: npt.NDArray[np.float64]) -> None:
        """Count some samples.

        Args:
            truth: (samples, *y), numbers of classes.
            chosen: (samples, *y).
            probabilities: (samples, classes, *y).
        """
        classes = len(self._counts)
        pairs = truth.ravel() * classes + chosen.ravel()
        self._counts += np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
        if classes == 2:
            self._shares.append((truth.ravel() == 1, probabilities[:, 1].ravel()))

    def values(self) -> dict[str, float | None]:
        """Names and figures; None where there is nothing to take one of."""
        there, hits = self._counts.sum(axis=1), self._counts.diagonal()
        known = there > 0
        found: dict[str, float | None] = {
            "accuracy": float(hits.sum() / there.sum()) if known.any() else None,
            "balanced_accuracy": float(np.mean(hits[known] / there[known])) if known.any() else None,
        }
        if len(there) == 2:
            found["auroc"] = self._auroc() if known.all() else None
        return found

    def _auroc(self) -> float:
        from sklearn.metrics import roc_auc_score

        truth, shares = (np.concatenate(values) for values in zip(*self._shares, strict=True))
        return float(roc_auc_score(truth, shares))


class NumberFigures:
    """Root mean square error, mean absolute error, share of the variance explained, and the error relative to the
    targets' norm."""

    def __init__(self) -> None:
        self._count = 0
        self._absolute = self._squares = 0.0
        self._origin: float | None = None
        self._sum = self._sum_of_squares = self._norm = 0.0

    def add(self, truth: Values, predicted: Values) -> None:
        """Count some samples.

        Args:
            truth: (samples, *y).
            predicted: alike.
        """
        truth, predicted = truth.astype(np.float64), predicted.astype(np.float64)
        if truth.size and self._origin is None:
            self._origin = float(truth.mean())  # so that squares of a large mean do not drown the variance
        shifted = truth - (self._origin or 0.0)
        self._count += truth.size
        self._absolute += float(np.abs(predicted - truth).sum())
        self._squares += float(np.square(predicted - truth).sum())
        self._sum += float(shifted.sum())
        self._sum_of_squares += float(np.square(shifted).sum())
        self._norm += float(np.square(truth).sum())

    def values(self) -> dict[str, float | None]:
        """Names and figures; None where there is nothing to take one of."""
        count = self._count
        spread = self._sum_of_squares - self._sum**2 / count if count else 0.0
        return {
            "rmse": (self._squares / count) ** 0.5 if count else None,
            "mean_absolute_error": self._absolute / count if count else None,
            "r2": 1 - self._squares / spread if spread > 0 else None,
            "relative_l2": (self._squares / self._norm) ** 0.5 if self._norm else None,
        }


class Truth:
    """Labels of a file as numbers of a model's classes.

    Args:
        parts: all labels of the file, a part at a time: names of classes as text or numbers; or, if some are not the
            name of any, numbers of classes from 0.
        classes: names.
        source: what to call the labels in messages.

    Raises:
        DataError: they are neither.
    """

    def __init__(self, parts: Iterable[Values], classes: Sequence[str], source: str) -> None:
        found = sorted({name for part in parts for name in map(class_name, np.unique(part).tolist())})
        numbered = {str(number): number for number in range(len(classes))}
        named = {name: number for number, name in enumerate(classes)}
        self._numbers = named if set(found) <= set(named) else numbered
        if strange := [name for name in found if name not in self._numbers]:
            raise DataError(
                f"{source} holds classes that the model does not know: {_listed(strange)}; it knows {_listed(classes)}"
            )

    def __call__(self, part: Values) -> Numbers:
        """Numbers of classes, in the shape of the labels."""
        names, places = np.unique(part, return_inverse=True)
        numbers = np.array([self._numbers[class_name(name)] for name in names.tolist()], dtype=np.int64)
        return numbers[places].reshape(part.shape)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
