"""From what users name to what is to be done: workflow files, folders of runs, hosts."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hqml.cli.failures import say
from hqml.cli.hosts import named_host
from hqml.errors import ParameterError

if TYPE_CHECKING:
    from hqml.hpc.host import Host
    from hqml.hpc.run import Manifest
    from hqml.hpc.runs.submit import Plan
    from hqml.hpc.scripts.rendering import Rendered
    from hqml.hpc.site import Site
    from hqml.hpc.workflow import Workflow


def checked(file: str, site: str | None) -> tuple[Workflow, Site, list[str]]:
    """Read a workflow, check it against its site, and say what is unwise.

    Raises:
        FormatError: something is wrong with it; the message says where.
    """
    from hqml.hpc.sites.file import load_site
    from hqml.hpc.workflows.advice import warnings
    from hqml.hpc.workflows.checks import check
    from hqml.hpc.workflows.file import open_workflow

    if Path(file).is_dir():
        raise click.UsageError(f"{file} is a folder; name a workflow, a file in YAML")
    workflow, places = open_workflow(file, site)
    if site is None:
        with places.at("site"):
            found = load_site(workflow.site)
    else:
        found = load_site(site)
    check(workflow, found, places)
    return workflow, found, warnings(workflow, found)


def rendered(file: str, site: str | None) -> Rendered:
    """The scripts of a workflow, with warnings on stderr."""
    from hqml.hpc.scripts.rendering import render

    workflow, found, warnings = checked(file, site)
    for line in warnings:
        say(f"warning: {line}")
    return render(workflow, found)


def judged_by_slurm(workflow: Workflow, site: Site, wanted: bool | None) -> list[str] | None:
    """Let Slurm test the scripts; the names of the steps that it would take, None where it was not asked.

    Args:
        workflow: to test.
        site: of which it is.
        wanted: None: where this machine's Slurm has the partitions of the workflow.

    Raises:
        Refused: it would not take one.
    """
    from hqml.hpc.host import LocalHost
    from hqml.hpc.runs.refusals import is_site, judge
    from hqml.hpc.scripts.rendering import render, write

    if site.scheduler != "slurm":
        if wanted:
            raise click.UsageError(f"--test-only asks Slurm, which {site.name} has not")
        return None
    whole = render(workflow, site)
    if wanted is False or (wanted is None and not is_site(whole.manifest, LocalHost())):
        return None
    with tempfile.TemporaryDirectory() as folder:
        write(whole, folder)
        return judge(whole.manifest, folder, LocalHost())


@dataclass(frozen=True)
class Opened:
    """What is to be submitted.

    Attributes:
        folder: of the run.
        manifest: of the run.
        host: to submit to.
        rendered: to be written first; None: the folder has it.
        workflow: None: the folder has all there is.
    """

    folder: Path
    manifest: Manifest
    host: Host
    rendered: Rendered | None = None
    workflow: Workflow | None = None

    def planned(self) -> Plan:
        """What would be submitted; nothing is written."""
        from hqml.hpc.run import MANIFEST
        from hqml.hpc.runs.folder import changes
        from hqml.hpc.runs.submit import plan

        if self.rendered is not None and (self.folder / MANIFEST).exists():
            changes(self.rendered, self.folder, self.host)  # what cannot be taken over is told now
        return plan(self.manifest, self.folder, self.host)

    @contextmanager
    def written(self, remote: str | None = None, *, any_size: bool = False) -> Iterator[list[str]]:
        """Write the scripts, and send them with the workflow's folder, to `remote`, where they run elsewhere.

        The block gets the steps that the run has taken over as they are now. The run is kept for this process until
        it ends.
        """
        from hqml.hpc.remote.sending import send
        from hqml.hpc.remote.staging import MOST_BYTES
        from hqml.hpc.runs.folder import kept, write_run

        if self.rendered is None or self.workflow is None:
            yield []
            return
        with kept(self.rendered, self.folder):
            if self.host.name is None:
                yield write_run(self.rendered, self.folder, self.host)
            else:
                most = None if any_size else MOST_BYTES
                yield send(
                    self.rendered, self.workflow, self.folder, self.host, remote=remote, most_bytes=most, tell=say
                )


def opened(target: str, site: str | None, run: str | None, host: str | None) -> Opened:
    """What a workflow's file, or the folder of a run, says; nothing is written."""
    from hqml.hpc.run import read_manifest
    from hqml.hpc.runs.folder import default_folder
    from hqml.hpc.scripts.rendering import render

    if Path(target).is_dir():
        for option, given in (("--site", site), ("--run", run)):
            if given is not None:
                raise click.UsageError(f"{target} is the folder of a run, which says it itself; drop {option}")
        folder, its_host = found(target)
        if host is not None and its_host.name != host:
            raise click.UsageError(f"{target} was not sent to {host}; submit the workflow's file with --host {host}")
        return Opened(folder, read_manifest(folder), its_host)
    workflow, known, warnings = checked(target, site)
    for line in warnings:
        say(f"warning: {line}")
    if host is not None and known.scheduler == "none":
        raise click.UsageError(f"--host needs a site with Slurm, and {known.name} has no scheduler")
    text = render(workflow, known)
    folder = default_folder(target, workflow.name) if run is None else Path(run)
    return Opened(folder, text.manifest, named_host(host), text, workflow)


def found(run: str | None) -> tuple[Path, Host]:
    """The folder of a run, and where its jobs are.

    Raises:
        ParameterError: none is named, and here is none, or there are several.
        FormatError: the folder is no run's.
    """
    from hqml.hpc.run import read_jobs, read_manifest
    from hqml.hpc.runs.folder import only_run

    folder = only_run() if run is None else Path(run)
    if folder.is_file() and folder.suffix in (".yaml", ".yml"):
        raise ParameterError(f"{folder} is a workflow; name the folder of its run, e.g. {folder.with_suffix('.run')}")
    read_manifest(folder)
    jobs = read_jobs(folder)
    return folder, named_host(None if jobs is None else jobs.host)


def taken_over(folder: Path, host: Host) -> list[str]:
    """Bring what was mended in the workflow's file into its run; the steps that are others now.

    Where a step has changed that is done, or in the queue, a line says that the run goes on as it was.

    Raises:
        ParameterError: the run is on another machine, which has to get the scripts.
        FormatError: something is wrong with the workflow; the message says where.
    """
    from hqml.hpc.run import read_manifest
    from hqml.hpc.runs.folder import changes, write_run
    from hqml.hpc.scripts.rendering import render

    before = read_manifest(folder)
    if not Path(before.file).is_file():
        return []
    workflow, site, _ = checked(before.file, before.asked_site)
    text = render(workflow, site)
    try:
        if host.name is None:
            return write_run(text, folder, host)
        changed = changes(text, folder, host)
    except ParameterError as error:
        say(f"warning: the run goes on as it was, without what is new in {before.file}: {error}")
        return []
    if changed:
        raise ParameterError(
            f"{before.file} has changed ({', '.join(changed)}); `hqml job submit` of it with --host {host.name} sends "
            "it, then resume"
        )
    return []


def steps_of(folder: Path) -> str:
    """Names of the steps of a run."""
    from hqml.hpc.run import read_manifest

    return ", ".join(job.step for job in read_manifest(folder).jobs)


def run_and_steps(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """Tell a run's folder, which comes first if it is there, from names of steps, which other folders may have."""
    from hqml.hpc.run import MANIFEST
    from hqml.hpc.runs.folder import SUFFIX

    if words and (os.sep in words[0] or words[0].endswith(SUFFIX) or (Path(words[0]) / MANIFEST).exists()):
        return words[0], list(words[1:])
    return None, list(words)
