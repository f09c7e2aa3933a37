"""Kernels between samples, and sums of kernels evaluated a bounded block at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import sklearn
from sklearn.metrics.pairwise import pairwise_kernels

from hqml.errors import DataError, ParameterError
from hqml.options import finite_number, one_of, whole_number
from hqml.qubo import Floats

Ints: TypeAlias = npt.NDArray[np.intp]
Function: TypeAlias = Callable[[Floats, Floats], npt.ArrayLike]

SINGLE_ABOVE = 8192
"""Points above which a Gram matrix is made in single precision, as the solvers read it (0.25 GiB here, 1.6 GB for
20,000 points), and a tile at a time, so that nothing of its size is made twice. Input in single precision always gives
a kernel in single precision."""

_TILE = 1024

_LEAST = 1e-30
"""Entries of a matrix in single precision below it become zero: they are or lead to subnormal numbers, with which
processors are slow, and solvers would need a copy to be rid of them."""

NAMES = ("linear", "poly", "rbf", "sigmoid", "precomputed")


@dataclass(frozen=True)
class Kernel:
    """A kernel with its parameters fixed.

    Attributes:
        function: one of NAMES, or a function that takes (a, features) and (b, features) and gives (a, b), as for
            scikit-learn's SVC.
        gamma: factor of rbf, poly and sigmoid.
        degree: power of poly.
        coef0: constant of poly and sigmoid.
    """

    function: str | Function
    gamma: float
    degree: int
    coef0: float

    @property
    def precomputed(self) -> bool:
        return self.function == "precomputed"

    def between(self, left: Floats, right: Floats) -> Floats:
        """(a, b) for samples (a, features) and (b, features)."""
        if callable(self.function):
            return self._checked(self.function(left, right), (len(left), len(right)))
        values = {"gamma": self.gamma, "degree": self.degree, "coef0": self.coef0}
        return np.asarray(pairwise_kernels(left, right, metric=self.function, filter_params=True, **values))

    def gram(self, X: Floats, rows: Ints | slice) -> Floats:
        """(points, points) among the given rows of the training input."""
        if self.precomputed:
            return X[rows][:, rows]
        points = X[rows]
        if len(points) > SINGLE_ABOVE:
            return self._in_single(points)
        return self.between(points, points)  # one object on both sides: its diagonal comes out exact

    def _in_single(self, points: Floats) -> Floats:
        """The Gram matrix in float32: the tiles above the diagonal are made, those below are their mirror images."""
        gram = np.empty((len(points), len(points)), np.float32)
        tiles = [slice(start, start + _TILE) for start in range(0, len(points), _TILE)]
        bands = [points[tile] for tile in tiles]
        for i, row in enumerate(tiles):
            for j, column in enumerate(tiles[i:], start=i):
                with np.errstate(over="ignore"):  # what becomes infinite is refused by the model
                    tile = self.between(bands[i], bands[j])
                    gram[row, column] = np.where(np.abs(tile) < _LEAST, 0.0, tile)
                gram[column, row] = gram[row, column].T
        return gram

    def to_support(self, X: Floats, support: Ints, support_vectors: Floats) -> Floats:
        """(samples, support) between new input and the support vectors, of which there may be none."""
        if not len(support):
            return np.zeros((len(X), 0))
        return X[:, support] if self.precomputed else self.between(X, support_vectors)

    @staticmethod
    def _checked(values: npt.ArrayLike, shape: tuple[int, int]) -> Floats:
        array = np.asarray(values)
        if array.shape != shape:
            raise DataError(f"the kernel function must return shape {shape}, found {array.shape}")
        if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
            raise DataError("the kernel function must return finite real numbers")
        return array


def times(gram: Floats, vectors: Floats) -> Floats:
    """gram @ vectors in float64: (points,) or (points, k). A matrix in float32 is converted a band at a time."""
    return np.concatenate([gram[rows] @ vectors for rows in blocks(len(gram), len(gram))])


def resolved(function: Any, gamma: Any, degree: Any, coef0: Any, X: Floats) -> Kernel:
    """Fix a kernel's parameters on the training input (samples, features), as scikit-learn's SVC does.

    Raises:
        ParameterError: no such kernel, or a parameter out of its range.
    """
    if not callable(function):
        one_of("kernel", function, NAMES)
    return Kernel(
        function,
        _gamma(gamma, X, uses_features=not callable(function) and function != "precomputed"),
        whole_number("degree", degree, least=0),
        finite_number("coef0", coef0),
    )


def _gamma(gamma: Any, X: Floats, *, uses_features: bool) -> float:
    if not isinstance(gamma, str):
        return finite_number("gamma", gamma, least=0)
    if gamma not in ("scale", "auto"):
        raise ParameterError(f"gamma must be 'scale', 'auto' or a number of at least 0, found {gamma!r}")
    if not uses_features:
        return 1.0
    spread = float(X.var()) if gamma == "scale" else 1.0
    return 1.0 / (X.shape[1] * spread) if spread > 0 else 1.0


def blocks(samples: int, support: int) -> Iterator[slice]:
    """Rows whose kernel against the support fits into an eighth of scikit-learn's `working_memory` (1 GiB by default).

    The rest is left to what a kernel needs on the way and to the decisions of the slices.
    """
    budget = sklearn.get_config()["working_memory"] * 2**20 / 8
    step = max(1, int(budget // (8 * max(support, 1))))
    for start in range(0, samples, step):
        yield slice(start, min(start + step, samples))
