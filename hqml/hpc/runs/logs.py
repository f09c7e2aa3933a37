"""Where the standard output and error of steps are, and what they say."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from hqml.errors import ParameterError
from hqml.hpc.host import Host
from hqml.hpc.run import LOGS, Jobs, read_jobs, read_manifest
from hqml.hpc.runs.states import ACTIVE
from hqml.hpc.runs.status import statuses
from hqml.options import unlike


@dataclass(frozen=True)
class Log:
    """A log file.

    Attributes:
        path: on the host.
        step: that wrote it.
        task: of its array; None: it is none.
    """

    path: str
    step: str
    task: int | None = None


def logs_of(folder: str | os.PathLike[str], wanted: str, host: Host) -> list[Log]:
    """The newest log of a step, or of each task of its array.

    Args:
        folder: of the run, on this machine.
        wanted: a step, e.g. "train", or a task of its array, e.g. "sweep.3".
        host: where its jobs are.

    Raises:
        ParameterError: there is no such step or task, or it was not submitted.
        HostError: the host cannot be reached.
        FormatError: the folder is no run's.
    """
    manifest = read_manifest(folder)
    step, _, task = wanted.partition(".")
    known = {one.step: one for one in statuses(folder, host)}
    if step not in known:
        raise ParameterError(f"{manifest.workflow} has no step {step!r}{unlike(step, known)}")
    tasks = [one for one in known[step].tasks if not task or str(one.task) == task]
    if not tasks:
        several = len(known[step].tasks)
        told = (
            f"its array has the tasks 0 to {several - 1}" if known[step].tasks[0].task is not None else "it is no array"
        )
        raise ParameterError(f"{step} has no task {task!r}; {told}")
    run = (read_jobs(folder) or Jobs(folder=os.path.abspath(folder))).folder
    found = [Log(f"{run}/{LOGS}/{manifest.workflow}-{step}-{one.job}.out", step, one.task) for one in tasks if one.job]
    if not found:
        raise ParameterError(f"{step} has no log; it was not submitted")
    return found


def following(
    folder: str | os.PathLike[str], log: Log, host: Host, *, every: float = 1.0, ask_every: float = 5.0
) -> Iterator[str]:
    """What a log says, as it grows; ends when the step has ended.

    Args:
        folder: of the run, on this machine.
        log: of a step or task.
        host: where it is.
        every: seconds between two looks at it.
        ask_every: seconds between two questions whether the step has ended.
    """
    told, asked, active = 0, float("-inf"), True
    while active:
        if time.monotonic() - asked >= ask_every:
            active = _is_active(folder, log, host)  # before the log is read: then what it says is all
            asked = time.monotonic()
        text = host.read(log.path) or ""
        if active:
            text = text.rstrip("\N{REPLACEMENT CHARACTER}")  # the first half of a character
        told = 0 if len(text) < told else told  # a requeued job may begin its log anew
        if text[told:]:
            yield text[told:]
        told = len(text)
        time.sleep(every if active else 0)


def _is_active(folder: str | os.PathLike[str], log: Log, host: Host) -> bool:
    step = next(one for one in statuses(folder, host) if one.step == log.step)
    return any(task.state in ACTIVE for task in step.tasks if task.task == log.task)
