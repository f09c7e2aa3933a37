"""Simulated annealing of dwave-samplers as a backend."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Literal, TypeAlias, get_args

import dimod
import numpy as np

from hqml.backend import Capabilities, Usage, drawn_seed
from hqml.errors import ParameterError
from hqml.options import inverse_temperatures, whole_number
from hqml.qubo import Qubo
from hqml.samples import states_of, to_sampleset
from hqml_ocean.local import Clock, Progress, model_seed, random_state, run_until_interrupted, written_out

ScheduleType: TypeAlias = Literal["geometric", "linear"]

DEFAULT_SWEEPS = 1000
"""Sweeps of a read: the default of dwave-samplers."""

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


@dataclass(frozen=True)
class Schedule:
    """How a read cools down.

    Attributes:
        num_sweeps: passes over all variables.
        beta_range: inverse temperatures (hot, cold), in units of 1/energy; None takes the default of dwave-samplers.
        kind: how beta goes from hot to cold.
    """

    num_sweeps: int
    beta_range: tuple[float, float] | None
    kind: ScheduleType

    def of(self, spins: dimod.BinaryQuadraticModel) -> Schedule:
        """This schedule with the range that suits a model of vartype SPIN."""
        return self if self.beta_range is not None else replace(self, beta_range=default_beta_range(spins))


class NealBackend:
    """`dwave.samplers.SimulatedAnnealingSampler` behind the seam.

    With a time limit each model gets an equal share of what is left. A few sweeps are timed first; if not even one
    read fits, its sweeps are reduced: `info` then has `num_sweeps` below `num_sweeps_wanted`, and the run is
    repeatable by seed only with that number of sweeps. A model that time or Ctrl-C left no turn comes back with one
    random state and `num_sweeps` 0.
    """

    capabilities = Capabilities(kind="cpu", seedable=True)

    def sample(
        self,
        qubos: Sequence[Qubo],
        *,
        reads: int = 100,
        seed: int | None = None,
        time_limit: float | None = None,
        num_sweeps: int | None = None,
        beta_range: tuple[float, float] | None = None,
        beta_schedule_type: ScheduleType = "geometric",
        progress: Callable[[float], None] | None = None,
    ) -> list[dimod.SampleSet]:
        """Anneal each model `reads` times.

        Args:
            qubos: dense or sparse models.
            reads: anneals of each model.
            seed: makes the run repeatable, unless a time limit cuts it.
            time_limit: seconds for the batch. It is looked at between reads; building a model is not cut short.
            num_sweeps: passes over all variables in a read; none is 1000.
            beta_range: inverse temperatures (hot, cold); none is the default of dwave-samplers (`default_beta_range`).
            beta_schedule_type: how beta goes from hot to cold.
            progress: called with the share done.

        Returns:
            One SampleSet a model. After Ctrl-C, what was found so far, with info["interrupted"] True.

        Raises:
            ParameterError: an option is out of its range.
            UnsupportedModel: the energies of a model may overflow.
        """
        schedule = _schedule(num_sweeps, beta_range, beta_schedule_type)
        seed = drawn_seed(seed)
        clock = Clock(time_limit)
        show = Progress(progress, len(qubos), reads)

        def anneal_each() -> list[dimod.SampleSet]:
            return [
                _sampleset(qubo, schedule, reads, seed, index, clock.share(len(qubos) - index), show)
                for index, qubo in enumerate(qubos)
            ]

        return run_until_interrupted(anneal_each, clock)

    def estimate(self, qubos: Sequence[Qubo], *, reads: int = 100, **options: Any) -> Usage:
        """Time a few sweeps of each model and scale up."""
        wanted = {name: options.get(name) for name in ("num_sweeps", "beta_range")}
        schedule = _schedule(**wanted, beta_schedule_type=options.get("beta_schedule_type", "geometric"))
        seconds = 0.0
        for qubo in qubos:
            started = perf_counter()
            spins = written_out(qubo).change_vartype(dimod.SPIN, inplace=False)
            own = schedule.of(spins)
            built = perf_counter() - started
            trial = _timed(spins, own, seed=0, clock=Clock(None))
            seconds += built + trial.setup + reads * own.num_sweeps * trial.sweep
        return Usage(seconds=seconds)

    def close(self) -> None:
        """Nothing is held."""


def _schedule(num_sweeps: Any, beta_range: Any, beta_schedule_type: Any) -> Schedule:
    """Check the options.

    Raises:
        ParameterError: one is out of its range.
    """
    sweeps = DEFAULT_SWEEPS if num_sweeps is None else whole_number("num_sweeps", num_sweeps, least=1)
    if beta_schedule_type not in get_args(ScheduleType):
        kinds = " or ".join(map(repr, get_args(ScheduleType)))
        raise ParameterError(f"beta_schedule_type must be {kinds}, found {beta_schedule_type!r}")
    if beta_range is None:
        return Schedule(sweeps, None, beta_schedule_type)
    return Schedule(sweeps, inverse_temperatures(beta_range), beta_schedule_type)


def _sampleset(
    qubo: Qubo, schedule: Schedule, reads: int, seed: int, index: int, clock: Clock, show: Progress
) -> dimod.SampleSet:
    """Anneal one model of a batch and say how it went."""
    started = built = perf_counter()
    own_seed = model_seed(seed, index)
    if clock.left() == 0:
        states, used = random_state(qubo.num_variables, own_seed), replace(schedule, num_sweeps=0)
    else:
        spins = written_out(qubo).change_vartype(dimod.SPIN, inplace=False)
        used = schedule.of(spins)
        built = perf_counter()
        found, used = _annealed(spins, used, reads, own_seed, clock, lambda done: show(index, done))
        states = states_of(found, qubo)[:reads]
    show(index, reads)
    return to_sampleset(
        qubo,
        states,
        backend="neal",
        seed=seed,
        timing={"model": built - started, "solve": perf_counter() - built},
        num_sweeps=used.num_sweeps,
        num_sweeps_wanted=schedule.num_sweeps,
        beta_range=used.beta_range,
        interrupted=clock.interrupted,
    )


def _annealed(
    spins: dimod.BinaryQuadraticModel,
    schedule: Schedule,
    reads: int,
    seed: int,
    clock: Clock,
    show: Callable[[int], None],
) -> tuple[dimod.SampleSet, Schedule]:
    """As many reads as the clock allows, at least one, and the schedule they had."""
    if clock.limited:
        trial = _timed(spins, schedule, seed, clock)
        affordable = int((PRUDENCE * clock.left() - trial.setup) / trial.sweep)
        if affordable <= trial.schedule.num_sweeps < schedule.num_sweeps or clock.left() == 0:
            return trial.samples, trial.schedule
        schedule = replace(schedule, num_sweeps=min(schedule.num_sweeps, max(affordable, 1)))
        # The sampler draws the initial states of all reads at once; those that time cannot reach are not asked for.
        reads = min(reads, 1 + int(READS_TO_SPARE * clock.left() / (schedule.num_sweeps * trial.sweep)))
    ends = [perf_counter()]

    def stop() -> bool:
        ends.append(perf_counter())
        show(len(ends) - 1)
        # The first read's time has the setup in it: an upper bound of what the second one will take.
        return clock.left() < ends[-1] - ends[-2] if clock.limited else clock.interrupted

    return _run(spins, schedule, reads, seed, stop), schedule


@dataclass(frozen=True)
class Trial:
    """A few short reads and what they took.

    Attributes:
        samples: those reads, at least one.
        schedule: of those reads.
        setup: seconds the sampler takes before its first read.
        sweep: seconds a sweep takes.
    """

    samples: dimod.SampleSet
    schedule: Schedule
    setup: float
    sweep: float


def _timed(spins: dimod.BinaryQuadraticModel, schedule: Schedule, seed: int, clock: Clock) -> Trial:
    """Time short reads. Only the first has the setup in it, so the others tell setup and sweeps apart."""
    short = replace(schedule, num_sweeps=min(schedule.num_sweeps, TRIAL_SWEEPS))
    ends = [perf_counter()]

    def stop() -> bool:
        ends.append(perf_counter())
        return clock.left() == 0 or (len(ends) > 2 and ends[-1] - ends[1] > TRIAL_SECONDS)

    samples = _run(spins, short, TRIAL_READS, seed, stop)
    first, *others = np.diff(ends)
    read = float(min(others, default=first))
    return Trial(samples, short, setup=float(first) - read, sweep=max(read / short.num_sweeps, 1e-9))


def _run(
    spins: dimod.BinaryQuadraticModel, schedule: Schedule, reads: int, seed: int, stop: Callable[[], bool]
) -> dimod.SampleSet:
    from dwave.samplers import SimulatedAnnealingSampler

    sampler: Any = SimulatedAnnealingSampler()  # type: ignore[no-untyped-call]
    return sampler.sample(  # type: ignore[no-any-return]
        spins,
        num_reads=reads,
        seed=seed,
        num_sweeps=schedule.num_sweeps,
        beta_range=schedule.beta_range,
        beta_schedule_type=schedule.kind,
        interrupt_function=stop,
    )


def default_beta_range(spins: dimod.BinaryQuadraticModel) -> tuple[float, float]:
    """The range (hot, cold) that dwave-samplers takes by itself, computed with arrays: its own loop over the couplings
    takes seconds on a dense model of 3000 variables.

    Hot: the stiffest spin, all its couplings aligned, flips with probability 1/2. Cold: one expected excitation in a
    hundred anneals, if only the spins with the smallest bias or coupling can be excited.

    Source: `_default_ising_beta_range` in dwave-samplers 1.8, of which this is a restatement.
    """
    vectors: Any = spins.to_numpy_vectors()
    bias, (row, column, coupling), _ = vectors
    bias, coupling = np.abs(bias), np.abs(coupling)
    strength, least = bias.copy(), np.where(bias > 0, bias, np.inf)
    present = coupling > 0
    for ends in (row, column):
        strength += np.bincount(ends, weights=coupling, minlength=len(bias))
        np.minimum.at(least, ends[present], coupling[present])
    if not strength.any():
        return 0.1, 1.0
    gap = max(least.min(), SMALLEST_GAP)
    number_of_gaps = np.count_nonzero(least <= gap)
    hot = math.log(2) / (2 * max(strength.max(), SMALLEST_GAP))
    return float(hot), float(math.log(number_of_gaps / 0.01) / (2 * gap))
