"""The queue of a solver: jobs in order of arrival, one at a time, as on a QPU."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

from hqml_ocean.node.changes import Changes
from hqml_ocean.node.faults import Faults
from hqml_ocean.node.journal import CANCELLED, COMPLETED, FAILED, IN_PROGRESS, PENDING, Job, Journal, now
from hqml_ocean.node.refusals import Refusal
from hqml_ocean.node.solvers import Solver

_log = logging.getLogger("hqml_ocean.node")

HOUR = 3600.0

RECOVERY = 10.0
"""Seconds to wait for a disk that is full, or a journal that cannot be written for another reason."""


class Queue:
    """Solves the jobs of one solver in a thread of its own.

    Args:
        solver: what solves them.
        journal: where they wait.
        changes: whom to tell.
        faults: what is to go wrong; None where nothing is.
        idle: called about once an hour between jobs.
    """

    def __init__(
        self,
        solver: Solver,
        journal: Journal,
        changes: Changes,
        faults: Faults | None = None,
        idle: Callable[[], object] = lambda: None,
    ) -> None:
        self.solver = solver
        self._journal, self._changes, self._faults, self._idle = journal, changes, faults, idle
        self._wake = threading.Condition()
        self._ending = False
        self._paused = False
        self._thread = threading.Thread(target=self._work, name=f"hqml_ocean.node {solver.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def look(self) -> None:
        """There may be a new job."""
        with self._wake:
            self._wake.notify_all()

    def pause(self) -> None:
        """Begin no further job; those that come wait."""
        with self._wake:
            self._paused = True

    def resume(self) -> None:
        with self._wake:
            self._paused = False
            self._wake.notify_all()

    def end(self) -> None:
        """Begin no further job, for good."""
        with self._wake:
            self._ending = True
            self._wake.notify_all()

    def ended(self, patience: float | None) -> bool:
        """Wait so many seconds for the job under way after `end`; tells whether it has ended.

        One that has not is in progress in the journal, and runs again in the next node.
        """
        if self._thread.ident is not None:
            self._thread.join(patience)
        return not self._thread.is_alive()

    def waiting(self) -> list[Job]:
        """Jobs that wait or run, in their order."""
        return self._journal.jobs("solver = ? AND status IN (?, ?)", (self.solver.name, PENDING, IN_PROGRESS))

    def _work(self) -> None:
        rested = monotonic()
        while not self._ending:
            if monotonic() - rested > HOUR:
                self._idle()
                rested = monotonic()
            job = None if self._paused else self._next()
            if job is not None:
                self._attempt(job)
                continue
            with self._wake:
                if not self._ending and (self._paused or self._next() is None):
                    self._wake.wait(HOUR)

    def _attempt(self, job: Job) -> None:
        """Solve a job; where not even its end can be written down, let it wait and try again later."""
        try:
            self._solve(job)
        except Exception:
            _log.exception("what became of job %s of %s could not be written down", job.id, job.account)
            with self._wake:
                self._wake.wait(RECOVERY)
            with suppress(sqlite3.Error):
                self._journal.change(job, IN_PROGRESS, status=PENDING)

    def _next(self) -> Job | None:
        found = self._journal.jobs("solver = ? AND status = ?", (self.solver.name, PENDING), first=1)
        return found[0] if found else None

    def _solve(self, job: Job) -> None:
        running = self._journal.change(job, PENDING, status=IN_PROGRESS)
        if running is None:  # cancelled at this moment
            return
        fault = self._faults.take("job") if self._faults else None
        if fault is not None:
            fault.sleep()
            if fault.outcome is not None:
                self._end(running, fault.outcome, fault.message)
                return
        try:
            solved = self.solver.solve(running, self._journal.body(running))
        except Refusal as refusal:  # what was right when it was accepted: the chip of a restarted node is another one
            self._end(running, FAILED, refusal.message)
        except Exception as error:
            _log.exception("job %s of %s failed", job.id, job.account)
            self._end(running, FAILED, f"the node could not solve it: {type(error).__name__}: {error}")
        else:
            self._journal.change(
                running, IN_PROGRESS, answer=solved.answer, status=COMPLETED, solved_on=now(), used=solved.used
            )
            _log.info("job %s of %s completed, %.6f QPU seconds", job.id, job.account, solved.used)
            self._changes.tell()

    def _end(self, job: Job, status: str, error: str | None) -> None:
        reason = error if status != CANCELLED else None
        self._journal.change(job, IN_PROGRESS, status=status, solved_on=now(), used=0.0, error=reason)
        _log.info("job %s of %s %s: %s", job.id, job.account, status.lower(), error)
        self._changes.tell()
