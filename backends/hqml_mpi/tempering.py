"""Parallel tempering across ranks: replicas stay where they are, their temperatures are exchanged.

A ladder is one replica at each temperature. After some sweeps neighbours a and b on it change temperatures with
probability min(1, exp((beta_a - beta_b) (E_a - E_b))), so each ladder as a whole keeps its Boltzmann distribution.
Every rank learns all energies and draws the same random numbers, so all reach the same decision: what travels is one
number a replica. The samples are the same for any number of ranks.

Source: Hukushima, Nemoto, J. Phys. Soc. Jpn. 65 (1996) 1604, doi:10.1143/JPSJ.65.1604.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from hqml.options import inverse_temperatures, whole_number
from hqml.qubo import DenseQubo, Floats, Qubo, SparseQubo, States
from hqml_mpi.clock import Clock
from hqml_mpi.counters import keys
from hqml_mpi.flips import Replicas, written_out
from hqml_mpi.ranks import Ranks

SWEEPS = 1000
TEMPERATURES = 16
EXCHANGE_EVERY = 5

LADDERS_AT_ONCE = 64
"""Ladders climbed together: enough for a thousand ranks, few enough to begin soon, however many reads are wanted."""

HOT, COLD = 0.125, 0.15
"""The range, in units of what flips cost in quenched states, from their 90 % to their 10 % quantile; as of `cpu`."""

_START, _RANGE, _EXCHANGE = 0, 1, 2  # streams of random numbers


@dataclass
class Ladders:
    """All ladders' temperatures, and the replicas of them that this rank holds.

    Attributes:
        betas: (temperatures,), inverse temperatures, hot first.
        level: (ladders, temperatures), the temperature that each replica has now.
        tried, accepted: (temperatures - 1,), exchanges between neighbours.
    """

    ranks: Ranks
    betas: Floats
    level: npt.NDArray[np.int64]
    mine: slice
    replicas: Replicas
    rng: np.random.Generator
    tried: npt.NDArray[np.int64] = field(init=False)
    accepted: npt.NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.tried = np.zeros(len(self.betas) - 1, np.int64)
        self.accepted = np.zeros(len(self.betas) - 1, np.int64)

    @classmethod
    def start(
        cls, qubo: DenseQubo | SparseQubo, ranks: Ranks, betas: Floats, ladders: int, seed: tuple[int, ...]
    ) -> Ladders:
        count = ladders * len(betas)
        edges = np.linspace(0, count, ranks.size + 1).astype(int)
        mine = slice(edges[ranks.rank], edges[ranks.rank + 1])
        replicas = Replicas.start(qubo, keys(count, *seed, _START)[mine])
        level = np.tile(np.arange(len(betas)), (ladders, 1))
        return cls(ranks, betas, level, mine, replicas, np.random.default_rng([*seed, _EXCHANGE]))

    def sweep(self, sweeps: int) -> None:
        """Sweep the replicas of this rank at the temperatures they have."""
        self.replicas.sweep(self.betas[self.level].ravel()[self.mine], sweeps)

    def exchange(self, *, odd: bool, stop: bool = False) -> bool:
        """Offer an exchange to every second pair of neighbours. All ranks call this.

        Args:
            odd: begin with the second temperature.
            stop: this rank wants to end.

        Returns:
            Whether any rank wants to end.
        """
        told = self.ranks.everyone((self.replicas.energy, stop))
        energy = np.concatenate([energies for energies, _ in told]).reshape(self.level.shape)
        holder = np.argsort(self.level, axis=1)  # the replica at each temperature
        lower = np.arange(int(odd), len(self.betas) - 1, 2)
        first, second = holder[:, lower], holder[:, lower + 1]
        gain = (self.betas[lower] - self.betas[lower + 1]) * (
            np.take_along_axis(energy, first, 1) - np.take_along_axis(energy, second, 1)
        )
        accepted = np.log1p(-self.rng.random(gain.shape)) <= gain
        self.tried[lower] += len(self.level)
        self.accepted[lower] += accepted.sum(axis=0)
        ladder, pair = np.nonzero(accepted)
        self.level[ladder, first[ladder, pair]] = lower[pair] + 1
        self.level[ladder, second[ladder, pair]] = lower[pair]
        return any(stops for _, stops in told)


def tempered(
    qubo: Qubo,
    ranks: Ranks,
    *,
    reads: int,
    seed: tuple[int, ...],
    clock: Clock,
    num_sweeps: int | None = None,
    beta_range: tuple[float, float] | None = None,
    num_temperatures: int = TEMPERATURES,
    exchange_every: int = EXCHANGE_EVERY,
) -> tuple[States, dict[str, Any]]:
    """Temper one model on all ranks.

    Args:
        qubo: dense or sparse; a Gram model is written out.
        ranks: all call this alike.
        reads: states wanted. There are as many ladders as give each read a replica.
        seed: of this model.
        clock: when it is late, the ladders end where they are.
        num_sweeps: of each replica; none is 1000.
        beta_range: inverse temperatures (hot, cold), 1 / energy; none quenches two replicas and reads them off.
        num_temperatures: of a ladder, evenly spaced in log(beta).
        exchange_every: sweeps between two offers of an exchange.

    Returns:
        States (reads, n): the lowest that each replica has met, after a descent. Info: num_sweeps (made by all),
        beta_range, num_temperatures, ladders, swap_acceptance (a share for each pair of neighbours), interrupted,
        cut_short.
    """
    sweeps = whole_number("num_sweeps", SWEEPS if num_sweeps is None else num_sweeps)
    count = whole_number("num_temperatures", num_temperatures, least=2)
    every = whole_number("exchange_every", exchange_every)
    flat = written_out(qubo)
    hot, cold = inverse_temperatures(beta_range) if beta_range is not None else sampled_range(flat, seed)
    betas, wanted = np.geomspace(hot, cold, count), -(-reads // count)
    found: list[States] = []
    exchanges, made = np.zeros((2, count - 1), np.int64), sweeps
    for begin in range(0, wanted, LADDERS_AT_ONCE):
        if ranks.from_first(bool(found) and clock.late):
            break
        ladders = Ladders.start(flat, ranks, betas, min(LADDERS_AT_ONCE, wanted - begin), (*seed, begin))
        made = min(made, _climbed(ladders, sweeps, every, clock))
        exchanges += ladders.tried, ladders.accepted
        found.append(_lowest(ladders))
    states = np.concatenate(found)
    interrupted = any(ranks.everyone(clock.interrupted))
    return states[np.argsort(qubo.energies(states), kind="stable")][:reads], {
        "num_sweeps": made,
        "beta_range": (hot, cold),
        "num_temperatures": count,
        "ladders": wanted,
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


def sampled_range(qubo: DenseQubo | SparseQubo, seed: tuple[int, ...]) -> tuple[float, float]:
    """Quench two replicas and read the inverse temperatures, (hot, cold), off what flips cost where they end."""
    replicas = Replicas.start(qubo, keys(2, *seed, _RANGE))
    highest = float(np.abs(replicas.field).max())
    if highest == 0:
        return 1.0, 1.0  # nothing to decide: every state has one energy
    for temperature in np.geomspace(highest, highest * 1e-5, 24):
        replicas.sweep(np.full(2, 1 / temperature))
    replicas.descend()
    costs = np.abs(replicas.field)
    costs = costs[costs > 1e-7 * highest]
    if not len(costs):
        return 1 / highest, 1e3 / highest
    low, high = np.quantile(costs, (0.1, 0.9))
    hot = HOT * float(high)
    return 1 / hot, 1 / min(COLD * float(low), hot)


def _lowest(ladders: Ladders) -> States:
    """The lowest state of each replica, descended to where no flip lowers it: (replicas, n), from all ranks."""
    own = ladders.replicas
    own.state[:] = own.best
    if len(own.state):
        own.field[:] = own.qubo.field(own.state)
        own.descend()
    packed = np.concatenate(ladders.ranks.everyone(np.packbits(own.state.astype(bool), axis=1)))
    return np.unpackbits(packed, axis=1, count=own.state.shape[1]).astype(np.int8)
