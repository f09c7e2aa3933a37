"""How the steps of a run on this machine stand, where no scheduler knows it: by their files and the process at work."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hqml.files import keep
from hqml.hpc.host import LocalHost
from hqml.hpc.run import STATE, UNFINISHED, Job, Jobs, Manifest, read_jobs, read_manifest, state_name, task_numbers
from hqml.hpc.runs.claim import holder
from hqml.hpc.runs.states import ACTIVE, StepStatus, TaskStatus, from_file, hindering
from hqml.processes import is_alive, is_seen, process_of, this_process
from hqml.untrusted import read_json

PROCESSES = "processes"
"""Folder of a run: which process ran a task last."""


def statuses_here(folder: str | os.PathLike[str]) -> list[StepStatus]:
    """How each step of such a run stands, in the order of the workflow.

    Raises:
        FormatError: the folder is no run's.
    """
    return statuses_by_files(read_manifest(folder), folder, alive=holder(folder) is not None)


def statuses_by_files(manifest: Manifest, folder: str | os.PathLike[str], *, alive: bool) -> list[StepStatus]:
    """The same; `alive` says whether a process is at work on the run."""
    identifiers = (read_jobs(folder) or Jobs()).identifiers
    at_work = {
        state_name(job.step, task)
        for job in manifest.jobs
        for task in task_numbers(job)
        if _is_at_work(folder, job.step, task, identifiers.get(job.step, ()), alive=alive)
    }
    written = LocalHost().read_all(os.path.join(folder, STATE))  # afterwards: who is not at work any more has written
    found: dict[str, StepStatus] = {}
    for job in manifest.jobs:
        hindrance = hindering(job.after, found)
        ids = identifiers.get(job.step, ())
        tasks = [_task(job, task, ids, written, hindrance, at_work, alive=alive) for task in task_numbers(job)]
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
    at_work: Collection[str],
    *,
    alive: bool,
) -> TaskStatus:
    numbers = _numbers(ids, task)
    number, requeues = (numbers[-1], len(numbers) - 1) if numbers else ("", 0)
    file = from_file(written.get(state_name(job.step, task), ""), float("inf"))
    is_started_again = alive and requeues < job.requeues and file is not None and file.status == UNFINISHED
    if file is not None and not is_started_again:
        return replace(file, task=task, job=number, requeues=requeues)
    if is_started_again or state_name(job.step, task) in at_work:
        return TaskStatus("running", task, number, requeues=requeues)
    if number:
        return TaskStatus("unknown", task, number, "it was killed, with what ran it")
    if hindrance:
        return TaskStatus("held back", task, reason=f"{hindrance} has not ended well")
    return TaskStatus("queued" if alive else "not submitted", task)


def note(folder: Path, step: str, task: int | None, pid: int) -> None:
    """Write down which process runs a task, and that this one has started it."""
    content = {"process": process_of(pid), "runner": this_process()}
    keep(folder / PROCESSES / state_name(step, task), json.dumps(content).encode())


def noted(folder: str | os.PathLike[str], step: str, task: int | None) -> Mapping[str, Any]:
    """What `note` has written last: "process" and "runner"; empty where there is nothing of the kind."""
    try:
        content = read_json((Path(folder) / PROCESSES / state_name(step, task)).read_bytes())
        return content if content["process"].keys() & content["runner"].keys() >= this_process().keys() else {}
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return {}


def _numbers(ids: Sequence[str], task: int | None) -> list[str]:
    """Those of one task, the newest last."""
    return [one for one in ids if one.partition("_")[2] == ("" if task is None else str(task))]


def _is_at_work(
    folder: str | os.PathLike[str], step: str, task: int | None, ids: Sequence[str], *, alive: bool
) -> bool:
    """Whether a script runs, be it without what started it; between its end and its file's its runner is at work."""
    numbers = _numbers(ids, task)
    if not numbers:
        return False
    content = noted(folder, step, task)
    pid = numbers[-1].partition("_")[0]
    if not content or str(content["process"]["pid"]) != pid or not is_seen(content["process"]):
        return alive
    return is_alive(content["process"]) or (alive and is_alive(content["runner"]))
