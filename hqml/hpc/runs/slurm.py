"""Slurm's command lines, and what its answers say. Text alone; a `Host` runs the commands.

Written for Slurm 20.11 and newer, and tried with 22.05.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from hqml.hpc.amounts import slurm_seconds
from hqml.hpc.runs.states import State

_STATES: dict[str, State] = {
    "BOOT_FAIL": "failed",
    "CANCELLED": "cancelled",
    "COMPLETED": "done",
    "COMPLETING": "running",
    "CONFIGURING": "running",
    "DEADLINE": "timed out",
    "FAILED": "failed",
    "NODE_FAIL": "failed",
    "OUT_OF_MEMORY": "failed",
    "PENDING": "queued",
    "PREEMPTED": "cancelled",
    "REQUEUED": "queued",
    "REQUEUE_FED": "queued",
    "REQUEUE_HOLD": "queued",
    "RESIZING": "running",
    "RESV_DEL_HOLD": "queued",
    "REVOKED": "cancelled",
    "RUNNING": "running",
    "SIGNALING": "running",
    "SPECIAL_EXIT": "queued",
    "STAGE_OUT": "running",
    "STOPPED": "running",
    "SUSPENDED": "running",
    "TIMEOUT": "timed out",
}
"""Job state codes of squeue(1), and what we call them."""

_PLAIN = ("COMPLETED", "CANCELLED", "FAILED", "PENDING", "RUNNING", "TIMEOUT")
"""Words of Slurm that say no more than ours."""

FIELDS = (
    "JobArrayID",
    "State",
    "Reason",
    "StartTime",
    "TimeUsed",
    "NodeList",
    "RestartCnt",
    "exit_code",
    "Comment",
    "Command",
)
"""What squeue is asked for."""

BETWEEN = "\x1f"
"""Stands behind each field: the unit separator of ASCII, as reasons, comments and paths may have any other sign."""

_ACCOUNTED = ("JobID", "State", "Start", "ElapsedRaw", "NodeList", "ExitCode")

_EPOCH = ("env", "SLURM_TIME_FORMAT=%s")
"""Times as seconds since 1970, whatever the time zone of the host."""


@dataclass(frozen=True)
class Seen:
    """What Slurm says of a job, of a task of an array, or of a component of a heterogeneous job.

    Attributes:
        job: number that sbatch has answered.
        task: of the array; None: it is none.
        component: of the heterogeneous job; 0 for others.
        state: in our words. Jobs that wait for others are "waiting", or "held back" for ever.
        reason: Slurm's word, where it says more than the state.
        start: second since 1970; of what is queued the expected one.
        seconds: that it has run.
        nodes: Slurm's list of them.
        status: exit status, of what has ended; 128 and the signal where one ended it.
        requeues: how often it was queued again.
        command: script with its arguments; "" where Slurm does not say.
        comment: that the job was submitted with.
    """

    job: str
    task: int | None
    component: int
    state: State
    reason: str = ""
    start: float | None = None
    seconds: float | None = None
    nodes: str = ""
    status: int | None = None
    requeues: int = 0
    command: str = ""
    comment: str = ""


def sbatch(
    script: str,
    *,
    chdir: str,
    output: str,
    run: str,
    comment: str,
    after: Sequence[str] = (),
    array: str = "",
) -> list[str]:
    """Submit a script; it answers the number of the job.

    Args:
        script: path.
        chdir: folder where it runs.
        output: file of standard output and error, in sbatch's own pattern.
        run: folder of the run, which the script finds in HQML_RUN.
        comment: tells the job from others in the queue.
        after: numbers of jobs, or of tasks (12_3), that must have ended well.
        array: tasks of the array, e.g. "2,5%4", where the script's own are not wanted.
    """
    command = ["sbatch", "--parsable", f"--chdir={chdir}", f"--output={output}", f"--export=ALL,HQML_RUN={run}"]
    command.append(f"--comment={comment}")
    if after:  # without the second option a job whose dependency failed stays in the queue for ever
        command += [f"--dependency=afterok:{':'.join(after)}", "--kill-on-invalid-dep=yes"]
    if array:
        command.append(f"--array={array}")
    return [*command, script]


def test_only(script: str) -> list[str]:
    """Let Slurm judge a script without submitting it; exit status 0 or not, and the reason on stderr."""
    return ["sbatch", "--test-only", script]


def partitions() -> list[str]:
    """Ask for the names of all partitions, one a line."""
    return ["sinfo", "--noheader", "--format=%R"]


def queue(jobs: Iterable[str]) -> list[str]:
    """Ask for jobs, ended ones as well as long as Slurm remembers them (MinJobAge, 300 s by default)."""
    return [*_squeue(), "--states=all", f"--jobs={','.join(jobs)}"]


def own_queue() -> list[str]:
    """Ask for all jobs of the user that have not ended."""
    return [*_squeue(), "--me"]


def _squeue() -> list[str]:
    fields = ",".join(f"{field}:{BETWEEN}" for field in FIELDS)
    return [*_EPOCH, "squeue", "--noheader", "--array", f"--Format={fields}"]


def accounting(jobs: Iterable[str]) -> list[str]:
    """Ask the accounting for jobs that Slurm has forgotten; not every site has one."""
    table = ["--noheader", "--parsable2", f"--delimiter={BETWEEN}", f"--format={','.join(_ACCOUNTED)}"]
    return [*_EPOCH, "sacct", *table, "--allocations", f"--jobs={','.join(jobs)}"]


def cancel(jobs: Iterable[str]) -> list[str]:
    """Cancel jobs, or tasks (12_3)."""
    return ["scancel", *jobs]


def submitted(answer: str) -> str | None:
    """The number in the answer of `sbatch --parsable`, "12" or "12;cluster", behind what a site may print; or None."""
    found = (_SUBMITTED.fullmatch(line.strip()) for line in reversed(answer.splitlines()))
    return next((one["job"] for one in found if one), None)


_SUBMITTED = re.compile(r"(?P<job>\d+)(?:;[\w.-]+)?", re.ASCII)


def in_queue(answer: str) -> list[Seen]:
    """What `queue` and `own_queue` have answered."""
    return [one for line in answer.split("\n") for one in _queued(line)]


def _queued(line: str) -> Iterator[Seen]:
    *fields, rest = [field.strip() for field in line.split(BETWEEN)]
    if len(fields) != len(FIELDS) or rest:  # what a site prints besides
        return
    number, word, reason, start, used, nodes, restarts, code, comment, command = fields
    state = _state(word, reason)
    for job, task, component in identified(number):
        yield Seen(
            job,
            task,
            component,
            state,
            _reason(word, reason),
            start=_second(start),
            seconds=slurm_seconds(used) if nodes else None,
            nodes=nodes,
            status=_waited(code) if state in ("done", "failed", "timed out", "cancelled") and nodes else None,
            requeues=int(restarts) if restarts.isdigit() else 0,
            command=command,
            comment="" if comment == "(null)" else comment,
        )


def in_accounting(answer: str) -> list[Seen]:
    """What `accounting` has answered."""
    return [one for line in answer.split("\n") for one in _accounted(line)]


def _accounted(line: str) -> Iterator[Seen]:
    fields = [field.strip() for field in line.split(BETWEEN)]
    if len(fields) != len(_ACCOUNTED):
        return
    number, words, start, used, nodes, code = fields
    word = words.split()[0] if words else ""  # CANCELLED by 1000
    begun = _second(start)
    for job, task, component in identified(number):
        yield Seen(
            job,
            task,
            component,
            _state(word, ""),
            _reason(word, ""),
            start=begun,
            seconds=float(used) if used.isdigit() and begun is not None else None,
            nodes="" if nodes == "None assigned" else nodes,
            status=_exit_code(code) if begun is not None else None,
        )


def _state(word: str, reason: str) -> State:
    state = _STATES.get(word.rstrip("+"), "unknown")
    if reason == "DependencyNeverSatisfied":
        return "held back"
    return "waiting" if state == "queued" and reason == "Dependency" else state


def _reason(word: str, reason: str) -> str:
    """Of what was cancelled Slurm still says why it had waited."""
    told = [] if word in _PLAIN else [word]
    if word == "CANCELLED" and reason != "DependencyNeverSatisfied":
        return ""
    return ", ".join([*told, *([reason] if reason not in ("None", "", "NonZeroExitCode") else [])])


_NUMBER = re.compile(r"(?P<job>\d+)(?:_(?P<task>\d+)|_\[(?P<tasks>[^\]]*)\]|\+(?P<component>\d+))?")


def identified(number: str) -> list[tuple[str, int | None, int]]:
    """Job, task and component of "12", "12_3", "12_[3-5,8%2]" (several) or "12+1"; empty for anything else."""
    found = _NUMBER.fullmatch(number)
    if found is None:
        return []
    job = found["job"]
    if found["tasks"] is not None:
        return [(job, task, 0) for task in _tasks(found["tasks"])]
    return [(job, None if found["task"] is None else int(found["task"]), int(found["component"] or 0))]


def _tasks(ranges: str) -> Iterator[int]:
    """Of "3-5,8,10-20:5%2": each number; the part behind % says how many run at a time."""
    for first, last, step in re.findall(r"(\d+)(?:-(\d+)(?::(\d+))?)?", ranges.partition("%")[0]):
        yield from range(int(first), int(last or first) + 1, int(step or 1))


def array(tasks: Sequence[int], at_once: int | None) -> str:
    """Tasks as `--array` takes them, e.g. "0-2,5%4"."""
    runs: list[list[int]] = []
    for task in sorted(tasks):
        if runs and task == runs[-1][-1] + 1:
            runs[-1].append(task)
        else:
            runs.append([task])
    ranges = ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
    return ranges if at_once is None else f"{ranges}%{at_once}"


def _second(text: str) -> float | None:
    return float(text) if text.isdigit() else None  # N/A, Unknown


def _waited(code: str) -> int | None:
    """Exit status of a wait status, which is what squeue's exit_code is; None for what is none, e.g. 4294967294."""
    try:
        status = os.waitstatus_to_exitcode(int(code))
    except (ValueError, OverflowError):
        return None
    return status if status >= 0 else 128 - status


def _exit_code(code: str) -> int | None:
    """Exit status of sacct's "STATUS:SIGNAL"."""
    status, _, number = code.partition(":")
    if not status.isdigit() or not number.isdigit():
        return None
    return 128 + int(number) if int(number) else int(status)
