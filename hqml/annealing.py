"""What annealing backends agree on: when to be hot and when cold, for how long, and in which unit of energy."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hqml.errors import UnsupportedModel
from hqml.qubo import Floats

FLIP_SWEEPS = 1000
"""Sweeps of single flips where nobody says how many."""

HEAT_BATH_SWEEPS = 200
"""Sweeps of a heat bath over whole multipliers where nobody says how many."""

MAX_DIGITS = 10
"""Digits a multiplier up to which a heat bath tries all its values at each move; beyond, single flips are cheaper."""

QUENCH: Floats = np.geomspace(1.0, 1e-5, 24)
"""Temperatures of a quench, as shares of the largest change that one move can make."""

COLDEST = float(np.finfo(np.float64).tiny)
"""Below, a temperature has no inverse in float64; a model of coefficients such as 5e-324 would be sampled there."""


@dataclass(frozen=True)
class Rule:
    """Temperature range from the barriers of quenched states: hot * their 90 % quantile to cold * their 10 % quantile.

    The factors are tuned on public instances, see `benchmarks/temperature_range.py`.
    """

    hot: float
    cold: float

    def span(self, barriers: Floats, highest: float) -> tuple[float, float]:
        """The range (hot, cold), in the unit of the barriers.

        Args:
            barriers: what the cheapest move of each variable would cost in states at which a quench has ended.
            highest: what one move can change at most.
        """
        barriers = barriers[barriers > 1e-7 * highest]
        if not len(barriers):
            return max(highest, COLDEST), max(highest * 1e-3, COLDEST)
        low, high = np.quantile(barriers, (0.1, 0.9))
        hot = max(self.hot * float(high), COLDEST)
        return hot, min(max(self.cold * float(low), COLDEST), hot)


FLIPS = Rule(hot=0.25, cold=0.15)
MULTIPLIERS = Rule(hot=0.5, cold=0.1)


def unit_of(*coefficients: Floats) -> float:
    """The power of two below the largest coefficient: dividing by it is exact. 1 where all are zero, and never
    less than has an inverse.

    Raises:
        UnsupportedModel: one is infinite, as the sum of two large ones is.
    """
    largest = max(max(float(part.max(initial=0)), -float(part.min(initial=0))) for part in coefficients)
    if math.isinf(largest):
        raise UnsupportedModel("the coefficients add up to more than float64 can hold; divide the model by a constant")
    return max(2.0 ** math.floor(math.log2(largest)), COLDEST) if largest > 0 else 1.0
