"""A D-Wave QPU as a backend, by D-Wave's own client."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any

import dimod
import numpy as np

from hqml.backend import Capabilities, Usage, drawn_seed
from hqml.options import finite_number
from hqml.qubo import Qubo, States
from hqml_ocean.cloud.access import Access
from hqml_ocean.embedded import PREFACTOR, REPAIR, Annealing, Repair
from hqml_ocean.plan import Plan, Programmed, Submission, planned, programmed
from hqml_ocean.results import STAND_IN, Done, samplesets

if TYPE_CHECKING:
    from hqml_ocean.chip.chip import Chip
    from hqml_ocean.cloud.client import Connection
    from hqml_ocean.cloud.jobs import Job

PATIENCE = 600.0
"""Seconds without an answer after which a service is given up, queue included."""

ENERGY_TOLERANCE = 1e-3
"""Relative difference of an answer's energies from those of its states above which the answer is corrupt. Loose, since
a service may compute them from the numbers as its converters take them."""


class QpuBackend:
    """A D-Wave QPU, or a quantum node (`hqml node serve`), through Ocean's client.

    The token is read from DWAVE_API_TOKEN or Ocean's configuration file whenever a client is made, and is in no
    attribute of this object: it may be pickled, copied and printed. One client a process serves all backends; it is
    made when first needed and closed at exit (`hqml_ocean.cloud.client.close_all` does so earlier).

    Models of like size go side by side on the chip, as many as fit on its working qubits; reads are divided into runs
    that the chip's limit of run duration allows. The samples are not repeatable; `seed` draws the gauges.

    Args:
        solver: name of a QPU; none is the largest that is online.
        profile: section of Ocean's configuration file.
        endpoint: address of the service; none is DWAVE_API_ENDPOINT or that of the configuration file.
    """

    def __init__(self, *, solver: str | None = None, profile: str | None = None, endpoint: str | None = None) -> None:
        self._access = Access(endpoint=endpoint, profile=profile, solver=solver)

    @property
    def capabilities(self) -> Capabilities:
        """What the chip can take. Asks the service when first needed."""
        return chip_capabilities(self._chip(), kind="qpu", metered=True)

    def sample(
        self,
        qubos: Sequence[Qubo],
        *,
        reads: int = 100,
        seed: int | None = None,
        time_limit: float | None = None,
        max_qpu_seconds: float | None = None,
        annealing_time: float | None = None,
        chain_strength: float | None = None,
        chain_strength_prefactor: float = PREFACTOR,
        chain_break_method: Repair = REPAIR,
        spin_reversal_transforms: int = 1,
        side_by_side: bool = True,
        patience: float = PATIENCE,
        checkpoint: str | os.PathLike[str] | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> list[dimod.SampleSet]:
        """Anneal each model `reads` times on the chip.

        Submissions that a failed call has left are not paid for twice: the same call (same data, options, chip) takes
        the answers there are, and asks for those of submissions that the service has accepted.

        Args:
            qubos: dense or sparse models.
            reads: anneals of each model.
            seed: draws the gauges (`spin_reversal_transforms`).
            time_limit: seconds for the whole call. What is still in the queue then is cancelled. A single request (for
                the chip, an embedding) is not cut short.
            max_qpu_seconds: access time granted to this call. Nothing is submitted that might exceed it.
            annealing_time: microseconds an anneal; none is the chip's default.
            chain_strength: in units of the model's energy written with spins; none is uniform torque compensation.
            chain_strength_prefactor: of that compensation; D-Wave recommends .5 to 2.
            chain_break_method: what a broken chain says, "minimize-energy" or "majority" (of its qubits).
            spin_reversal_transforms: gauges that the reads of a model are spread over, each a submission of its own;
                submissions that are made anyway have each their own. 0 leaves the models as they are.
            side_by_side: put as many models on the chip at a time as fit; else one a submission.
            patience: seconds in which the service has neither accepted nor answered any submission, after which it is
                given up: raise it where queues are long. A single request may take up to half a minute beyond.
            checkpoint: folder for what has been submitted and answered; none is one in the user's caches.
            progress: called with the share done.

        Returns:
            One SampleSet a model. `info` has the chip, chain length, strength and breaks, the submissions with their
            share of time, and the timing in seconds (`hqml_ocean.results.samplesets`); "stand_in" where the chip of a
            quantum node is none.

        Raises:
            BudgetExceeded: no time was granted, or not enough; nothing more was submitted.
            AccessDenied: the token is missing or not accepted.
            ServiceError: the service failed, or (ServiceTimeout) did not answer in time.
            UnsupportedModel: a model does not fit on the chip.
            ParameterError: an option is out of its range.
        """
        from hqml_ocean.cloud import call, kept
        from hqml_ocean.cloud.jobs import Run, Terms

        started, deadline = perf_counter(), math.inf if time_limit is None else monotonic() + time_limit
        annealing = Annealing(
            annealing_time=annealing_time,
            chain_strength=chain_strength,
            chain_strength_prefactor=chain_strength_prefactor,
            chain_break_method=chain_break_method,
            spin_reversal_transforms=spin_reversal_transforms,
            side_by_side=side_by_side,
        )
        finite_number("patience", patience, above=0, unit="seconds")
        connection, plan = self._planned(qubos, reads, annealing, time_limit)
        digest = _digest(qubos, plan, connection, seed)
        granted = call.granted(max_qpu_seconds, _unpaid(plan, digest, checkpoint), "a QPU")
        with kept.opened(digest, drawn_seed(seed), checkpoint) as left:
            programs = [programmed(plan, one, qubos, left.seed) for one in plan.submissions]
            jobs = [self._job(connection, plan, *pair) for pair in zip(plan.submissions, programs, strict=True)]
            outcome = Run(jobs, connection, left, Terms(granted, deadline, patience), progress).bring_home()
            done = [
                Done(submission, program, answer.states, answer.timing, answer.seconds, answer.job)
                for submission, program, answer in zip(plan.submissions, programs, outcome.answers, strict=True)
                if answer is not None
            ]
            info: dict[str, Any] = {"interrupted": outcome.ending == "interrupted"}
            if plan.chip.stands_in:
                info["stand_in"] = STAND_IN
            found = samplesets(
                qubos, plan, done, backend="qpu", seed=left.seed, seconds=perf_counter() - started, **info
            )
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
        """Access time by the chip's published timing, but for what an earlier call has left paid."""
        connection, plan = self._planned(qubos, reads, Annealing.among(options), time_limit)
        seconds = _unpaid(plan, _digest(qubos, plan, connection, seed), options.get("checkpoint"))
        return Usage(seconds=seconds, qpu_seconds=seconds)

    def close(self) -> None:
        """The client belongs to the process: other backends may use it, and it is closed at exit."""

    def __repr__(self) -> str:
        return f"QpuBackend({self._access.written()})"

    def _planned(
        self, qubos: Sequence[Qubo], reads: int, annealing: Annealing, time_limit: float | None
    ) -> tuple[Connection, Plan]:
        from hqml_ocean.cloud.client import connection

        opened = connection(self._access)
        chip = _chip_of(opened.solver("qpu", self._access.solver))
        return opened, planned(qubos, chip, reads, annealing, time_limit)

    def _chip(self) -> Chip:
        from hqml_ocean.cloud.client import connection

        return _chip_of(connection(self._access).solver("qpu", self._access.solver))

    def _job(self, opened: Connection, plan: Plan, submission: Submission, program: Programmed) -> Job:
        from hqml_ocean.cloud.jobs import Job

        solver = opened.solver("qpu", self._access.solver)
        numbers = program.program
        h = dict(zip(numbers.qubits.tolist(), numbers.h.tolist(), strict=True))
        pairs = map(tuple, numbers.pairs.tolist())
        J = dict(zip(pairs, numbers.J.tolist(), strict=True))
        options: dict[str, Any] = {"num_reads": submission.reads, "answer_mode": "raw"}
        if plan.annealing.annealing_time is not None:
            options["annealing_time"] = plan.annealing.annealing_time
        if "auto_scale" in solver.parameters:
            options["auto_scale"] = False  # the program is within the chip's ranges already
        return Job(
            qpu_seconds=plan.qpu_seconds(submission),
            solver=solver,
            send=lambda label: solver.sample_ising(h, J, label=label, **options),
            read=lambda future: _read(future, program, submission.reads),
        )


def chip_capabilities(chip: Chip, **particular: Any) -> Capabilities:
    """What a chip can take: a clique of any couplings, or as many sparse variables as it has qubits."""
    from hqml_ocean.chip.embedding import largest_clique

    return Capabilities(
        max_variables=largest_clique(chip), max_sparse_variables=len(chip.properties["qubits"]), **particular
    )


@lru_cache(maxsize=4)
def _chip_of(solver: Any) -> Chip:
    """The chip of a client's solver; its graph takes a second to build, so it is kept with the solver."""
    from hqml_ocean.chip.chip import Chip

    return Chip(solver.name, solver.graph_id or solver.name, solver.properties)


def _digest(qubos: Sequence[Qubo], plan: Plan, connection: Connection, seed: int | None) -> str:
    from hqml_ocean.cloud.kept import digest

    given = None if seed is None else int(seed)
    chip = (connection.endpoint, plan.chip.name, plan.chip.graph_id)
    return digest(qubos, *chip, plan.annealing, plan.submissions, given)


def _unpaid(plan: Plan, digest: str, checkpoint: str | os.PathLike[str] | None) -> float:
    from hqml_ocean.cloud.call import unpaid

    return unpaid([plan.qpu_seconds(one) for one in plan.submissions], digest, checkpoint)


def _read(future: Any, program: Programmed, reads: int) -> tuple[States, dict[str, float]]:
    """The spins of a client's future, in the order of the program, and the timing in microseconds.

    Raises:
        ValueError: the answer is not one to this program.
    """
    result = future.result()
    numbers = program.program
    solutions = np.asarray(result["solutions"])
    if solutions.ndim != 2 or len(solutions) != reads:
        raise ValueError(f"{len(solutions)} samples in the answer, {reads} were asked for")
    if sorted(result["active_variables"]) != numbers.qubits.tolist():
        raise ValueError("the answer is of other qubits than the program")
    spins = solutions[:, numbers.qubits].astype(np.int8)
    if not np.isin(spins, (-1, 1)).all():
        raise ValueError("the answer has values other than -1 and +1")
    own = numbers.energies(spins)
    given = np.asarray(result["energies"], dtype=float)
    size = float(np.abs(numbers.h).sum() + np.abs(numbers.J).sum()) or 1.0
    if given.shape != own.shape or not np.allclose(given, own, rtol=0, atol=ENERGY_TOLERANCE * size):
        raise ValueError("the energies in the answer are not those of its samples")
    return spins, _timing(future)


def _timing(future: Any) -> dict[str, float]:
    from hqml_ocean.cloud.jobs import CHARGED

    timing = {name: float(value) for name, value in dict(future.timing).items() if isinstance(value, int | float)}
    if future.time_received is not None and future.time_solved is not None:
        timing["at_service"] = max((future.time_solved - future.time_received).total_seconds(), 0.0) * 1e6
    if "qpu_access_time" in timing:
        timing[CHARGED] = timing["qpu_access_time"]
    return timing
