"""The scripts of a run that this process starts, each as soon as it may, and ends when it is ended itself."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from hqml.files import keep
from hqml.hpc.host import open_environment
from hqml.hpc.run import (
    LOGS,
    STATE,
    UNFINISHED,
    Job,
    Jobs,
    Manifest,
    log_name,
    read_jobs,
    state_name,
    task_numbers,
    write_json,
)
from hqml.hpc.runs import sessions
from hqml.hpc.runs.local_status import note
from hqml.hpc.runs.sessions import Orphan, Process, end, has_ended, kill, members, tell
from hqml.hpc.runs.states import TERMINATED, TaskStatus, from_file
from hqml.hpc.runs.submit import Order

Tell = Callable[[str, TaskStatus], None]
"""Is called with a step, and how a task of it stands now."""

_EVERY = 0.05
"""Seconds between two looks at the processes."""


@dataclass
class Child:
    """A script that runs.

    Attributes:
        job: whose script it is.
        task: of the array; None: there is none.
        process: of the script, which is a session.
        start: second (since 1970).
        restarts: how often it was started before.
        left: processes that it has left behind.
        deadline: for them, by the monotonic clock.
    """

    job: Job
    task: int | None
    process: subprocess.Popen[bytes] | Orphan
    start: float
    restarts: int
    left: list[Process] = field(default_factory=list)
    deadline: float | None = None

    @property
    def number(self) -> str:
        """As a scheduler would write it: that of the process, and of the task."""
        return f"{self.process.pid}" if self.task is None else f"{self.process.pid}_{self.task}"


@dataclass
class Crew:
    """The scripts of a run: those that wait, and those that run.

    Attributes:
        folder: of the run; absolute.
        manifest: of the run.
        at_once: scripts at a time.
        tell: is told whenever a task starts or ends.
        open: tasks of each step that are not done.
        waiting: what is to be run.
        running: what runs.
    """

    folder: Path
    manifest: Manifest
    at_once: int
    tell: Tell
    open: dict[str, int]
    waiting: list[tuple[Job, int | None]] = field(default_factory=list)
    running: list[Child] = field(default_factory=list)

    def run(self, orders: Sequence[Order]) -> None:
        """Run them all, or end them when this is interrupted."""
        for order in orders:
            numbers = task_numbers(order.job) if order.tasks is None else order.tasks
            self.waiting += [(order.job, task) for task in numbers]
        try:
            while True:
                self._start_what_can()
                if not self.running:
                    return
                time.sleep(_EVERY)
                for child in [one for one in self.running if _is_over(one)]:
                    self._ended(child)
        finally:
            self._stop()

    def _start_what_can(self) -> None:
        for job, task in list(self.waiting):
            if len(self.running) >= self.at_once:
                return
            at_work = sum(one.job.step == job.step for one in self.running)
            if not any(self.open[step] for step in job.after) and at_work < (job.at_once or self.at_once):
                self.waiting.remove((job, task))
                self._start(job, task)

    def _start(self, job: Job, task: int | None, before: Child | None = None) -> None:
        """Start a script, or go on with one that has ended with more to do, in the same log."""
        restarts = before.restarts + 1 if before else 0
        environment = {**open_environment(), "HQML_RUN": str(self.folder), "SLURM_RESTART_COUNT": str(restarts)}
        if task is not None:
            environment["SLURM_ARRAY_TASK_ID"] = str(task)
        (self.folder / STATE / state_name(job.step, task)).unlink(missing_ok=True)
        log = self.folder / LOGS / f"{self.manifest.workflow}-{state_name(job.step, task)}.part"
        if before:
            with suppress(FileNotFoundError):
                self._log(before).rename(log)
        with open(log, "ab" if before else "wb") as output:
            process = subprocess.Popen(
                ["bash", str(self.folder / job.script)],
                cwd=self.manifest.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C on the terminal reaches this process alone, which ends them in order
            )
        child = Child(job, task, process, time.time(), restarts)
        self.running.append(child)
        log.rename(self._log(child))
        self._note(child)
        self.tell(job.step, TaskStatus("running", task, child.number, start=child.start, requeues=restarts))

    def _log(self, child: Child) -> Path:
        return self.folder / LOGS / log_name(self.manifest.workflow, child.job.step, child.number)

    def _note(self, child: Child) -> None:
        note(self.folder, child.job.step, child.task, child.process.pid)
        jobs = read_jobs(self.folder) or Jobs(None, str(self.folder))
        ids = (*jobs.identifiers.get(child.job.step, ()), child.number)
        write_json(replace(jobs, identifiers={**jobs.identifiers, child.job.step: ids}), self.folder)

    def _ended(self, child: Child) -> None:
        self.running.remove(child)
        code = child.process.wait()
        if code == UNFINISHED and child.restarts < child.job.requeues:
            self._start(child.job, child.task, before=child)
            return
        self._end(child, code if code >= 0 else 128 - code)

    def _end(self, child: Child, status: int) -> None:
        """Write how it ended, for scripts that could not do so themselves, or were ended while they did."""
        path = self.folder / STATE / state_name(child.job.step, child.task)
        line = f"{status} {child.start:.0f} {time.time():.0f}\n"
        try:
            written = path.read_text()
        except OSError:
            written = ""
        if written.split()[:1] != [str(status)]:
            keep(path, line.encode())
        self.open[child.job.step] -= status == 0
        told = from_file(line, float("inf"))
        assert told is not None
        seconds = time.time() - child.start
        self.tell(child.job.step, replace(told, task=child.task, job=child.number, seconds=seconds))

    def _stop(self) -> None:
        """End what runs. What has ended by itself meanwhile has ended as it says."""
        end(*(child.process.pid for child in self.running))
        for child in self.running:
            code = child.process.wait()
            self._end(child, TERMINATED if code < 0 or code == UNFINISHED else code)
        self.running.clear()


def _is_over(child: Child) -> bool:
    """Whether a script has ended with all that it has left behind, which is ended as well."""
    if not has_ended(child.process):
        return False
    session = child.process.pid
    child.left = members(session, child.left)
    if child.left and child.deadline is None:
        tell(child.left, signal.SIGTERM)
        child.deadline = time.monotonic() + sessions.GRACE
    if child.left and child.deadline is not None and time.monotonic() < child.deadline:
        return False
    kill(session, child.left)
    return True
