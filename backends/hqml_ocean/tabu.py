"""Tabu search of dwave-samplers as a backend."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import dimod
import numpy as np

from hqml.backend import Capabilities, Usage, drawn_seed
from hqml.errors import ParameterError
from hqml.interruption import until_interrupted
from hqml.options import finite_number, whole_number
from hqml.qubo import Qubo, States
from hqml.samples import states_of, to_sampleset
from hqml_ocean.local import Clock, Progress, model_seed, random_state, written_out

DEFAULT_RESTARTS = 3
"""Restarts of a read without `timeout`: one of 100 variables then takes about the 20 ms of dwave-samplers."""

UNLIMITED_RESTARTS = 1_000_000
"""Restarts of a read that its `timeout` ends: the default of dwave-samplers."""

LEAST_UPDATES = 50_000
"""Least flips considered in a tabu search, which is else 10,000 a variable and more. The 500,000 of dwave-samplers make
a read of 5 variables take 7 ms."""


@dataclass(frozen=True)
class Search:
    """How a read goes.

    Attributes:
        tenure: flips a variable stays taboo after a flip of its own; None is min(20, n // 4).
        num_restarts: tabu searches after the first one.
        timeout: milliseconds a read may take, None for no clock.
    """

    tenure: int | None
    num_restarts: int
    timeout: float | None


class TabuBackend:
    """`dwave.samplers.TabuSampler` behind the seam.

    dwave-samplers ends a read by the clock, 20 ms, so that the same seed gives other samples on a busy machine. Here a
    read ends after `num_restarts` unless `timeout` is given. A time limit is divided equally between the models and
    cuts the read that would go past it; a model that time or Ctrl-C left no turn comes back with one random state.
    """

    capabilities = Capabilities(kind="cpu", seedable=True)

    def sample(
        self,
        qubos: Sequence[Qubo],
        *,
        reads: int = 100,
        seed: int | None = None,
        time_limit: float | None = None,
        tenure: int | None = None,
        num_restarts: int | None = None,
        timeout: float | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> list[dimod.SampleSet]:
        """Search each model `reads` times, each time from a random state.

        Args:
            qubos: dense or sparse models.
            reads: searches of each model.
            seed: makes the run repeatable, unless a time limit or `timeout` cuts it.
            time_limit: seconds for the batch.
            tenure: flips a variable stays taboo, 1 to n - 1; none is min(20, n // 4).
            num_restarts: restarts within a read; none is 3, or as many as fit where `timeout` is given.
            timeout: milliseconds a read may take, as in dwave-samplers; none is no limit.
            progress: called with the share done.

        Returns:
            One SampleSet a model. After Ctrl-C, what was found so far, with info["interrupted"] True.

        Raises:
            ParameterError: an option is out of its range.
            UnsupportedModel: the energies of a model may overflow.
        """
        search = _search(qubos, tenure, num_restarts, timeout)
        seed = drawn_seed(seed)
        clock = Clock(time_limit)
        show = Progress(progress, len(qubos), reads)

        def search_each() -> list[dimod.SampleSet]:
            return [
                _sampleset(qubo, search, reads, seed, index, clock.share(len(qubos) - index), show)
                for index, qubo in enumerate(qubos)
            ]

        return until_interrupted(search_each, clock.interrupt)

    def estimate(self, qubos: Sequence[Qubo], *, reads: int = 100, **options: Any) -> Usage:
        """Time one read of each model and scale up."""
        search = _search(qubos, *(options.get(name) for name in ("tenure", "num_restarts", "timeout")))
        seconds = 0.0
        for qubo in qubos:
            started = perf_counter()
            bqm = written_out(qubo)
            built = perf_counter()
            _read(bqm, search, 0, math.inf)
            seconds += built - started + reads * (perf_counter() - built)
        return Usage(seconds=seconds)

    def close(self) -> None:
        """Nothing is held."""


def _search(qubos: Sequence[Qubo], tenure: Any, num_restarts: Any, timeout: Any) -> Search:
    """Check the options.

    Raises:
        ParameterError: one is out of its range.
    """
    smallest = min((qubo.num_variables for qubo in qubos), default=math.inf)
    if tenure is not None and whole_number("tenure", tenure, least=1) >= smallest:
        raise ParameterError(
            f"tenure must be below the number of variables, found {tenure} for a model of {smallest}; "
            "leave it out to get min(20, n // 4)"
        )
    if timeout is not None:
        timeout = finite_number("timeout", timeout, above=0, unit="milliseconds")
    if num_restarts is None:
        num_restarts = DEFAULT_RESTARTS if timeout is None else UNLIMITED_RESTARTS
    return Search(tenure, whole_number("num_restarts", num_restarts, least=0), timeout)


def _sampleset(
    qubo: Qubo, search: Search, reads: int, seed: int, index: int, clock: Clock, show: Progress
) -> dimod.SampleSet:
    """Search one model of a batch and say how it went."""
    started = built = perf_counter()
    states: list[States] = []
    if clock.left() > 0:
        bqm = written_out(qubo)
        built = perf_counter()
        while len(states) < reads and (not states or clock.left() > 0):
            found = _read(bqm, search, model_seed(seed, index, len(states)), clock.left())
            states.append(states_of(found, qubo))
            show(index, len(states))
    else:
        states = [random_state(qubo.num_variables, model_seed(seed, index))]
        show(index, reads)
    return to_sampleset(
        qubo,
        np.concatenate(states),
        backend="tabu",
        seed=seed,
        timing={"model": built - started, "solve": perf_counter() - built},
        interrupted=clock.interrupted,
    )


def _read(bqm: dimod.BinaryQuadraticModel, search: Search, seed: int, seconds: float) -> dimod.SampleSet:
    """One read. The sampler's time limit counts whole milliseconds for each read."""
    from dwave.samplers import TabuSampler

    allowed = min(seconds * 1000, math.inf if search.timeout is None else search.timeout)
    sampler: Any = TabuSampler()  # type: ignore[no-untyped-call]
    return sampler.sample(  # type: ignore[no-any-return]
        bqm,
        num_reads=1,
        seed=seed,
        tenure=search.tenure,
        num_restarts=search.num_restarts,
        lower_bound_z=LEAST_UPDATES,
        timeout=None if allowed == math.inf else int(allowed),
    )
