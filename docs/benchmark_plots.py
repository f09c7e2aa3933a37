"""Draw benchmarks/results/*.json as docs/benchmarks/*.svg: `python docs/benchmark_plots.py`.

The drawings are plain text without a plotting library, so that they are the same bytes whatever is installed, and
tests/test_benchmark_plots.py can hold them to the tables.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parents[1]
RESULTS, OUT = ROOT / "benchmarks" / "results", ROOT / "docs" / "benchmarks"

ROW, PANEL, LABELS, HEAD, FOOT, GAP = 17, 190, 200, 24, 34, 44
"""Pixels: height of a row, width of a panel and of the labels beside it, above and below a panel, between two."""

OURS, THEIRS, INK, LINE = "#0b6e99", "#b3541e", "#222222", "#dddddd"


@dataclass(frozen=True)
class Mark:
    """A value with its interval; of a bound, where it begins."""

    label: str
    value: float
    low: float
    high: float
    bound: bool = False


@dataclass(frozen=True)
class Panel:
    title: str
    marks: Sequence[Mark]


@dataclass(frozen=True)
class Figure:
    """Panels with the same rows.

    Attributes:
        axis: what is drawn along x.
        ours: whether a row is of hqml, which has a colour of its own.
        columns: panels beside each other.
        log: decades along x.
        shared: one range for all panels.
    """

    panels: Sequence[Panel]
    axis: str
    ours: Callable[[str], bool]
    columns: int = 3
    log: bool = False
    shared: bool = False


def main() -> None:
    OUT.mkdir(exist_ok=True)
    for name, svg in drawings().items():
        (OUT / name).write_text(svg, encoding="utf-8")
        print(OUT / name)


def drawings() -> dict[str, str]:
    """{file name: SVG}, from the results as they are."""
    return {f"{name}.svg": drawn(figure()) for name, figure in FIGURES.items()}


# The figures: from rows of a table to marks.


def _time_to_target() -> Figure:
    rows = _rows("time_to_target")
    panels = _panels(rows, "instance", lambda row: _interval(row["solver"], row["99 %"]))
    return Figure(panels, "CPU seconds to 99 % of the best known", _of_hqml, log=True, shared=True)


def _gram() -> Figure:
    def mark(row: Any) -> Mark:
        seconds = row["CPU seconds"]
        return Mark(row["solver"].partition(",")[0], seconds, seconds, seconds)

    panels = _panels(_rows("gram"), "problem", mark)
    short = [Panel(re.sub(r"Landsat [^,]*, ", "", panel.title), panel.marks) for panel in panels]
    return Figure(short, "CPU seconds to the peer's energy, or a lower one", _of_hqml, log=True, shared=True)


def _scale() -> Figure:
    def mark(row: Any) -> Mark:
        seconds = row["fit, CPU s"]
        return Mark(f"{row['samples']} samples", seconds, seconds, seconds)

    panels = _panels(_rows("scale"), "kernel", mark)
    return Figure(panels, "CPU seconds of a fit", lambda label: True, columns=2, log=True, shared=True)


def _estimators() -> Figure:
    rows = [row for row in _rows("estimators") if row["estimator"].startswith("QuboSVCEnsemble")]
    columns = ("cpu", "gpu", "mpi:cpu", "neal", "tabu", "path-integral", "qpu-offline", "exact", "twin", "scikit-learn")
    peers = {"twin": "classical twin", "scikit-learn": "BaggingClassifier(SVC)"}
    panels = [
        Panel(row["set"], [_spread(peers.get(column, column), row[column]) for column in columns]) for row in rows
    ]
    return Figure(panels, "accuracy, mean and spread over 5 seeds", lambda label: label not in peers.values())


def _boosting() -> Figure:
    rows = _rows("boosting")
    sets = [column for column in rows[0] if column != "method" and not column.endswith(": learners")]
    panels = [Panel(one, [_spread(row["method"], row[one]) for row in rows]) for one in sets]
    return Figure(panels, "accuracy, mean and spread over 5 seeds", lambda label: label.startswith("QBoost"), columns=2)


def _local_models() -> Figure:
    rows = [row for row in _rows("local_models") if row["score"] == "accuracy"]
    panels = [
        Panel(row["set"], [_spread(column, value) for column, value in row.items() if column not in ("set", "score")])
        for row in rows
    ]
    ours = ("local", "5 deciding", "slices")
    return Figure(panels, "accuracy, mean and spread over 3 seeds", lambda label: label.startswith(ours))


def _tuning() -> Figure:
    def mark(row: Any) -> Mark:
        low, high = map(float, row["regret % at 40: 95 %"].split(" to "))
        return Mark(row["search"], float(row["regret % at 40"]), low, high)

    rows = [row for row in _rows("tuning") if row["search"] != "whole grid"]
    panels = _panels(rows, "grid", mark)
    short = [Panel(panel.title.split(" configurations")[0].split(" (")[0], panel.marks) for panel in panels]
    return Figure(short, "regret after 40 evaluations, %", lambda label: label.startswith("Qubo"), shared=True)


FIGURES: dict[str, Callable[[], Figure]] = {
    "time_to_target": _time_to_target,
    "gram": _gram,
    "scale": _scale,
    "estimators": _estimators,
    "boosting": _boosting,
    "local_models": _local_models,
    "tuning": _tuning,
}


def _rows(name: str) -> list[Any]:
    rows: list[Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["rows"]
    return rows


def _panels(rows: Iterable[Any], key: str, mark: Callable[[Any], Mark]) -> list[Panel]:
    """A panel for each value of a column."""
    found: dict[str, list[Mark]] = {}
    for row in rows:
        found.setdefault(row[key], []).append(mark(row))
    return [Panel(title, marks) for title, marks in found.items()]


def _interval(label: str, text: str) -> Mark:
    """Read `0.1 (0.05..0.3)`, or the bound `> 2`."""
    if text.startswith(">"):
        least = float(text[1:])
        return Mark(label, least, least, math.inf, bound=True)
    value, low, high = map(float, re.split(r" \(|\.\.|\)", text)[:3])
    return Mark(label, value, low, high)


def _spread(label: str, text: str) -> Mark:
    """Read `.848 ± .010`, whatever stands behind it."""
    value, spread = map(float, text.split(" (")[0].split(" ± "))
    return Mark(label, value, value - spread, value + spread)


def _of_hqml(label: str) -> bool:
    return label.startswith("hqml")


# The drawing.


def drawn(figure: Figure) -> str:
    """The SVG of a figure, on a white ground so that it can be read on dark pages as well."""
    labels = [mark.label for mark in figure.panels[0].marks]
    columns = min(figure.columns, len(figure.panels))
    height_of_one = HEAD + ROW * len(labels) + FOOT
    width = LABELS + columns * (PANEL + GAP)
    height = -(-len(figure.panels) // columns) * height_of_one + 22
    body = [f'<rect width="{width}" height="{height}" rx="6" fill="#ffffff"/>']
    everything = [mark for panel in figure.panels for mark in panel.marks]
    for place, panel in enumerate(figure.panels):
        left, top = LABELS + place % columns * (PANEL + GAP), place // columns * height_of_one
        if place % columns == 0:
            body += _row_labels(labels, top, figure.ours)
        body += _panel(
            panel, labels, left, top, _Axis.of(everything if figure.shared else panel.marks, figure.log), figure
        )
    body.append(_text(LABELS + columns * (PANEL + GAP) / 2, height - 10, figure.axis, anchor="middle"))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return "\n".join([f'{head} font-family="sans-serif" font-size="11">', *body, "</svg>", ""])


@dataclass(frozen=True)
class _Axis:
    """A range along x, in decades where `log`."""

    low: float
    high: float
    log: bool

    @classmethod
    def of(cls, marks: Sequence[Mark], log: bool) -> _Axis:
        ends = [end for mark in marks for end in (mark.low, mark.value, mark.high) if math.isfinite(end)]
        if log:
            return cls(math.floor(math.log10(min(ends))), math.ceil(math.log10(max(ends))), log)
        margin = (max(ends) - min(ends)) * 0.06
        return cls(min(ends) - margin, max(ends) + margin, log)

    def at(self, value: float) -> float:
        """Share of the range, 0 to 1."""
        if math.isinf(value):
            return 1.0
        place = math.log10(value) if self.log else value
        return (place - self.low) / (self.high - self.low)

    def ticks(self) -> list[tuple[float, str]]:
        if self.log:
            step = max(1, round((self.high - self.low) / 5))
            return [(10.0**power, f"{10.0**power:g}") for power in range(int(self.low), int(self.high) + 1, step)]
        rough = (self.high - self.low) / 5
        size = 10.0 ** math.floor(math.log10(rough))
        step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough)
        first = math.ceil(self.low / step)
        return [(step * k, f"{step * k:.6g}") for k in range(first, math.floor(self.high / step) + 1)]


def _row_labels(labels: Sequence[str], top: float, ours: Callable[[str], bool]) -> list[str]:
    return [
        _text(LABELS - 8, top + HEAD + ROW * (row + 0.5) + 4, label, anchor="end", fill=OURS if ours(label) else INK)
        for row, label in enumerate(labels)
    ]


def _panel(panel: Panel, labels: Sequence[str], left: float, top: float, axis: _Axis, figure: Figure) -> list[str]:
    bottom = top + HEAD + ROW * len(labels)
    found = [_text(left + PANEL / 2, top + 16, panel.title, anchor="middle", weight="bold")]
    for value, name in axis.ticks():
        x = left + PANEL * axis.at(value)
        found.append(_line(x, top + HEAD, x, bottom, LINE))
        found.append(_text(x, bottom + 13, name, anchor="middle", size=9))
    for mark in panel.marks:
        y = top + HEAD + ROW * (labels.index(mark.label) + 0.5)
        low, value, high = (left + PANEL * axis.at(one) for one in (mark.low, mark.value, mark.high))
        found += _mark(mark, low, value, high, y, OURS if figure.ours(mark.label) else THEIRS)
    return found


def _mark(mark: Mark, low: float, value: float, high: float, y: float, colour: str) -> list[str]:
    """A dot on its interval; an open arrow where only a bound is known. The figures stand in its title."""
    shown = f"&gt; {mark.value:.3g}" if mark.bound else f"{mark.value:.3g} ({mark.low:.3g} to {mark.high:.3g})"
    title = f"<title>{escape(mark.label)}: {shown}</title>"
    if mark.bound:
        points = f"{value:.1f},{y - 4:.1f} {value + 7:.1f},{y:.1f} {value:.1f},{y + 4:.1f}"
        return [f'<polygon points="{points}" fill="none" stroke="{colour}">{title}</polygon>']
    dot = f'<circle cx="{value:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}">{title}</circle>'
    return [_line(low, y, high, y, colour, 1.5), dot]


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width:g}"/>'


def _text(
    x: float, y: float, text: str, *, anchor: str, fill: str = INK, weight: str = "normal", size: int = 11
) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} fill="{fill}" font-weight="{weight}" font-size="{size}">{escape(text)}</text>'


if __name__ == "__main__":
    main()
