"""`hqml train --site`: the task as a job, submitted as `hqml job submit` does it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hqml.cli import job_run, job_shown
from hqml.cli.failures import say
from hqml.cli.job_files import Opened

if TYPE_CHECKING:
    from hqml.dl.spec import Task
    from hqml.specs import Places


def submit(
    task: Task,
    places: Places,
    spec: str,
    site: str,
    arguments: Sequence[str],
    *,
    run: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Write the script of the job and submit it, or show what would be.

    Args:
        task: what to train.
        places: of its file.
        spec: its file.
        site: name or file of the site.
        arguments: of `hqml train` there.
        run: folder of the job; None: beside the file.
        dry_run: show only.
        as_json: as JSON.
    """
    from hqml.dl.placing import place_task
    from hqml.hpc.host import LocalHost
    from hqml.hpc.runs.folder import default_folder

    placed = place_task(task, places, spec, site=site, arguments=arguments)
    for line in placed.warnings:
        say(f"warning: {line}")
    text = placed.rendered()
    folder = default_folder(spec, task.name) if run is None else Path(run)
    job = Opened(folder, text.manifest, LocalHost(), text, placed.workflow)
    if dry_run:
        job_shown.dry_run(job.manifest, job.folder, job.planned(), as_json=as_json)
        return
    with job.written() as taken:
        if job.manifest.scheduler == "none":
            job_run.here(job.folder, resume=False, taken=taken, at_once=None, as_json=as_json)
        else:
            job_run.submitted(job.folder, job.host, resume=False, taken=taken, as_json=as_json)
