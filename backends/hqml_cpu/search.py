"""From a batch to its states: one round of blocks, or rounds of ever more sweeps until they agree or time is up."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from hqml.annealing import FLIP_SWEEPS
from hqml.qubo import Floats, Qubo, States
from hqml_cpu.checkpoint import Checkpoint, describe
from hqml_cpu.methods import Run, Wanted
from hqml_cpu.runner import run

GROWTH = 4
"""Sweeps of a round as a multiple of those of the round before: the last one then takes most of the time."""

AGREED = 0.1
"""Share of the reads that end at the lowest energy of all rounds when another round is not worth its time."""


@dataclass(frozen=True)
class Sampled:
    """What was found for a batch.

    Attributes:
        runs: how each model was run, in its last round.
        states: of each model, (reads, n).
        rounds: in which each model took part.
        prepared: seconds spent before the first sweep of each round.
    """

    runs: list[Run]
    states: list[States]
    rounds: list[int]
    prepared: float
    interrupted: bool
    cut_short: bool


def sample_once(
    qubos: Sequence[Qubo],
    wanted: Wanted,
    *,
    threads: int,
    time_limit: float | None = None,
    report: Callable[[float], None] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    places: Sequence[int] | None = None,
) -> Sampled:
    """Run the blocks of all models, whose `places` in their batch are 0, 1, ... if nothing else is said."""
    started = perf_counter()
    runs = [Run.of(qubo, place, wanted) for qubo, place in zip(qubos, places or range(len(qubos)), strict=True)]
    prepared = perf_counter() - started
    outcome = run(
        [replace(task, index=index) for index, one in enumerate(runs) for task in one.tasks],
        threads=threads,
        time_limit=None if time_limit is None else max(0.0, time_limit - prepared),
        report=report,
        checkpoint=None if checkpoint is None else _checkpoint(checkpoint, runs, wanted),
    )
    return Sampled(runs, outcome.states, [1] * len(runs), prepared, outcome.interrupted, outcome.cut_short)


def search(
    qubos: Sequence[Qubo],
    wanted: Wanted,
    *,
    threads: int,
    time_limit: float,
    report: Callable[[float], None] | None = None,
) -> Sampled:
    """Use the time there is: rounds of GROWTH times as many sweeps, for each model until two rounds agree.

    They agree where the later one brings nothing lower and a share of AGREED of its reads are as low. A model keeps the
    lowest of all its reads. Heat baths over multipliers take one round: what is wanted of them is a machine, not a
    proof. What ends by agreement repeats with the seed.
    """
    ends = perf_counter() + time_limit

    def elapsed(_: float) -> None:
        if report is not None:
            report(min(1.0, 1 - (ends - perf_counter()) / time_limit))

    last = sample_once(qubos, wanted, threads=threads, time_limit=time_limit, report=elapsed)
    hunts = [_Hunt(*one) for one in zip(range(len(qubos)), qubos, last.runs, last.states, strict=True)]
    prepared, cut, rounds = last.prepared, last.cut_short, 1
    # A round that could hardly begin is not worth its preparation.
    while (open_ := [hunt for hunt in hunts if not hunt.settled]) and not last.interrupted:
        if (left := ends - perf_counter()) <= 2 * last.prepared:
            break
        last = sample_once(
            [hunt.qubo for hunt in open_],
            replace(wanted, num_sweeps=FLIP_SWEEPS * GROWTH**rounds, round=rounds),
            threads=threads,
            time_limit=left,
            report=elapsed,
            places=[hunt.place for hunt in open_],
        )
        for hunt, run_, states in zip(open_, last.runs, last.states, strict=True):
            hunt.take(run_, states, wanted.reads)
        prepared, rounds = prepared + last.prepared, rounds + 1
    return Sampled(
        [hunt.run for hunt in hunts],
        [hunt.states for hunt in hunts],
        [hunt.rounds for hunt in hunts],
        prepared,
        last.interrupted,
        cut_short=(bool(open_) or cut) and not last.interrupted,
    )


@dataclass
class _Hunt:
    """One model's search.

    Attributes:
        run: of its last round.
        states: the lowest of all its reads.
    """

    place: int
    qubo: Qubo
    run: Run
    states: States
    rounds: int = 1
    energies: Floats | None = None
    settled: bool = False

    def __post_init__(self) -> None:
        self.settled = not self.run.method.searches

    def take(self, run_: Run, states: States, reads: int) -> None:
        """Keep the lowest reads of this round and those before, and see whether they agree."""
        before = self.qubo.energies(self.states) if self.energies is None else self.energies
        now = self.qubo.energies(states)
        lowest = before.min()
        rounding = 1e-9 * abs(lowest)
        self.settled = bool(now.min() >= lowest - rounding and np.mean(now <= lowest + rounding) >= AGREED)
        order = np.argsort(np.concatenate([before, now]), kind="stable")[:reads]
        self.energies = np.concatenate([before, now])[order]
        self.states = np.concatenate([self.states, states])[order]
        self.run, self.rounds = run_, self.rounds + 1


def _checkpoint(path: str | os.PathLike[str], runs: Sequence[Run], wanted: Wanted) -> Checkpoint:
    about = describe(
        [one.model for one in runs],
        method=[one.method.name for one in runs],
        seed=wanted.seed,
        reads=wanted.reads,
        num_sweeps=[one.method.sweeps for one in runs],
        beta_range=[one.beta_range for one in runs],
    )
    return Checkpoint.at(path, about)
