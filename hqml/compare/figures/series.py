"""Two ways to draw estimates with their intervals: against a size, and in rows below each other."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hqml.compare.bootstrap import Estimate
from hqml.compare.figures.canvas import legend, new_axes, new_figure, short, time_axis
from hqml.compare.figures.looks import INK, PAPER, Look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LOG = 8.0
"""Sizes that differ by more than this factor stand on a logarithmic axis."""


@dataclass(frozen=True)
class Scale:
    """What a value means.

    Attributes:
        label: of its axis, with the unit.
        time: seconds, on a logarithmic axis.
        zero: there is a line at zero.
    """

    label: str
    time: bool = False
    zero: bool = False


Series = Mapping[str, Sequence[tuple[float, Estimate]]]
"""{name: [(size, estimate)]}"""

Rows = Mapping[str, Mapping[str, Estimate]]
"""{problem: {name: estimate}}"""


def against_size(series: Series, looks: Mapping[str, Look], size: str, scale: Scale) -> Figure:
    """A figure of `lines_against_size`, with the names below it."""
    figure, axes = new_axes(3.2)
    lines_against_size(axes, series, looks, size, scale)
    legend(figure, {name: looks[name] for name in series})
    return figure


def lines_against_size(
    axes: Axes, series: Series, looks: Mapping[str, Look], size: str, scale: Scale, paper: Any = PAPER
) -> None:
    """A line for each name through the medians of what is at each size; the points of a size are set side by side."""
    sizes = sorted({x for points in series.values() for x, _ in points})
    logarithmic = sizes[0] > 0 and sizes[-1] / sizes[0] > _LOG
    step = min(0.014, 0.1 / len(series))
    for n, (name, points) in enumerate(series.items()):
        aside = step * (n - (len(series) - 1) / 2)
        placed = [(_aside(x, sizes, aside, logarithmic), estimate) for x, estimate in points]
        for x, estimate in placed:
            _point(axes, looks[name], x, estimate, paper, upright=True)
        medians = [statistics.median(e.value for at, e in placed if at == x) for x in sorted({x for x, _ in placed})]
        axes.plot(sorted({x for x, _ in placed}), medians, **{**looks[name].line, "marker": ""})
    _sizes(axes, sizes, logarithmic)
    axes.set_xlabel(size)
    axes.set_ylabel(scale.label)
    axes.margins(y=0.12)
    if scale.time:
        time_axis(axes, "y")


def in_rows(rows: Rows, looks: Mapping[str, Look], scale: Scale, longest: int = 24) -> Figure:
    """A panel for each problem, with a row for each name; of names so many characters are shown."""
    lines = [max(1, len(found)) for found in rows.values()]
    figure = new_figure(0.6 + 0.24 * sum(lines) + 0.32 * len(lines))
    panels = figure.subplots(len(rows), 1, sharex=True, squeeze=False, height_ratios=[n + 0.6 for n in lines])[:, 0]
    for axes, (problem, found) in zip(panels, rows.items(), strict=True):
        rows_below(axes, found, looks, longest)
        if scale.zero:
            axes.axvline(0, color=INK, linewidth=0.8, dashes=(3, 3))
        if len(rows) > 1:
            axes.set_title(short(problem, 52), loc="left")
    panels[-1].set_xlabel(scale.label)
    panels[-1].margins(x=0.08)
    if scale.time:
        time_axis(panels[-1], "x")
    return figure


def rows_below(
    axes: Axes, found: Mapping[str, Estimate], looks: Mapping[str, Look], longest: int, paper: Any = PAPER
) -> None:
    """A row for each name, the first one on top."""
    for n, (name, estimate) in enumerate(found.items()):
        _point(axes, looks[name], n, estimate, paper, upright=False)
    axes.set_yticks(range(len(found)), [short(name, longest) for name in found], parse_math=False)
    axes.set_ylim(len(found) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(False, axis="y")


def _point(axes: Axes, look: Look, place: float, estimate: Estimate, paper: Any, *, upright: bool) -> None:
    """The estimate with its interval; an arrow goes to where it may be, a lower bound is hollow."""

    def at(*values: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
        places = (place,) * len(values)
        return (places, values) if upright else (values, places)

    low, high, value = estimate.low, estimate.high, estimate.value
    hollow: dict[str, Any] = {"markerfacecolor": paper} if estimate.bound else {}
    if estimate.bound or math.isinf(high):
        arrow = {"arrowstyle": "<-", "color": look.colour, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 2}
        start, tip = ((place, value), (0, 17)) if upright else ((value, place), (17, 0))
        axes.annotate("", start, tip, textcoords="offset points", arrowprops=arrow)
    if estimate.has_interval and not estimate.bound:
        axes.plot(*at(low, value if math.isinf(high) else high), color=look.colour, linewidth=1.1, alpha=0.75)
    axes.plot(*at(value), color=look.colour, marker=look.marker, linestyle="", zorder=3, **hollow)


def _aside(x: float, sizes: Sequence[float], share: float, logarithmic: bool) -> float:
    """A little beside the size, by a share of the axis, so that intervals do not hide each other."""
    if logarithmic:
        return float(x * (sizes[-1] / sizes[0]) ** share)
    return x + share * (sizes[-1] - sizes[0])


def _sizes(axes: Axes, sizes: Sequence[float], logarithmic: bool) -> None:
    """Ticks at the sizes themselves, where they are few."""
    from matplotlib.ticker import NullLocator

    if logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
    shown = sizes if len(sizes) <= 7 else sizes[:: -(-len(sizes) // 7)]
    axes.set_xticks(shown, [f"{size:.6g}" for size in shown])
