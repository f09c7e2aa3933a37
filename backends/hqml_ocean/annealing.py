"""What the annealers of dwave-samplers share here: a batch under a clock, and as many sweeps as the clock allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Generic, Literal, Protocol, Self, TypeAlias, TypeVar, get_args

import dimod
import numpy as np

from hqml.backend import Usage
from hqml.errors import ParameterError
from hqml.interruption import until_interrupted
from hqml.qubo import Qubo
from hqml.samples import states_of, to_sampleset
from hqml_ocean.local import Clock, Progress, model_seed, random_state, written_out

ScheduleType: TypeAlias = Literal["geometric", "linear"]
"""How the inverse temperature goes from hot to cold."""

TRIAL_SWEEPS = 8
"""Sweeps of the reads that time a model: enough to cover the schedule from hot to cold, whose ends cost differently."""

TRIAL_READS = 6
"""Reads that time a model, of which the fastest counts: a busy machine makes single ones look slow."""

TRIAL_SECONDS = 0.02
"""Time after which two timed reads are enough."""

PRUDENCE = 0.8
"""Share of the time left that a single read is planned into; the rest absorbs the noise of the timing."""

READS_TO_SPARE = 4
"""How many times more reads are asked for than the trial says would fit: it errs on the slow side."""

SMALLEST_GAP = 1e-300
"""Least difference of energies that a temperature is made for: the inverse of a smaller one may overflow."""


class Anneal(Protocol):
    """How a read of one model goes, in full or shortened."""

    @property
    def num_sweeps(self) -> int: ...

    @property
    def info(self) -> Mapping[str, Any]:
        """What a SampleSet tells of it, beside the sweeps."""
        ...

    def shortened(self, num_sweeps: int) -> Self:
        """The same way in fewer sweeps."""
        ...

    def run(
        self, spins: dimod.BinaryQuadraticModel, reads: int, seed: int, stop: Callable[[], bool]
    ) -> dimod.SampleSet:
        """Anneal a model of vartype SPIN.

        Args:
            spins: the model.
            reads: anneals wanted, in an order that does not depend on their number.
            seed: of 31 bits.
            stop: asked after each read whether it was the last one.
        """
        ...


A = TypeVar("A", bound=Anneal)
A_co = TypeVar("A_co", bound=Anneal, covariant=True)


class Plan(Protocol[A_co]):
    """How reads go as the caller wants it, for whatever model."""

    @property
    def num_sweeps(self) -> int: ...

    @property
    def info(self) -> Mapping[str, Any]: ...

    def fitted(self, spins: dimod.BinaryQuadraticModel, seed: int) -> A_co:
        """What that means for a model of vartype SPIN."""
        ...


@dataclass(frozen=True)
class Batch(Generic[A]):
    """Models to be annealed.

    With a time limit each model gets an equal share of what is left. A few sweeps are timed first; if not even one
    read fits, its sweeps are reduced. A model that time or Ctrl-C left no turn gets one random state and 0 sweeps.

    Attributes:
        backend: its name.
        qubos: dense or sparse models.
        plan: of each read.
        reads: wanted of each model.
    """

    backend: str
    qubos: Sequence[Qubo]
    plan: Plan[A]
    reads: int

    def sample(
        self, seed: int, time_limit: float | None, progress: Callable[[float], None] | None
    ) -> list[dimod.SampleSet]:
        """One SampleSet a model; after Ctrl-C, what was found so far."""
        clock = Clock(time_limit)
        show = Progress(progress, len(self.qubos), self.reads)

        def anneal_each() -> list[dimod.SampleSet]:
            models = len(self.qubos)
            return [self._one(index, seed, clock.share(models - index), show) for index in range(models)]

        return until_interrupted(anneal_each, clock.interrupt)

    def estimate(self) -> Usage:
        """Time a few sweeps of each model and scale up."""
        seconds = 0.0
        for qubo in self.qubos:
            started = perf_counter()
            spins = _spins(qubo)
            anneal = self.plan.fitted(spins, seed=0)
            built = perf_counter() - started
            trial = _timed(spins, anneal, seed=0, clock=Clock(None))
            seconds += built + trial.setup + self.reads * anneal.num_sweeps * trial.sweep
        return Usage(seconds=seconds)

    def _one(self, index: int, seed: int, clock: Clock, show: Progress) -> dimod.SampleSet:
        """Anneal one model and say how it went."""
        qubo, own_seed = self.qubos[index], model_seed(seed, index)
        started = built = perf_counter()
        sweeps, info = 0, self.plan.info
        if clock.left() == 0:
            states = random_state(qubo.num_variables, own_seed)
        else:
            spins = _spins(qubo)
            anneal = self.plan.fitted(spins, own_seed)
            built = perf_counter()
            found, used = _annealed(spins, anneal, self.reads, own_seed, clock, lambda done: show(index, done))
            states, sweeps, info = states_of(found, qubo)[: self.reads], used.num_sweeps, used.info
        show(index, self.reads)
        return to_sampleset(
            qubo,
            states,
            backend=self.backend,
            seed=seed,
            timing={"model": built - started, "solve": perf_counter() - built},
            num_sweeps=sweeps,
            num_sweeps_wanted=self.plan.num_sweeps,
            interrupted=clock.interrupted,
            **info,
        )


def checked_type(beta_schedule_type: Any) -> ScheduleType:
    """The value of `beta_schedule_type=`.

    Raises:
        ParameterError: there is no such schedule.
    """
    if beta_schedule_type not in get_args(ScheduleType):
        kinds = " or ".join(map(repr, get_args(ScheduleType)))
        raise ParameterError(f"beta_schedule_type must be {kinds}, found {beta_schedule_type!r}")
    return beta_schedule_type  # type: ignore[no-any-return]


def _spins(qubo: Qubo) -> dimod.BinaryQuadraticModel:
    return written_out(qubo).change_vartype(dimod.SPIN, inplace=False)


def _annealed(
    spins: dimod.BinaryQuadraticModel,
    anneal: A,
    reads: int,
    seed: int,
    clock: Clock,
    show: Callable[[int], None],
) -> tuple[dimod.SampleSet, A]:
    """As many reads as the clock allows, at least one, and how they went."""
    if clock.limited:
        trial = _timed(spins, anneal, seed, clock)
        affordable = int((PRUDENCE * clock.left() - trial.setup) / trial.sweep)
        if affordable <= trial.anneal.num_sweeps < anneal.num_sweeps or clock.left() == 0:
            return trial.samples, trial.anneal
        if affordable < anneal.num_sweeps:
            anneal = anneal.shortened(max(affordable, 1))
        # The sampler draws the initial states of all reads at once; those that time cannot reach are not asked for.
        reads = min(reads, 1 + int(READS_TO_SPARE * clock.left() / (anneal.num_sweeps * trial.sweep)))
    ends = [perf_counter()]

    def stop() -> bool:
        ends.append(perf_counter())
        show(len(ends) - 1)
        # The first read's time has the setup in it: an upper bound of what the second one will take.
        return clock.left() < ends[-1] - ends[-2] if clock.limited else clock.interrupted

    return anneal.run(spins, reads, seed, stop), anneal


@dataclass(frozen=True)
class Trial(Generic[A]):
    """A few short reads and what they took.

    Attributes:
        samples: those reads, at least one.
        anneal: how they went.
        setup: seconds the sampler takes before its first read.
        sweep: seconds a sweep takes.
    """

    samples: dimod.SampleSet
    anneal: A
    setup: float
    sweep: float


def _timed(spins: dimod.BinaryQuadraticModel, anneal: A, seed: int, clock: Clock) -> Trial[A]:
    """Time short reads. Only the first has the setup in it, so the others tell setup and sweeps apart."""
    short = anneal.shortened(min(anneal.num_sweeps, TRIAL_SWEEPS))
    ends = [perf_counter()]

    def stop() -> bool:
        ends.append(perf_counter())
        return clock.left() == 0 or (len(ends) > 2 and ends[-1] - ends[1] > TRIAL_SECONDS)

    samples = short.run(spins, TRIAL_READS, seed, stop)
    first, *others = np.diff(ends)
    read = float(min(others, default=first))
    return Trial(samples, short, setup=float(first) - read, sweep=max(read / short.num_sweeps, 1e-9))
