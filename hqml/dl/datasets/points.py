"""What datasets of a field in space and time have in common: points, with the field where it is known beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hqml.dl.dataset import Baseline
from hqml.dl.datasets.parts import whole
from hqml.dl.source import ArraySource, Splits

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Field:
    """A field in a box, of which its start and its border are known.

    Attributes:
        low: lowest coordinates, time last.
        high: highest.
        exact: from points (points, coordinates) to the field (points,).
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    exact: Callable[[Array], Array]


def scattered(field: Field, count: int, rng: np.random.Generator) -> Array:
    """Points anywhere in the box, (count, coordinates)."""
    return rng.uniform(field.low, field.high, (count, len(field.low)))


def known(field: Field, count: int, rng: np.random.Generator) -> Array:
    """Points of which one half is at the start, and the other on the border, (count, coordinates)."""
    points = scattered(field, count, rng)
    start = count // 2
    points[:start, -1] = field.low[-1]
    axis = rng.integers(len(field.low) - 1, size=count - start)
    side = np.where(rng.random(count - start) < 0.5, np.array(field.low)[axis], np.array(field.high)[axis])
    points[np.arange(start, count), axis] = side
    return points


def split(field: Field, known_points: int, inside: int, seed: int) -> Splits:
    """Points to learn from, a quarter as many of the same kinds to watch, and 2000 anywhere to test on.

    Fields are x (coordinates,) and y (), which is NaN inside, but not of the points to test on.
    """
    rng = np.random.default_rng(seed)

    def unsolved(parts: int) -> ArraySource:
        border, others = known(field, known_points // parts, rng), scattered(field, inside // parts, rng)
        values = np.concatenate([field.exact(border), np.full(len(others), np.nan)])
        return _source(np.concatenate([border, others]), values)

    train, watched, test = unsolved(1), unsolved(4), scattered(field, 2000, rng)
    return Splits(train, watched, _source(test, field.exact(test)))


def _source(x: Array, y: Array) -> ArraySource:
    return ArraySource({"x": x.astype(np.float32), "y": y.astype(np.float32)})


def interpolation_baseline(splits: Splits) -> Baseline:
    """Root mean square error of a thin-plate spline through the known values, which knows nothing of the equation."""
    from scipy.interpolate import RBFInterpolator

    train, test = whole(splits.train), whole(splits.test)
    there = np.isfinite(train["y"])
    spline = RBFInterpolator(train["x"][there].astype(float), train["y"][there].astype(float), smoothing=1e-9)
    return Baseline("spline", float(np.sqrt(np.mean((spline(test["x"].astype(float)) - test["y"]) ** 2))))
