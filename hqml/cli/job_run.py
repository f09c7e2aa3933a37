"""What `hqml job` does to runs, and how it tells meanwhile."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hqml.cli import job_shown, show
from hqml.cli.failures import Stopped, say
from hqml.errors import BackendError
from hqml.hpc.amounts import shown_time

if TYPE_CHECKING:
    from rich.table import Table

    from hqml.hpc.host import Host
    from hqml.hpc.runs.states import StepStatus, TaskStatus

_EVERY = 5.0
"""Seconds between two questions to Slurm, which all users of a site ask."""

_EVERY_LOG = 1.0
"""Seconds between two looks at a log of this machine."""

_EVERY_HERE = 0.5
"""Seconds between two looks at the states where no scheduler is asked."""


def submitted(folder: Path, host: Host, *, resume: bool, taken: Sequence[str], as_json: bool) -> None:
    """Submit a run to Slurm, or what did not finish of it, and tell what was; of `taken` the scripts are new."""
    from hqml.hpc.run import Jobs, read_jobs
    from hqml.hpc.runs.resume import resume as go_on
    from hqml.hpc.runs.status import statuses
    from hqml.hpc.runs.submit import submit

    _tell_taken(taken)
    before = (read_jobs(folder) or Jobs()).identifiers
    jobs = go_on(folder, host) if resume else submit(folder, host)
    fresh = {step: ids[-1] for step, ids in jobs.identifiers.items() if ids != before.get(step)}
    if as_json:
        told = {"run": str(folder), "host": jobs.host, "folder": jobs.folder}
        show.as_json({**told, "submitted": fresh, "taken_over": list(taken)})
        return
    for step, number in fresh.items():
        click.echo(f"{step}: job {number}")
    found = statuses(folder, host)
    stuck = [one.step for one in found if one.unfinished]
    if not fresh and _all_done(found):
        say(_NOTHING)
    elif not fresh:
        click.echo(f"nothing to submit: {_summary(found)}")
    if stuck and taken:
        say(f"to go on with {', '.join(stuck)}: hqml job resume {folder}")
    elif stuck:
        say(f"{', '.join(stuck)} did not finish; mend it, then: hqml job resume {folder}")
    elif fresh:
        say(f"see how it goes: hqml job status {folder} --watch")


_NOTHING = "nothing to do: all steps are done; hqml job submit FILE --run OTHER begins a new run"


def _all_done(found: Sequence[StepStatus]) -> bool:
    return all(one.state == "done" for one in found)


def _tell_taken(steps: Sequence[str]) -> None:
    if steps:
        say(f"taken over as the workflow's file has it now: {', '.join(steps)}")


def _summary(found: Sequence[StepStatus]) -> str:
    return ", ".join(f"{one.step} is {one.state}" for one in found)


def here(folder: Path, *, resume: bool, taken: Sequence[str], at_once: int | None, as_json: bool) -> None:
    """Run a run on this machine, and tell what starts and ends; of `taken` the scripts are new.

    Raises:
        BackendError: a step has not ended well.
        Stopped: Ctrl-C.
    """
    from hqml.hpc.runs.local import run_here

    ran: list[str] = []

    def tell(step: str, task: TaskStatus) -> None:
        ran.append(step)
        _tell(step, task)

    _tell_taken(taken)
    try:
        found = run_here(folder, resume=resume, at_once=at_once, tell=tell)
    except KeyboardInterrupt as stopped:
        raise Stopped(f"interrupted: the steps that ran were ended; hqml job resume {folder} goes on") from stopped
    is_mended = bool(taken) and not ran and not _all_done(found)
    if as_json:
        show.as_json(job_shown.plain(found))
    elif not is_mended:
        job_shown.table(folder, found)
    if is_mended:
        say(f"to go on with it: hqml job resume {folder}")
        return
    if not ran and _all_done(found):
        say(_NOTHING)
    _check_ends(folder, found)


def _tell(step: str, task: TaskStatus) -> None:
    name = step if task.task is None else f"{step}.{task.task}"
    if task.state == "running":
        say(f"{name}: runs{' again' * (task.requeues > 0)}")
    else:
        told = f"{task.state}, exit status {task.status}" if task.state == "failed" else task.state
        say(f"{name}: {told}, after {shown_time(round(task.seconds or 0))}")


def _check_ends(folder: Path, found: Sequence[StepStatus]) -> None:
    bad = [one for one in found if one.unfinished]
    ended = [one for one in bad if any(task.job for task in one.tasks)] or bad
    if bad:
        first = ended[0]
        tasks = [task for task in first.unfinished if task.job] or list(first.unfinished)
        name = first.step if tasks[0].task is None else f"{first.step}.{tasks[0].task}"
        raise BackendError(
            f"{name} {_VERBS.get(tasks[0].state, 'has not ended well')}; hqml job logs {folder} {name} shows why, and "
            f"hqml job resume {folder} goes on once it is mended"
        )


_VERBS = {"failed": "has failed", "cancelled": "was cancelled", "timed out": "ran out of time"}


def watch(folder: Path, host: Host, *, as_json: bool) -> None:
    """Show how the steps stand until all have ended.

    Raises:
        BackendError: a step has not ended well.
        Stopped: Ctrl-C, which ends the watching alone.
    """
    try:
        found = _watched(folder, host, as_json=as_json)
    except KeyboardInterrupt as stopped:
        raise Stopped(f"stopped watching; the steps go on, see: hqml job status {folder}") from stopped
    if as_json:
        show.as_json(job_shown.plain(found))
    _check_ends(folder, found)


def _watched(folder: Path, host: Host, *, as_json: bool) -> list[StepStatus]:
    every = _every(folder)
    if as_json:
        return _until_ended(folder, host, every, lambda found: None)
    if not sys.stdout.isatty():
        return _until_ended(folder, host, every, _lines())
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(markup=False, emoji=False, highlight=False), auto_refresh=False) as live:

        def update(found: Sequence[StepStatus]) -> None:
            live.update(_rich(folder, found), refresh=True)

        return _until_ended(folder, host, every, update)


def _every(folder: Path) -> float:
    from hqml.hpc.run import read_manifest

    return _EVERY_HERE if read_manifest(folder).scheduler == "none" else _EVERY


def _until_ended(
    folder: Path, host: Host, every: float, tell: Callable[[Sequence[StepStatus]], None]
) -> list[StepStatus]:
    from hqml.hpc.runs.patience import Patience
    from hqml.hpc.runs.states import ACTIVE
    from hqml.hpc.runs.status import statuses

    patience = Patience(say)
    found: list[StepStatus] | None = statuses(folder, host)
    while True:
        if found is not None:
            tell(found)
            if not any(task.state in ACTIVE for one in found for task in one.tasks):
                return found
        time.sleep(every)
        found = patience.ask(lambda: statuses(folder, host))


def _lines() -> Callable[[Sequence[StepStatus]], None]:
    """One line for each change, where no terminal shows a table."""
    before: dict[str, str] = {}

    def tell(found: Sequence[StepStatus]) -> None:
        for one, row in zip(found, job_shown.rows(found), strict=True):
            line = f"{one.step}: {one.state}{f' ({row[2]})' if row[2] else ''}"
            if before.get(one.step) != line:
                click.echo(line)
                before[one.step] = line

    return tell


def _rich(folder: Path, found: Sequence[StepStatus]) -> Table:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    shown = RichTable(
        *job_shown.HEADER,
        title=job_shown.title(folder, found),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 2, 0, 0),
        caption=f"{time.strftime('%H:%M:%S')}; Ctrl-C stops watching alone",
        caption_justify="left",
    )
    for row in job_shown.rows(found):
        cells = [Text("-" if cell is None else str(cell)) for cell in row]
        cells[1].stylize(job_shown.STYLES.get(str(row[1]), "none"))
        shown.add_row(*cells)
    return shown


def logs(folder: Path, host: Host, wanted: str, *, follow: bool) -> None:
    """Print the log of a step or task, or of all tasks of an array."""
    from hqml.hpc.runs.logs import following, logs_of

    found = logs_of(folder, wanted, host)
    if follow:
        if len(found) > 1:
            raise click.UsageError(f"{wanted} is an array; name a task to follow, e.g. {wanted}.{found[0].task}")
        every = _EVERY_LOG if host.name is None else _EVERY
        for text in following(folder, found[0], host, every=every, ask_every=_every(folder), tell=say):
            click.echo(text, nl=False)
        return
    for log in found:
        if len(found) > 1:
            click.echo(f"==> {log.step}.{log.task} <==")
        content = host.read(log.path)
        if content is None:
            say(f"{log.path} is not there yet; the step has not started")
        else:
            click.echo(content, nl=False)


def cancel(folder: Path, host: Host, steps: Sequence[str]) -> list[str]:
    """Cancel steps, and tell which."""
    from hqml.hpc.run import read_manifest
    from hqml.hpc.runs.local import cancel_here
    from hqml.hpc.runs.resume import cancel as cancel_jobs

    if read_manifest(folder).scheduler == "none":
        return cancel_here(folder, steps)
    return cancel_jobs(folder, host, steps)
