"""What the node has accepted, on disk before it says so: jobs, their answers, what they have cost, uploaded models.

One SQLite file, held by one node at a time. What was waiting or running when a node ended is waiting again in the next.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hqml_ocean.node.database import MEMORY, opened

SENT, PENDING, IN_PROGRESS = "SENT", "PENDING", "IN_PROGRESS"
COMPLETED, FAILED, CANCELLED = "COMPLETED", "FAILED", "CANCELLED"
FINAL = (COMPLETED, FAILED, CANCELLED)
"""States that a job does not leave."""

_COLUMNS = "number, id, account, solver, identity, type, label, status, submitted_on, solved_on, error, estimate, used"


@dataclass(frozen=True)
class Job:
    """A job as the journal knows it; its body and its answer are asked for separately.

    Attributes:
        number: order of arrival.
        id: by which SAPI names it; None of one that was passed on, and whose answer has not come.
        account: name of the account it belongs to.
        solver: name of the solver.
        identity: of the solver, as SAPI writes it.
        type: "ising", "qubo" or "bqm".
        submitted_on, solved_on: ISO 8601, UTC.
        error: why it failed.
        estimate: QPU seconds it is expected to use, reserved meanwhile.
        used: QPU seconds it has used, None as long as that is not known.
    """

    number: int
    id: str | None
    account: str
    solver: str
    identity: dict[str, Any]
    type: str
    label: str | None
    status: str
    submitted_on: str
    solved_on: str | None = None
    error: str | None = None
    estimate: float = 0.0
    used: float | None = None

    @property
    def final(self) -> bool:
        return self.status in FINAL

    @property
    def held(self) -> float:
        """QPU seconds that this job takes from its account's budget."""
        return self.estimate if self.used is None else self.used


class Journal:
    """Jobs and uploads in one SQLite file. Safe to call from any thread.

    Args:
        path: of the file, made where missing; ":memory:" keeps nothing.

    Raises:
        FormatError: it cannot be made or is no journal, or another node holds it.
    """

    def __init__(self, path: str | os.PathLike[str] = MEMORY) -> None:
        self._lock = threading.RLock()
        self._database = opened(os.fspath(path))

    def close(self) -> None:
        with self._lock:
            self._database.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is on disk when the block ends well, nothing of it when it does not."""
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:  # a full disk may have ended it already
                    self._database.execute("ROLLBACK")
                raise

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._database.execute(query, values).fetchall()

    # Jobs

    def add(self, jobs: Iterable[tuple[Job, dict[str, Any] | None]]) -> list[Job]:
        """Write down jobs with their bodies, and give them their numbers."""
        added = []
        with self.writing() as database:
            for job, body in jobs:
                cursor = database.execute(
                    f"INSERT INTO jobs ({_COLUMNS}, body) VALUES ({', '.join('?' * 14)})",
                    (None, *_values(job)[1:], None if body is None else _packed(body)),
                )
                added.append(replace(job, number=cursor.lastrowid or 0))
        return added

    def update(self, job: Job, answer: dict[str, Any] | None = None) -> Job:
        """Write down what has become of a job, and its answer."""
        with self.writing() as database:
            database.execute(
                "UPDATE jobs SET id = ?, identity = ?, type = ?, status = ?, submitted_on = ?, solved_on = ?,"
                " error = ?, used = ?, answer = coalesce(?, answer) WHERE number = ?",
                (
                    *(job.id, json.dumps(job.identity), job.type, job.status, job.submitted_on, job.solved_on),
                    *(job.error, job.used, None if answer is None else _packed(answer), job.number),
                ),
            )
        return job

    def change(self, job: Job, before: str, answer: dict[str, Any] | None = None, **what: Any) -> Job | None:
        """Take a job from one state to another, or return None where it is not in that state any more."""
        with self._lock:
            current = self.jobs("number = ?", (job.number,))
            if not current or current[0].status != before:
                return None
            return self.update(replace(current[0], **what), answer)

    def forget(self, job: Job) -> None:
        """Strike out a job that was not accepted after all."""
        with self.writing() as database:
            database.execute("DELETE FROM jobs WHERE number = ?", (job.number,))

    def jobs(
        self, where: str = "1", values: Sequence[Any] = (), *, newest: int | None = None, first: int | None = None
    ) -> list[Job]:
        """Jobs that fulfil a condition, in order of arrival; of `newest` so many, the last one first."""
        order = "number DESC" if newest is not None else "number"
        order += f" LIMIT {int(newest or first or 0)}" if newest or first else ""
        return [_job(row) for row in self.rows(f"SELECT {_COLUMNS} FROM jobs WHERE {where} ORDER BY {order}", values)]

    def own(self, account: str, identities: Sequence[str]) -> dict[str, Job]:
        """Those of the named jobs that belong to an account, by their identity."""
        if not identities:
            return {}
        places = ", ".join("?" * len(identities))
        found = self.jobs(f"account = ? AND id IN ({places})", (account, *identities))
        return {str(job.id): job for job in found}

    def body(self, job: Job) -> dict[str, Any]:
        """What was submitted: {"data", "params"}."""
        return _unpacked(self.rows("SELECT body FROM jobs WHERE number = ?", (job.number,))[0][0]) or {}

    def answer(self, job: Job) -> dict[str, Any] | None:
        return _unpacked(self.rows("SELECT answer FROM jobs WHERE number = ?", (job.number,))[0][0])

    # What was used

    def spent(self, account: str) -> float:
        """QPU seconds that an account has used."""
        query = (
            "SELECT (SELECT coalesce(sum(used), 0) FROM jobs WHERE account = ?1)"
            " + (SELECT coalesce(sum(seconds), 0) FROM spent WHERE account = ?1)"
        )
        return float(self.rows(query, (account,))[0][0])

    def reserved(self, account: str) -> float:
        """QPU seconds that jobs of an account are expected to use, which have not been settled."""
        query = "SELECT coalesce(sum(estimate), 0) FROM jobs WHERE account = ? AND used IS NULL"
        return float(self.rows(query, (account,))[0][0])

    def purge(self, days: float) -> int:
        """Remove jobs that ended, and uploads that were made, so many days ago. What was spent stays spent."""
        before = (datetime.now(UTC) - timedelta(days=days)).isoformat()
        old = "solved_on < ? AND used IS NOT NULL"
        with self.writing() as database:
            # Of a job that a gateway passed on so long ago nothing more will be heard: it counts as it was estimated.
            database.execute(
                "UPDATE jobs SET used = estimate, solved_on = submitted_on"
                " WHERE body IS NULL AND used IS NULL AND submitted_on < ?",
                (before,),
            )
            database.execute(
                f"INSERT INTO spent SELECT account, sum(used) FROM jobs WHERE {old} GROUP BY account"
                " ON CONFLICT (account) DO UPDATE SET seconds = seconds + excluded.seconds",
                (before,),
            )
            removed = database.execute(f"DELETE FROM jobs WHERE {old}", (before,)).rowcount
            # A job that waits for its turn may name the upload in its body.
            database.execute(
                "DELETE FROM uploads WHERE created_on < ? AND NOT EXISTS"
                f" (SELECT 1 FROM jobs WHERE status IN ('{PENDING}', '{IN_PROGRESS}') AND type = 'bqm')",
                (before,),
            )
        return removed


def now() -> str:
    """This moment as SAPI and the journal write it."""
    return datetime.now(UTC).isoformat()


def _values(job: Job) -> tuple[Any, ...]:
    return (
        *(job.number, job.id, job.account, job.solver, json.dumps(job.identity), job.type, job.label, job.status),
        *(job.submitted_on, job.solved_on, job.error, job.estimate, job.used),
    )


def _job(row: tuple[Any, ...]) -> Job:
    number, identity, account, solver, solver_identity, *rest = row
    return Job(number, identity, account, solver, json.loads(solver_identity), *rest)


def _packed(value: dict[str, Any]) -> bytes:
    return zlib.compress(json.dumps(value).encode(), 1)


def _unpacked(blob: bytes | None) -> dict[str, Any] | None:
    if blob is None:
        return None
    found: dict[str, Any] = json.loads(zlib.decompress(blob))
    return found
