"""D-Wave's hybrid solver as a backend, by D-Wave's own client."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

import dimod
import numpy as np

from hqml.backend import Capabilities, Usage, drawn_seed
from hqml.errors import ParameterError
from hqml.options import finite_number
from hqml.qubo import Qubo, States
from hqml.samples import to_sampleset
from hqml_ocean.cloud.access import Access
from hqml_ocean.local import written_out
from hqml_ocean.qpu import PATIENCE

if TYPE_CHECKING:
    from hqml_ocean.cloud.client import Connection
    from hqml_ocean.cloud.jobs import Job
    from hqml_ocean.cloud.kept import Answer


STAND_IN = "classical stand-in: hqml's `cpu` backend with a time limit; no quantum physics"
"""Of samples of a node's solver, in `info["stand_in"]`."""


class HybridBackend:
    """The hybrid solver for binary quadratic models of D-Wave's Leap service, or of a quantum node.

    It gives one sample a model, and takes at least so many seconds a model as the service asks for. Its time is charged
    at the service's rate: `max_qpu_seconds` counts run time divided by the solver's `quota_conversion_rate`. Token and
    client are as those of `QpuBackend`.

    Args:
        solver: name of a hybrid solver; none is the least busy one.
        profile: section of Ocean's configuration file.
        endpoint: address of the service; none is DWAVE_API_ENDPOINT or that of the configuration file.
    """

    def __init__(self, *, solver: str | None = None, profile: str | None = None, endpoint: str | None = None) -> None:
        self._access = Access(endpoint=endpoint, profile=profile, solver=solver)

    @property
    def capabilities(self) -> Capabilities:
        """What the solver can take. Asks the service when first needed."""
        solver = self._connection().solver("hybrid", self._access.solver)
        most = solver.properties.get("maximum_number_of_variables")
        return Capabilities(kind="hybrid", max_variables=None if most is None else int(most), metered=True)

    def sample(
        self,
        qubos: Sequence[Qubo],
        *,
        reads: int = 100,
        seed: int | None = None,
        time_limit: float | None = None,
        max_qpu_seconds: float | None = None,
        patience: float = PATIENCE,
        checkpoint: str | os.PathLike[str] | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> list[dimod.SampleSet]:
        """Solve each model once.

        Args:
            qubos: dense or sparse models.
            reads: has no effect; a hybrid solver gives one sample.
            seed: has no effect; a hybrid solver takes none.
            time_limit: seconds that the solver may run for the whole batch, equally divided. None is the least that the
                service asks for.
            max_qpu_seconds: metered time granted to this call. Nothing is submitted that might exceed it.
            patience: seconds beyond the run time without any news from the service, after which it is given up.
            checkpoint: folder for what has been submitted and answered; none is one in the user's caches.
            progress: called with the share done.

        Returns:
            One SampleSet a model; `info["timing"]` has "run" and "qpu", the metered seconds. `info["stand_in"]` says so
            where the solver of a quantum node is none.

        Raises:
            ParameterError: time_limit is below the least that the service asks for.
            BudgetExceeded, AccessDenied, ServiceError: as of `QpuBackend.sample`.
        """
        from hqml_ocean.cloud import call, kept
        from hqml_ocean.cloud.jobs import Run, Terms

        started = perf_counter()
        finite_number("patience", patience, above=0, unit="seconds")
        opened = self._connection()
        solver = opened.solver("hybrid", self._access.solver)
        limits = _limits(solver, qubos, time_limit)
        rate = _rate(solver)
        digest = _digest(qubos, opened, solver, limits, seed)
        allowed = call.granted(max_qpu_seconds, call.unpaid(limits, digest, checkpoint) / rate, "a hybrid solver")
        with kept.opened(digest, drawn_seed(seed), checkpoint) as left:
            jobs = [_job(solver, *pair) for pair in zip(qubos, limits, strict=True)]
            outcome = Run(jobs, opened, left, Terms(allowed, math.inf, patience + sum(limits)), progress).bring_home()
            info = {"solver": solver.name, "interrupted": outcome.ending == "interrupted"}
            if "stand-in" in (solver.properties.get("tags") or ()):
                info["stand_in"] = STAND_IN
            seconds = (perf_counter() - started) / max(len(qubos), 1)
            pairs = zip(qubos, outcome.answers, strict=True)
            found = [None if answer is None else _sampleset(qubo, answer, seconds, **info) for qubo, answer in pairs]
            return call.whole(found, outcome, left, time_limit)

    def estimate(
        self,
        qubos: Sequence[Qubo],
        *,
        reads: int = 100,
        seed: int | None = None,
        time_limit: float | None = None,
        **options: Any,
    ) -> Usage:
        """The time limit, or the least that the service asks for; but for what an earlier call has left paid."""
        from hqml_ocean.cloud import call

        opened = self._connection()
        solver = opened.solver("hybrid", self._access.solver)
        limits = _limits(solver, qubos, time_limit)
        seconds = call.unpaid(limits, _digest(qubos, opened, solver, limits, seed), options.get("checkpoint"))
        return Usage(seconds=seconds, qpu_seconds=seconds / _rate(solver))

    def close(self) -> None:
        """The client belongs to the process: other backends may use it, and it is closed at exit."""

    def __repr__(self) -> str:
        return f"HybridBackend({self._access.written()})"

    def _connection(self) -> Connection:
        from hqml_ocean.cloud.client import connection

        return connection(self._access)


def _digest(qubos: Sequence[Qubo], opened: Connection, solver: Any, limits: list[float], seed: int | None) -> str:
    from hqml_ocean.cloud.kept import digest

    return digest(qubos, opened.endpoint, solver.name, limits, None if seed is None else int(seed))


def _limits(solver: Any, qubos: Sequence[Qubo], time_limit: float | None) -> list[float]:
    """Seconds the solver runs for each model.

    Raises:
        ParameterError: the service asks for more than the time limit.
    """
    sizes, least = zip(*solver.properties["minimum_time_limit"], strict=True)
    needed = [float(np.interp(qubo.num_variables, sizes, least)) for qubo in qubos]
    if time_limit is None or not needed:
        return needed
    share = time_limit / len(needed)
    if share < max(needed):
        raise ParameterError(
            f"time_limit must be at least {len(needed) * max(needed):g} s here, found {time_limit:g}: the solver "
            f"{solver.name!r} asks for {max(needed):g} s a model; leave it out to get the least"
        )
    return [share] * len(needed)


def _rate(solver: Any) -> float:
    """Seconds of run time that are charged as one second of QPU access."""
    return float(solver.properties.get("quota_conversion_rate") or 1.0)


def _job(solver: Any, qubo: Qubo, limit: float) -> Job:
    from hqml_ocean.cloud.jobs import Job

    bqm = written_out(qubo).copy()
    bqm.relabel_variables(dict(zip(qubo.labels, range(qubo.num_variables), strict=True)))

    def send(label: str) -> Any:
        with bqm.to_file(version=2) as file:
            uploaded = solver.upload_bqm(file).result()
        return solver.sample_bqm(uploaded, label=label, time_limit=limit)

    return Job(limit / _rate(solver), solver, send, lambda future: _read(future, qubo, _rate(solver)))


def _read(future: Any, qubo: Qubo, rate: float) -> tuple[States, dict[str, float]]:
    """The states (samples, n) in the order of the model's variables, and the timing in microseconds.

    Raises:
        ValueError: the answer is not one to this model.
    """
    from hqml_ocean.cloud.jobs import CHARGED

    future.result()
    found = future.sampleset
    if sorted(found.variables) != list(range(qubo.num_variables)) or not len(found):
        raise ValueError("the answer is of other variables than the model")
    found = found.change_vartype(dimod.BINARY, inplace=False)
    columns = [found.variables.index(variable) for variable in range(qubo.num_variables)]
    timing = {name: float(value) for name, value in found.info.items() if isinstance(value, int | float)}
    if "charge_time" in timing:
        timing[CHARGED] = timing["charge_time"] / rate
    return np.asarray(found.record.sample[:, columns], dtype=np.int8), timing


def _sampleset(qubo: Qubo, answer: Answer, seconds: float, **info: Any) -> dimod.SampleSet:
    from hqml_ocean.cloud.jobs import CHARGED

    run, charged = answer.timing.get("run_time", 0.0) / 1e6, answer.timing.get(CHARGED, 0.0) / 1e6
    timing = {"run": run, "qpu": charged, "network": max(answer.seconds - run, 0.0), "solve": seconds}
    return to_sampleset(qubo, answer.states, backend="hybrid", seed=None, timing=timing, job=answer.job, **info)
