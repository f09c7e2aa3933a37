"""Distributions of Optuna as levels of an axis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from hqml.tuning.optuna_library import optuna
from hqml.tuning.space import Axis


@dataclass(frozen=True)
class Levels:
    """Levels of one distribution.

    Attributes:
        axis: with the number of each level as its value.
        exact: whether a level is a single value.
        distribution: Optuna's.
    """

    axis: Axis
    exact: bool
    distribution: Any

    def level(self, value: Any) -> int:
        """The level of a value, the nearest for one that lies outside (a study may change its ranges)."""
        if self.distribution_is_categorical:
            return int(self.distribution.to_internal_repr(value))
        low, high = _ends(self.distribution)
        share = (_scaled(self.distribution, float(value)) - low) / (high - low)
        return min(max(int(share * self.axis.size), 0), self.axis.size - 1)

    def value(self, level: int, rng: np.random.Generator) -> Any:
        """A value of a level, by chance where it has several."""
        if self.distribution_is_categorical:
            return self.distribution.choices[level]
        low, high = _ends(self.distribution)
        place = (level + (0.5 if self.exact else rng.uniform())) / self.axis.size
        found = low + place * (high - low)
        return _in(self.distribution, math.exp(found) if self.distribution.log else found)

    @property
    def distribution_is_categorical(self) -> bool:
        return hasattr(self.distribution, "choices")


def levels_of(distribution: Any, most: int) -> Levels:
    """Cut a distribution into levels: its categories, or at most `most` of equal width on its own scale."""
    if hasattr(distribution, "choices"):
        return Levels(_axis(len(distribution.choices), False), True, distribution)
    step = distribution.step
    if step is None or distribution.log:
        return Levels(_axis(most, True), False, distribution)
    count = round((distribution.high - distribution.low) / step) + 1
    return Levels(_axis(min(count, most), True), count <= most, distribution)


def _axis(size: int, ordered: bool) -> Axis:
    return Axis("", tuple(range(size)), ordered and size > 2)


def _ends(distribution: Any) -> tuple[float, float]:
    """The range on the scale that is cut, half a step wider where there are steps: each value has its share of it."""
    half = (distribution.step or 0.0) / 2
    return _scaled(distribution, distribution.low - half), _scaled(distribution, distribution.high + half)


def _scaled(distribution: Any, value: float) -> float:
    return math.log(max(value, 1e-300)) if distribution.log else value


def _in(distribution: Any, value: float) -> Any:
    """The value of the distribution that is nearest."""
    if distribution.step is not None:
        steps = round((value - distribution.low) / distribution.step)
        value = distribution.low + steps * distribution.step
    value = min(max(value, distribution.low), distribution.high)
    return int(value) if isinstance(distribution, optuna("levels").distributions.IntDistribution) else float(value)
