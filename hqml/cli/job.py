"""`hqml job`: workflows as jobs: write their scripts, submit them, see how they stand, stop them, go on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from hqml.cli import job_ssh, show
from hqml.cli.failures import say
from hqml.cli.options import json_option

_site_option = click.option("--site", metavar="NAME", help="Instead of the site that the file names.")
_run_argument = click.argument("run", required=False)
_at_once_option = click.option(
    "--at-once",
    type=click.IntRange(min=1),
    metavar="N",
    help="Scripts at a time, where no scheduler decides.  [default: one a core, four at most]",
)


@click.group("job", short_help="Run workflows on the modules of a computer.")
def command() -> None:
    """Run workflows: steps on clusters, boosters and annealers, after each other or at the same time, by Slurm.

    FILE is a workflow in YAML (docs/hpc/workflows.md). RUN is the folder with its scripts, logs and states, NAME.run
    beside the file; commands find it where it is the only one in the current folder. Needs pip install 'hqml[hpc]'.

    \b
    Example:
      hqml job check landsat.yaml
      hqml job submit landsat.yaml --dry-run
      hqml job submit landsat.yaml
      hqml job status --watch
      hqml job logs train
    """


@command.command("render", short_help="Write the scripts of a workflow.")
@click.argument("file")
@click.option("--out", required=True, metavar="DIR", help="Folder to write them into; `hqml job submit DIR` takes it.")
@_site_option
@json_option
def render(file: str, out: str, site: str | None, as_json: bool) -> None:
    """Write the job scripts of FILE and their manifest.json into a folder, for reading or for submitting.

    \b
    Example:
      hqml job render landsat.yaml --site juwels --out scripts
    """
    from hqml.cli.job_files import rendered
    from hqml.hpc.host import LocalHost
    from hqml.hpc.runs.folder import write_run

    text = rendered(file, site)
    write_run(text, out, LocalHost())
    written = [job.script for job in text.manifest.jobs]
    if as_json:
        show.as_json({"folder": out, "site": text.manifest.site, "scripts": written})
    else:
        click.echo("\n".join(str(Path(out) / name) for name in written))


@command.command("check", short_help="Check a workflow against its site.")
@click.argument("file")
@_site_option
@click.option("--test-only/--no-test-only", default=None, help="Ask Slurm as well.  [default: where sbatch is]")
@json_option
def check(file: str, site: str | None, test_only: bool | None, as_json: bool) -> None:
    """Check FILE: its keys, the limits of its site, the software, and what Slurm says where there is one.

    What is wrong is one line with its place in the file, and exit status 2. What is only unwise is a warning, and what
    would do as well a hint.
    """
    from hqml.cli import job_files
    from hqml.hpc.workflows.advice import hints

    workflow, found, warnings = job_files.checked(file, site)
    with show.bar(f"checking {file}"):
        asked = job_files.judged_by_slurm(workflow, found, test_only)
    told = hints(workflow, found)
    if as_json:
        show.as_json({"file": file, "site": found.name, "warnings": warnings, "hints": told, "slurm": asked})
        return
    for line in (*(f"warning: {one}" for one in warnings), *(f"hint: {one}" for one in told)):
        say(line)
    by_slurm = f", and Slurm would take {'them' if asked and len(asked) > 1 else 'it'}"
    if asked is None:
        reason = "" if test_only is False else ", since this is no login node of the site"
        by_slurm = f"; Slurm was not asked{reason}" if found.scheduler == "slurm" else ""
    steps = f"{len(workflow.steps)} step{'s' * (len(workflow.steps) != 1)}"
    click.echo(f"{file}: {steps} for {found.title}{by_slurm}")


@command.command("submit", short_help="Submit a workflow.")
@click.argument("target", metavar="FILE|DIR")
@_site_option
@click.option("--run", metavar="DIR", help="Folder of the run.  [default: NAME.run beside the workflow]")
@click.option("--dry-run", is_flag=True, help="Show what would be submitted and what it may take; do nothing.")
@click.option("--host", metavar="LOGIN", help="Submit on another machine, as ~/.ssh/config calls it.")
@click.option("--remote", metavar="DIR", help="Folder there; ~ and $SCRATCH count.  [default: ~/hqml-runs/NAME]")
@click.option("--any-size", is_flag=True, help="Send there whatever it is; else at most 2 GiB.")
@_at_once_option
@json_option
def submit(
    target: str,
    site: str | None,
    run: str | None,
    dry_run: bool,
    host: str | None,
    remote: str | None,
    any_size: bool,
    at_once: int | None,
    as_json: bool,
) -> None:
    """Submit the steps of a workflow, or of a folder that `hqml job render` wrote.

    The same command goes on where it was stopped, and submits nothing twice. On a site without a scheduler the steps
    run here until all have ended. No token of this terminal goes with a job: a quantum step reads its own.

    \b
    Examples:
      hqml job submit landsat.yaml
      hqml job submit landsat.yaml --site deep --dry-run
      hqml job submit landsat.yaml --site juwels --host juwels
    """
    from hqml.cli import job_files, job_run, job_shown

    if host is None and (remote is not None or any_size):
        raise click.UsageError("--remote and --any-size are for another machine; name it with --host")
    job = job_files.opened(target, site, run, host)
    if dry_run:
        job_shown.dry_run(job.manifest, job.folder, job.planned(), as_json=as_json)
        return
    with job.written(remote, any_size=any_size) as taken:
        if job.manifest.scheduler == "none":
            job_run.here(job.folder, resume=False, taken=taken, at_once=at_once, as_json=as_json)
        else:
            job_run.submitted(job.folder, job.host, resume=False, taken=taken, as_json=as_json)


@command.command("status", short_help="Show how the steps of a run stand.")
@_run_argument
@click.option("--watch", is_flag=True, help="Go on until all steps have ended; then exit status 1 if one did not well.")
@json_option
def status(run: str | None, watch: bool, as_json: bool) -> None:
    """Show how the steps of a run stand, once or until all have ended.

    Steps that a failed one holds back will not run by themselves: mend it, then `hqml job resume`.

    \b
    Example:
      hqml job status landsat.run --watch
    """
    from hqml.cli import job_files, job_run, job_shown

    folder, host = job_files.found(run)
    if watch:
        job_run.watch(folder, host, as_json=as_json)
        return
    from hqml.hpc.runs.status import statuses

    found = statuses(folder, host)
    if as_json:
        show.as_json(job_shown.plain(found))
    else:
        job_shown.table(folder, found)


@command.command("logs", short_help="Print what a step has printed.")
@click.argument("words", nargs=-1, required=True, metavar="[RUN] STEP[.TASK]")
@click.option("--follow", is_flag=True, help="Go on until the step has ended.")
def logs(words: Sequence[str], follow: bool) -> None:
    """Print the standard output and error of a step; of an array those of all tasks, or of one, as in sweep.3.

    \b
    Examples:
      hqml job logs train --follow
      hqml job logs landsat.run sweep.3
    """
    from hqml.cli import job_files, job_run

    if len(words) > 2:
        raise click.UsageError("name the run (if there are several here) and one step")
    run, steps = (words[0], words[1:]) if len(words) == 2 else job_files.run_and_steps(words)
    folder, host = job_files.found(run)
    if not steps:
        raise click.UsageError(f"name a step of {folder} as well: {job_files.steps_of(folder)}")
    job_run.logs(folder, host, steps[0], follow=follow)


@command.command("cancel", short_help="Cancel steps of a run, or all of it.")
@click.argument("words", nargs=-1, metavar="[RUN] [STEP]...")
@json_option
def cancel(words: Sequence[str], as_json: bool) -> None:
    """Cancel what has not ended, all of it unless steps are named; what comes after them is held back.

    \b
    Examples:
      hqml job cancel
      hqml job cancel landsat.run train
    """
    from hqml.cli import job_files, job_run

    run, steps = job_files.run_and_steps(words)
    folder, host = job_files.found(run)
    cancelled = job_run.cancel(folder, host, steps)
    if as_json:
        show.as_json({"run": str(folder), "cancelled": cancelled})
    else:
        click.echo(f"cancelled {', '.join(cancelled)}" if cancelled else "nothing to cancel: no step is queued or runs")


@command.command("resume", short_help="Submit again what did not finish.")
@_run_argument
@_at_once_option
@json_option
def resume(run: str | None, at_once: int | None, as_json: bool) -> None:
    """Submit again what failed, was cancelled, ran out of time, or never ran, and what comes after it.

    Steps that are done are kept, those in the queue go on; of an array only the tasks that did not finish run again.
    What was mended in the workflow's file is taken over first.

    \b
    Example:
      hqml job resume landsat.run
    """
    from hqml.cli import job_files, job_run
    from hqml.hpc.run import read_manifest
    from hqml.hpc.runs.claim import claimed

    folder, host = job_files.found(run)
    with claimed(folder):
        taken = job_files.taken_over(folder, host)
        if read_manifest(folder).scheduler == "none":
            job_run.here(folder, resume=True, taken=taken, at_once=at_once, as_json=as_json)
        else:
            job_run.submitted(folder, host, resume=True, taken=taken, as_json=as_json)


for _one in (job_ssh.fetch, job_ssh.tunnel):
    command.add_command(_one)
