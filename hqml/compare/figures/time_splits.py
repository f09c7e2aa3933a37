"""What the seconds of a call, and those of a QPU, go into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hqml.compare.figures.canvas import new_figure, seconds, short
from hqml.compare.figures.looks import INK, PAPER, SERIES
from hqml.compare.figures.picture import Picture, Subject, picture
from hqml.compare.outcome import Outcome
from hqml.compare.page.tables import data_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PARTS = ("build", "embedding", "programming", "sampling", "network", "queue", "other")
_OF_QPU = ("programming", "sampling", "overhead")
_LOOKS = {
    "build": (SERIES[0], ""),
    "embedding": (SERIES[1], "//"),
    "programming": (SERIES[2], "--"),
    "sampling": (SERIES[3], ""),
    "network": (SERIES[4], "\\\\"),
    "queue": (SERIES[5], "xx"),
    "other": (SERIES[6], "||"),
    "overhead": (SERIES[6], "||"),
}
"""Colour and hatch of each part, the same in all bars."""

MOST = 40
"""Bars in a figure: the rest is in its table."""


@dataclass(frozen=True)
class _Bar:
    """Mean seconds of each part."""

    problem: str
    solver: str
    parts: Mapping[str, float]

    @property
    def total(self) -> float:
        return sum(self.parts.values())


def pictures(subject: Subject) -> list[Picture]:
    """Where time goes, for all solvers, and for those with a QPU, metered or modelled, where its time goes."""
    return [*_times(subject), *_qpu(subject)]


def _times(subject: Subject) -> list[Picture]:
    bars = [
        _Bar(problem, solver, parts)
        for problem in subject.problems
        for solver, outcomes in subject.done(problem).items()
        if (parts := _means([one.timing for one in outcomes], _PARTS))
    ]
    caption = (
        "Shares of the mean call, of a learning problem those of all its calls, start-up left out. Its seconds stand "
        "behind the bar."
    )
    return _picture(subject, "time-split", "Where the time goes", caption, bars, _PARTS)


def _qpu(subject: Subject) -> list[Picture]:
    found = [
        (problem, solver, [one for one in outcomes if one.qpu])
        for problem in subject.problems
        for solver, outcomes in subject.done(problem).items()
    ]
    bars = [
        _Bar(problem, solver, parts)
        for problem, solver, outcomes in found
        if (parts := _means([_access(one) for one in outcomes], _OF_QPU))
    ]
    caption = (
        "Shares of the QPU's time of a cell, means over seeds. Access time, which is billed, is programming and "
        "sampling; overhead is what the service adds after it."
    )
    return _picture(subject, "qpu-split", "What the QPU's time goes into", caption, bars, _OF_QPU)


def _access(outcome: Outcome) -> Mapping[str, float]:
    return {name: value for name, value in outcome.qpu.items() if name in _OF_QPU}


def _means(timings: Sequence[Mapping[str, float]], parts: Sequence[str]) -> dict[str, float]:
    """Over seeds; empty where there is nothing to divide."""
    means = {part: sum(one.get(part, 0.0) for one in timings) / max(1, len(timings)) for part in parts}
    return {part: value for part, value in means.items() if value > 0}


def _picture(
    subject: Subject, name: str, title: str, caption: str, bars: Sequence[_Bar], parts: Sequence[str]
) -> list[Picture]:
    if not bars:
        return []
    caption += subject.modelled(dict.fromkeys(bar.solver for bar in bars))
    used = [part for part in parts if any(part in bar.parts for bar in bars)]
    if len(bars) > MOST:
        caption += f" The first {MOST} of {len(bars)} bars; the table has all."
    rows = [(bar.problem, bar.solver, *(bar.parts.get(part, 0.0) for part in used), bar.total) for bar in bars]
    data = data_table(name, ["problem", "solver", *(f"{part} [s]" for part in used), "together [s]"], rows)
    return [picture(name, title, caption, data, lambda: _draw(bars[:MOST], used))]


def _draw(bars: Sequence[_Bar], used: Sequence[str]) -> Figure:
    groups: dict[str, list[_Bar]] = {}
    for bar in bars:
        groups.setdefault(bar.problem, []).append(bar)
    figure = new_figure(0.8 + 0.25 * len(bars) + 0.3 * len(groups) + 0.2 * -(-len(used) // 4))
    heights = [len(group) + 0.5 for group in groups.values()]
    panels = figure.subplots(len(groups), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for axes, (problem, group) in zip(panels, groups.items(), strict=True):
        for row, bar in enumerate(group):
            _bar(axes, row, bar)
        axes.set_yticks(range(len(group)), [short(bar.solver, 24) for bar in group])
        axes.set_ylim(len(group) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(False)
        axes.set_title(short(problem, 52), loc="left")
    panels[-1].set_xlim(0, 119)
    panels[-1].set_xticks(range(0, 101, 25))
    panels[-1].set_xlabel("share of the time [%]")
    _legend(figure, used)
    return figure


def _bar(axes: Axes, row: int, bar: _Bar) -> None:
    start = 0.0
    for part, value in bar.parts.items():
        share = 100 * value / bar.total
        axes.barh(row, share, left=start, height=0.62, **_look(part))
        start += share
    axes.text(101.5, row, seconds(float(f"{bar.total:.3g}")), va="center", fontsize=8, color=INK)


def _look(part: str) -> dict[str, Any]:
    colour, hatch = _LOOKS[part]
    return {"facecolor": colour, "hatch": hatch, "edgecolor": PAPER, "linewidth": 0.6}


def _legend(figure: Figure, used: Sequence[str]) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(label=part, **_look(part)) for part in used]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, handlelength=1.6)
