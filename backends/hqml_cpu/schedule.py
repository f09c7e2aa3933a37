"""The temperatures of an annealing run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hqml.qubo import Floats, States

QUENCH_SWEEPS = 24
SAMPLED_REPLICAS = 2


class Block(Protocol):
    """Replicas of one model in the hands of a kernel."""

    def sweep(self, temperatures: Floats) -> int:
        """Sweep once at each temperature (in units of the energy); count the accepted moves."""
        ...

    def states(self) -> States: ...
    def settle(self) -> None:
        """Mend, after the last sweep, what no single move can."""
        ...

    def barriers(self) -> Floats:
        """What the cheapest move of each spin or multiplier would cost now."""
        ...


class Model(Protocol):
    """One model in a kernel's form."""

    @property
    def replicas_at_once(self) -> int: ...
    def start(self, replicas: int, seeds: np.random.SeedSequence) -> Block: ...
    def largest_change(self) -> float:
        """A bound on what one move can change, in units of the energy."""
        ...


@dataclass(frozen=True)
class Rule:
    """Temperature range from the barriers of quenched states: hot * their 90 % quantile to cold * their 10 % quantile.

    Both factors are tuned on public instances, see `benchmarks/temperature_range.py`.
    """

    hot: float
    cold: float


FLIPS = Rule(hot=0.25, cold=0.15)
MULTIPLIERS = Rule(hot=0.5, cold=0.1)


def sampled_range(model: Model, rule: Rule, seeds: np.random.SeedSequence) -> tuple[float, float]:
    """Quench a few replicas and read the range of temperatures, (hot, cold), off the barriers they end among."""
    highest = model.largest_change()
    if highest == 0:
        return 1.0, 1.0  # nothing to decide: every state has one energy
    block = model.start(SAMPLED_REPLICAS, seeds)
    block.sweep(np.geomspace(highest, highest * 1e-5, QUENCH_SWEEPS))
    descend(block)
    barriers = block.barriers()
    barriers = barriers[barriers > 1e-7 * highest]
    if not len(barriers):
        return highest, highest * 1e-3
    low, high = np.quantile(barriers, (0.1, 0.9))
    hot = rule.hot * float(high)
    return hot, min(rule.cold * float(low), hot)


def descend(block: Block, limit: int = 1000) -> None:
    """Sweep at temperature zero until nothing moves."""
    still = np.zeros(1)
    for _ in range(limit):
        if not block.sweep(still):
            return


def temperatures(hot: float, cold: float, sweeps: int) -> Floats:
    """Geometric, from hot to cold: (sweeps,)."""
    return np.geomspace(hot, cold, sweeps)
