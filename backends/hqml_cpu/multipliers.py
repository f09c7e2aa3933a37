"""Heat bath over whole multipliers, for a Gram model that is never written out.

A move draws one multiplier a_n anew from all its 2^K values, with their Boltzmann probabilities given the others:
the energy of a value v is v (c_n + G_nn v / 2) plus what its digits cost, c_n = sum_{m != n} G_nm a_m. The product
f = gram @ (scale a) is kept for every replica, so a move costs one row of `gram`, read once for a block of replicas.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from hqml.annealing import unit_of
from hqml.qubo import Floats, GramQubo, States
from hqml_cpu import noise

REPLICAS = 16
"""Replicas of a block: their products stay in the second-level cache up to N = 10,000."""

UNSCALED = (1e-12, 1e12)
"""Sizes of the largest coefficient between which a model is taken as it is. Another is divided by a power of two, in
a copy, so that float32 carries it."""

REFRESH = 64
"""Sweeps after which the kept products are computed anew, so that float32 rounding does not build up."""


@dataclass(frozen=True)
class GramModel:
    """A Gram model as the kernel reads it: L = 2^K values a multiplier.

    Attributes:
        gram: (N, N), float32. A float32 matrix is used where it lies, unless it has entries too small to matter.
        own: (N,), G_nn.
        values: (L,), what a multiplier can be.
        digits: (L, K), the binary digits of each value.
        single: (N, L), energy of each value by itself.
        unit: of the energy, in which gram, shift, own and single are.
    """

    gram: Floats
    scale: Floats
    shift: np.float32
    own: Floats
    values: Floats
    digits: npt.NDArray[np.int8]
    single: Floats
    unit: float

    replicas_at_once = REPLICAS

    @classmethod
    def of(cls, qubo: GramQubo) -> GramModel:
        unit = unit_of(qubo.gram.diagonal(), np.array([qubo.shift]), qubo.linear)
        unit = 1.0 if UNSCALED[0] < unit < UNSCALED[1] else unit
        gram = qubo.gram if unit == 1 else qubo.gram / unit
        digits = ((np.arange(2**qubo.num_digits)[:, None] >> np.arange(qubo.num_digits)) & 1).astype(np.int8)
        return cls(
            gram=without_tiny(gram),
            scale=qubo.scale.astype(np.float32),
            shift=np.float32(qubo.shift / unit),
            own=(qubo.scale**2 * (gram.diagonal() + qubo.shift / unit)).astype(np.float32),
            values=(digits @ qubo.weights).astype(np.float32),
            digits=digits,
            single=(qubo.linear / unit @ digits.T).astype(np.float32),
            unit=unit,
        )

    def largest_change(self) -> float:
        # From zero, where a block starts, one multiplier can gain or cost this much.
        changes = self.values * (self.own[:, None] / 2 * self.values) + self.single
        return float(np.abs(changes).max(initial=0.0)) * self.unit

    def start(self, replicas: int, seeds: np.random.SeedSequence) -> GramBlock:
        # All multipliers at zero: from a random start the balance sum_n a_n t_n alone takes hundreds of sweeps to heal
        # (Landsat 4 v 7, N = 1000, 3 digits, 100 sweeps: mean energy -340 from random, -1056 from zero).
        shape = (replicas, len(self.own))
        return GramBlock(
            self,
            level=np.zeros(shape, np.int16),
            product=np.zeros(shape, np.float32),
            balance=np.zeros(replicas, np.float32),
            walkers=noise.walker_seeds(seeds, replicas),
            age=np.zeros(1, np.int64),
        )


@dataclass
class GramBlock:
    """Replicas of a Gram model: level and product are (replicas, N), balance (replicas,) is sum_n scale_n a_n."""

    model: GramModel
    level: npt.NDArray[np.int16]
    product: Floats
    balance: Floats
    walkers: noise.Seeds
    age: npt.NDArray[np.int64]

    def sweep(self, temperatures: Floats) -> int:
        m = self.model
        return int(
            _heat_bath(
                m.gram,
                m.scale,
                m.shift,
                m.own,
                m.values,
                m.single,
                self.level,
                self.product,
                self.balance,
                (temperatures / m.unit).astype(np.float32),
                noise.gumbel(),
                self.walkers,
                self.age,
            )
        )

    def refresh(self) -> None:
        """Compute products and balances anew from the levels."""
        _refresh(self.model.gram, self.model.scale, self.model.values, self.level, self.product, self.balance)

    def states(self) -> States:
        return np.asarray(self.model.digits[self.level]).reshape(len(self.level), -1)

    def settle(self) -> None:
        """Back to zero where a replica ended above it.

        Where digits are so coarse that every move from zero costs energy, annealing can end above its start, and no
        single move leads back.
        """
        worse = self._energies() > 0
        self.level[worse], self.product[worse], self.balance[worse] = 0, 0, 0

    def _energies(self) -> Floats:
        """Energy above that of all multipliers at zero: (replicas,)."""
        m = self.model
        a = m.values[self.level].astype(np.float64)
        gradient = m.scale * (self.product + m.shift * self.balance[:, None])
        alone = np.take_along_axis(m.single, self.level.T.astype(np.intp), axis=1).sum(axis=0)
        return np.asarray((a * gradient).sum(axis=1) / 2 + alone)

    def barriers(self) -> Floats:
        """What the cheapest other value of each multiplier would cost: (replicas * N,)."""
        m = self.model
        a = m.values[self.level]
        without = m.scale * (self.product + m.shift * self.balance[:, None]) - m.own * a
        energies = m.values * (without[..., None] + m.own[:, None] / 2 * m.values) + m.single
        lowest = np.partition(energies, 1, axis=-1)
        return np.asarray(lowest[..., 1] - lowest[..., 0], dtype=np.float64).ravel() * m.unit


LEAST = np.float32(1e-30)
"""Entries of a kernel below it are taken as zero: they, or their products, would be subnormal numbers, which are
added ten times as slowly (Landsat, 1000 points, gamma 1: 2 us a move instead of 0.3), and which no sum would feel."""


def without_tiny(gram: Floats) -> Floats:
    """The matrix in float32, with zeros for entries below LEAST. It is copied only where there are such."""
    single = np.ascontiguousarray(gram, dtype=np.float32)
    if not _count_tiny(single):
        return single
    if single is gram or single.base is not None or not single.flags.writeable:
        single = single.copy()
    _flush_tiny(single)
    return single


@numba.njit(nogil=True, cache=True)
def _count_tiny(matrix):  # type: ignore[no-untyped-def]
    count = 0
    for row in matrix:
        for value in row:
            count += (value != 0) & (abs(value) < LEAST)
    return count


@numba.njit(nogil=True, cache=True)
def _flush_tiny(matrix):  # type: ignore[no-untyped-def]
    for row in matrix:
        for j in range(row.size):
            row[j] = np.float32(0) if abs(row[j]) < LEAST else row[j]


POINTS = 32
"""Points of a block, whose rows are read once for all replicas."""


@numba.njit(nogil=True, cache=True, inline="always")
def drawn_level(without, own, values, single, temperature, noise_table, offset):  # type: ignore[no-untyped-def]
    """One of the values of a multiplier, drawn with its Boltzmann probability given the gradient without it.

    The lowest energy minus Gumbel noise is an exact draw, without one exponential.
    """
    best, lowest = 0, np.float32(np.inf)
    for k in range(values.size):
        v = values[k]
        energy = v * (without + np.float32(0.5) * own * v) + single[k]
        energy -= temperature * noise_table[offset + k]
        if energy < lowest:
            best, lowest = k, energy
    return best


@numba.njit(nogil=True, cache=True)
def _refresh(gram, scale, values, level, product, balance):  # type: ignore[no-untyped-def]
    """Compute products and balances from the levels."""
    replicas, n = level.shape
    product[:] = 0
    balance[:] = 0
    for i in range(n):
        row = gram[i]
        for replica in range(replicas):
            a = scale[i] * values[level[replica, i]]
            if a != 0:
                f = product[replica]
                balance[replica] += a
                for j in range(n):
                    f[j] += a * row[j]


@numba.njit(nogil=True, cache=True)
def _heat_bath(  # type: ignore[no-untyped-def]
    gram, scale, shift, own, values, single, level, product, balance, temperatures, noise_table, walkers, age
):
    replicas, n = level.shape
    levels = values.size
    moves = 0
    for temperature in temperatures:
        age[0] += 1
        if age[0] % REFRESH == 0:
            _refresh(gram, scale, values, level, product, balance)
        for first in range(0, n, POINTS):
            last = min(n, first + POINTS)
            for replica in range(replicas):
                walkers[replica] = noise.step(walkers[replica])
                offset = noise.place(walkers[replica], noise_table.size - POINTS * levels)
                f = product[replica]
                for i in range(first, last):
                    now = level[replica, i]
                    without = scale[i] * (f[i] + shift * balance[replica]) - own[i] * values[now]
                    best = drawn_level(without, own[i], values, single[i], temperature, noise_table, offset)
                    offset += levels
                    if best != now:
                        change = scale[i] * (values[best] - values[now])
                        level[replica, i] = best
                        balance[replica] += change
                        row = gram[i]
                        for j in range(n):
                            f[j] += change * row[j]
                        moves += 1
    return moves
