"""Where the standard output and error of steps are, and what they say."""

from __future__ import annotations

import codecs
import os
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from hqml.errors import ParameterError
from hqml.hpc.host import Host
from hqml.hpc.run import LOGS, Jobs, log_name, read_jobs, read_manifest
from hqml.hpc.runs.patience import Patience
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
    found = [
        Log(f"{run}/{LOGS}/{log_name(manifest.workflow, step, one.job)}", step, one.task) for one in tasks if one.job
    ]
    if not found:
        raise ParameterError(f"{step} has no log; it was not submitted")
    return found


def _nobody(line: str) -> None:
    """Nobody is told."""


def following(
    folder: str | os.PathLike[str],
    log: Log,
    host: Host,
    *,
    every: float = 1.0,
    ask_every: float = 5.0,
    tell: Callable[[str], None] = _nobody,
) -> Iterator[str]:
    """What a log says, as it grows; ends when the step has ended.

    Args:
        folder: of the run, on this machine.
        log: of a step or task.
        host: where it is.
        every: seconds between two looks at it.
        ask_every: seconds between two questions whether the step has ended.
        tell: gets a line when the host, or its Slurm, does not answer.

    Raises:
        HostError: it has not answered for minutes.
    """
    patience = Patience(tell)
    told, asked, active = 0, float("-inf"), True
    decoder = _decoder()
    while active:
        if time.monotonic() - asked >= ask_every:
            found = patience.ask(lambda: _is_active(folder, log, host))  # before the log: then what that says is all
            active, asked = found is not False, time.monotonic()
        whole = False
        while not whole and (read := patience.ask(partial(_read_from, log.path, told, host))) is not None:
            start, content, whole = read
            decoder = decoder if start == told else _decoder()  # a requeued job may begin its log anew
            told = start + len(content)
            if text := decoder.decode(content, final=whole and not active):
                yield text
        active = active or not whole
        time.sleep(every if active else 0)


def _is_active(folder: str | os.PathLike[str], log: Log, host: Host) -> bool:
    step = next(one for one in statuses(folder, host) if one.step == log.step)
    return any(task.state in ACTIVE for task in step.tasks if task.task == log.task)


_MOST_BYTES = 1 << 20
"""Of a log, at one look at it."""

_FROM = """\
size=$(wc -c < "$1") || exit 0
start=$2
if ((size < start)); then start=0; fi
echo $((start)) $((size))
tail -c +$((start + 1)) < "$1" | head -c "$3" | base64"""


def _read_from(path: str, start: int, host: Host) -> tuple[int, bytes, bool]:
    """What a file has behind a byte, of a file that is shorter all of it: where it begins, and whether that is all.

    As BASE64, since a host answers in text, and what it cannot read as text would be lost.
    """
    answer = host.run(["bash", "-c", _FROM, "log", path, str(start), str(_MOST_BYTES)])
    if not answer.out:
        return 0, b"", True
    numbers, _, encoded = answer.out.partition("\n")
    begun, size = map(int, numbers.split())
    content = b64decode(encoded)
    return begun, content, not content or begun + len(content) >= size


def _decoder() -> codecs.IncrementalDecoder:
    """Keeps the first half of a character for the second one."""
    return codecs.getincrementaldecoder("utf-8")("replace")
