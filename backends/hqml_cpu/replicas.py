"""Replicas for a caller that chooses their temperatures itself: `hqml.backend.Replicas` in blocks of the kernels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hqml.qubo import Floats, States
from hqml_cpu.dense import DenseModel
from hqml_cpu.schedule import sampled_range
from hqml_cpu.sparse import SparseModel
from hqml_cpu.tempering import RULE
from hqml_cpu.walkers import Walkers


@dataclass(frozen=True)
class BlockReplicas:
    """Replicas of one model in one or more blocks, one after the other.

    Attributes:
        sampling: random numbers of the replicas that are quenched for a range of temperatures.
    """

    model: DenseModel | SparseModel
    blocks: list[Walkers]
    sampling: np.random.SeedSequence

    @classmethod
    def start(cls, model: DenseModel | SparseModel, count: int, seed: int) -> BlockReplicas:
        at_once = model.replicas_at_once
        sampling, *own = np.random.SeedSequence(seed).spawn(1 + -(-count // at_once))
        sizes = [min(at_once, count - place * at_once) for place in range(len(own))]
        blocks = [Walkers.start(model, size, seeds) for size, seeds in zip(sizes, own, strict=True)]
        return cls(model, blocks, sampling)

    def temperature_range(self) -> tuple[float, float]:
        return sampled_range(self.model, RULE, self.sampling)

    def sweep(self, temperatures: Floats, sweeps: int) -> None:
        ends = np.cumsum([len(block) for block in self.blocks])
        for block, own in zip(self.blocks, np.split(temperatures, ends[:-1]), strict=True):
            block.sweep(own, sweeps)

    def energies(self) -> Floats:
        return np.concatenate([block.energies() for block in self.blocks])

    def lowest(self) -> States:
        for block in self.blocks:
            block.descend()
        return np.concatenate([block.states() for block in self.blocks])
