"""What a gateway writes down: whose job is whose, what each is expected to use and has used. Waits for the disk."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hqml_ocean.node.desk import over_budget
from hqml_ocean.node.journal import CANCELLED, COMPLETED, FAILED, FINAL, PENDING, SENT, Job, Journal, now
from hqml_ocean.node.refusals import Refusal, missing
from hqml_ocean.node.tokens import Account


@dataclass(frozen=True)
class Order:
    """A job as a client handed it in.

    Attributes:
        job: SAPI's object, which is passed on as it is.
        solver: name of the solver.
        identity: of it, as the client wrote it.
        estimate: QPU seconds; 0 where they cannot be known.
    """

    job: dict[str, Any]
    solver: str
    identity: dict[str, Any]
    estimate: float


class Ledger:
    """Jobs that were passed on.

    Args:
        journal: where they are written down.
    """

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._accepting, self._writing = threading.Lock(), threading.Lock()

    def book(self, account: Account, orders: Sequence[Order | Refusal]) -> list[Job | Refusal]:
        """Write jobs down before they are passed on, their estimates reserved; or tell why they are not."""
        with self._accepting:
            left = account.budget - self.journal.spent(account.name) - self.journal.reserved(account.name)
            checked: list[Order | Refusal] = []
            for order in orders:
                if isinstance(order, Order) and (order.estimate > left or left <= 0):
                    checked.append(over_budget(account, order.estimate, left))
                    continue
                left -= order.estimate if isinstance(order, Order) else 0.0
                checked.append(order)
            booked = iter(self.journal.add([(_job(account, one), None) for one in checked if isinstance(one, Order)]))
        return [next(booked) if isinstance(one, Order) else one for one in checked]

    def accepted(self, job: Job, state: Mapping[str, Any]) -> Job:
        """The service has given a job its identity."""
        return self.seen(replace(job, id=str(state["id"]), status=PENDING), state)

    def seen(self, job: Job, state: Mapping[str, Any]) -> Job:
        """Write down what the service says of a job; with its answer, or its end without one, what it has used."""
        with self._writing:
            # Another call may have written down more since this one has read.
            [current] = self.journal.jobs("number = ?", (job.number,))
            if current.id is None:
                current = job
            newer = _told(current, state)
            return newer if newer == current else self.journal.update(newer)

    def refused(self, jobs: Sequence[Job]) -> None:
        """The service has not taken these jobs: nothing is reserved for them any more."""
        for job in jobs:
            self.journal.forget(job)

    def own(self, account: Account, identity: str) -> Job:
        found = self.journal.own(account.name, [identity])
        if identity not in found:
            raise missing("problem of this id")
        return found[identity]

    def unsettled(self, account: Account) -> list[Job]:
        """Jobs of which it is not known what they have used."""
        return self.journal.jobs("account = ? AND used IS NULL", (account.name,))

    def lost(self, account: Account, label: str) -> list[Job]:
        """Jobs of a label that were passed on, and whose acceptance nobody has seen."""
        return self.journal.jobs("account = ? AND status = ? AND label = ?", (account.name, SENT, label))

    def known(self, identity: str) -> bool:
        """Whether a job belongs to anybody here."""
        return bool(self.journal.jobs("id = ?", (identity,), first=1))

    # Uploads

    def began(self, account: Account, upload: str, size: int) -> None:
        with self.journal.writing() as database:
            database.execute(
                "INSERT INTO uploads (id, account, size, created_on) VALUES (?, ?, ?, ?)",
                (upload, account.name, size, now()),
            )

    def check_upload(self, account: Account, upload: str) -> None:
        """An upload must be the account's own."""
        if not self.journal.rows("SELECT 1 FROM uploads WHERE id = ? AND account = ?", (upload, account.name)):
            raise missing("uploaded model of this id")


def seconds_of(answer: Any, estimate: float) -> float:
    """QPU seconds that a job has used: by the timing of a QPU's answer, else what was estimated.

    A hybrid solver is charged by its time limit, whatever part a QPU had in it.
    """
    timing = answer.get("timing") if isinstance(answer, dict) else None
    if isinstance(timing, dict) and isinstance(timing.get("qpu_access_time"), int | float):
        return float(timing["qpu_access_time"]) / 1e6
    return estimate


def _told(job: Job, state: Mapping[str, Any]) -> Job:
    """The job as the service tells of it. What has ended stays so, and what was used stays used."""
    status = job.status if job.final else str(state.get("status", job.status))
    used = job.used
    if used is None and status in (FAILED, CANCELLED):
        used = 0.0
    elif used is None and status == COMPLETED and "answer" in state:
        used = seconds_of(state["answer"], job.estimate)
    return replace(
        job,
        status=status,
        identity=_identity(state.get("solver"), job.identity),
        submitted_on=state.get("submitted_on") or job.submitted_on,
        solved_on=state.get("solved_on") or job.solved_on or (now() if status in FINAL else None),
        error=state.get("error_message") or job.error,
        used=used,
    )


def _job(account: Account, order: Order) -> Job:
    return Job(
        number=0,
        id=None,
        account=account.name,
        solver=order.solver,
        identity=order.identity,
        type=str(order.job.get("type")),
        label=order.job.get("label"),
        status=SENT,
        submitted_on=now(),
        estimate=order.estimate,
    )


def _identity(solver: Any, before: dict[str, Any]) -> dict[str, Any]:
    return solver if isinstance(solver, dict) else before
