"""Decision values over a plane through the data: a picture of what a machine has learned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.decomposition import PCA

from hqml.compare.scoring import decision_values, significant
from hqml.compare.splits import Split
from hqml.qubo import Floats

SIDE = 60
"""Points of the grid along each axis."""

MOST_POINTS = 500
"""Test rows that are shown."""

MARGIN = 0.05
"""Of the range of the data, beyond it."""

DIGITS = 4


def decision_map(model: Any, split: Split) -> dict[str, Any] | None:
    """Decision values on a grid of the plane of the training rows' first two principal components.

    Of two features the plane is that of the features. Points of the plane are what the model is asked about; test rows
    are shown where they lie when projected on it, so that of more features some seem to lie on the wrong side.

    Args:
        model: fitted, of two classes.
        split: what it was trained on.

    Returns:
        "x" and "y" (SIDE,), "z" (rows of y, each along x), "points" (at most MOST_POINTS test rows, two coordinates
        each), their "truth" (0, or 1 for the model's second class), "axes" (two names). None for more than two
        classes, a single feature, or a model without decision values.
    """
    if len(model.classes_) != 2 or split.X.shape[1] < 2:
        return None
    unit = " (standardised)" if split.scaled else ""
    plane = Plane(split.X, [f"{name}{unit}" for name in split.features])
    shown = np.linspace(0, len(split.X_test) - 1, min(MOST_POINTS, len(split.X_test))).astype(int)
    points = plane.coordinates(split.X_test[shown])
    x, y = axes_around(np.concatenate([plane.coordinates(split.X), points]))
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    decisions = decision_values(model, plane.rows(grid))
    if decisions is None:
        return None
    return {
        "x": _rounded(x, x),
        "y": _rounded(y, y),
        "z": significant(decisions.reshape(SIDE, SIDE), DIGITS),
        "points": np.transpose([_rounded(points[:, 0], x), _rounded(points[:, 1], y)]).tolist(),
        "truth": (split.y_test[shown] == model.classes_[1]).astype(int).tolist(),
        "axes": list(plane.names),
    }


def _rounded(values: Floats, axis: Floats) -> list[float]:
    """So many digits of the axis's range: features may be far from 0."""
    digits = DIGITS - math.ceil(math.log10(float(axis[-1] - axis[0]) or 1.0))
    return [round(float(value), digits) for value in values]


class Plane:
    """Between points of a plane (n, 2) and rows (n, features): that of the first two principal components.

    Args:
        X: (rows, features), two features or more. Of two, the plane is that of the features.
        features: their names.

    Attributes:
        names: of its two axes.
    """

    def __init__(self, X: Floats, features: Sequence[str]) -> None:
        self._components = None if X.shape[1] == 2 else PCA(2, svd_solver="full").fit(X)
        self.names: Sequence[str] = features
        if self._components is not None:
            shares = self._components.explained_variance_ratio_
            self.names = [
                f"principal component {number} ({share:.0%} of the variance)"
                for number, share in enumerate(shares, start=1)
            ]

    def coordinates(self, X: Floats) -> Floats:
        return X if self._components is None else np.asarray(self._components.transform(X))

    def rows(self, points: Floats) -> Floats:
        return points if self._components is None else np.asarray(self._components.inverse_transform(points))


def axes_around(points: Floats, side: int = SIDE) -> tuple[Floats, Floats]:
    """Positions along the two axes, (side,) each, around all points (n, 2) with a margin."""
    low, high = points.min(axis=0), points.max(axis=0)
    margin = MARGIN * np.where(high > low, high - low, 1.0)
    x, y = np.linspace(low - margin, high + margin, side).T
    return x, y
