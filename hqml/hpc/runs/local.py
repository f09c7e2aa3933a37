"""Run the scripts of a run on this machine, where the site has no scheduler: in the foreground, until all have ended.

Steps run as soon as what they come after is done, several at a time. State and log files are those of a run under
Slurm, so that `status`, `logs` and `resume` take both. There is no time limit: who waits for it sees it run.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from hqml.errors import ParameterError
from hqml.files import keep
from hqml.hpc.host import LocalHost, open_environment
from hqml.hpc.run import LOGS, STATE, UNFINISHED, Job, Jobs, Manifest, read_jobs, read_manifest, write_json
from hqml.hpc.runs.claim import claimed, holder
from hqml.hpc.runs.local_status import statuses_by_files, statuses_here
from hqml.hpc.runs.resume import again
from hqml.hpc.runs.states import TERMINATED, StepStatus, TaskStatus, from_file
from hqml.hpc.runs.status import state_name, task_numbers
from hqml.hpc.runs.submit import Order, chosen_steps, make_folders, possible
from hqml.processes import is_seen

Tell = Callable[[str, TaskStatus], None]
"""Is called with a step, and how a task of it stands now."""

_EVERY = 0.05
"""Seconds between two looks at the processes."""

_GRACE = 10.0
"""Seconds that processes have to end after SIGTERM."""

_MOST = 4
"""Processes at a time where nobody says: scripts may use several cores each."""


def run_here(
    folder: str | os.PathLike[str],
    *,
    only: Sequence[str] = (),
    resume: bool = False,
    at_once: int | None = None,
    tell: Tell | None = None,
) -> list[StepStatus]:
    """Run the steps of a run, and wait for them. Ctrl-C ends them; `resume` goes on.

    Args:
        folder: of the run.
        only: names of steps; all where none is named.
        resume: run what did not finish as well; else only what was never started.
        at_once: scripts at a time. None: as many as there are cores, four at most.
        tell: is told whenever a task starts or ends.

    Returns:
        How the steps stand at the end.

    Raises:
        ParameterError: there is no such step, or another process is at work on the run.
        FormatError: the folder is no run's, or cannot be written to.
    """
    manifest = read_manifest(folder)
    chosen = chosen_steps(manifest, only)
    with claimed(folder):
        found = {one.step: one for one in statuses_by_files(manifest, folder, alive=False)}
        orders = again(manifest, found) if resume else list(possible(manifest, chosen, found))
        _prepare(folder, orders)
        unfinished = {step: len(one.tasks) - one.counts.get("done", 0) for step, one in found.items()}
        crew = _Crew(Path(os.path.abspath(folder)), manifest, at_once or _at_once(), tell or _nobody, unfinished)
        with _ended_as_by_ctrl_c():
            crew.run(orders)
        return statuses_by_files(manifest, folder, alive=False)


def _prepare(folder: str | os.PathLike[str], orders: Sequence[Order]) -> None:
    """Make the folders, and forget what is known of the tasks that are run again."""
    path = os.path.abspath(folder)
    jobs = read_jobs(folder) or Jobs(None, path)
    make_folders(replace(jobs, folder=path), LocalHost(), orders)
    identifiers = dict(jobs.identifiers)
    for order in orders:
        gone = {
            "" if task is None else str(task)
            for task in (task_numbers(order.job) if order.tasks is None else order.tasks)
        }
        kept = tuple(one for one in identifiers.get(order.job.step, ()) if one.partition("_")[2] not in gone)
        identifiers[order.job.step] = kept
    write_json(Jobs(None, path, {step: ids for step, ids in identifiers.items() if ids}), folder)


def _at_once() -> int:
    return min(_MOST, os.cpu_count() or 1)


def _nobody(step: str, status: TaskStatus) -> None:
    """Nobody is told."""


def cancel_here(folder: str | os.PathLike[str], only: Sequence[str] = ()) -> list[str]:
    """End what another process runs by `run_here`: named steps, or all.

    Returns:
        The steps that were running.

    Raises:
        ParameterError: there is no such step, or the process is on another machine.
        FormatError: the folder is no run's.
    """
    manifest = read_manifest(folder)
    chosen = chosen_steps(manifest, only)
    runner = holder(folder)
    if runner is not None and not is_seen(runner):
        raise ParameterError(f"{folder}: it runs on {runner['host']}; cancel it there")
    active = {one.step: [task for task in one.tasks if task.state == "running"] for one in statuses_here(folder)}
    if runner is not None and not only:
        os.kill(int(runner["pid"]), signal.SIGTERM)
    else:
        for task in (task for step in chosen for task in active[step]):
            _kill(int(task.job.partition("_")[0]), signal.SIGTERM)
    return [step for step in chosen if active[step]]


@dataclass
class _Child:
    """A script that runs."""

    job: Job
    task: int | None
    process: subprocess.Popen[bytes]
    start: float
    restarts: int

    @property
    def number(self) -> str:
        """As a scheduler would write it: that of the process, and of the task."""
        return f"{self.process.pid}" if self.task is None else f"{self.process.pid}_{self.task}"


@dataclass
class _Crew:
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
    running: list[_Child] = field(default_factory=list)

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
                for child in [one for one in self.running if one.process.poll() is not None]:
                    self._ended(child)
        finally:
            self._stop()

    def _start_what_can(self) -> None:
        for job, task in list(self.waiting):
            if len(self.running) == self.at_once:
                return
            at_work = sum(one.job.step == job.step for one in self.running)
            if not any(self.open[step] for step in job.after) and at_work < (job.at_once or self.at_once):
                self.waiting.remove((job, task))
                self._start(job, task)

    def _start(self, job: Job, task: int | None, restarts: int = 0) -> None:
        environment = {**open_environment(), "HQML_RUN": str(self.folder), "SLURM_RESTART_COUNT": str(restarts)}
        if task is not None:
            environment["SLURM_ARRAY_TASK_ID"] = str(task)
        log = self.folder / LOGS / f"{self.manifest.workflow}-{state_name(job.step, task)}.part"
        with open(log, "wb") as output:
            process = subprocess.Popen(
                ["bash", str(self.folder / job.script)],
                cwd=self.manifest.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C on the terminal reaches this process alone, which ends them in order
            )
        child = _Child(job, task, process, time.time(), restarts)
        self.running.append(child)
        log.rename(self.folder / LOGS / f"{self.manifest.workflow}-{job.step}-{child.number}.out")
        self._note(child)
        self.tell(job.step, TaskStatus("running", task, child.number, start=child.start, requeues=restarts))

    def _note(self, child: _Child) -> None:
        jobs = read_jobs(self.folder) or Jobs(None, str(self.folder))
        ids = (*jobs.identifiers.get(child.job.step, ()), child.number)
        write_json(replace(jobs, identifiers={**jobs.identifiers, child.job.step: ids}), self.folder)

    def _ended(self, child: _Child) -> None:
        self.running.remove(child)
        code = child.process.returncode
        _kill(child.process.pid, signal.SIGKILL)  # what it has left behind in its session
        if code == UNFINISHED and child.restarts < child.job.requeues:
            self._start(child.job, child.task, child.restarts + 1)
            return
        self._end(child, code if code >= 0 else 128 - code)

    def _end(self, child: _Child, status: int) -> None:
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
        """End what runs: SIGTERM, and SIGKILL for what does not heed it."""
        for child in self.running:
            _kill(child.process.pid, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE
        for child in self.running:
            with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
                child.process.wait(max(deadline - time.monotonic(), 0))
            _kill(child.process.pid, signal.SIGKILL)
            child.process.wait()
            self._end(child, TERMINATED)
        self.running.clear()


def _kill(session: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(session, number)


@contextmanager
def _ended_as_by_ctrl_c() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end what runs, as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.default_int_handler) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
