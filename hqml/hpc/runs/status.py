"""How the steps of a run stand: what Slurm says now, what the scripts wrote at their end, what the accounting knows.

Slurm forgets what has ended after some minutes (MinJobAge); scripts that were killed outright write nothing; and many
sites let no user read the accounting, which is slow besides. So each is asked for what the one before does not know.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace

from hqml.errors import HostError
from hqml.hpc.host import Host
from hqml.hpc.run import STATE, Job, Jobs, Manifest, read_jobs, read_manifest, state_name, task_numbers
from hqml.hpc.runs import slurm
from hqml.hpc.runs.refusals import checked
from hqml.hpc.runs.slurm import Seen
from hqml.hpc.runs.states import TERMINATED, State, StepStatus, TaskStatus, from_file, hindering

Key = tuple[str, int | None]
"""A job, and the task of its array."""


def statuses(folder: str | os.PathLike[str], host: Host) -> list[StepStatus]:
    """How each step of a run stands, in the order of the workflow.

    Args:
        folder: of the run, on this machine.
        host: where its jobs are.

    Raises:
        HostError: the host cannot be reached, or Slurm does not answer there.
        FormatError: the folder is no run's.
    """
    manifest = read_manifest(folder)
    if manifest.scheduler == "none":
        from hqml.hpc.runs.local_status import statuses_here

        return statuses_here(folder)
    return statuses_of(manifest, read_jobs(folder) or Jobs(folder=os.path.abspath(folder)), host)


def statuses_of(manifest: Manifest, jobs: Jobs, host: Host) -> list[StepStatus]:
    """The same for what was submitted to Slurm."""
    identifiers = [one for ids in jobs.identifiers.values() for one in ids]
    seen = _queued(identifiers, host)
    written = host.read_all(f"{jobs.folder}/{STATE}")  # after the queue: what leaves it meanwhile has written it
    seen = _accounted(manifest, jobs, seen, written, host) | seen
    found: dict[str, StepStatus] = {}
    for job in manifest.jobs:
        hindrance = hindering(job.after, found)
        ids = jobs.identifiers.get(job.step, ())
        tasks = [_task(job, task, ids, seen, written, hindrance) for task in task_numbers(job)]
        if ids and ids[-1] in jobs.cancelled:
            tasks = [replace(one, state="cancelled", reason="") if one.state == "unknown" else one for one in tasks]
        found[job.step] = StepStatus(job.step, tuple(tasks), job.after)
    return list(found.values())


def _queued(identifiers: Iterable[str], host: Host) -> dict[Key, Seen]:
    wanted = list(identifiers)
    if not wanted:
        return {}
    answer = host.run(slurm.queue(wanted))
    if answer.status != 0 and "Invalid job id" in answer.err:  # so it says when it knows none of them any more
        return {}
    return _joined(slurm.in_queue(checked(answer, "squeue")))


def _joined(seen: Iterable[Seen]) -> dict[Key, Seen]:
    """One a job or task: what its components, on their nodes, have in common."""
    found: dict[Key, Seen] = {}
    for one in sorted(seen, key=lambda one: one.component):
        known = found.get((one.job, one.task))
        nodes = one.nodes if known is None else ",".join(filter(None, (known.nodes, one.nodes)))
        found[one.job, one.task] = replace(known or one, nodes=nodes)
    return found


def _accounted(
    manifest: Manifest, jobs: Jobs, seen: Mapping[Key, Seen], written: Mapping[str, str], host: Host
) -> dict[Key, Seen]:
    """Ask the accounting, where there is one, for what nobody else tells."""
    missing: dict[str, None] = {}
    for job in manifest.jobs:
        for task in task_numbers(job):
            ids = jobs.identifiers.get(job.step, ())
            file = from_file(written.get(state_name(job.step, task), ""), job.seconds)
            told = file is not None and file.status != TERMINATED
            if ids and not told and not any((one, task) in seen for one in ids):
                missing.update(dict.fromkeys(ids))
    if not missing:
        return {}
    try:
        answer = host.run(slurm.accounting(missing))
    except HostError:
        return {}  # slow, or down; the queue has been asked before, so the host is there
    return _joined(slurm.in_accounting(answer.out)) if answer.status == 0 else {}


def _task(
    job: Job,
    task: int | None,
    ids: tuple[str, ...],
    seen: Mapping[Key, Seen],
    written: Mapping[str, str],
    hindrance: str,
) -> TaskStatus:
    newest = next((seen[one, task] for one in reversed(ids) if (one, task) in seen), None)
    file = from_file(written.get(state_name(job.step, task), ""), job.seconds)
    number = _number(newest.job if newest else ids[-1] if ids else "", task)
    if newest is not None:
        return _seen(newest, file, number, hindrance)
    if file is not None:
        return replace(file, task=task, job=number)
    if hindrance:
        return TaskStatus("held back", task, number, _behind(hindrance))
    if ids:
        return TaskStatus("unknown", task, number, "it has left the queue and wrote no end: killed, or cancelled")
    return TaskStatus("not submitted", task)


def _seen(newest: Seen, file: TaskStatus | None, number: str, hindrance: str) -> TaskStatus:
    """What Slurm says; of what has ended the script knows the times better."""
    state, reason = newest.state, newest.reason
    if state in _WAITING and hindrance and not newest.nodes:
        state = "held back"
    if state == "held back":
        reason = _behind(hindrance) if hindrance else reason
    shown = TaskStatus(
        state,
        newest.task,
        number,
        "" if state == "waiting" else reason,
        start=newest.start,
        seconds=newest.seconds,
        nodes=newest.nodes,
        status=newest.status,
        requeues=newest.requeues,
    )
    ended: tuple[State, ...] = ("done", "failed", "timed out", "cancelled")
    if file is None or state not in ended:
        return shown
    status = file.status if state in ("done", "failed") else shown.status
    return replace(shown, start=file.start, seconds=file.seconds, status=status)


_WAITING: tuple[State, ...] = ("waiting", "cancelled")
"""What a job is that Slurm holds back, or has held back: --kill-on-invalid-dep cancels it."""


def _behind(step: str) -> str:
    return f"{step} has not ended well"


def _number(job: str, task: int | None) -> str:
    return f"{job}_{task}" if job and task is not None else job
