"""Go on with a run that has stopped, or stop one that goes on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from hqml.hpc.host import Host
from hqml.hpc.run import Job, Jobs, Manifest, read_manifest, write_json
from hqml.hpc.runs import slurm
from hqml.hpc.runs.adopting import adopted, known_jobs, queued_here, taken_up
from hqml.hpc.runs.claim import claimed
from hqml.hpc.runs.portions import portions
from hqml.hpc.runs.refusals import checked
from hqml.hpc.runs.states import ACTIVE, StepStatus, TaskStatus
from hqml.hpc.runs.status import statuses_of
from hqml.hpc.runs.submit import Order, awaited, chosen_steps, submit_orders


def resume(folder: str | os.PathLike[str], host: Host) -> Jobs:
    """Submit again what did not finish: steps that failed, were cancelled, ran out of time, or never ran.

    What comes after them is submitted again too. What is done is not, and what is queued or runs goes on; of an array
    only the tasks that did not finish are submitted.

    Args:
        folder: of the run, on this machine.
        host: where its jobs are.

    Raises:
        Refused: Slurm does not take a job.
        HostError: the host cannot be reached, or Slurm does not answer there.
        ParameterError: it was submitted through another host, another process is at work on it, or the queue has jobs
            of another run in its folder.
        FormatError: the folder is no run's.
    """
    manifest = read_manifest(folder)
    with claimed(folder):
        jobs = taken_up(manifest, known_jobs(folder, host), host)
        found = {one.step: one for one in statuses_of(manifest, jobs, host)}
        orders = again(manifest, found)
        awaited(orders, jobs, found)  # what cannot be waited for is told before anything is cancelled
        stale = [number for order in orders for number in _in_queue(order, found[order.job.step])]
        if stale:  # they wait for a job that failed
            _scancel(stale, host)
        return submit_orders(folder, manifest, jobs, host, orders, found)


def again(manifest: Manifest, found: Mapping[str, StepStatus]) -> list[Order]:
    """What is to be submitted again: what did not finish, and whatever waits for it."""
    orders: dict[str, Order] = {}
    for job in manifest.jobs:
        status = found[job.step]
        behind = any(step in orders for step in job.after)
        left = [one.task for one in status.tasks if one in status.unfinished or (behind and one.state in ACTIVE)]
        if left:
            orders[job.step] = Order(job, _tasks(job, left))
    return list(orders.values())


def _tasks(job: Job, left: Sequence[int | None]) -> tuple[int, ...] | None:
    numbers = tuple(task for task in left if task is not None)
    return None if len(numbers) == job.tasks else numbers


def _in_queue(order: Order, status: StepStatus) -> list[str]:
    """What the queue has of a job that is submitted again, as scancel takes it."""
    queued = [one for one in status.tasks if one.job and one.state in (*ACTIVE, "held back")]
    numbers = {one.task for one in queued} if order.tasks is None else set(order.tasks)
    return shortened([one for one in queued if one.task in numbers], [one for one in queued if one.task not in numbers])


def shortened(wanted: Sequence[TaskStatus], others: Sequence[TaskStatus] = ()) -> list[str]:
    """Numbers of tasks as scancel takes them: "12" for all that an array has in the queue, else "12_[0-3,7]"."""
    found: dict[str, list[int]] = {}
    for one in wanted:
        found.setdefault(_base(one), []).extend([] if one.task is None else [one.task])
    kept = {_base(one) for one in others}
    return [f"{base}_[{slurm.array(tasks, None)}]" if base in kept else base for base, tasks in found.items()]


def _base(task: TaskStatus) -> str:
    return task.job.partition("_")[0]


def cancel(folder: str | os.PathLike[str], host: Host, only: Iterable[str] = ()) -> list[str]:
    """Cancel what has not ended, all of it unless steps are named. Slurm cancels what comes after them.

    Args:
        folder: of the run, on this machine.
        host: where its jobs are.
        only: names of steps.

    Returns:
        The steps that were cancelled.

    Raises:
        Refused: Slurm does not cancel them.
        HostError: the host cannot be reached, or Slurm does not answer there.
        ParameterError: there is no such step, or another process is at work on the run.
        FormatError: the folder is no run's.
    """
    manifest = read_manifest(folder)
    chosen = chosen_steps(manifest, only)
    with claimed(folder):
        jobs = known_jobs(folder, host)
        jobs = adopted(manifest, jobs, queued_here(jobs, host))
        found = [one for one in statuses_of(manifest, jobs, host) if one.step in chosen]
        active = {one.step: [task for task in one.tasks if task.state in ACTIVE] for one in found}
        numbers = shortened([task for tasks in active.values() for task in tasks])
        if numbers:
            _scancel(numbers, host)
            write_json(replace(jobs, cancelled=(*jobs.cancelled, *numbers)), folder)
    return [step for step, tasks in active.items() if tasks]


def _scancel(numbers: Sequence[str], host: Host) -> None:
    """Cancel jobs; some may have ended meanwhile, and the others are cancelled all the same."""
    for portion in portions(numbers):
        answer = host.run(slurm.cancel(portion))
        if "Invalid job id" not in answer.err and "already complet" not in answer.err:
            checked(answer, "scancel")
