"""What Slurm says when it does not take something, or does not answer, and what helps; and whether it would take it."""

from __future__ import annotations

import os
import re

from hqml.errors import HostError
from hqml.hpc.host import Answer, Host
from hqml.hpc.run import Manifest
from hqml.hpc.runs import slurm

_ADVICE = (
    (
        "Invalid account or account/partition combination",
        "write a project of yours that may use the partition under `account:` (`sacctmgr show associations user=$USER "
        "format=account,partition` lists them)",
    ),
    (
        "Invalid qos",
        "the site file names a QOS that your account may not use; `sacctmgr show associations` lists yours",
    ),
    (
        "Requested node configuration is not available",
        "no node of the partition has so many cores or GPUs or so much memory; lower `cpus:`, `gpus:` or `memory:` "
        "(`scontrol show node` tells what nodes have)",
    ),
    ("Memory specification", "lower `memory:`, or leave it out"),
    ("More processors requested than permitted", "lower `tasks:` or `cpus:`, or take more `nodes:`"),
    ("Node count specification invalid", "lower `nodes:` (`sinfo -s` tells how many there are)"),
    ("Invalid generic resource", "lower `gpus:`, or take a partition that has them (`sinfo -o '%P %G'`)"),
    (
        "Job violates accounting/QOS policy",
        "the project has too many jobs in the queue, or asks for too much at a time: wait until some have ended, or "
        "lower `nodes:` or `time:`",
    ),
    ("Requested time limit is invalid", "lower `time:` (`sinfo -o '%P %l'` tells the longest of each partition)"),
    (
        "Invalid license specification",
        "the site does not have this licence so many times (`scontrol show licenses` lists them); lower `licences:` of "
        "`quantum:`, or mend the site file",
    ),
    ("Invalid partition name", "the site file names a partition that is not there (`sinfo -s` lists them)"),
    ("group not permitted to use this partition", "take a `partition:` that you may use, or ask the site"),
    ("Invalid job array specification", "the site takes smaller arrays (`scontrol show config | grep MaxArraySize`)"),
    ("Socket timed out", "Slurm did not answer in time; what it has taken all the same is found and not sent again"),
)
"""Parts of messages of slurm_errno.c, and what helps."""

_UNANSWERED = re.compile(
    "Unable to contact|Unable to connect|Socket timed out|Connection (refused|reset|timed out)|"
    "endpoint is not connected|Zero Bytes were transmitted|standby mode|temporarily una|"
    "Communication (connection|send|receive|shutdown)|Munge (encode|decode) failed|auth_munge",
    re.IGNORECASE,
)
"""Messages of slurm_errno.c, of the C library and of munge when there is nobody to say yes or no."""

_NO_CLUSTER = re.compile("resolve_ctls_from_dns_srv|Could not establish a configuration source")
"""What Slurm's commands say where they are installed and no cluster is (read_config.c and fetch_config.c of Slurm)."""

_PREFIX = re.compile(r"^(sbatch|allocation failure|scancel|squeue|slurm_\w+)?:?\s*(error|fatal)?:?\s*", re.IGNORECASE)


def message(stderr: str) -> str:
    """What Slurm says on stderr, on one line without the names of its commands."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    told = [_PREFIX.sub("", line.removeprefix("allocation failure: ")) for line in lines]
    return "; ".join(dict.fromkeys(line.removeprefix("Batch job submission failed: ") for line in told))


def advice(stderr: str) -> str:
    """What helps against it."""
    for part, words in _ADVICE:
        if part.lower() in stderr.lower():
            return words
    return "Slurm does not answer; try again later" if _UNANSWERED.search(stderr) else "mend what it says"


class Refused(HostError):
    """Slurm says no: to mend is what it was asked for."""


class Unanswered(HostError):
    """Slurm cannot be asked: it does not answer, or is not there."""


def error_of(answer: Answer, told: str) -> HostError:
    """The error for a command of Slurm that has failed, with what is told of it."""
    if _NO_CLUSTER.search(answer.err):
        return Unanswered("the machine reaches no Slurm; is it the site's login node? name one with --host LOGIN")
    is_there = answer.status != 127  # of `env`: there is no such command
    return Refused(told) if is_there and not _UNANSWERED.search(answer.err) else Unanswered(told)


def checked(answer: Answer, name: str) -> str:
    """What a command has printed.

    Raises:
        Refused: Slurm says no.
        Unanswered: Slurm cannot be asked.
    """
    if answer.status == 127:
        raise error_of(answer, f"{name} is not there; is this the site's login node?")
    if answer.status != 0:
        said = message(answer.err or answer.out) or f"exit status {answer.status}"
        raise error_of(answer, f"{name}: {said}. What helps: {advice(answer.err)}")
    return answer.out


def is_site(manifest: Manifest, host: Host) -> bool:
    """Whether a host has a Slurm that knows the partitions which a run asks for."""
    try:
        answer = host.run(slurm.partitions())
    except HostError:
        return False
    wanted = {part.partition for job in manifest.jobs for part in job.parts if part.partition is not None}
    return answer.status == 0 and wanted <= set(answer.out.split())


def judge(manifest: Manifest, folder: str | os.PathLike[str], host: Host) -> list[str]:
    """Ask Slurm whether it would take the scripts of a folder; the names of their steps.

    Raises:
        Refused: it would not take one.
        Unanswered: it cannot be asked.
        HostError: there is no Slurm.
    """
    for job in manifest.jobs:
        answer = host.run(slurm.test_only(os.path.join(folder, job.script)))
        if answer.status != 0:
            said = message(answer.err) or f"exit status {answer.status}"
            told = f"{job.step}: Slurm would not take it: {said}. What helps: {advice(answer.err)}"
            raise error_of(answer, told)
    return [job.step for job in manifest.jobs]
