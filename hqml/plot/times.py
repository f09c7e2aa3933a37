"""How long each solver of a comparison takes, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hqml.compare.bootstrap import Estimate
from hqml.compare.comparison import Comparison
from hqml.compare.figures.canvas import time_axis
from hqml.compare.figures.looks import Look, looks
from hqml.compare.figures.picture import subject
from hqml.compare.figures.series import Scale, lines_against_size, rows_below
from hqml.compare.summary import ESTIMATES
from hqml.errors import ParameterError
from hqml.options import one_of
from hqml.plot.axes import COLOURS, WIDTH, axes_for, entry, legend, paper

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FIRST = ("tts_total", "ert", "balanced_accuracy", "seconds")
"""What is drawn unless something is asked for: the first that any solver has."""

_TIMES = frozenset({"tts", "tts_total", "ert", "seconds", "sampling", "fit", "predict", "qpu_access"})

_LABELS = {
    "tts": "time to solution, reads alone",
    "tts_total": "time to solution with overheads",
    "ert": "time to target",
    "balanced_accuracy": "balanced accuracy",
    "auroc": "AUROC",
    "seconds": "time of a call",
}

_ROWS = 40
"""Rows of a figure; more are not read."""

Figures = Mapping[str, Mapping[str, Estimate]]
"""{solver: {problem: estimate}}"""


def comparison(found: Comparison, ax: Axes | None = None, *, quantity: str | None = None) -> Axes:
    """Draw a figure of each solver with its 95 % interval: by default its time to solution with all overheads.

    Times against the number of variables where the problems differ in it, else a row for each problem and solver. A
    hollow marker with an arrow is a lower bound: no read got there. A stand-in for an annealer is called so: its times
    are a model's.

    Args:
        found: what `hqml.compare.run` gave.
        ax: to draw on; None makes a new figure.
        quantity: one of `hqml.compare.summary.ESTIMATES`, e.g. "tts", "seconds", "balanced_accuracy".

    Raises:
        ParameterError: it is no comparison, no solver has this quantity, or there is none of this name.
        LibraryMissing: matplotlib is not installed.
    """
    name = _chosen(found, quantity)
    about = subject(found)
    every = {
        f"{solver} (stand-in)" if solver in about.stand_ins else solver: {
            problem: one for problem in about.problems if (one := about.estimate(problem, solver, name))
        }
        for solver in about.looks
    }
    figures = {solver: those for solver, those in every.items() if those}
    look = looks(figures, COLOURS)
    scale = Scale(_LABELS.get(name, name.replace("_", " ")), time=name in _TIMES)
    sizes = {problem: int(one.get("variables") or 0) for problem, one in about.problems.items()}
    drawn = {problem for those in figures.values() for problem in those}
    if scale.time and len({sizes[problem] for problem in drawn}) > 1 and all(sizes[problem] for problem in drawn):
        return _against_size(axes_for(ax), figures, look, sizes, scale)
    return _in_rows(ax, figures, look, scale, single=len(drawn) == 1)


def _chosen(found: Comparison, quantity: str | None) -> str:
    if not isinstance(found, Comparison):
        raise ParameterError(f"found must be what hqml.compare.run gave, found {type(found).__name__}")
    there = {name for those in found.estimates.values() for name in those}
    if quantity is not None:
        one_of("quantity", quantity, ESTIMATES)
    wanted = _FIRST if quantity is None else (quantity,)
    for name in wanted:
        if name in there:
            return name
    has = ", ".join(name for name in ESTIMATES if name in there) or "no figures: no cell has run yet"
    raise ParameterError(f"no solver of this comparison has {' or '.join(wanted)}; it has {has}")


def _against_size(ax: Axes, figures: Figures, look: Mapping[str, Look], sizes: Mapping[str, int], scale: Scale) -> Axes:
    series = {solver: [(float(sizes[name]), one) for name, one in those.items()] for solver, those in figures.items()}
    lines_against_size(ax, series, look, "variables", scale, paper(ax))
    from matplotlib.lines import Line2D

    legend(ax, handles=[Line2D([], [], label=entry(solver), **look[solver].line) for solver in series])
    return ax


def _in_rows(ax: Axes | None, figures: Figures, look: Mapping[str, Look], scale: Scale, *, single: bool) -> Axes:
    """One below the other, those of a problem together."""
    problems = dict.fromkeys(problem for those in figures.values() for problem in those)
    rows = {
        solver if single else f"{problem}: {solver}": (those[problem], look[solver])
        for problem in problems
        for solver, those in figures.items()
        if problem in those
    }
    shown = dict(list(rows.items())[:_ROWS])
    ax = axes_for(ax, WIDTH, 0.8 + 0.28 * len(shown))
    estimates = {name: one for name, (one, _) in shown.items()}
    rows_below(ax, estimates, {name: own for name, (_, own) in shown.items()}, 48, paper(ax))
    ax.set_xlabel(scale.label)
    ax.margins(x=0.08)
    if scale.time:
        time_axis(ax, "x")
    if len(shown) < len(rows):
        ax.set_title(f"the first {len(shown)} of {len(rows)} rows", loc="left", fontsize="small")
    return ax
