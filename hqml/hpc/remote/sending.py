"""Send a run, and the folder of its workflow, to the machine where it is to be submitted."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hqml.errors import ParameterError
from hqml.hpc.host import Host
from hqml.hpc.remote.left_out import token_files
from hqml.hpc.remote.ssh import SshHost
from hqml.hpc.remote.staging import MOST_BYTES, make_folder, stage
from hqml.hpc.run import JOBS, Jobs, read_jobs, write_json
from hqml.hpc.runs.claim import CLAIM, LOCK
from hqml.hpc.runs.folder import SUFFIX, kept, write_run
from hqml.hpc.scripts.rendering import Rendered
from hqml.hpc.workflow import Workflow


def send(
    rendered: Rendered,
    workflow: Workflow,
    folder: str | os.PathLike[str],
    host: Host,
    *,
    remote: str | None = None,
    most_bytes: int | None = MOST_BYTES,
    tell: Callable[[str], None],
) -> list[str]:
    """Write a run here, and bring it and its workflow's folder to a host, where its jobs can be submitted.

    The scripts and the manifest are here as well, with the workflow's folder on the host in it.

    Args:
        rendered: the scripts.
        workflow: of the run.
        folder: of the run, on this machine.
        host: where OpenSSH leads.
        remote: the workflow's folder there, as `make_folder` takes it. None: where it was sent before, or ~/hqml-runs.
        most_bytes: refuse to send more; None: whatever it is.
        tell: gets lines about what is sent, and what is not.

    Returns:
        Steps that the run has taken over, as `write_run` does.

    Raises:
        HostError: the host cannot be reached, or has no rsync.
        ParameterError: the run was sent elsewhere before, or has changed, or another process is at work on it.
        FormatError: the folder cannot be written to.
    """
    assert isinstance(host, SshHost)
    with kept(rendered, folder):
        before = read_jobs(folder)
        if before is not None and before.host != host.name:
            raise ParameterError(f"{folder} was submitted through {before.host or 'this machine'}; name another --run")
        there = make_folder(host, remote or (os.path.dirname(before.folder) if before else None), workflow.name)
        taken = write_run(replace(rendered, manifest=replace(rendered.manifest, folder=there)), folder, host)
        of_runs = (f"*{SUFFIX}/{name}" for name in (JOBS, CLAIM, LOCK))  # what this machine alone has
        exclude = (*workflow.exclude, *token_files(workflow), *of_runs)
        sent = stage(rendered.manifest.folder, host, there, exclude=exclude, most_bytes=most_bytes, tell=tell)
        run = f"{there}/{Path(folder).resolve().name}"
        host.run(["mkdir", "-p", "--", run])
        scripts = stage(folder, host, run, exclude=(f"/{JOBS}", f"/{CLAIM}", f"/{LOCK}"))
        for line in dict.fromkeys((*sent.notes, *scripts.notes)):
            tell(line)
        write_json(replace(before or Jobs(host.name), folder=run), folder)
        return taken
