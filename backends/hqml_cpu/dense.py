"""Annealing of dense models by single flips.

For each block of spins the replicas take turns, so that a row of couplings is read from memory once for all of them; a
register full of spins is tested at a time, and only where one of them flips does anything else happen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numba
import numpy as np

from hqml.qubo import DenseQubo, Floats, States
from hqml_cpu import noise
from hqml_cpu.precision import in_units, narrowest
from hqml_cpu.vectors import flips_of, trailing_zeros

REPLICAS = 16
"""Replicas of a block: their fields stay in the second-level cache up to n = 10,000."""

_REGISTER = 64
"""Bytes tested at a time; rows are padded to whole registers."""

_SPINS = 64
"""Spins of a block, whose rows are read once for all replicas."""


@dataclass(frozen=True)
class DenseModel:
    """A dense model as the kernel reads it, in units of `unit` so that whole numbers stay whole.

    Whole couplings that fit are kept in 8 bits and fields in 16: a row is a quarter of what it is in float32, and twice
    as many of its entries are added at once.

    Attributes:
        couplings: (n, width), rows padded with zeros.
        linear: (n,), of the type of the fields.
    """

    couplings: Any
    linear: Any
    unit: float

    replicas_at_once = REPLICAS

    @classmethod
    def of(cls, qubo: DenseQubo) -> DenseModel:
        couplings, linear = qubo.couplings, qubo.linear
        up, down = np.maximum(couplings, 0).sum(axis=1), np.minimum(couplings, 0).sum(axis=1)
        field = float(np.maximum(np.abs(linear + up), np.abs(linear + down)).max())
        dtype, unit = narrowest(field, (couplings, linear), (np.int16,))
        narrow = dtype.kind == "i" and np.abs(couplings).max() <= np.iinfo(np.int8).max * unit
        n = len(linear)
        padded = np.zeros((n, _padded(n, dtype)), np.int8 if narrow else dtype)
        padded[:, :n] = in_units(couplings, unit, padded.dtype)
        return cls(padded, in_units(linear, unit, dtype), unit)

    def largest_change(self) -> float:
        linear = np.abs(self.linear.astype(np.float64))
        return float((linear + np.abs(self.couplings.astype(np.float64)).sum(axis=1)).max()) * self.unit

    def start(self, replicas: int, seeds: np.random.SeedSequence) -> DenseBlock:
        x = np.random.default_rng(seeds.spawn(1)[0]).integers(0, 2, (replicas, len(self.linear)), dtype=np.int8)
        return self.at(x, noise.walker_seeds(seeds, replicas))

    def at(self, states: States, walkers: noise.Seeds) -> DenseBlock:
        """A block in given states (replicas, n)."""
        n, dtype = len(self.linear), self.linear.dtype
        # Padding never flips: no threshold is above the largest number.
        largest = np.inf if dtype.kind == "f" else np.iinfo(dtype).max
        field = np.full((len(states), self.couplings.shape[1]), largest, dtype)
        for row, one in zip(field, states, strict=True):
            row[:n] = self.couplings[one.astype(bool), :n].sum(axis=0, dtype=np.float64) + self.linear
        sign = np.ones_like(field)
        sign[:, :n] = 1 - 2 * states
        return DenseBlock(self, sign, field, walkers)


@dataclass
class DenseBlock:
    """Replicas of a dense model: sign and field are (replicas, width), padded."""

    model: DenseModel
    sign: Any
    field: Any
    walkers: noise.Seeds

    def sweep(self, temperatures: Floats) -> int:
        kernel = _kernel(self.field.dtype)
        scaled = temperatures.reshape(len(temperatures), -1) / self.model.unit
        entries = noise.entries_for(self.field.size) if scaled.shape[1] == 1 else noise.TINY_TABLE
        thresholds = np.empty((scaled.shape[1], entries), self.field.dtype)
        table = noise.exponential()
        return int(kernel(self.model.couplings, self.sign, self.field, scaled, table, thresholds, self.walkers))

    def energies(self) -> Floats:
        """(replicas,), without the offset."""
        linear = self.model.linear.astype(np.float64)
        return np.asarray(_energies(self.sign, self.field, linear)) * self.model.unit

    def states(self) -> States:
        return np.asarray(self.sign[:, : len(self.model.linear)] < 0, dtype=np.int8)

    walkers_states = states

    def moved_to(self, states: States) -> DenseBlock:
        """The same block in other states (replicas, n)."""
        return self.model.at(states, self.walkers)

    def settle(self) -> None:
        """A local minimum of single flips is all that is promised."""

    def barriers(self) -> Floats:
        """What each flip would cost: (replicas * n,)."""
        n = len(self.model.linear)
        costs = self.sign[:, :n].astype(np.float64) * self.field[:, :n] * self.model.unit
        return np.asarray(costs.ravel())


def _padded(n: int, dtype: np.dtype[Any]) -> int:
    lanes = _REGISTER // dtype.itemsize
    return -(-n // lanes) * lanes


@cache
def _kernel(dtype: np.dtype[Any]) -> Callable[..., int]:
    """The kernel for one type of field. Casts and lanes must be constants, or it would not become vectors."""
    number: Any = numba.from_dtype(dtype)
    highest = noise.highest(dtype)
    lanes = _REGISTER // dtype.itemsize

    @numba.njit(nogil=True, cache=True)
    def sweeps(couplings, sign, field, temperatures, noise_table, thresholds, walkers):  # type: ignore[no-untyped-def]
        replicas, width = sign.shape
        levels, entries = thresholds.shape  # one temperature for all replicas, or one each
        flips = 0
        for sweep in range(len(temperatures)):
            for level in range(levels):
                # Another part of the table each time: in one small part alone neighbours would come in few pairs.
                walkers[0] = noise.step(walkers[0])
                part = noise.place(walkers[0], noise_table.size - entries + 1)
                noise.fill_thresholds(
                    temperatures[sweep, level], noise_table[part : part + entries], thresholds[level], highest
                )
            for first in range(0, width, _SPINS):
                last = min(width, first + _SPINS)
                for replica in range(replicas):
                    walkers[replica] = noise.step(walkers[replica])
                    place = noise.place(walkers[replica], entries - _SPINS)
                    d, f, limits = sign[replica], field[replica], thresholds[replica % levels]
                    for begin in range(first, last, lanes):
                        at = place + begin - first
                        later = ~np.uint64(0)
                        while True:
                            # A flip changes the costs of the spins behind it, so these are tested anew.
                            wanted = flips_of(d, f, begin, limits, at, lanes) & later
                            if wanted == 0:
                                break
                            lane = trailing_zeros(wanted)
                            later = ~np.uint64(0) << np.uint64(lane) << np.uint64(1)
                            i = begin + lane
                            row, change = couplings[i], d[i]
                            if change > 0:
                                for j in range(width):
                                    f[j] = number(f[j] + row[j])
                            else:
                                for j in range(width):
                                    f[j] = number(f[j] - row[j])
                            d[i] = number(-change)
                            flips += 1
        return flips

    return sweeps


@numba.njit(nogil=True, cache=True)
def _energies(sign, field, linear):  # type: ignore[no-untyped-def]
    """sum_i x_i (linear_i + field_i) / 2 of each replica."""
    energies = np.zeros(len(sign))
    for replica in range(len(sign)):
        for i in range(len(linear)):
            if sign[replica, i] < 0:
                energies[replica] += (linear[i] + field[replica, i]) / 2
    return energies
