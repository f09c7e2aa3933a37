"""Parallel tempering: replicas at fixed temperatures, which neighbours on the ladder exchange.

A cold replica that is stuck hands its temperature on to a warmer one and is shaken loose itself, so a search may go on
for as long as one likes, where annealing has to be told beforehand when to be cold.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hqml.annealing import FLIPS, Rule
from hqml.qubo import Floats, States
from hqml_cpu.dense import DenseModel
from hqml_cpu.sparse import SparseModel
from hqml_cpu.walkers import Walkers

EVERY = 5
"""Sweeps between two exchanges: comparing energies then costs a tenth of the sweeps."""

RUNGS = 32
"""Temperatures of a ladder. A block of more walkers has several ladders."""

RULE = Rule(hot=0.5 * FLIPS.hot, cold=FLIPS.cold)
"""Half as hot as annealing begins: where it begins walkers take too long from end to end, at 0.3 of it they stick."""

PAYS_FROM = {"sparse": 5000, "dense": 3000}
"""Sweeps from which tempering is the better way into the last per mille.

G22, sparse: 10,000 sweeps of 256 walkers reached the best known cut 5 times in 4.7 CPU seconds, annealing not at all in
2.6. Dense normal couplings, n = 1000: of 32 reads with 3000 sweeps 24 reached the best known energy in 1.2 s, of 32
annealed ones 9 in 2.3 s. K2000, 10,000 sweeps: cut 33331 in 6.1 s, 33303 in 7.8 s. Up to some 1000 sweeps annealing is
the better.
"""


@dataclass(frozen=True)
class TemperingModel:
    """A dense or sparse model, and the range of temperatures of its ladders."""

    flips: DenseModel | SparseModel
    hot: float
    cold: float

    @property
    def replicas_at_once(self) -> int:
        return max(RUNGS, self.flips.replicas_at_once)

    def largest_change(self) -> float:
        return self.flips.largest_change()

    def start(self, replicas: int, seeds: np.random.SeedSequence) -> TemperingBlock:
        """A block of whole ladders, of whose walkers the best are given: few replicas cost as much as many."""
        exchanges, own = seeds.spawn(2)
        walkers = Walkers.start(self.flips, self.replicas_at_once, own)
        ladders = max(1, len(walkers) // RUNGS)
        ladder = np.geomspace(self.cold, self.hot, len(walkers) // ladders)
        key = int(exchanges.generate_state(1, np.uint64)[0])
        return TemperingBlock(walkers, replicas, ladders, np.tile(ladder, ladders), key)


@dataclass
class TemperingBlock:
    """Walkers on one or more ladders of temperatures.

    Attributes:
        block: the walkers.
        replicas: wanted of them.
        ladders: how many; walkers 0 to rungs - 1 are on the first, and so on.
        temperatures: (walkers,), that of each now.
        key: of the random numbers of exchanges.
        counts: sweeps made, pairs of neighbours compared, pairs that exchanged.
    """

    block: Walkers
    replicas: int
    ladders: int
    temperatures: Floats
    key: int
    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(3, np.int64))

    def sweep(self, temperatures: Floats) -> int:
        """So many sweeps, each replica at its own temperature; at temperature zero, descent from the best states."""
        if not temperatures.any():
            self.block.descend()
            return 0
        moves, left = 0, len(temperatures)
        while left:
            # Exchanges hang on the age alone, so that it does not matter how sweeps are cut into calls.
            now = min(left, EVERY - int(self.counts[0]) % EVERY)
            moves += self.block.sweep(self.temperatures, now)
            self.counts[0] += now
            left -= now
            if self.counts[0] % EVERY == 0:
                self._exchange()
        return moves

    def states(self) -> States:
        order = np.argsort(self.block.energies(), kind="stable")
        return self.block.states()[order[: self.replicas]]

    def settle(self) -> None:
        """Descending from the best states has done it."""

    def barriers(self) -> Floats:
        return self.block.block.barriers()

    def _exchange(self) -> None:
        """Offer each pair of neighbours on the ladder, even and odd pairs in turn, the other's temperature.

        Source: Hukushima & Nemoto, J. Phys. Soc. Jpn. 65 (1996) 1604, doi:10.1143/JPSJ.65.1604.
        """
        energies, turn = self.block.energies(), int(self.counts[0]) // EVERY
        rungs = len(self.temperatures) // self.ladders
        places = np.arange(self.ladders * rungs).reshape(self.ladders, rungs)
        places = np.take_along_axis(places, np.argsort(-self.temperatures[places], axis=1), axis=1)
        warm, cool = places[:, turn % 2 : -1 : 2].ravel(), places[:, turn % 2 + 1 :: 2].ravel()
        beta = 1 / self.temperatures
        gain = (beta[cool] - beta[warm]) * (energies[cool] - energies[warm])
        # Random numbers by place in the run, so that nothing of a generator has to be kept to go on from there.
        swap = np.random.default_rng([self.key, turn]).random(len(warm)) < np.exp(np.minimum(gain, 0))
        warm, cool = warm[swap], cool[swap]
        self.temperatures[warm], self.temperatures[cool] = self.temperatures[cool], self.temperatures[warm]
        self.counts[1:] += len(swap), len(warm)
