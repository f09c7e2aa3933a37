"""Which jobs of the queue belong to a run: those written down, and those that nobody had the time to write down."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

from hqml.errors import ParameterError
from hqml.hpc.host import Host
from hqml.hpc.run import Job, Jobs, Manifest, read_jobs
from hqml.hpc.runs import slurm
from hqml.hpc.runs.refusals import checked
from hqml.hpc.runs.slurm import Seen

_NAME = "hqml"


def comment(manifest: Manifest, job: Job) -> str:
    """What a job is submitted with, to be told from others."""
    return f"{_NAME}:{manifest.run}:{job.step}"


def known_jobs(folder: str | os.PathLike[str], host: Host) -> Jobs:
    """What was submitted so far. Where nothing was, the run is in this folder itself.

    Raises:
        ParameterError: it was submitted through another host.
    """
    jobs = read_jobs(folder) or Jobs(host.name, os.path.abspath(folder))
    if jobs.host != host.name:
        raise ParameterError(f"{folder} was submitted through {jobs.host or 'this machine'}, not {host.name or 'here'}")
    return replace(jobs, folder=jobs.folder or os.path.abspath(folder))


def taken_up(manifest: Manifest, jobs: Jobs, host: Host) -> Jobs:
    """The same as `adopted`, where nothing else in the queue belongs to the folder.

    Raises:
        ParameterError: there are jobs of another run, or of somebody's hand.
    """
    queue = queued_here(jobs, host)
    found = adopted(manifest, jobs, queue)
    known = {one for ids in found.identifiers.values() for one in ids}
    strange = {one.job: one for one in queue if one.job not in known}
    if strange:
        numbers = " ".join(sorted(strange, key=int))
        if any(one.comment.startswith(f"{_NAME}:") for one in strange.values()):
            raise ParameterError(
                f"{jobs.folder}: the queue has jobs of another run that was in this folder, and they still write to "
                f"it; end them (scancel {numbers}), remove the folder and submit again, or name another one by --run"
            )
        raise ParameterError(
            f"{jobs.folder}: the queue has scripts of this run that were submitted by hand; wait for them, or end them "
            f"(scancel {numbers})"
        )
    return found


def queued_here(jobs: Jobs, host: Host) -> list[Seen]:
    """What the queue has of scripts in a run's folder, whoever submitted them."""
    seen = slurm.in_queue(checked(host.run(slurm.own_queue()), "squeue"))
    return [one for one in seen if one.command.startswith(f"{jobs.folder}/")]


def adopted(manifest: Manifest, jobs: Jobs, queue: Iterable[Seen]) -> Jobs:
    """Find jobs of this run in the queue that `jobs` lacks, since this process was ended before it could write them.

    Their comments tell them from those of a run that was in the folder before.
    """
    identifiers = {step: list(ids) for step, ids in jobs.identifiers.items()}
    for one in queue:
        name, run, step = [*one.comment.split(":"), "", ""][:3]
        if name == _NAME and run == manifest.run and step and one.job not in identifiers.setdefault(step, []):
            identifiers[step].append(one.job)
    return replace(jobs, identifiers={step: tuple(ids) for step, ids in identifiers.items() if ids})
