"""How the steps of a run on this machine stand, where no scheduler knows it: by their files and the process at work."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hqml.hpc.host import LocalHost
from hqml.hpc.run import STATE, Job, Jobs, Manifest, read_jobs, read_manifest
from hqml.hpc.runs.claim import holder
from hqml.hpc.runs.states import ACTIVE, StepStatus, TaskStatus, from_file, hindering
from hqml.hpc.runs.status import state_name, task_numbers


def statuses_here(folder: str | os.PathLike[str]) -> list[StepStatus]:
    """How each step of such a run stands, in the order of the workflow.

    Raises:
        FormatError: the folder is no run's.
    """
    return statuses_by_files(read_manifest(folder), folder, alive=holder(folder) is not None)


def statuses_by_files(manifest: Manifest, folder: str | os.PathLike[str], *, alive: bool) -> list[StepStatus]:
    """The same; `alive` says whether a process is at work on the run."""
    written = LocalHost().read_all(os.path.join(folder, STATE))
    identifiers = (read_jobs(folder) or Jobs()).identifiers
    found: dict[str, StepStatus] = {}
    for job in manifest.jobs:
        hindrance = hindering(job.after, found)
        ids, script = identifiers.get(job.step, ()), os.path.join(os.path.abspath(folder), job.script)
        tasks = [_task(job, task, ids, written, hindrance, script, alive=alive) for task in task_numbers(job)]
        if alive and not hindrance and any(found[step].state in ACTIVE for step in job.after):
            tasks = [replace(one, state="waiting") if one.state == "queued" else one for one in tasks]
        found[job.step] = StepStatus(job.step, tuple(tasks), job.after)
    return list(found.values())


def _task(
    job: Job,
    task: int | None,
    ids: Sequence[str],
    written: Mapping[str, str],
    hindrance: str,
    script: str,
    *,
    alive: bool,
) -> TaskStatus:
    numbers = [one for one in ids if one.partition("_")[2] == ("" if task is None else str(task))]
    number, requeues = (numbers[-1], len(numbers) - 1) if numbers else ("", 0)
    file = from_file(written.get(state_name(job.step, task), ""), float("inf"))
    if file is not None:
        return replace(file, task=task, job=number, requeues=requeues)
    if number and (alive or _is_at_work(number, script)):
        return TaskStatus("running", task, number, requeues=requeues)
    if number:
        return TaskStatus("unknown", task, number, "it was killed, with what ran it")
    if hindrance:
        return TaskStatus("held back", task, reason=f"{hindrance} has not ended well")
    return TaskStatus("queued" if alive else "not submitted", task)


def _is_at_work(number: str, script: str) -> bool:
    """Whether the process of a script is there though the one that started it was killed. Linux alone tells."""
    try:
        command = Path(f"/proc/{number.partition('_')[0]}/cmdline").read_bytes()
    except OSError:
        return False
    return command.split(b"\0")[1:2] == [os.fsencode(script)]
