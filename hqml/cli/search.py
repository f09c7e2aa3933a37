"""`hqml search`: a specification with a search in, its best values out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hqml.cli import show
from hqml.cli.options import json_option

if TYPE_CHECKING:
    from hqml.dl.progress import Progress
    from hqml.dl.search import Found

SUFFIX = ".search"

_WORKERS = ("HQML_WORKER", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "SLURM_ARRAY_TASK_ID", "SLURM_PROCID")
"""Who tells a process its number among those that share a search, the nearest first."""

_SHOWN = 5


@click.command("search", short_help="Search for the best values of a specification's keys.")
@click.argument("spec")
@click.option("--out", metavar="DIR", help=f"Folder of the results.  [default: NAME{SUFFIX} beside SPEC]")
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="Another value of a key; may be given again.")
@click.option("--trials", type=click.IntRange(min=1), help="Trials in all, instead of the specification's.")
@click.option("--processes", type=click.IntRange(min=1), default=1, show_default=True, help="Processes here.")
@json_option
def command(
    spec: str, out: str | None, pairs: Sequence[str], trials: int | None, processes: int, as_json: bool
) -> None:
    """Try values for the keys that `search: space:` of the YAML file SPEC names, and keep the best.

    The folder gets journal.log, trials.csv and best.yaml, which `hqml train` takes. Processes that name the same
    folder share the trials: start the same command several times, by `mpiexec -n 4`, by srun, or as tasks of a job
    array. What was stopped goes on where it was.

    \b
    Examples:
      hqml search digits.yaml --trials 30
      hqml search digits.yaml --set search.engine=qubo --processes 2
    """
    from hqml.dl.search import search
    from hqml.dl.spec_file import open_task

    sets: list[str | tuple[str, int]] = [*pairs, *([("search.trials", trials)] if trials else [])]
    task, places = open_task(spec, sets)
    if task.search is None:
        raise places.error(
            (), "has no search; add e.g. search: {space: {optimizer.rate: {low: 1e-5, high: 0.1, log: true}}}"
        )
    if processes > 1 and task.search.engine == "ray":
        raise click.UsageError("Ray starts its processes itself; drop --processes")
    folder = Path(spec).parent / f"{task.name}{SUFFIX}" if out is None else Path(out)
    told = _Told(task.search.trials)
    with _others(spec, folder, pairs, trials, processes), told.bar() if _shows() else nullcontext():
        found = search(task, folder, base=Path(spec).parent, worker=worker(os.environ), report=told)
    if as_json:
        show.as_json(_plain(found, folder))
    else:
        _show(found, folder)


def _shows() -> bool:
    """Whether this process draws the bar: one of several on a terminal is enough."""
    return sys.stderr.isatty() and "HQML_WORKER" not in os.environ


def worker(environment: Any) -> int:
    """The number of this process among those that share a search."""
    found = (environment[name] for name in _WORKERS if environment.get(name, "").isdecimal())
    return int(next(found, 0))


@contextmanager
def _others(spec: str, folder: Path, pairs: Sequence[str], trials: int | None, processes: int) -> Iterator[None]:
    """Further processes that try while the block lasts; Ctrl-C of the terminal reaches them as well."""
    sets = [word for pair in pairs for word in ("--set", pair)] + ([] if trials is None else ["--trials", str(trials)])
    words = [sys.executable, "-m", "hqml.cli", "search", spec, "--out", str(folder), *sets]
    started = [
        subprocess.Popen(words, env={**os.environ, "HQML_WORKER": str(number)}, stdout=subprocess.DEVNULL)
        for number in range(1, processes)
    ]
    try:
        yield
    except BaseException:
        for one in started:
            one.terminate()
        raise
    finally:
        for one in started:
            one.wait()


def _plain(found: Found, folder: Path) -> dict[str, Any]:
    best = found.best
    return {
        "figure": found.figure,
        "direction": found.direction,
        "best": None if best is None else best.figure,
        "values": None if best is None else dict(best.values),
        "trials": [vars(trial) | {"values": dict(trial.values)} for trial in found.trials],
        "out": str(folder),
    }


def _show(found: Found, folder: Path) -> None:
    """The best trials, and how many came to which end."""
    best = found.best
    ends = {
        state: sum(trial.state == state for trial in found.trials)
        for state in ("complete", "pruned", "failed", "running")
    }
    told = ", ".join(f"{count} {state}" for state, count in ends.items() if count)
    click.echo(f"{len(found.trials)} trials: {told}")
    done = [trial for trial in found.trials if trial.figure is not None]
    done.sort(key=lambda trial: (trial.figure or 0.0) * (1 if found.direction == "minimize" else -1))
    for trial in done[:_SHOWN]:
        values = ", ".join(f"{key} {_short(value)}" for key, value in trial.values.items())
        click.echo(f"  {found.figure} {trial.figure:.5g}  trial {trial.number}: {values}")
    if best is not None:
        click.echo(f"the best is in {folder / 'best.yaml'}; train it with: hqml train {folder / 'best.yaml'}")


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


class _Told:
    """How far a search is, on a bar."""

    def __init__(self, trials: int) -> None:
        self.trials = trials
        self._bar: Any = None

    def __call__(self, found: Found, progress: Progress | None) -> None:
        if self._bar is None or progress is not None:
            return
        ended = sum(trial.state != "running" for trial in found.trials)
        best = "" if found.best is None else f", best {found.figure} {found.best.figure:.4g}"
        self._bar(ended, f"trials{best}")

    @contextmanager
    def bar(self) -> Iterator[None]:
        """Show it while the block lasts."""
        with show.live_bar("trials", self.trials, counted=True) as self._bar:
            yield
