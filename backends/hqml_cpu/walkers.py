"""Replicas that walk at temperatures given from outside, and the lowest state that each has met."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hqml.qubo import Floats, States
from hqml_cpu.dense import DenseBlock, DenseModel
from hqml_cpu.schedule import descend
from hqml_cpu.sparse import SparseBlock, SparseModel


@dataclass
class Walkers:
    """All replicas of one block.

    Attributes:
        best: (walkers, n), the lowest state each has been in when energies were asked for.
        lowest: (walkers,), its energy.
    """

    block: DenseBlock | SparseBlock
    best: States
    lowest: Floats

    @classmethod
    def start(cls, model: DenseModel | SparseModel, count: int, seeds: np.random.SeedSequence) -> Walkers:
        """So many of a dense model, as many as lie side by side of a sparse one; in random states."""
        block = model.start(count, seeds)
        return cls(block, block.walkers_states(), block.energies())

    def __len__(self) -> int:
        return len(self.lowest)

    def sweep(self, temperatures: Floats, sweeps: int) -> int:
        """So many sweeps, each walker at its own temperature (walkers,); count the flips."""
        return self.block.sweep(np.tile(temperatures, (sweeps, 1)))

    def energies(self) -> Floats:
        """(walkers,), without the offset; the lowest that is met here is remembered."""
        now = self.block.energies()
        lower = now < self.lowest
        if lower.any():
            self.best[lower], self.lowest[lower] = self.states()[lower], now[lower]
        return now

    def states(self) -> States:
        """Where they are: (walkers, n)."""
        return self.block.walkers_states()

    def descend(self) -> None:
        """Go back to the lowest states, and from there to where no flip lowers them."""
        self.energies()
        self.block = self.block.moved_to(self.best)
        descend(self.block)
