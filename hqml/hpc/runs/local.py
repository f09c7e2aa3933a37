"""Run the scripts of a run on this machine, where the site has no scheduler: in the foreground, until all have ended.

Steps run as soon as what they come after is done, several at a time. State and log files are those of a run under
Slurm, so that `status`, `logs` and `resume` take both. There is no time limit: who waits for it sees it run.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from hqml.errors import ParameterError
from hqml.hpc.host import LocalHost
from hqml.hpc.run import (
    STATE,
    Jobs,
    Manifest,
    read_jobs,
    read_manifest,
    state_name,
    task_numbers,
    write_json,
)
from hqml.hpc.runs.claim import claimed, holder
from hqml.hpc.runs.crew import Child, Crew, Tell
from hqml.hpc.runs.local_status import PROCESSES, noted, statuses_by_files, statuses_here
from hqml.hpc.runs.resume import again
from hqml.hpc.runs.sessions import Orphan, end
from hqml.hpc.runs.states import StepStatus, TaskStatus
from hqml.hpc.runs.submit import Order, chosen_steps, make_folders, possible
from hqml.processes import is_alive, is_seen

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
        crew = Crew(Path(os.path.abspath(folder)), manifest, at_once or _at_once(), tell or _nobody, unfinished)
        crew.running += _orphans(crew.folder, manifest, found)
        with _ended_as_by_ctrl_c():
            crew.run(orders)
        return statuses_by_files(manifest, folder, alive=False)


def _orphans(folder: Path, manifest: Manifest, found: Mapping[str, StepStatus]) -> Iterator[Child]:
    """Scripts that go on since their runner was killed: what comes after them waits for them here."""
    for job in manifest.jobs:
        for one in found[job.step].tasks:
            known = noted(folder, job.step, one.task).get("process") if one.state == "running" else None
            if known:
                name = state_name(job.step, one.task)
                start = (folder / PROCESSES / name).stat().st_mtime
                yield Child(job, one.task, Orphan(known, folder / STATE / name), start, one.requeues)


def _prepare(folder: str | os.PathLike[str], orders: Sequence[Order]) -> None:
    """Make the folders, and forget what is known of the tasks that are run again."""
    path = os.path.abspath(folder)
    jobs = read_jobs(folder) or Jobs(None, path)
    make_folders(replace(jobs, folder=path), LocalHost(), orders)
    (Path(path) / PROCESSES).mkdir(exist_ok=True)
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
        found = [noted(folder, step, task.task) for step in chosen for task in active[step]]
        end(*(one["process"]["pid"] for one in found if one and is_seen(one["process"]) and is_alive(one["process"])))
    return [step for step in chosen if active[step]]


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
