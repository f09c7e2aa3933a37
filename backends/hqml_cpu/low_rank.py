"""Heat bath over multipliers of a Gram model whose matrix is replaced by a product of thin factors.

gram is taken as factor factor' with factor (N, rank), so that a move costs `rank` where a row of the matrix costs N.
What is kept for every replica is factor' (scale a), `rank` numbers, so nothing of size N is updated. It is exact
where the kernel has that rank (a linear kernel of as many features), and coarse where it has not; at the end the states
are descended under the true matrix, and their energies are always those of the true matrix. A trial costs `rank` even
where nothing moves, so that this pays from some 10,000 points on, or for many moves: see `benchmarks/scale.py`.

Source of the factor: Cholesky with the largest remaining diagonal as pivot, Fine & Scheinberg, J. Mach. Learn. Res. 2
(2001) 243; what remains of the diagonal bounds the error, since the remainder is positive semidefinite.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from hqml.errors import ParameterError
from hqml.qubo import Floats, GramQubo, States
from hqml_cpu import noise
from hqml_cpu.multipliers import POINTS, GramBlock, GramModel, drawn_level
from hqml_cpu.schedule import descend


@dataclass(frozen=True)
class LowRankModel:
    """A Gram model beside the factor that stands for its matrix.

    Attributes:
        true: the model as it is.
        factor: (N, rank), float32.
        own: (N,), G_nn under the factor.
        error: what the factor leaves of the trace of `gram`, as a share.
    """

    true: GramModel
    factor: Floats
    own: Floats
    error: float

    @property
    def replicas_at_once(self) -> int:
        return self.true.replicas_at_once

    @classmethod
    def of(cls, qubo: GramQubo, rank: int) -> LowRankModel:
        true = GramModel.of(qubo)
        factor, error = pivoted_cholesky(true.gram, rank)
        own = true.scale**2 * ((factor**2).sum(axis=1) + true.shift)
        return cls(true, factor, own.astype(np.float32), error)

    def largest_change(self) -> float:
        return self.true.largest_change()

    def start(self, replicas: int, seeds: np.random.SeedSequence) -> LowRankBlock:
        product = np.zeros((replicas, self.factor.shape[1]), np.float32)
        return LowRankBlock(self, self.true.start(replicas, seeds), product)


@dataclass
class LowRankBlock:
    """Replicas of a low-rank model.

    Attributes:
        block: multipliers, balances and random numbers; its products are out of date until `settle`.
        product: (replicas, rank), factor' (scale a).
    """

    model: LowRankModel
    block: GramBlock
    product: Floats

    def sweep(self, temperatures: Floats) -> int:
        true = self.model.true
        return int(
            _heat_bath(
                self.model.factor,
                true.scale,
                true.shift,
                self.model.own,
                true.values,
                true.single,
                self.block.level,
                self.product,
                self.block.balance,
                (temperatures / true.unit).astype(np.float32),
                noise.gumbel(),
                self.block.walkers,
            )
        )

    def states(self) -> States:
        return self.block.states()

    def settle(self) -> None:
        """Descend under the true matrix."""
        self.block.refresh()
        descend(self.block)
        self.block.settle()

    def barriers(self) -> Floats:
        self.block.product[:] = self.product @ self.model.factor.T
        return self.block.barriers()


def pivoted_cholesky(gram: Floats, rank: int) -> tuple[Floats, float]:
    """A factor (N, rank or fewer), float32, with gram ~ factor factor', and the share of the trace it leaves.

    Args:
        gram: (N, N), symmetric, positive semidefinite up to rounding.
        rank: columns at most.

    Raises:
        ParameterError: the matrix is indefinite, so no factor stands for it.
    """
    left = gram.diagonal().astype(np.float64)
    trace, rounding = float(left.sum()), len(left) * 1e-6 * float(np.abs(left).max(initial=0.0))
    if left.min() < 0:
        raise ParameterError(f"rank= needs a positive semidefinite kernel, found {left.min():g} on its diagonal")
    factor = np.zeros((len(left), min(rank, len(left))))
    for column in range(factor.shape[1]):
        pivot = int(left.argmax())
        if left[pivot] <= 1e-7 * trace / len(left):
            factor = factor[:, :column]
            break
        row = gram[pivot] - factor[:, :column] @ factor[pivot, :column]
        factor[:, column] = row / np.sqrt(left[pivot])
        left -= factor[:, column] ** 2
        if left.min() < -rounding:
            raise ParameterError("rank= needs a positive semidefinite kernel, this one is indefinite; leave rank= out")
        left[pivot] = 0.0
    return np.ascontiguousarray(factor, np.float32), max(0.0, float(left.sum()) / trace) if trace else 0.0


@numba.njit(nogil=True, cache=True, fastmath=True)
def _heat_bath(  # type: ignore[no-untyped-def]
    factor, scale, shift, own, values, single, level, product, balance, temperatures, noise_table, walkers
):
    replicas, n = level.shape
    rank, levels = factor.shape[1], values.size
    moves = 0
    for temperature in temperatures:
        for first in range(0, n, POINTS):
            last = min(n, first + POINTS)
            for replica in range(replicas):
                walkers[replica] = noise.step(walkers[replica])
                offset = noise.place(walkers[replica], noise_table.size - POINTS * levels)
                h = product[replica]
                for i in range(first, last):
                    row, now = factor[i], level[replica, i]
                    f = np.float32(0)
                    for j in range(rank):
                        f += row[j] * h[j]
                    without = scale[i] * (f + shift * balance[replica]) - own[i] * values[now]
                    best = drawn_level(without, own[i], values, single[i], temperature, noise_table, offset)
                    offset += levels
                    if best != now:
                        change = scale[i] * (values[best] - values[now])
                        level[replica, i] = best
                        balance[replica] += change
                        for j in range(rank):
                            h[j] += change * row[j]
                        moves += 1
    return moves
