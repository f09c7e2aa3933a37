"""A stand-in for a QPU, in this process: a chip's graph, ranges, control errors and timing, without its physics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from time import perf_counter
from typing import TYPE_CHECKING, Any

import dimod
import numpy as np

from hqml.backend import Capabilities, Usage, drawn_seed
from hqml.errors import ParameterError
from hqml.interruption import until_interrupted
from hqml.qubo import Qubo
from hqml.samples import to_sampleset
from hqml_ocean.embedded import PREFACTOR, REPAIR, Annealing, Repair
from hqml_ocean.local import Clock, model_seed, random_state
from hqml_ocean.plan import Plan, planned, programmed
from hqml_ocean.results import STAND_IN, Done, samplesets

if TYPE_CHECKING:
    from hqml_ocean.chip.chip import Chip


class QpuOfflineBackend:
    """A QPU's whole code path without a QPU.

    Models are embedded on the working graph of a chip, scaled into its ranges, disturbed as control errors disturb
    them, annealed classically, and read out with broken chains, which are repaired. Time is what the published model
    says a chip of this kind would have taken ("qpu" in `info["timing"]`); nothing is charged. What it finds says
    nothing about what a QPU would find: `info["stand_in"]` says so too.

    Args:
        topology: "chimera" (2000Q), "pegasus" (Advantage), "zephyr" or "zephyr15" (Advantage2).
        shape: of a smaller chip of that family, e.g. 4 for a Pegasus P4; none is the real size.
        qubit_yield: share of qubits that work.
        chip_seed: draws those that do not.
        noise: standard deviations of the control errors (h, J), in units of the chip's ranges of 1; none is what D-Wave
            publishes (`hqml_ocean.chip.simulation.Noise`).
    """

    def __init__(
        self,
        *,
        topology: str = "pegasus",
        shape: int | Sequence[int] | None = None,
        qubit_yield: float = 0.99,
        chip_seed: int = 0,
        noise: tuple[float, float] | None = None,
    ) -> None:
        sizes = (shape,) if isinstance(shape, int | float | str) else shape  # a wrong one is told as it was typed
        self._chip_of = (topology, None if sizes is None else tuple(sizes), qubit_yield, chip_seed)
        if noise is not None and np.shape(noise) != (2,):
            raise ParameterError(f"noise must be two standard deviations, of h and of J, found {noise!r}")
        self._noise = None if noise is None else tuple(noise)

    @property
    def capabilities(self) -> Capabilities:
        from hqml_ocean.qpu import chip_capabilities

        return chip_capabilities(self._chip(), kind="cpu", seedable=True)

    def sample(
        self,
        qubos: Sequence[Qubo],
        *,
        reads: int = 100,
        seed: int | None = None,
        time_limit: float | None = None,
        annealing_time: float | None = None,
        chain_strength: float | None = None,
        chain_strength_prefactor: float = PREFACTOR,
        chain_break_method: Repair = REPAIR,
        spin_reversal_transforms: int = 1,
        side_by_side: bool = True,
        progress: Callable[[float], None] | None = None,
    ) -> list[dimod.SampleSet]:
        """As `QpuBackend.sample`, whose options these are.

        A time limit and Ctrl-C end the call between two submissions; a model that had no turn comes back with one
        random state.
        """
        seed = drawn_seed(seed)
        started, clock = perf_counter(), Clock(time_limit)
        annealing = Annealing(
            annealing_time=annealing_time,
            chain_strength=chain_strength,
            chain_strength_prefactor=chain_strength_prefactor,
            chain_break_method=chain_break_method,
            spin_reversal_transforms=spin_reversal_transforms,
            side_by_side=side_by_side,
        )
        plan = planned(qubos, self._chip(), reads, annealing, time_limit)
        done = until_interrupted(lambda: self._done(plan, qubos, seed, clock, progress), clock.interrupt)
        info: dict[str, Any] = {"stand_in": STAND_IN, "interrupted": clock.interrupted}
        found = samplesets(
            qubos, plan, done, backend="qpu-offline", seed=seed, seconds=perf_counter() - started, **info
        )
        return [
            samples if samples is not None else _random(qubo, model_seed(seed, index), seed, **info)
            for index, (qubo, samples) in enumerate(zip(qubos, found, strict=True))
        ]

    def estimate(self, qubos: Sequence[Qubo], *, reads: int = 100, **options: Any) -> Usage:
        """Time of the first submission here, times their number."""
        annealing = Annealing.among(options)
        plan = planned(qubos, self._chip(), reads, annealing)
        if not plan.submissions:
            return Usage(seconds=0.0)
        first = Plan(plan.chip, annealing, plan.submissions[:1], 0.0)
        started = perf_counter()
        self._done(first, qubos, 0, Clock(None), None)
        return Usage(seconds=(perf_counter() - started) * len(plan.submissions))

    def close(self) -> None:
        """Nothing is held."""

    def _chip(self) -> Chip:
        return _made(*self._chip_of)

    def _done(
        self, plan: Plan, qubos: Sequence[Qubo], seed: int, clock: Clock, progress: Callable[[float], None] | None
    ) -> list[Done]:
        """Submissions one after the other, as a chip runs them, until the clock stops."""
        from hqml_ocean.chip.simulation import Noise, run

        noise = Noise() if self._noise is None else Noise(*self._noise)
        done: list[Done] = []
        for submission in plan.submissions:
            if clock.left() == 0:
                break
            started = perf_counter()
            program = programmed(plan, submission, qubos, seed)
            spins = run(
                program.program,
                plan.chip,
                submission.reads,
                annealing_time=plan.annealing.annealing_time,
                seed=model_seed(seed, submission.number),
                noise=noise,
            )
            timing = plan.chip.timing(submission.qubits, submission.reads, plan.annealing.annealing_time)
            done.append(Done(submission, program, spins, timing, perf_counter() - started))
            if progress is not None:
                progress(len(done) / len(plan.submissions))
        return done


@lru_cache(maxsize=4)
def _made(topology: str, shape: tuple[int, ...] | None, qubit_yield: float, seed: int) -> Chip:
    from hqml_ocean.chip.topologies import TOPOLOGIES, made_chip

    if topology not in TOPOLOGIES:
        raise ParameterError(f"topology must be one of {', '.join(map(repr, TOPOLOGIES))}, found {topology!r}")
    return made_chip(topology, shape=shape, qubit_yield=qubit_yield, seed=seed)


def _random(qubo: Qubo, own_seed: int, seed: int, **info: Any) -> dimod.SampleSet:
    state = random_state(qubo.num_variables, own_seed)
    return to_sampleset(qubo, state, backend="qpu-offline", seed=seed, timing={"solve": 0.0}, submissions=[], **info)
