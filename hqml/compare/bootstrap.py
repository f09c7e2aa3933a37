"""Intervals by resampling the seeds, and the chance that is left within them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, stdtrit

from hqml.qubo import Floats

DRAWS = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval.

    Attributes:
        value: NaN where there is none.
        low, high: NaN where one seed alone gives no interval; `high` is infinite where the data allow any value.
        bound: nothing reached the target; `value` is a lower bound.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    bound: bool = False

    @property
    def known(self) -> bool:
        return not math.isnan(self.value)

    @property
    def has_interval(self) -> bool:
        return not (math.isnan(self.low) or math.isnan(self.high))

    def overlaps(self, other: Estimate, slack: float = 0.0) -> bool:
        """Whether the intervals have a value in common; one that is not there may lie anywhere.

        Args:
            other: of the same figure.
            slack: so far apart they still have: values that are equal but for rounding.
        """
        if not (self.has_interval and other.has_interval):
            return True
        return self.low <= other.high + slack and other.low <= self.high + slack


MISSING = Estimate(math.nan)


def resampled(seeds: int) -> np.ndarray:
    """Which seeds each draw has, (draws, seeds), with repetition; the same ones whenever it is called."""
    return np.random.default_rng(0).integers(seeds, size=(DRAWS, seeds))


def percentiles(draws: Floats, value: float, seeds: int | None = None) -> Estimate:
    """The percentile interval of draws, (draws,), widened to hold the value.

    Draws of few seeds alone vary too little, by (n - 1) / n, and a normal distribution is no Student's t; percentiles
    further out make up for both. Order statistics, not means of two, since draws may be infinite.

    Args:
        draws: of the figure.
        value: the figure itself.
        seeds: how many there are, where they are all that was resampled. None for draws that hold more chance besides.

    Source: T. Hesterberg, The American Statistician 69 (2015) 371, doi:10.1080/00031305.2015.1089789, section 4.5
    (expanded percentile interval).
    """
    tail = (1 - LEVEL) / 2
    if seeds is not None:
        tail = float(ndtr(math.sqrt(seeds / (seeds - 1)) * stdtrit(seeds - 1, tail)))
    low, high = np.quantile(draws, [tail, 1 - tail], method="inverted_cdf")
    return Estimate(value, float(min(low, value)), float(max(high, value)))


def mean_of(values: Sequence[float | None]) -> Estimate:
    """The mean over seeds, those without a value left out. One seed has no interval."""
    there = np.array([value for value in values if value is not None and not math.isnan(value)])
    if not len(there):
        return MISSING
    value = float(there.mean())
    if len(there) == 1:
        return Estimate(value)
    return percentiles(there[resampled(len(there))].mean(axis=1), value, seeds=len(there))
