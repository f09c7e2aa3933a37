"""What `hqml job` shows: how steps stand, and what a run would submit and take."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hqml.cli import show
from hqml.hpc.amounts import shown_time

if TYPE_CHECKING:
    from hqml.hpc.run import Manifest
    from hqml.hpc.runs.states import StepStatus, TaskStatus
    from hqml.hpc.runs.submit import Plan

HEADER = ("step", "state", "tasks", "job", "nodes", "time", "note")

STYLES = {
    "done": "green",
    "running": "cyan",
    "failed": "red",
    "timed out": "red",
    "cancelled": "yellow",
    "unknown": "yellow",
    "held back": "yellow",
}


def table(folder: Path, found: Sequence[StepStatus]) -> None:
    """Print how the steps stand."""
    show.as_rows(title(folder, found), HEADER, rows(found))


def title(folder: Path, found: Sequence[StepStatus]) -> str:
    """E.g. "landsat.run: 2 of 5 steps done"."""
    done = sum(one.state == "done" for one in found)
    return f"{folder}: {done} of {len(found)} steps done"


def rows(found: Sequence[StepStatus]) -> list[list[Any]]:
    """One a step, as `HEADER` has it."""
    return [_row(one) for one in found]


def _row(one: StepStatus) -> list[Any]:
    task = one.telling
    return [
        one.step,
        one.state,
        _counts(one),
        task.job.partition("_")[0] or None,
        task.nodes or None,
        _time(task),
        _note(one),
    ]


def _counts(one: StepStatus) -> str | None:
    if len(one.tasks) == 1:
        return None
    others = [f"{count} {state}" for state, count in one.counts.items() if state != "done"]
    return ", ".join([f"{one.counts.get('done', 0)} of {len(one.tasks)} done", *others])


def _time(task: TaskStatus) -> str | None:
    if task.state == "queued":
        return None if task.start is None else f"expected {_clock(task.start)}"
    if task.state == "running" and task.start is not None:
        ran = max(time.time() - task.start, 0) if task.seconds is None else task.seconds
        return f"{shown_time(round(ran))} since {_clock(task.start)}"
    return None if task.seconds is None else shown_time(round(task.seconds))


def _clock(second: float) -> str:
    """By this machine's clock; the day where it is not today."""
    then = time.localtime(second)
    today = time.localtime()[:3] == then[:3]
    return time.strftime("%H:%M" if today else "%d %b %H:%M", then)


def _note(one: StepStatus) -> str | None:
    task = one.telling
    said = [task.reason] if task.reason else []
    if task.state == "failed" and task.status is not None:
        said.insert(0, f"exit status {task.status}")
    if task.state == "waiting":
        said.append(f"comes after {', '.join(one.after)}")
    if one.requeues:
        said.append(f"queued again {one.requeues} time{'s' * (one.requeues != 1)}")
    return ", ".join(said) or None


def plain(found: Sequence[StepStatus]) -> list[dict[str, Any]]:
    """The same for programs: one a step, with all of its tasks; times are seconds since 1970."""
    return [
        {
            "step": one.step,
            "state": one.state,
            "after": one.after,
            "counts": one.counts,
            "requeues": one.requeues,
            "tasks": [asdict(task) for task in one.tasks],
        }
        for one in found
    ]


def dry_run(manifest: Manifest, folder: Path, planned: Plan, *, as_json: bool) -> None:
    """Print the command lines that would submit a run, and what that may take at most."""
    from hqml.hpc.runs.folder import asked_for
    from hqml.hpc.runs.states import UNFINISHED_STATES

    wanted = asked_for(replace(manifest, jobs=planned.jobs))
    if as_json:
        modules = {on: {"node_hours": hours, "qpu_seconds": seconds} for on, hours, seconds in wanted}
        told = {"run": str(folder), "site": manifest.site, "commands": planned.commands, "asks_for": modules}
        show.as_json({**told, "left_out": planned.left_out})
        return
    for line in planned.commands:
        click.echo(shlex.join(line))
    if planned.left_out:
        states = ", ".join(f"{step} is {state}" for step, state in planned.left_out.items())
        click.echo(f"left out, since {folder} has them: {states}")
    if not {*planned.left_out.values()}.isdisjoint(UNFINISHED_STATES):
        click.echo(f"hqml job resume {folder} submits again what did not finish")
    header = ["module", "node hours"]
    sums: list[list[Any]] = [[on, hours] for on, hours, _ in wanted]
    if any(seconds for _, _, seconds in wanted):
        header.append("QPU seconds")
        sums = [[*row, seconds or None] for row, (_, _, seconds) in zip(sums, wanted, strict=True)]
    if sums:
        show.as_rows(f"\nAt most, on {manifest.site}", header, sums)
    click.echo("nothing was written or submitted")
