"""How fast a solver finds the target: success, time to solution, expected running time, each with its interval.

Each call has a seed of its own. Success is that of one read, pooled over all calls: p = reads that reach the target by
all reads. R99 = max(1, ln(1 - 0.99) / ln(1 - p)) reads then have found it with a probability of 99 %.

Where no read of N reached the target, 3 reads would be expected to if p were 3 / N, and to see none has a probability
of 5 % (rule of three: J. Hanley, A. Lippman-Hand, JAMA 249 (1983) 1743); times are then lower bounds, "> x".

Source: T. Roennow et al., Science 345 (2014) 420, doi:10.1126/science.1252319; what a time should hold is discussed in
its supplement. Intervals: seeds are resampled, and in each draw p is drawn given the pooled hits, from Jeffreys'
distribution Beta(hits + 1/2, misses + 1/2) (L. Brown, T. Cai, A. DasGupta, Statistical Science 16 (2001) 101), which
keeps its promise where all reads hit or nearly none does, as resampling the reads themselves does not. Of the expected
running time the same holds of calls.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from hqml.compare.bootstrap import DRAWS, MISSING, Estimate, percentiles, resampled
from hqml.compare.columns import hits_and_trials
from hqml.compare.goals import Goal
from hqml.compare.outcome import Outcome
from hqml.qubo import Floats

Formula: TypeAlias = "Callable[[Calls, Floats], Floats]"
"""Seconds from calls, (..., calls), and R99, (...)."""

CONFIDENCE = 0.99
STARTUP_SPREAD = 0.15
"""Standard deviation of the logarithm of a start-up, which is measured once: on two cores that of `cpu` was
.70 to .92 s in ten runs, that of `neal` 25 to 37 ms. Without it a single measurement would name winners."""

RULE_OF_THREE = 3.0


@dataclass(frozen=True)
class Calls:
    """The calls of one solver on one problem, or many draws of them.

    Attributes:
        hits: reads that reached the target, (..., calls).
        reads: (..., calls).
        sampling: seconds of the reads alone, (..., calls).
        total: seconds of the calls, without what a process needs once, (..., calls).
        startup: () or (draws,), seconds that a process needs once, as if no other solver had run in it.
        certain: every call looked at every state.
    """

    hits: Floats
    reads: Floats
    sampling: Floats
    total: Floats
    startup: float | Floats = 0.0
    certain: bool = False

    @classmethod
    def of(cls, outcomes: Sequence[Outcome], goal: Goal) -> Calls:
        """From outcomes that are done."""
        counted = np.array([hits_and_trials(one, goal) for one in outcomes], dtype=np.float64).reshape(-1, 2)
        totals = np.array([one.timing.get("total", math.nan) for one in outcomes])
        sampling = np.array([one.timing.get("sampling", math.nan) for one in outcomes])
        return cls(
            counted[:, 0],
            counted[:, 1],
            sampling,
            totals,
            startup=startup_of(outcomes),
            certain=all(one.complete for one in outcomes),
        )

    def drawn(self) -> Calls:
        """(draws, calls): seeds resampled, and the start-up as it might have been measured."""
        index = resampled(len(self.hits))
        luck = np.random.default_rng(2).standard_normal(DRAWS)
        return replace(
            self,
            startup=self.startup * np.exp(STARTUP_SPREAD * luck),
            hits=self.hits[index],
            reads=self.reads[index],
            sampling=self.sampling[index],
            total=self.total[index],
        )

    @property
    def successes(self) -> Floats:
        """Share of the pooled reads, (...)."""
        return np.asarray(self.hits.sum(axis=-1) / self.reads.sum(axis=-1))

    def drawn_successes(self) -> Floats:
        """(draws,): of these draws of calls, what the share may be given the reads that were made."""
        if self.certain:
            return self.successes
        hits, reads = self.hits.sum(axis=-1), self.reads.sum(axis=-1)
        return np.asarray(np.random.default_rng(1).beta(hits + 0.5, reads - hits + 0.5))

    @property
    def least(self) -> float:
        """A success that would just have been seen by these reads."""
        return min(1.0, RULE_OF_THREE / float(self.reads.sum()))


def startup_of(outcomes: Sequence[Outcome]) -> float:
    """Seconds that a process needs once, as if no other solver had run in it: the median of the cells that tell, which
    are the first of their process. Imports, compilation and the first embedding, see `Outcome.timing`."""
    started = [one.timing["startup"] for one in outcomes if one.timing.get("startup")]
    return float(np.median(started)) if started else 0.0


def reads_to_solution(success: Floats) -> Floats:
    """R99 of each success probability; infinite where that is 0."""
    with np.errstate(divide="ignore"):
        needed = math.log(1 - CONFIDENCE) / np.log1p(-np.asarray(success, dtype=np.float64))
    return np.asarray(np.where(np.asarray(success) <= 0, math.inf, np.maximum(1.0, needed)))


def success_probability(calls: Calls) -> Estimate:
    """p of one read."""
    value = float(calls.successes)
    if calls.certain:
        return Estimate(value, value, value)
    found = percentiles(calls.drawn().drawn_successes(), value)
    return found if value > 0 else Estimate(0.0, 0.0, calls.least)


def time_to_solution(calls: Calls) -> Estimate:
    """Seconds of sampling until the target is found with 99 %: seconds a read, over all calls, times R99.

    Seconds a read are those of a full call by its reads: where these run side by side, one alone takes longer.
    """
    return _timed(calls, _without_overheads)


def time_to_solution_in_all(calls: Calls) -> Estimate:
    """The same with everything beside the reads.

    startup + ceil(R99 / reads of a call) * (total - sampling of a call) + seconds a read * R99: what a process needs
    once counts once; model, embedding, programming, network and queue count for each call.
    """
    return _timed(calls, _with_overheads)


def expected_running_time(calls: Calls) -> Estimate:
    """Time to target: the seconds of all calls by the number of calls that reached it. One call has no interval.

    It is the same as a call that reaches it takes, plus (1 - p) / p times what one takes that does not. The interval
    draws p, the share of calls that reach it, and both means: that all of a few calls did is no proof that p is 1.

    Source: N. Hansen, A. Auger, R. Ros, S. Finck, P. Posik, GECCO workshop on black-box optimization benchmarking
    (2010) 1689, doi:10.1145/1830761.1830790; calls that fail are followed by another.
    """
    reached = calls.hits > 0
    spent = float(calls.total.sum())
    if math.isnan(spent):
        return MISSING
    if not reached.any():
        least = spent / min(RULE_OF_THREE, len(calls.hits))
        return Estimate(least, least, math.inf, bound=True)
    value = spent / float(reached.sum())
    if len(calls.hits) == 1:
        return Estimate(value)
    if calls.certain:
        return percentiles(calls.drawn().total.mean(axis=-1), value, seeds=len(calls.hits))
    hits, misses = float(reached.sum()), float((~reached).sum())
    p = np.random.default_rng(1).beta(hits + 0.5, misses + 0.5, size=DRAWS)
    of_hits = calls.total[reached]
    of_misses = calls.total[~reached] if misses else calls.total  # none is known: as long as any
    first, second = (one[resampled(len(one))].mean(axis=-1) for one in (of_hits, of_misses))
    return percentiles(first + (1 - p) / p * second, value)


def _without_overheads(calls: Calls, needed: Floats) -> Floats:
    return np.asarray(calls.sampling.sum(axis=-1) / calls.reads.sum(axis=-1) * needed)


def _with_overheads(calls: Calls, needed: Floats) -> Floats:
    beside = (calls.total - calls.sampling).mean(axis=-1)
    repeated = np.ceil(needed / calls.reads.mean(axis=-1))
    return np.asarray(calls.startup + repeated * beside + _without_overheads(calls, needed))


def _timed(calls: Calls, seconds: Formula) -> Estimate:
    """A time with its interval, or a lower bound where no read reached the target.

    A single call that is certain to succeed has no interval: what there is of chance is in its seconds.
    """
    if np.isnan(calls.total).any() or not (calls.sampling > 0).all():  # a time of 0 is one that nobody told
        return MISSING
    if not calls.hits.any():
        least = float(seconds(calls, reads_to_solution(np.array(calls.least))))
        return Estimate(least, least, math.inf, bound=True)
    value = float(seconds(calls, reads_to_solution(calls.successes)))
    if calls.certain and len(calls.hits) == 1:
        return Estimate(value)
    drawn = calls.drawn()
    seeds = len(calls.hits) if calls.certain else None
    return percentiles(seconds(drawn, reads_to_solution(drawn.drawn_successes())), value, seeds)
