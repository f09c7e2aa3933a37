"""Give the scripts of a run to Slurm, each once, in such an order that each step knows what it comes after.

`jobs.json` is written after every sbatch. When one of them fails, or this process is ended, what has been submitted
stays in the queue; the same call goes on with the rest.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hqml.errors import ParameterError
from hqml.hpc.host import Answer, Host
from hqml.hpc.run import (
    LOGS,
    MANIFEST,
    STATE,
    Job,
    Jobs,
    Manifest,
    log_pattern,
    read_manifest,
    state_name,
    task_numbers,
    write_json,
)
from hqml.hpc.runs import slurm
from hqml.hpc.runs.adopting import comment, known_jobs, taken_up
from hqml.hpc.runs.claim import claimed
from hqml.hpc.runs.portions import portions
from hqml.hpc.runs.refusals import advice, checked, error_of, message
from hqml.hpc.runs.states import ACTIVE, State, StepStatus, TaskStatus
from hqml.hpc.runs.status import statuses, statuses_of
from hqml.options import unlike


@dataclass(frozen=True)
class Order:
    """A job to submit, some tasks of its array alone where `tasks` says so."""

    job: Job
    tasks: tuple[int, ...] | None = None


def submit(folder: str | os.PathLike[str], host: Host, only: Iterable[str] | None = None) -> Jobs:
    """Submit the steps of a run that were not submitted yet.

    Steps whose predecessor has failed already are left out; `hqml.hpc.runs.resume.resume` takes both again.

    Args:
        folder: of the run, on this machine.
        host: where sbatch is.
        only: names of steps; all where none is named.

    Raises:
        Refused: sbatch has failed. The message says what helps.
        HostError: the host cannot be reached, has no Slurm, or Slurm does not answer there.
        ParameterError: there is no such step, one comes after another one that is not submitted, another process is at
            work on the run, or the queue has jobs of another run in this folder.
        FormatError: the folder is no run's.
    """
    manifest = read_manifest(folder)
    chosen = chosen_steps(manifest, only or ())
    with claimed(folder):
        jobs = taken_up(manifest, known_jobs(folder, host), host)
        found = {one.step: one for one in statuses_of(manifest, jobs, host)}
        return submit_orders(folder, manifest, jobs, host, list(possible(manifest, chosen, found)), found)


def chosen_steps(manifest: Manifest, only: Iterable[str]) -> list[str]:
    """Names of steps, checked; all where none is named.

    Raises:
        ParameterError: there is no such step.
    """
    steps = [job.step for job in manifest.jobs]
    chosen = list(dict.fromkeys(only)) or steps
    for step in chosen:
        if step not in steps:
            raise ParameterError(f"{manifest.workflow} has no step {step!r}{unlike(step, steps)}")
    return chosen


def possible(manifest: Manifest, chosen: Sequence[str], found: Mapping[str, StepStatus]) -> Iterator[Order]:
    """Those that were never submitted and do not come after a step that has not ended well."""
    coming: set[str] = set()
    for job in manifest.jobs:
        if job.step not in chosen or not found[job.step].never_submitted:
            continue
        stuck = [step for step in job.after if step not in coming and found[step].unfinished]
        for step in stuck:
            if found[step].never_submitted and step not in chosen:
                raise ParameterError(f"{job.step} comes after {step}, which is not submitted; submit it as well")
        if not stuck:
            coming.add(job.step)
            yield Order(job)


def submit_orders(
    folder: str | os.PathLike[str],
    manifest: Manifest,
    jobs: Jobs,
    host: Host,
    orders: Sequence[Order],
    found: Mapping[str, StepStatus],
) -> Jobs:
    """Submit jobs one after another, and write down each.

    Args:
        folder: of the run, on this machine.
        manifest: of the run.
        jobs: what was submitted before.
        host: where sbatch is.
        orders: what to submit, each behind what it comes after.
        found: how the steps stood before.

    Raises:
        Refused: sbatch has failed.
        ParameterError: too much that runs is to be waited for.
    """
    before = awaited(orders, jobs, found)
    write_json(jobs, folder)
    make_folders(jobs, host, orders)
    fresh: dict[str, str] = {}
    for order in orders:
        after = [one for step in order.job.after for one in ([fresh[step]] if step in fresh else []) + before[step]]
        answer = host.run(command(manifest, jobs.folder, order, after), timeout=300)
        number = slurm.submitted(answer.out)
        if answer.status != 0 or number is None:
            raise error_of(answer, _refused(order.job.step, answer, folder, fresh))
        fresh[order.job.step] = number
        ids = (*jobs.identifiers.get(order.job.step, ()), number)
        jobs = replace(jobs, identifiers={**jobs.identifiers, order.job.step: ids})
        write_json(jobs, folder)
    return jobs


def make_folders(jobs: Jobs, host: Host, orders: Sequence[Order] = ()) -> None:
    """Make the folders that a run needs, and forget how the tasks ended that are submitted again."""
    run = jobs.folder
    checked(host.run(["mkdir", "-p", "--", f"{run}/{LOGS}", f"{run}/{STATE}"]), "mkdir")
    there = host.read_all(f"{run}/{STATE}") if orders else {}
    old = (f"{run}/{STATE}/{name}" for order in orders for name in state_names(order) if name in there)
    for portion in portions(old):
        checked(host.run(["rm", "-f", "--", *portion]), "rm")


def state_names(order: Order) -> list[str]:
    """Names of the files in which a job's script says how it, or each task of its array, ended."""
    tasks = task_numbers(order.job) if order.tasks is None else order.tasks
    return [state_name(order.job.step, task) for task in tasks]


def command(manifest: Manifest, run: str, order: Order, after: Sequence[str]) -> list[str]:
    """The command line that submits a job.

    Args:
        manifest: of the run.
        run: its folder, on the host.
        order: the job.
        after: numbers of jobs that must have ended well.

    Raises:
        ParameterError: Slurm cannot be given this folder.
    """
    for letter in ",%\\\n":
        if letter in run:
            raise ParameterError(f"{run}: Slurm gives {letter!r} a meaning of its own; choose a folder without it")
    job = order.job
    return slurm.sbatch(
        f"{run}/{job.script}",
        chdir=manifest.folder,
        output=f"{run}/{LOGS}/{log_pattern(is_array=bool(job.tasks))}",
        run=run,
        comment=comment(manifest, job),
        after=after,
        array="" if order.tasks is None else slurm.array(order.tasks, job.at_once),
    )


@dataclass(frozen=True)
class Plan:
    """What `submit` would do.

    Attributes:
        jobs: what it would submit.
        commands: the command lines, with steps in angles in place of the numbers that sbatch would answer.
        left_out: how the other steps stand.
    """

    jobs: tuple[Job, ...]
    commands: tuple[list[str], ...]
    left_out: Mapping[str, State]


def plan(manifest: Manifest, folder: str | os.PathLike[str], host: Host) -> Plan:
    """Find out what `submit` would do, with a folder that may hold a run already.

    Raises:
        HostError: the host cannot be reached, or Slurm does not answer there.
        ParameterError: the run was submitted through another host, or Slurm cannot be given its folder.
        FormatError: its files are damaged.
    """
    jobs = known_jobs(folder, host)
    before = {one.step: one for one in statuses(folder, host)} if (Path(folder) / MANIFEST).exists() else {}
    new = (TaskStatus("not submitted"),)
    found = {job.step: before.get(job.step, StepStatus(job.step, new, job.after)) for job in manifest.jobs}
    orders = list(possible(manifest, list(found), found))
    coming = {order.job.step for order in orders}
    behind = awaited(orders, jobs, found) | {step: [f"<{step}>"] for step in coming}
    if manifest.scheduler == "none":
        commands = [["bash", f"{jobs.folder}/{order.job.script}"] for order in orders]
    else:
        after = [[number for step in order.job.after for number in behind[step]] for order in orders]
        commands = [command(manifest, jobs.folder, *one) for one in zip(orders, after, strict=True)]
    left_out = {step: one.state for step, one in found.items() if step not in coming}
    return Plan(tuple(order.job for order in orders), tuple(commands), left_out)


_MOST_AWAITED = 1000
"""Tasks of earlier arrays, each of which Slurm has to be told: it takes no ranges of them."""


def awaited(orders: Sequence[Order], jobs: Jobs, found: Mapping[str, StepStatus]) -> dict[str, list[str]]:
    """Numbers of what is in the queue already, and goes on, of each step that one of these comes after.

    Of the newest array of a step that is its own number. Of earlier ones each task has to be named: some of theirs have
    failed, so that nothing can wait for the whole. Slurm takes no dependency on a job that it has forgotten, so nothing
    waits for what is done.

    Raises:
        ParameterError: it is too much.
    """
    again = {order.job.step: order for order in orders}
    return {step: _awaited(step, jobs, found[step], again.get(step)) for order in orders for step in order.job.after}


def _awaited(step: str, jobs: Jobs, status: StepStatus, again: Order | None) -> list[str]:
    if again is not None and again.tasks is None:
        return []
    gone = again.tasks or () if again is not None else ()
    active = [task.job for task in status.tasks if task.state in ACTIVE and task.task not in gone]
    ids = jobs.identifiers.get(step, ())
    newest = {number for number in active if again is None and number.partition("_")[0] == ids[-1]}
    earlier = [number for number in active if number not in newest]
    if len(earlier) > _MOST_AWAITED:
        raise ParameterError(
            f"{len(earlier)} tasks of {step} have not ended, and Slurm cannot let a step wait for so many beside those "
            f"that are submitted again; wait for them, or cancel {step}, then resume"
        )
    return [*ids[-1:], *earlier] if newest else earlier


def _refused(step: str, answer: Answer, folder: str | os.PathLike[str], fresh: Iterable[str]) -> str:
    said = message(answer.err or answer.out) or f"sbatch has answered {answer.out.strip()!r}"
    sent = list(fresh)
    kept = f"{', '.join(sent)} stay{'s' * (len(sent) == 1)} in the queue, and the" if sent else "The"
    return (
        f"{step}: Slurm says: {said}. What helps: {advice(answer.err)}. {kept} same command goes on with the rest"
        f"{f'; `hqml job cancel {Path(folder)}` cancels' if sent else ''}"
    )
