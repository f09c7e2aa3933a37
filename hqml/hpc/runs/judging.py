"""Let Slurm judge scripts before they are submitted."""

from __future__ import annotations

import os

from hqml.errors import HostError
from hqml.hpc.host import Host
from hqml.hpc.run import Manifest
from hqml.hpc.runs import slurm
from hqml.hpc.runs.refusals import Refused, advice, message


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
        HostError: there is no Slurm.
    """
    for job in manifest.jobs:
        answer = host.run(slurm.test_only(os.path.join(folder, job.script)))
        if answer.status != 0:
            said = message(answer.err) or f"exit status {answer.status}"
            raise Refused(f"{job.step}: Slurm would not take it: {said}. What helps: {advice(answer.err)}")
    return [job.step for job in manifest.jobs]
