"""Distributions of Optuna as levels of an axis."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

import numpy as np

from hqml.tuning.space import Axis


@dataclass(frozen=True)
class Levels:
    """Levels of one distribution.

    Attributes:
        axis: with the number of each level as its value.
        exact: whether a level is a single value.
        edges: of the levels of a number, on the scale that is cut, one more than there are levels.
        distribution: Optuna's.
    """

    axis: Axis
    exact: bool
    distribution: Any
    edges: tuple[float, ...] = ()

    def level(self, value: Any) -> int:
        """The level of a value, the nearest for one that lies outside (a study may change its ranges)."""
        if self.distribution_is_categorical:
            return int(self.distribution.to_internal_repr(value))
        place = bisect_right(self.edges, _scaled(self.distribution, float(value))) - 1
        return min(max(place, 0), self.axis.size - 1)

    def value(self, level: int, rng: np.random.Generator) -> Any:
        """A value of a level, by chance where it has several."""
        if self.distribution_is_categorical:
            return self.distribution.choices[level]
        low, high = self.edges[level : level + 2]
        found = low + (0.5 if self.exact else rng.uniform()) * (high - low)
        return _in(self.distribution, math.exp(found) if self.distribution.log else found)

    @property
    def distribution_is_categorical(self) -> bool:
        return hasattr(self.distribution, "choices")


def levels_of(distribution: Any, most: int) -> Levels:
    """Cut a distribution into levels: its categories, or at most `most` of equal width on its own scale.

    Whole numbers on a logarithmic scale get at least one number a level, however narrow that is on the scale.
    """
    if hasattr(distribution, "choices"):
        return Levels(_axis(len(distribution.choices), False), True, distribution)
    step = distribution.step
    if step is None:
        return Levels(_axis(most, True), False, distribution, _even_edges(distribution, most))
    count = round((distribution.high - distribution.low) / step) + 1
    size = min(count, most)
    edges = _whole_edges(distribution, size) if distribution.log else _even_edges(distribution, size)
    return Levels(_axis(size, True), count <= most, distribution, edges)


def _axis(size: int, ordered: bool) -> Axis:
    return Axis("", tuple(range(size)), ordered and size > 2)


def _even_edges(distribution: Any, size: int) -> tuple[float, ...]:
    """Of equal width, from half a step before the range to half a step behind: each value has its share of it."""
    half = (distribution.step or 0.0) / 2
    low, high = _scaled(distribution, distribution.low - half), _scaled(distribution, distribution.high + half)
    return tuple(np.linspace(low, high, size + 1).tolist())


def _whole_edges(distribution: Any, size: int) -> tuple[float, ...]:
    """Between whole numbers, of about equal width on the logarithmic scale: what is left is cut anew at each edge."""
    first, end = [distribution.low], distribution.high + 1
    for left in range(size, 0, -1):
        width = (end / first[-1]) ** (1 / left)
        first.append(max(first[-1] + 1, round(first[-1] * width)))
    return tuple(math.log(number - 0.5) for number in first)


def _scaled(distribution: Any, value: float) -> float:
    return math.log(max(value, 1e-300)) if distribution.log else value


def _in(distribution: Any, value: float) -> Any:
    """The value of the distribution that is nearest."""
    from optuna.distributions import IntDistribution

    if distribution.step is not None:
        steps = round((value - distribution.low) / distribution.step)
        value = distribution.low + steps * distribution.step
    value = min(max(value, distribution.low), distribution.high)
    return int(value) if isinstance(distribution, IntDistribution) else float(value)
