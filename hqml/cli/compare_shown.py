"""What `hqml compare` tells: the estimate before, the progress meanwhile, files and tables at the end."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hqml.cli import show
from hqml.cli.failures import say

if TYPE_CHECKING:
    from hqml.compare.bootstrap import Estimate
    from hqml.compare.comparison import Comparison
    from hqml.compare.estimates import Plan
    from hqml.compare.outcome import Outcome
    from hqml.compare.runner import Progress
    from hqml.compare.study import Study

_EVERY = 60.0
"""Seconds between two lines of progress where no terminal shows a bar, as in the log of a batch job."""


def check_outputs(report: str | None, out: str | None) -> None:
    """Find out before long work whether its results can be written.

    Raises:
        BadParameter: another suffix.
        FormatError: a file cannot be written.
        LibraryMissing: a library is not installed.
    """
    from hqml.files import check_writable
    from hqml.libraries import check_libraries

    for option, path, suffixes in (("--report", report, _PAGES), ("--out", out, _TABLES)):
        if path is None:
            continue
        if Path(path).suffix not in suffixes:
            raise click.BadParameter(f"{path!r} must end in {', '.join(suffixes)}", param_hint=option)
        check_writable(path)
        check_libraries(suffixes[Path(path).suffix], "comparing", "compare")


_PAGES = {".html": ("pandas", "matplotlib", "jinja2")}
_TABLES: dict[str, tuple[str, ...]] = {".parquet": ("pandas", "pyarrow"), ".csv": ("pandas",), ".json": ()}
"""Suffixes, and the libraries that such a file needs."""


def estimate(plan: Plan, store: Path, *, as_json: bool) -> None:
    """Print what is missing and what it is expected to take."""
    if as_json:
        show.as_json([_planned(row) for row in plan.rows])
        return
    _show_plan(plan, err=False)
    click.echo(f"{_sum(plan)}. Kept in {store}")


def tell_plan(plan: Plan, store: Path) -> None:
    """Tell the same on stderr before it is run."""
    if plan.rows:
        _show_plan(plan, err=True)
    say(f"{_sum(plan)}, kept in {store}")


def _planned(row: Any) -> dict[str, Any]:
    names = ("problem", "solver", "cells", "seconds", "qpu_seconds", "error")
    return {name: getattr(row, name) for name in names}


def _show_plan(plan: Plan, *, err: bool) -> None:
    header = ["problem", "solver", "cells", "time each", "QPU time each", "note"]
    rows = [
        [row.problem, row.solver, row.cells, _time(row.seconds), _time(row.qpu_seconds), row.error or None]
        for row in plan.rows
    ]
    show.as_rows("Estimate", header, _without_empty(header, rows), err=err)


def _sum(plan: Plan) -> str:
    if not plan.cells:
        return f"all {plan.total} cells are there"
    told = [f"{plan.cells} of {plan.total} cells to run"]
    if plan.seconds:
        told.append(f"about {_time(plan.seconds)}")
    if plan.unknown:
        told.append(f"{plan.unknown} of them of unknown length")
    if plan.qpu_seconds:
        told.append(f"metered time {_time(plan.qpu_seconds) or 'unknown'}")
    return ", ".join(told)


@contextmanager
def progress(plan: Plan) -> Iterator[Callable[[Progress], None]]:
    """Show how far a study has come: a bar on a terminal's stderr, elsewhere a line now and then."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    with show.live_bar("", plan.total, done=plan.total - plan.cells, counted=True) as tell:
        yield lambda step: tell(step.done + step.failed, _step(step))


def _lines() -> Callable[[Progress], None]:
    last = time.monotonic()

    def tell(step: Progress) -> None:
        nonlocal last
        if time.monotonic() - last >= _EVERY:
            last = time.monotonic()
            failed = f", {step.failed} failed" if step.failed else ""
            say(f"{step.done} of {step.total} cells done{failed}; {_step(step)}")

    return tell


def _step(step: Progress) -> str:
    return f"{step.cell.problem.name} on {step.cell.solver_label}, seed {step.cell.seed}"


def write(comparison: Comparison, report: str | None, out: str | None) -> None:
    """Write the files that were asked for; rank 0 alone does, under a launcher."""
    from hqml.files import discards

    if discards():
        return
    if out is not None:
        comparison.save(out)
    if report is not None:
        comparison.report(report)


def tables(comparison: Comparison) -> None:
    """Print a table of models, one of learning, and what they say."""
    of_models = [key for key in comparison.estimates if key[0] in comparison.goals]
    if of_models:
        header = ["problem", "solver", "cells", "best", *_OF_MODELS.values()]
        _show_summary(comparison, "Models", header, of_models, tuple(_OF_MODELS))
    of_data = [key for key in comparison.estimates if key[0] not in comparison.goals]
    if of_data:
        header = ["problem", "solver", "cells", *_OF_DATA.values()]
        _show_summary(comparison, "Learning", header, of_data, tuple(_OF_DATA))
    for sentence in comparison.words:
        click.echo(sentence)


_OF_MODELS = {
    "success": "success",
    "tts": "TTS 99 %",
    "tts_total": "all counted",
    "ert": "time to target",
}
_OF_DATA = {
    "balanced_accuracy": "balanced accuracy",
    "auroc": "AUROC",
    "twin_balanced_accuracy": "its twin's",
    "twin_auroc": "its twin's AUROC",
    "fit": "time to fit",
}
"""Columns of the summary, and what they are called here."""

_SPANS = frozenset({"tts", "tts_total", "ert", "fit"})


def _show_summary(
    comparison: Comparison, title: str, header: list[str], keys: Sequence[tuple[str, str]], columns: Sequence[str]
) -> None:
    cells, rows = comparison.rows(), []
    for problem, solver in keys:
        own = [one for one in cells if (one["problem"], one["solver"]) == (problem, solver)]
        done = sum(one["status"] == "done" for one in own)
        estimates = comparison.estimates[problem, solver]
        row = [problem, solver, done if done == len(own) else f"{done} of {len(own)}"]
        if "best" in header:
            values = [one["value"] for one in own if one["value"] is not None]
            row.append((min if comparison.goals[problem].sign > 0 else max)(values, default=None))
        rows.append([*row, *(_figure(estimates.get(name), span=name in _SPANS) for name in columns)])
    show.as_rows(title, header, _without_empty(header, rows))


def _without_empty(header: list[str], rows: list[list[Any]]) -> list[list[Any]]:
    """The rows without columns that have no value anywhere; `header` loses them too."""
    kept = [index for index in range(len(header)) if any(row[index] is not None for row in rows)]
    header[:] = [header[index] for index in kept]
    return [[row[index] for index in kept] for row in rows]


def _figure(figure: Estimate | None, *, span: bool) -> str | None:
    """0.31 (0.25 to 0.4), a span of time with its unit; > where it is a lower bound."""
    if figure is None or not figure.known:
        return None
    written = _time if span else "{:.3g}".format
    if figure.bound:
        return f"> {written(figure.value)}"
    value = written(figure.value)
    return f"{value} ({written(figure.low)} to {written(figure.high)})" if figure.has_interval else value


def _time(seconds: float) -> str | None:
    from hqml.display import duration

    return None if math.isnan(seconds) or seconds == 0 else duration(seconds)


def tell_open(study: Study, outcomes: Sequence[Outcome]) -> None:
    """Say on stderr how many cells the budget left.

    Raises:
        BackendError: no cell was begun at all.
    """
    from hqml.errors import BackendError

    if not outcomes:
        raise BackendError("no cell was begun: none would have ended within the budget; give a larger one")
    total = len(study.cells())
    if left := total - len(outcomes):
        say(f"{left} of {total} cells would not have ended within the budget; the same command goes on with them")


def tell_failures(outcomes: Sequence[Outcome]) -> None:
    """One line on stderr for each solver that failed, for those who do not read the words."""
    for solver in dict.fromkeys(one.solver for one in outcomes):
        own = [one for one in outcomes if one.solver == solver]
        if failed := [one for one in own if one.status == "failed"]:
            say(f"{solver}: {len(failed)} of {len(own)} cells failed: {failed[-1].error}")
