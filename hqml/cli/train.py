"""`hqml train`: a specification in, a trained model out; or a job of a site that does it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hqml.cli import show
from hqml.cli.failures import Stopped, say
from hqml.cli.options import json_option
from hqml.secrets import scrubbed

if TYPE_CHECKING:
    from hqml.dl.progress import Progress
    from hqml.dl.spec import Task
    from hqml.dl.trained import Epoch, Trained
    from hqml.specs import Places

SUFFIX = ".trained"

_PLACING = re.compile(r"\s*run\s*[.=]")
"""Of the job itself, and not of what it trains."""


@click.command("train", short_help="Train a model from a specification.")
@click.argument("spec")
@click.option("--out", metavar="DIR", help=f"Folder of the results.  [default: NAME{SUFFIX} beside SPEC]")
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="Another value of a key; may be given again.")
@click.option("--fresh", is_flag=True, help="Begin anew, also where a checkpoint is.")
@click.option("--lines", is_flag=True, help="A line on stderr for each epoch, instead of a bar.")
@click.option("--check", "only_check", is_flag=True, help="Check SPEC, show it with its defaults, and train nothing.")
@click.option("--site", metavar="SITE", help="Hand it to a site as a job; `hqml site list` shows them.")
@click.option("--on", metavar="MODULE", help="Kind of module there.  [default: the first with GPUs]")
@click.option("--nodes", type=click.IntRange(min=1), help="Nodes.  [default: 1]")
@click.option("--gpus", type=click.IntRange(min=0), help="GPUs of each node.  [default: all, of nodes not shared]")
@click.option("--time", "time_", metavar="TIME", help="Wall time, e.g. 30m.  [default: 1h]")
@click.option("--account", metavar="PROJECT", help="Project that pays.")
@click.option("--run", metavar="DIR", help="Folder of the job.  [default: NAME.run beside SPEC]")
@click.option("--dry-run", is_flag=True, help="With --site: show what would be submitted; do nothing.")
@json_option
def command(
    spec: str,
    out: str | None,
    pairs: Sequence[str],
    fresh: bool,
    lines: bool,
    only_check: bool,
    site: str | None,
    on: str | None,
    nodes: int | None,
    gpus: int | None,
    time_: str | None,
    account: str | None,
    run: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Train the model that the YAML file SPEC describes; its keys are in docs/dl/specifications.md.

    The folder gets model.onnx, task.yaml, history.csv, result.json and a checkpoint, from which the same command goes
    on where it was stopped. Ctrl-C keeps the best model so far. Under torchrun the ranks train together:
    `torchrun --nproc-per-node 4 --no-python hqml train SPEC`. Exit status 75: SIGUSR1 asked to stop, the state is
    saved.

    \b
    Examples:
      hqml train digits.yaml
      hqml train digits.yaml --set optimizer.rate=0.01 --set model.hidden=[64,64]
      hqml train landsat.yaml --site juwels --on booster --nodes 2 --time 2h --account training2401 --dry-run
    """
    asked = {"on": on, "nodes": nodes, "gpus": gpus, "time": time_, "account": account}
    placing = {f"run.{key}": value for key, value in asked.items() if value is not None}
    if site is None and (placing or run is not None or dry_run):
        option = f"--{next(iter(placing)).removeprefix('run.')}" if placing else "--run" if run else "--dry-run"
        raise click.UsageError(f"{option} is for a job; name its site with --site")
    if site is not None and fresh:
        raise click.UsageError("a job that is queued again would begin anew each time; name a new folder with --out")
    from hqml.dl.spec_file import open_task

    if Path(spec).is_dir():
        raise click.UsageError(f"{spec} is a folder; name a specification, a file in YAML")
    task, places = open_task(spec, [*pairs, *placing.items()])
    if only_check:
        _show_task(task, spec)
    elif site is None:
        _train(task, places, spec, out, fresh=fresh, lines=lines, as_json=as_json)
    else:
        from hqml.cli.train_job import submit

        arguments = _arguments(spec, out, pairs)
        submit(task, places, spec, site, arguments, run=run, dry_run=dry_run, as_json=as_json)


def _show_task(task: Task, spec: str) -> None:
    from hqml.dl.data.files import named
    from hqml.dl.defaults import completed
    from hqml.dl.results import task_text
    from hqml.errors import FormatError

    base = Path(spec).parent
    click.echo(task_text(completed(task, base)), nl=False)
    if task.data.file is not None:
        try:
            named(task.data, base)
        except FormatError as missing:  # on a site, where the task may be meant to run, they may be there
            say(f"note: {missing}")


def _arguments(spec: str, out: str | None, pairs: Sequence[str]) -> list[str]:
    """Of the job's own `hqml train`, which runs in the folder of the specification."""
    where = [] if out is None else ["--out", out if os.path.isabs(out) else os.path.relpath(out, Path(spec).parent)]
    sent = [pair for pair in pairs if not _PLACING.match(pair)]
    for pair in sent:
        if scrubbed(pair) != pair:
            key = pair.partition("=")[0]
            raise click.UsageError(
                f"--set {key}: would write a secret into the job's script; give it by a variable there"
            )
    return [*where, *(word for pair in sent for word in ("--set", pair)), "--lines"]


def _train(task: Task, places: Places, spec: str, out: str | None, *, fresh: bool, lines: bool, as_json: bool) -> None:
    from hqml.dl.checks import check_here
    from hqml.dl.run import train
    from hqml.dl.training.groups.ranks import place_in

    check_here(task, places)
    folder = Path(spec).parent / f"{task.name}{SUFFIX}" if out is None else Path(out)
    place = place_in(os.environ)
    speaks = place.rank == 0
    told = _Told(task.name, lines=lines)
    with told.bar() if speaks and not lines and sys.stderr.isatty() else nullcontext():
        try:
            trained = train(task, folder, base=Path(spec).parent, resume=not fresh, report=told if speaks else None)
        except KeyboardInterrupt as stopped:
            left = f"the same command goes on from the last checkpoint of {folder}, if there is one"
            raise Stopped(f"interrupted before a model was written; {left}") from stopped
    if speaks:
        _show(trained, as_json=as_json)
    if trained.fitted.stopped == "interrupted":
        raise Stopped(f"interrupted; {folder} has the best model so far; the same command goes on")
    if place.size > 1:
        _leave()


def _leave() -> None:
    """End this rank at once, since all of it is done.

    DDP keeps its process group, whose threads run on (torch 2.13). On the interpreter's way out a rank was once
    aborted, perhaps by them, and torchrun calls that a failed training.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _show(trained: Trained, *, as_json: bool) -> None:
    from hqml.dl.results import result

    found = result(trained)
    if as_json:
        show.as_json(found)
    else:
        show.as_pairs(trained.task.name, {key: value for key, value in found.items() if key != "name"})


class _Told:
    """What training reports, told: a bar on a terminal's stderr, or a line for each epoch where they are asked for."""

    def __init__(self, name: str, *, lines: bool) -> None:
        self.name, self.lines = name, lines
        self._bar: Callable[[float, str], None] = lambda share, told: None

    def __call__(self, progress: Progress) -> None:
        if self.lines and progress.ended is not None:
            click.echo(_line(progress.ended, progress.epochs), err=True)
        loss = "" if progress.loss is None else f", loss {progress.loss:.4g}"
        self._bar(progress.share, f"{self.name}: epoch {progress.epoch} of {progress.epochs}{loss}")

    @contextmanager
    def bar(self) -> Iterator[None]:
        """Show a bar while the block lasts."""
        with show.live_bar(self.name, 1.0, remaining=True) as self._bar:
            yield


def _line(epoch: Epoch, epochs: int) -> str:
    figures = ", ".join(f"{name} {value:.5g}" for name, value in epoch.validation.items())
    watched = f"; validation {figures}" if figures else ""
    return f"epoch {epoch.number} of {epochs}: loss {epoch.loss:.5g}{watched}; {epoch.seconds:.3g} s"
