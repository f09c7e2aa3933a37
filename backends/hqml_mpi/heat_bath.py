"""The heat bath over multipliers, with the rows of the Gram matrix on many ranks.

A move draws one multiplier anew from all its values, given the others. The product f = gram @ (scale a) is kept, each
rank its own part. Blocks of points take turns: the rank that owns a block draws its multipliers one after the other,
for which it needs f on the block alone; then it tells all ranks the changes, a table (replicas, BLOCK), and each adds
them to its part of f. The adding is nearly all of the work and is done by all ranks at once; no row is ever sent. So
the order of moves is that of one rank, as are the random numbers (a function of replica, sweep, point), and f_j is
added up in the order of the points wherever it lies: the samples are bit for bit the same for any number of ranks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from hqml.qubo import Floats, States
from hqml_mpi.counters import Keys, uniform
from hqml_mpi.distributed import BLOCK, DistributedGram, Share, add_rows, bounds
from hqml_mpi.ranks import Ranks

REFRESH = 64
"""Sweeps after which products are computed anew, so that float32 rounding does not build up."""


@dataclass
class HeatBath:
    """Replicas of one distributed model; each rank holds the levels and products of its own points.

    Attributes:
        values: (L,), what a multiplier can be.
        single: (own points, L), energy of each value by itself.
        own: (own points,), G_nn.
        level: (replicas, own points), the value of each multiplier.
        product: (replicas, own points), float32.
        balance: (replicas,), sum_n scale_n a_n over all points, the same on every rank.
        drift: largest difference between kept and fresh products met at a refresh, relative to the largest product.
    """

    ranks: Ranks
    model: DistributedGram
    share: Share
    scale: Floats
    values: Floats
    digits: npt.NDArray[np.int8]
    single: Floats
    own: Floats
    level: npt.NDArray[np.int64]
    product: Floats
    balance: Floats
    keys: Keys
    age: int = 0
    drift: float = 0.0

    @classmethod
    def start(cls, model: DistributedGram, ranks: Ranks, replica_keys: Keys) -> HeatBath:
        """All multipliers at zero digits, whose energy every sample is held against."""
        share, k = model.share(ranks), model.num_digits
        here = slice(share.points.start, share.points.stop)
        digits = ((np.arange(2**k)[:, None] >> np.arange(k)) & 1).astype(np.int8)
        scale = model.scale
        shape = (len(replica_keys), len(share.points))
        return cls(
            ranks,
            model,
            share,
            scale,
            values=digits @ model.weights,
            digits=digits,
            single=model.linear[here] @ digits.T,
            own=scale[here] ** 2 * (share.diagonal + model.shift),
            level=np.zeros(shape, np.int64),
            product=np.zeros(shape, np.float32),
            balance=np.zeros(shape[0]),
            keys=replica_keys,
        )

    def sweep(self, temperature: float) -> int:
        """Draw every multiplier once, in the units of the energy; count those that changed. All ranks call this."""
        if self.age % REFRESH == REFRESH - 1:
            self.refresh()
        moves = 0
        for owner, (first, last) in enumerate(bounds(self.model.points, self.ranks.size)):
            for start in range(first, last, BLOCK):
                moves += self._block(owner, start, min(last, start + BLOCK), temperature)
        self.age += 1
        return moves

    def _block(self, owner: int, start: int, stop: int, temperature: float) -> int:
        change = np.zeros((len(self.keys), stop - start), np.float32)
        if owner == self.ranks.rank:
            here = slice(start - self.share.first, stop - self.share.first)
            _draw(
                self.share.columns[start:stop, here],
                self.product[:, here],
                self.scale[start:stop],
                self.model.shift,
                self.own[here],
                self.values,
                self.single[here],
                self.level[:, here],
                self.balance.copy(),
                temperature,
                self.keys,
                self.age * self.model.points + start,
                change,
            )
        self.ranks.fill_from(owner, change)
        add_rows(self.product, self.share.columns[start:stop], change)
        self.balance += change.sum(axis=1, dtype=np.float64)
        return int(np.count_nonzero(change))

    def refresh(self) -> None:
        """Compute products and balances from the levels, and note how far the kept ones were off."""
        scaled = self.values[self.levels()] * self.scale
        fresh = self.share.product(scaled, np.float64)
        largest = max(self.ranks.everyone(float(np.abs(fresh).max(initial=0.0))))
        off = max(self.ranks.everyone(float(np.abs(fresh - self.product).max(initial=0.0))))
        self.drift = max(self.drift, off / largest if largest else 0.0)
        self.product[:], self.balance[:] = fresh, scaled.sum(axis=1)

    def levels(self) -> npt.NDArray[np.int64]:
        """Of all points: (replicas, N), gathered as 16-bit numbers."""
        return np.concatenate(self.ranks.everyone(self.level.astype(np.int16)), axis=1).astype(np.int64)

    def states(self) -> States:
        """(replicas, N K), the same on every rank."""
        return np.asarray(self.digits[self.levels()]).reshape(len(self.keys), -1)

    def barriers(self) -> Floats:
        """What the cheapest other value of each multiplier would cost: (replicas * N,), the same on every rank."""
        a = self.values[self.level]
        here = slice(self.share.points.start, self.share.points.stop)
        gradient = self.scale[here] * (self.product + self.model.shift * self.balance[:, None])
        without = gradient - self.own * a
        energies = self.values * (without[..., None] + self.own[:, None] / 2 * self.values) + self.single
        lowest = np.partition(energies, 1, axis=-1)[..., :2]
        both = np.concatenate(self.ranks.everyone(lowest), axis=1)
        return np.asarray(both[..., 1] - both[..., 0]).ravel()

    def largest_change(self) -> float:
        """A bound on what one move from the start can change."""
        own = np.abs(self.values * (self.own[:, None] / 2 * self.values) + self.single).max(initial=0.0)
        return max(self.ranks.everyone(float(own)))

    def descend(self, limit: int = 1000) -> None:
        for _ in range(limit):
            if not self.sweep(0.0):
                return


@numba.njit(nogil=True, cache=True)
def _draw(  # type: ignore[no-untyped-def]
    among, product, scale, shift, own, values, single, level, balance, temperature, replica_keys, counter, change
):
    """Draw the multipliers of one block, (points,), one after the other; `among` is the block's (points, points)."""
    replicas, points = level.shape
    energies = np.empty(values.size)
    for r in range(replicas):
        f = product[r].astype(np.float64)
        for i in range(points):
            now = level[r, i]
            without = scale[i] * (f[i] + shift * balance[r]) - own[i] * values[now]
            best = 0
            for k in range(values.size):
                energies[k] = values[k] * (without + own[i] * values[k] / 2) + single[i, k]
                if energies[k] < energies[best]:
                    best = k
            if temperature > 0:
                best = _boltzmann(energies, energies[best], temperature, uniform(replica_keys[r], counter + i))
            elif energies[best] >= energies[now]:
                best = now  # at temperature zero nothing moves for nothing
            if best != now:
                step = np.float32(scale[i] * (values[best] - values[now]))
                level[r, i] = best
                balance[r] += step
                change[r, i] = step
                for j in range(i + 1, points):
                    f[j] += step * among[i, j]


@numba.njit(nogil=True, cache=True)
def _boltzmann(energies, lowest, temperature, u):  # type: ignore[no-untyped-def]
    """A level drawn with probability proportional to exp(-energy / temperature)."""
    total = 0.0
    for k in range(energies.size):
        total += np.exp((lowest - energies[k]) / temperature)
    left = u * total
    for k in range(energies.size):
        left -= np.exp((lowest - energies[k]) / temperature)
        if left < 0:
            return k
    return energies.size - 1
