"""Go on with a run that has stopped, or stop one that goes on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from hqml.hpc.host import Host
from hqml.hpc.run import Job, Jobs, Manifest, read_manifest, write_json
from hqml.hpc.runs import slurm
from hqml.hpc.runs.claim import claimed
from hqml.hpc.runs.refusals import checked
from hqml.hpc.runs.states import ACTIVE, StepStatus
from hqml.hpc.runs.status import statuses_of
from hqml.hpc.runs.submit import Order, adopted, chosen_steps, known_jobs, submit_orders


def resume(folder: str | os.PathLike[str], host: Host) -> Jobs:
    """Submit again what did not finish: steps that failed, were cancelled, ran out of time, or never ran.

    What comes after them is submitted again too. What is done is not, and what is queued or runs goes on; of an array
    only the tasks that did not finish are submitted.

    Args:
        folder: of the run, on this machine.
        host: where its jobs are.

    Raises:
        Refused: Slurm does not take a job.
        HostError: the host cannot be reached.
        ParameterError: it was submitted through another host, or another process is at work on it.
        FormatError: the folder is no run's.
    """
    manifest = read_manifest(folder)
    with claimed(folder):
        jobs = adopted(manifest, known_jobs(folder, host), host)
        found = {one.step: one for one in statuses_of(manifest, jobs, host)}
        orders = again(manifest, found)
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
    numbers = {None, *order.tasks} if order.tasks is not None else {one.task for one in status.tasks}
    return [one.job for one in status.tasks if one.task in numbers and one.job and one.state in (*ACTIVE, "held back")]


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
        HostError: the host cannot be reached.
        ParameterError: there is no such step.
        FormatError: the folder is no run's.
    """
    manifest = read_manifest(folder)
    chosen = chosen_steps(manifest, only)
    jobs = adopted(manifest, known_jobs(folder, host), host)
    found = [one for one in statuses_of(manifest, jobs, host) if one.step in chosen]
    active = {one.step: [task.job for task in one.tasks if task.state in ACTIVE] for one in found}
    numbers = [number for step in active for number in _whole(active[step], jobs.identifiers.get(step, ()))]
    if numbers:
        _scancel(numbers, host)
        write_json(replace(jobs, cancelled=(*jobs.cancelled, *numbers)), folder)
    return [step for step, tasks in active.items() if tasks]


def _whole(numbers: Sequence[str], identifiers: Sequence[str]) -> list[str]:
    """Whole arrays, in place of each task that has not ended: there can be thousands."""
    bases = {number.partition("_")[0] for number in numbers}
    return [one for one in identifiers if one in bases]


def _scancel(numbers: Sequence[str], host: Host) -> None:
    """Cancel jobs; some may have ended meanwhile, and the others are cancelled all the same."""
    answer = host.run(slurm.cancel(numbers))
    if "Invalid job id" not in answer.err and "already complet" not in answer.err:
        checked(answer, "scancel")
