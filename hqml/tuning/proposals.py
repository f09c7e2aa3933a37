"""From what was measured to what comes next: draw machines, sample their QUBOs, pick the lowest new ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from hqml.estimators.annealed import Annealer
from hqml.problems.factorization_machine import FactorizationMachine
from hqml.qubo import Floats, States
from hqml.samples import states_of
from hqml.tuning.encoding import Encoding, states_of_choices
from hqml.tuning.space import Configuration, Space
from hqml.tuning.surrogate import drawn_machines, normal_scores

_STARTS = 5
"""Lowest configurations of a machine whose neighbours are looked at."""


@dataclass(frozen=True)
class Proposals:
    """What comes next.

    Attributes:
        configurations: distinct, none of them seen.
        energies: lowest energy of each machine.
        seconds: by stage: build, solve, decode; of metered hardware also qpu.
    """

    configurations: list[Configuration]
    energies: list[float]
    seconds: dict[str, float]


def propose(
    space: Space,
    encoding: Encoding,
    measured: Sequence[Configuration],
    scores: Sequence[float],
    *,
    seen: set[Configuration],
    rank: int,
    count: int,
    annealer: Annealer,
    rng: np.random.Generator,
) -> Proposals:
    """Propose up to `count` configurations; fewer where fewer are left.

    Args:
        space: of the configurations.
        encoding: of the space.
        measured: configurations, again for each time they were measured.
        scores: of each, higher is better; what failed is not finite.
        seen: never proposed; may hold what is being measured now.
        rank: of the machines.
        count: one machine each; all are sampled in one batch.
        annealer: samples the machines' QUBOs.
        rng: decides the machines.
    """
    started = perf_counter()
    choices = encoding.choices(measured)
    targets = normal_scores(scores)
    machines = drawn_machines(encoding, choices, targets, rank=rank, count=count, rng=rng)
    qubos = [machine.to_qubo() for machine in machines]
    built = perf_counter()
    sampled = annealer.sample(qubos, int(rng.integers(2**31)))
    solved = perf_counter()
    chosen: list[Configuration] = []
    for machine, qubo, samples in zip(machines, qubos, sampled.samplesets, strict=True):
        best = _best_new(space, encoding, machine, states_of(samples, qubo), seen | set(chosen))
        chosen += [best] if best is not None else space.unseen(1, seen | set(chosen), rng)
    energies = [float(samples.first.energy) for samples in sampled.samplesets]
    seconds = {"build": built - started, **sampled.seconds, "decode": perf_counter() - solved}
    return Proposals(chosen, energies, seconds)


def _best_new(
    space: Space,
    encoding: Encoding,
    machine: FactorizationMachine,
    states: States,
    seen: set[Configuration],
) -> Configuration | None:
    """The lowest configuration that is not seen, of those sampled and their neighbours.

    Late in a search the minimum itself has often been measured; the lowest new one is near it then.
    """
    found = encoding.configurations(states)
    distinct = list(dict.fromkeys(configuration for configuration in found if configuration is not None))
    around = [near for configuration in distinct[:_STARTS] for near in space.neighbours(configuration)]
    new = [configuration for configuration in dict.fromkeys([*distinct, *around]) if configuration not in seen]
    if not new:
        return None
    values: Floats = machine.values(states_of_choices(encoding.choices(new), encoding.sizes))
    return new[int(np.argmin(values))]
