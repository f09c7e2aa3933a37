"""Where jobs are handed in and asked for: checks, budgets, journal, queues.

Knows nothing of HTTP, and waits for the disk.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hqml_ocean.node.changes import Changes
from hqml_ocean.node.faults import Faults
from hqml_ocean.node.journal import CANCELLED, COMPLETED, FAILED, PENDING, Job, Journal, now
from hqml_ocean.node.queue import Queue
from hqml_ocean.node.refusals import Refusal, bad, missing
from hqml_ocean.node.solvers import Solver
from hqml_ocean.node.tokens import Account

MOST_JOBS = 20
"""Jobs of one submission; Ocean's client sends no more."""

LONGEST_LABEL = 1024


class Desk:
    """The jobs of all accounts.

    Args:
        solvers: what takes them.
        journal: where they are written down.
        keep_days: after so many days a job that has ended is removed.
        faults: what is to go wrong, for tests.
    """

    def __init__(
        self, solvers: Sequence[Solver], journal: Journal, *, keep_days: float, faults: Faults | None = None
    ) -> None:
        self.journal = journal
        self.changes = Changes()
        self._keep_days = keep_days
        self.queues = {one.name: Queue(one, journal, self.changes, faults, self.purge) for one in solvers}
        self.at_rest = False
        """Whether it has ended, and no job is under way any more."""
        self._accepting = threading.Lock()

    def start(self) -> None:
        self.purge()
        self._fail_the_orphans()
        for queue in self.queues.values():
            queue.start()

    def close(self, patience: float | None = None) -> None:
        """End, and wait so many seconds for the jobs under way; the next node repeats those that take longer."""
        self.changes.close()
        for queue in self.queues.values():
            queue.end()
        ended = [queue.ended(patience) for queue in self.queues.values()]
        self.at_rest = all(ended)
        if self.at_rest:  # else a thread may still write its answer down
            self.journal.close()

    def purge(self) -> None:
        self.journal.purge(self._keep_days)

    def load(self, queue: Queue) -> float:
        """How busy a solver is, 0 to 1."""
        waiting = len(queue.waiting())
        return waiting / (waiting + 1.0)

    def submit(self, account: Account, jobs: Any) -> list[dict[str, Any]]:
        """Accept jobs, each by itself; they are on disk when this returns.

        Returns:
            Of each job its state, or why it was not accepted.
        """
        if not isinstance(jobs, list) or not 0 < len(jobs) <= MOST_JOBS:
            raise bad(f"a submission is a list of 1 to {MOST_JOBS} jobs")
        checked = [self._checked(account, job) for job in jobs]
        with self._accepting:
            answers, accepted = self._within_budget(account, checked)
            # Added in one transaction; numbers come with it.
            added = iter(self.journal.add(accepted))
        for queue in self.queues.values():
            queue.look()
        return [state_of(next(added)) if one is None else one.as_json() for one in answers]

    def own(self, account: Account, identity: str) -> Job:
        found = self.journal.own(account.name, [identity])
        if identity not in found:
            raise missing("problem of this id")
        return found[identity]

    def cancel(self, account: Account, identity: str) -> Job:
        """Take back a job that waits.

        Raises:
            Refusal: it does not wait any more.
        """
        job = self.own(account, identity)
        cancelled = self.journal.change(job, PENDING, status=CANCELLED, solved_on=now(), used=0.0)
        if cancelled is None:
            status = self.own(account, identity).status
            raise Refusal(409, f"problem {identity} is {status}; only one that is {PENDING} can be cancelled")
        self.changes.tell()
        return cancelled

    def _fail_the_orphans(self) -> None:
        """End jobs that an earlier node has accepted for a chip which this one does not have."""
        for job in self.journal.jobs("status = ?", (PENDING,)):
            queue = self.queues.get(job.solver)
            if queue is None or job.identity != queue.solver.identity:
                reason = f"the node was started again without solver {job.solver} of this working graph; submit anew"
                self.journal.update(replace(job, status=FAILED, solved_on=now(), used=0.0, error=reason))

    def _checked(self, account: Account, job: Any) -> tuple[Job, dict[str, Any]] | Refusal:
        try:
            return self._read(account, job)
        except Refusal as refusal:
            return refusal

    def _read(self, account: Account, job: Any) -> tuple[Job, dict[str, Any]]:
        if not isinstance(job, dict):
            raise bad("a job must be an object with solver, data, type and params")
        solver = self._solver(job.get("solver"))
        label, kind = job.get("label"), job.get("type")
        if label is not None and (not isinstance(label, str) or len(label) > LONGEST_LABEL):
            raise bad(f"label must be text of at most {LONGEST_LABEL} characters")
        body = {"data": job.get("data"), "params": job.get("params") or {}}
        estimate = solver.check(str(kind), body, account.name)
        return Job(
            number=0,
            id=str(uuid.uuid4()),
            account=account.name,
            solver=solver.name,
            identity=solver.identity,
            type=str(kind),
            label=label,
            status=PENDING,
            submitted_on=now(),
            estimate=estimate,
        ), body

    def _solver(self, identity: Any) -> Solver:
        """The solver that is meant; by its name alone too, as before SAPI 3."""
        name = identity.get("name") if isinstance(identity, Mapping) else identity
        queue = self.queues.get(name) if isinstance(name, str) else None
        if queue is None:
            raise Refusal(404, f"there is no solver of this name here; there are {', '.join(self.queues)}")
        version = identity.get("version") if isinstance(identity, Mapping) else None
        graph = version.get("graph_id") if isinstance(version, Mapping) else None
        if graph is not None and graph != queue.solver.identity.get("version", {}).get("graph_id"):
            raise Refusal(409, f"the working graph of solver {name} has changed; ask for the solver again")
        return queue.solver

    def _within_budget(
        self, account: Account, checked: list[tuple[Job, dict[str, Any]] | Refusal]
    ) -> tuple[list[Refusal | None], list[tuple[Job, dict[str, Any]]]]:
        left = account.budget - self.journal.spent(account.name) - self.journal.reserved(account.name)
        answers: list[Refusal | None] = []
        accepted: list[tuple[Job, dict[str, Any]]] = []
        for one in checked:
            if isinstance(one, Refusal):
                answers.append(one)
                continue
            job, _ = one
            if job.estimate > left:
                answers.append(over_budget(account, job.estimate, left))
                continue
            left -= job.estimate
            answers.append(None)
            accepted.append(one)
        return answers, accepted


def over_budget(account: Account, estimate: float, left: float) -> Refusal:
    """Why a job is not accepted: what it would take is not there."""
    return Refusal(
        402,
        f"insufficient remaining solver access time: the job would use {estimate:.6f} QPU seconds, account"
        f" {account.name} has {max(left, 0.0):.6f} of {account.budget:g} left that no waiting job reserves;"
        " ask the node's operator for more",
    )


def state_of(job: Job, answer: dict[str, Any] | None = None) -> dict[str, Any]:
    """What SAPI says of a job."""
    state = {
        "id": job.id,
        "status": job.status,
        "type": job.type,
        "solver": job.identity,
        "label": job.label,
        "submitted_on": job.submitted_on,
        "solved_on": job.solved_on,
    }
    if job.error is not None:
        state["error_message"] = job.error
    if answer is not None and job.status == COMPLETED:
        state["answer"] = answer
    return state
