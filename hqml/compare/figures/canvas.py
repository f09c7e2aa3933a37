"""Where figures are drawn: matplotlib without pyplot, whatever it is set up for on this machine."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hqml.compare.figures.looks import FAINT, INK, PAPER, Look
from hqml.compare.figures.svg import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 4.9
"""In inches of 72 CSS pixels: on a phone of 390 pixels text keeps its size, elsewhere the page enlarges it."""

_LONGEST = 34
"""Characters of a name in a figure."""

_SETTINGS: Mapping[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": FAINT,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9,
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "grid.alpha": 0.35,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "hatch.color": PAPER,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "lines.linewidth": 1.4,
    "lines.markersize": 5,
    "path.simplify": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "hqml",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": FAINT,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.color": FAINT,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 8.5,
}
"""Names may hold dollars, hence no formulas in text."""


@contextmanager
def drawing() -> Iterator[None]:
    """matplotlib's own defaults with ours; those of the user come back afterwards."""
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the reader's browser has the fonts
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """An empty figure; sizes in inches. Call it within `drawing`."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    FigureCanvasSVG(figure)
    return figure


def new_axes(height: float) -> tuple[Figure, Axes]:
    """A figure with a single pair of axes."""
    figure = new_figure(height)
    return figure, figure.subplots()


def short(name: str, longest: int = _LONGEST) -> str:
    """As much of a name as there is room for."""
    name = printable(name)
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def legend(figure: Figure, entries: Mapping[str, Look], *, joined: bool = True, marked: bool = True) -> None:
    """Names below the axes, in as many columns as fit; the figure grows by them.

    Args:
        figure: drawn but for it.
        entries: name to look.
        joined: the markers are joined by lines.
        marked: there are markers.
    """
    from matplotlib.lines import Line2D

    if not entries:
        return
    less = {**({} if joined else {"linestyle": ""}), **({} if marked else {"marker": ""})}
    handles = [Line2D([], [], label=short(name), **{**look.line, **less}) for name, look in entries.items()]
    longest = max(len(short(name)) for name in entries)
    columns = max(1, min(len(handles), int(64 / (longest + 9))))
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + 0.2 * -(-len(handles) // columns) + 0.1)
    figure.legend(handles=handles, loc="outside lower center", ncols=columns)


def seconds(value: float, _: object = None) -> str:
    """A time for an axis: 20 µs, 3 ms, 40 s, 2 h."""
    for unit, size in (("d", 86400.0 * 3), ("h", 3600.0 * 3), ("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)):
        if value >= 0.9999 * size:
            return f"{value / {'d': 86400.0, 'h': 3600.0}.get(unit, size):.4g} {unit}"
    return f"{value:.3g} s"


def time_axis(axes: Axes, which: str) -> None:
    """Make an axis ("x" or "y") logarithmic, with times in readable units, a decade wide at least."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    if high < 10 * low:
        widen = (10 * low / high) ** 0.5
        low, high = low / widen, high * widen
        (axes.set_xlim if which == "x" else axes.set_ylim)(low, high)
    axis.set_major_locator(LogLocator(subs=(1, 3) if high < 300 * low else (1,), numticks=7))
    axis.set_major_formatter(FuncFormatter(seconds))
    axis.set_minor_formatter(NullFormatter())
