"""A second-order factorisation machine over binary variables, minimised over its valid states."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from hqml.errors import ProblemError
from hqml.qubo import DenseQubo, Floats, States

_MARGIN = 1.01
"""How far the price of an invalid state is above what one variable could gain."""


@dataclass(frozen=True)
class OneHot:
    """Which states stand for something: of each group of consecutive variables exactly one is 1.

    Attributes:
        sizes: number of variables of each group, in order.
        forbidden: pairs of variables that must not both be 1, the first of each pair from the first group: a choice
            there rules out choices elsewhere, but leaves at least one in every group.
    """

    sizes: tuple[int, ...]
    forbidden: tuple[tuple[int, int], ...] = ()

    @property
    def num_variables(self) -> int:
        return sum(self.sizes)

    @property
    def groups(self) -> npt.NDArray[np.intp]:
        """Group of each variable: (n,)."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    @property
    def weights(self) -> Floats:
        """How much dearer than others a broken group is: the first one must be worth all the conflicts it can bring."""
        weights = np.ones(len(self.sizes))
        if self.forbidden:
            weights[0] += 2 * (len(self.sizes) - 1)
        return weights

    def holds(self, states: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Which of the states (reads, n) are valid: (reads,)."""
        x = np.atleast_2d(np.asarray(states))
        counts = np.stack([x[:, self.groups == group].sum(axis=1) for group in range(len(self.sizes))])
        valid = (counts == 1).all(axis=0)
        for one, other in self.forbidden:
            valid &= (x[:, one] == 0) | (x[:, other] == 0)
        return np.asarray(valid)


@dataclass(frozen=True)
class FactorizationMachine:
    """f(x) = bias + sum_i w_i x_i + sum_{i<j} <v_i, v_j> x_i x_j, and the price of invalid states.

    Where some states are invalid, the QUBO is

        E(x) = f(x) + price * (sum_g weight_g (sum_{i in g} x_i - 1)^2 + 2 sum_{(i,j) forbidden} x_i x_j),

    with groups g of `one_hot`, and without the couplings inside a group, which no valid state has.

    Args:
        linear: (n,), the weights w.
        factors: (n, rank), the vectors v.
        bias: a constant.
        one_hot: which states stand for something; none is all of them.
        price: of one violation, in units of f, above 0. None is `sufficient_price()`.

    Raises:
        ProblemError: shapes that do not fit, values that are not finite, a price that is not above 0.

    Source: Rendle, Proc. ICDM (2010) 995, doi:10.1109/ICDM.2010.127; as a QUBO: Kitai et al., Phys. Rev. Research 2
        (2020) 013319, doi:10.1103/PhysRevResearch.2.013319.
    """

    linear: Floats
    factors: Floats
    bias: float = 0.0
    one_hot: OneHot | None = None
    price: float | None = None

    def __post_init__(self) -> None:
        linear, factors = np.asarray(self.linear, dtype=np.float64), np.asarray(self.factors, dtype=np.float64)
        if linear.ndim != 1 or not len(linear) or factors.ndim != 2 or len(factors) != len(linear):
            raise ProblemError(
                f"linear must be (n,) and factors (n, rank), n at least 1, found {linear.shape} and {factors.shape}"
            )
        if not (np.isfinite(linear).all() and np.isfinite(factors).all() and np.isfinite(self.bias)):
            raise ProblemError("bias, linear and factors must be finite")
        if self.price is not None and not (self.price > 0 and np.isfinite(self.price)):
            raise ProblemError(f"price must be a finite number above 0, found {self.price!r}")
        if self.one_hot is not None:
            _check_groups(self.one_hot, len(linear))
        object.__setattr__(self, "linear", linear)
        object.__setattr__(self, "factors", factors)

    def values(self, states: npt.ArrayLike) -> Floats:
        """f of each state (reads, n), in time reads * n * rank: (reads,)."""
        x = np.atleast_2d(np.asarray(states, dtype=np.float64))
        pairs = ((x @ self.factors) ** 2 - x**2 @ self.factors**2).sum(axis=1) / 2
        return np.asarray(self.bias + x @ self.linear + pairs)

    def couplings(self) -> Floats:
        """<v_i, v_j>, zero for i = j and inside a group: (n, n)."""
        couplings = self.factors @ self.factors.T
        np.fill_diagonal(couplings, 0.0)
        if self.one_hot is not None:
            groups = self.one_hot.groups
            couplings[groups[:, None] == groups] = 0.0
        return np.asarray(couplings)

    def sufficient_price(self) -> float:
        """A price above what one variable can gain. With it every state that no single flip improves is valid.

        For in a group with too many ones any can go, in one with none an allowed one can come, and of a forbidden
        pair the second can go, each time at a gain of at least the price.
        """
        couplings = self.couplings()
        highest = self.linear + np.maximum(couplings, 0).sum(axis=1)
        lowest = self.linear + np.minimum(couplings, 0).sum(axis=1)
        most = float(max(np.abs(highest).max(), np.abs(lowest).max()))
        return _MARGIN * most if most > 0 else 1.0

    def to_qubo(self) -> DenseQubo:
        matrix = np.triu(self.couplings(), 1)
        if self.one_hot is None:
            return DenseQubo(matrix, linear=self.linear, offset=self.bias)
        price = self.sufficient_price() if self.price is None else self.price
        weights, groups = price * self.one_hot.weights, self.one_hot.groups
        same = np.triu(groups[:, None] == groups, 1)
        matrix += 2 * same * weights[groups]  # (sum x - 1)^2 = 1 - sum x + 2 sum_{i<j} x x, since x x = x
        for one, other in self.one_hot.forbidden:
            matrix[one, other] += 2 * price
        return DenseQubo(matrix, linear=self.linear - weights[groups], offset=self.bias + float(weights.sum()))

    def decode(self, sample: Mapping[Hashable, Any]) -> States:
        """The state of a sample: (n,), zeros and ones."""
        return np.array([sample[variable] for variable in range(len(self.linear))], dtype=np.int8)


def _check_groups(one_hot: OneHot, variables: int) -> None:
    if not one_hot.sizes or min(one_hot.sizes) < 1 or one_hot.num_variables != variables:
        raise ProblemError(f"groups must have 1 or more variables each and {variables} together, found {one_hot.sizes}")
    for one, other in one_hot.forbidden:
        if not (0 <= one < one_hot.sizes[0] <= other < variables):
            raise ProblemError(f"a forbidden pair is one of the first group and one of another, found {(one, other)}")
    ruled_out = set(one_hot.forbidden)
    starts = np.cumsum((0, *one_hot.sizes))
    for first in range(one_hot.sizes[0]):
        for start, end in pairwise(starts[1:]):
            if all((first, other) in ruled_out for other in range(start, end)):
                raise ProblemError(f"variable {first} rules out a whole group, variables {start} to {end - 1}")
