"""Parallel tempering across ranks: replicas stay where they are, their temperatures are exchanged.

A ladder is one replica at each temperature. After some sweeps neighbours a and b on it change temperatures with
probability min(1, exp((beta_a - beta_b) (E_a - E_b))), so each ladder as a whole keeps its Boltzmann distribution.
Every rank learns all energies and draws the same random numbers, so all reach the same decision: what travels is one
number a replica. Neighbours begin on different ranks, so that no rank tempers for itself.

The inner backend sweeps the replicas. It has some number of them for the price of one, and every rank takes as many:
more ranks climb more ladders in the same time. So the samples depend on the number of ranks, unlike those of a batch.

Source: Hukushima, Nemoto, J. Phys. Soc. Jpn. 65 (1996) 1604, doi:10.1143/JPSJ.65.1604.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from hqml.annealing import FLIP_SWEEPS
from hqml.backend import ReplicaBackend, Replicas
from hqml.options import inverse_temperatures, whole_number
from hqml.qubo import Floats, Qubo, States
from hqml_mpi.clock import Clock
from hqml_mpi.counters import keys
from hqml_mpi.ranks import Ranks

TEMPERATURES = 32
EXCHANGE_EVERY = 5

AT_ONCE = 128
"""Replicas asked of a rank at a time: enough to fill the widest vectors of `cpu`, few enough to begin soon, however
many reads are wanted."""


@dataclass
class Ladders:
    """All ladders' temperatures, and the replicas of them that this rank holds.

    Attributes:
        betas: (temperatures,), inverse temperatures, hot first.
        own: replicas of this rank, as many on every rank.
        rng: in the same state on every rank.
        level: (replicas of all ranks,), the temperature that each has now. They are counted across the ranks, the
            first of each rank, then the second of each. So many in a row as there are temperatures form a ladder; what
            is left over stays where it begins.
        tried, accepted: (temperatures - 1,), exchanges between neighbours.
    """

    ranks: Ranks
    betas: Floats
    own: Replicas
    rng: np.random.Generator
    level: npt.NDArray[np.int64] = field(init=False)
    tried: npt.NDArray[np.int64] = field(init=False)
    accepted: npt.NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        replicas = self.ranks.size * len(self.own.energies())
        self.level = np.resize(np.arange(len(self.betas)), replicas)
        self.tried, self.accepted = np.zeros((2, len(self.betas) - 1), np.int64)

    @classmethod
    def start(
        cls,
        qubo: Qubo,
        ranks: Ranks,
        backend: ReplicaBackend,
        *,
        replicas: int,
        temperatures: int,
        beta_range: tuple[float, float] | None,
        seed: tuple[int, ...],
    ) -> Ladders:
        """Ladders that hold so many replicas, or AT_ONCE of each rank where that is less, and what comes on top."""
        exchanges, *drawn = map(int, keys(ranks.size + 1, *seed))
        ladders = -(-min(replicas, AT_ONCE * ranks.size) // temperatures)
        share = -(-ladders * temperatures // ranks.size)
        own = ranks.together(lambda: backend.replicas(qubo, share, seed=drawn[ranks.rank]))
        if beta_range is None:
            hot, cold = ranks.from_first(own.temperature_range())
            beta_range = 1 / hot, 1 / cold
        return cls(ranks, np.geomspace(*beta_range, temperatures), own, np.random.default_rng(exchanges))

    def __len__(self) -> int:
        return len(self.level) // len(self.betas)

    def sweep(self, sweeps: int) -> None:
        """Sweep the replicas of this rank at the temperatures they have."""
        self.own.sweep(1 / self.betas[self.level[self.ranks.rank :: self.ranks.size]], sweeps)

    def exchange(self, *, odd: bool, stop: bool = False) -> bool:
        """Offer an exchange to every second pair of neighbours. All ranks call this.

        Args:
            odd: begin with the second temperature.
            stop: this rank wants to end.

        Returns:
            Whether any rank wants to end.
        """
        told = self.ranks.everyone((self.own.energies(), stop))
        energies = np.stack([own for own, _ in told], axis=1).ravel()
        whole, lower = len(self) * len(self.betas), np.arange(int(odd), len(self.betas) - 1, 2)
        level, energy = (array[:whole].reshape(len(self), -1) for array in (self.level, energies))
        holder = np.argsort(level, axis=1)  # the replica at each temperature
        first, second = holder[:, lower], holder[:, lower + 1]
        gain = (self.betas[lower] - self.betas[lower + 1]) * (
            np.take_along_axis(energy, first, 1) - np.take_along_axis(energy, second, 1)
        )
        accepted = np.log1p(-self.rng.random(gain.shape)) <= gain
        self.tried[lower] += len(self)
        self.accepted[lower] += accepted.sum(axis=0)
        ladder, pair = np.nonzero(accepted)
        level[ladder, first[ladder, pair]] = lower[pair] + 1
        level[ladder, second[ladder, pair]] = lower[pair]
        return any(stops for _, stops in told)


def tempered(
    qubo: Qubo,
    ranks: Ranks,
    *,
    backend: ReplicaBackend,
    reads: int,
    seed: tuple[int, ...],
    clock: Clock,
    num_sweeps: int | None = None,
    beta_range: tuple[float, float] | None = None,
    num_temperatures: int = TEMPERATURES,
    exchange_every: int = EXCHANGE_EVERY,
) -> tuple[States, dict[str, Any]]:
    """Temper one model on all ranks. The samples depend on the number of ranks.

    Args:
        qubo: in a form that the backend takes.
        ranks: all call this alike.
        backend: has the replicas of a rank.
        reads: states wanted: the lowest that any replicas, of which there are at least so many, have met.
        seed: of this model.
        clock: when it is late, the ladders end where they are.
        num_sweeps: of each replica; none is 1000.
        beta_range: inverse temperatures (hot, cold), 1 / energy; none is the backend's range for the model.
        num_temperatures: of a ladder, evenly spaced in log(beta).
        exchange_every: sweeps between two offers of an exchange.

    Returns:
        States (reads, n), descended. Info: num_sweeps (made by all), beta_range, num_temperatures, ladders, replicas,
        swap_acceptance (a share for each pair of neighbours), interrupted, cut_short.
    """
    sweeps = whole_number("num_sweeps", FLIP_SWEEPS if num_sweeps is None else num_sweeps)
    count = whole_number("num_temperatures", num_temperatures, least=2)
    every = whole_number("exchange_every", exchange_every)
    span = None if beta_range is None else inverse_temperatures(beta_range)
    found: list[States] = []
    ladders, replicas, made, exchanges = 0, 0, sweeps, np.zeros((2, count - 1), np.int64)
    while replicas < reads and not ranks.from_first(bool(found) and clock.late):
        climbing = Ladders.start(
            qubo,
            ranks,
            backend,
            replicas=reads - replicas,
            temperatures=count,
            beta_range=span,
            seed=(*seed, len(found)),
        )
        made = min(made, _climbed(climbing, sweeps, every, clock))
        found.append(_lowest(qubo, climbing, reads))
        span = float(climbing.betas[0]), float(climbing.betas[-1])
        ladders, replicas = ladders + len(climbing), replicas + len(climbing.level)
        exchanges += climbing.tried, climbing.accepted
    states = np.concatenate(found)
    interrupted = any(ranks.everyone(clock.interrupted))
    return states[np.argsort(qubo.energies(states), kind="stable")][:reads], {
        "num_sweeps": made,
        "beta_range": span,
        "num_temperatures": count,
        "ladders": ladders,
        "replicas": replicas,
        "swap_acceptance": (exchanges[1] / np.maximum(exchanges[0], 1)).tolist(),
        "interrupted": interrupted,
        "cut_short": (made < sweeps or len(states) < reads) and not interrupted,
    }


def _climbed(ladders: Ladders, sweeps: int, every: int, clock: Clock) -> int:
    """Sweep and exchange in turn; count the sweeps that were made in time."""
    made, ended = 0, False
    while made < sweeps and not ended:
        now = min(every, sweeps - made)
        ladders.sweep(now)
        made += now
        ended = ladders.exchange(odd=bool(-(-made // every) % 2), stop=clock.late)
    return made


def _lowest(qubo: Qubo, ladders: Ladders, reads: int) -> States:
    """The lowest states that replicas have met, on any rank, descended: (reads, n), or all where these are less."""
    ranks, own = ladders.ranks, ladders.own.lowest()
    best = np.argsort(np.concatenate(ranks.everyone(qubo.energies(own))), kind="stable")[:reads]
    mine = best[best // len(own) == ranks.rank] % len(own)
    packed = np.concatenate(ranks.everyone(np.packbits(own[mine].astype(bool), axis=1)))
    return np.unpackbits(packed, axis=1, count=own.shape[1]).astype(np.int8)
