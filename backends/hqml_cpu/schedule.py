"""The temperatures of an annealing run."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from hqml.annealing import QUENCH, Rule
from hqml.qubo import Floats, States

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


def sampled_range(model: Model, rule: Rule, seeds: np.random.SeedSequence) -> tuple[float, float]:
    """Quench a few replicas and read the range of temperatures, (hot, cold), off the barriers they end among."""
    highest = model.largest_change()
    if highest == 0:
        return 1.0, 1.0  # nothing to decide: every state has one energy
    block = model.start(SAMPLED_REPLICAS, seeds)
    block.sweep(highest * QUENCH)
    descend(block)
    return rule.span(block.barriers(), highest)


def descend(block: Block, limit: int = 1000) -> None:
    """Sweep at temperature zero until nothing moves."""
    still = np.zeros(1)
    for _ in range(limit):
        if not block.sweep(still):
            return


def temperatures(hot: float, cold: float, sweeps: int) -> Floats:
    """Geometric, from hot to cold: (sweeps,)."""
    return np.geomspace(hot, cold, sweeps)
