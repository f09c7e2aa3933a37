"""What annealing backends agree on: when to be hot and when cold, for how long, and in which unit of energy."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hqml.qubo import Floats

FLIP_SWEEPS = 1000
"""Sweeps of single flips where nobody says how many."""

HEAT_BATH_SWEEPS = 200
"""Sweeps of a heat bath over whole multipliers where nobody says how many."""

MAX_DIGITS = 10
"""Digits a multiplier up to which a heat bath tries all its values at each move; beyond, single flips are cheaper."""

QUENCH: Floats = np.geomspace(1.0, 1e-5, 24)
"""Temperatures of a quench, as shares of the largest change that one move can make."""


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
            return highest, highest * 1e-3
        low, high = np.quantile(barriers, (0.1, 0.9))
        hot = self.hot * float(high)
        return hot, min(self.cold * float(low), hot)


FLIPS = Rule(hot=0.25, cold=0.15)
MULTIPLIERS = Rule(hot=0.5, cold=0.1)


def unit_of(*coefficients: Floats) -> float:
    """The power of two below the largest coefficient: dividing by it is exact. 1 where all are zero."""
    largest = max(max(float(part.max(initial=0)), -float(part.min(initial=0))) for part in coefficients)
    return 2.0 ** math.floor(math.log2(largest)) if largest > 0 else 1.0
