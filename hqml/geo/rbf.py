"""RBF machines over many pixels: single precision a tile at a time, and a bound of the error it makes.

A scene costs pixels x support vectors x features. Written as one matrix product an exponent costs no pass of its own,
and a tile that stays in a processor's cache is not written to memory and read again: on Landsat 3 ns of a core for each
pixel and support vector, where the estimators' own way, in double precision and by main memory, takes 16 to 28.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hqml.errors import ParameterError
from hqml.qubo import Floats

_ROWS, _SUPPORT = 256, 512
"""Of a tile: half a MiB, which second-level caches hold; twice as much in either way was slower."""

_LEAST = -80.0
"""Exponents below are raised to it: exp(-80) adds nothing that single precision sees, while subnormal numbers, below
exp(-87), would be slow."""

_UNIT = 2.0**-24
"""Unit roundoff of single precision."""


@dataclass(frozen=True)
class RbfMachines:
    """Decisions sum_n dual_mn exp(-gamma |x - s_n|^2) + bias_m of several machines that share support vectors.

    Attributes:
        centre: (features,), taken from every sample: smaller numbers lose less.
        gamma: the factor.
        exponents: (features + 2, support), so that [x, 1, |x|^2] @ exponents = -gamma |x - s|^2.
        dual: (support, machines + 1); the last column holds the largest |dual| of each support vector.
        bias: (machines,).
        reach: largest |s|.
    """

    centre: Floats
    gamma: float
    exponents: npt.NDArray[np.float32]
    dual: npt.NDArray[np.float32]
    bias: Floats
    reach: float

    @classmethod
    def of(cls, support_vectors: Floats, dual: Floats, bias: Floats, gamma: float) -> RbfMachines:
        """Lay out machines.

        Args:
            support_vectors: (support, features).
            dual: (machines, support).
            bias: (machines,).
            gamma: the factor.
        """
        centre = support_vectors.mean(axis=0)
        near = support_vectors - centre
        squares = (near * near).sum(axis=1)
        exponents = np.vstack([2 * gamma * near.T, -gamma * squares, np.full(len(near), -gamma)])
        weights = np.vstack([dual, np.abs(dual).max(axis=0)]).T
        return cls(
            centre, gamma, exponents.astype(np.float32), weights.astype(np.float32), bias, float(np.sqrt(squares.max()))
        )

    def decisions(self, X: Floats) -> tuple[Floats, Floats]:
        """Decisions (samples, machines), and what each of a sample's may be wrong by, (samples,)."""
        near = X - self.centre
        squares = (near * near).sum(axis=1)
        rows = np.column_stack([near, np.ones(len(X)), squares]).astype(np.float32)
        sums = np.concatenate([self._sums(rows[start : start + _ROWS]) for start in range(0, len(rows), _ROWS)])
        return sums[:, :-1] + self.bias, self._doubt(squares, sums[:, -1])

    def _doubt(self, squares: Floats, weight: Floats) -> Floats:
        """Most that rounding can have moved a decision by, where `weight` is sum_n max_m |dual_mn| k(x, s_n).

        A product of n terms is within n units of the sum of their moduli; inputs, exp and conversions add a few.

        Source: Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed. 2002, section 3.1.
        """
        terms = self.gamma * (np.sqrt(squares) + self.reach) ** 2
        exponent = (len(self.exponents) + 4) * terms * _UNIT
        # Without a bias, far from all support vectors what is below _LEAST decides.
        raised = np.exp(_LEAST) * self.dual[:, -1].sum(dtype=np.float64)
        return np.asarray(weight * (np.expm1(exponent) + (_SUPPORT + 8) * _UNIT) + raised)

    def _sums(self, rows: npt.NDArray[np.float32]) -> Floats:
        """(rows, machines + 1), sums over the support vectors, in double precision from tile to tile."""
        sums = np.zeros((len(rows), self.dual.shape[1]))
        for start in range(0, len(self.dual), _SUPPORT):
            tile = slice(start, start + _SUPPORT)
            kernel = rows @ self.exponents[:, tile]
            np.maximum(kernel, _LEAST, out=kernel)
            np.exp(kernel, out=kernel)
            sums += kernel @ self.dual[tile]
        return sums


def rbf_machines(estimator: Any) -> RbfMachines | None:
    """The machines of a fitted estimator of `hqml.svm` that decides by sums of RBF kernels; None of anything else."""
    from hqml.onnx_model.machines import Sums, read

    try:
        decider = read(estimator)
    except ParameterError:  # of another kind
        return None
    if not isinstance(decider.rule, Sums) or decider.kernel.function != "rbf":
        return None
    return RbfMachines.of(decider.support_vectors, decider.rule.dual, decider.rule.bias, decider.kernel.gamma)
