"""What to do when Slurm says no."""

from __future__ import annotations

import re

from hqml.errors import HostError
from hqml.hpc.host import Answer

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
    ("Unable to contact slurm controller", "Slurm does not answer; try again later"),
    ("Socket timed out", "Slurm did not answer in time; what it has taken all the same is found and not sent again"),
)
"""Parts of messages of slurm_errno.c, and what helps."""

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
    return "mend what it says"


class Refused(HostError):
    """Slurm does not take a job, or does not answer."""


def checked(answer: Answer, name: str) -> str:
    """What a command has printed.

    Raises:
        Refused: it has failed.
    """
    if answer.status == 127:  # of `env`: there is no such command
        raise Refused(f"{name} is not there; is this the site's login node?")
    if answer.status != 0:
        said = message(answer.err or answer.out) or f"exit status {answer.status}"
        raise Refused(f"{name}: {said}. What helps: {advice(answer.err)}")
    return answer.out
