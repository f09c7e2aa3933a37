"""Where figures are drawn: the caller's axes, or new ones; and the colours that all figures share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hqml.compare.figures.canvas import short
from hqml.errors import ParameterError
from hqml.libraries import library

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#244ef2", "#bf1d3d")
"""Blue, vermilion, green and purple of Okabe and Ito (2008), which colour-blind readers tell apart, and two more. Each
has a contrast of 3:1 at least with white as with #111111, so that figures can be read on either ground."""

LOW, HIGH = COLOURS[1], COLOURS[0]
"""Of values below and above 0."""

WIDTH, HEIGHT = 6.4, 4.0
"""Of a new figure, in inches."""


def axes_for(ax: Axes | None, width: float = WIDTH, height: float = HEIGHT) -> Axes:
    """The caller's axes, or those of a new figure of pyplot, which a notebook shows by itself.

    Args:
        ax: None makes new ones.
        width: of a new figure, in inches.
        height: of a new figure, in inches.

    Raises:
        LibraryMissing: matplotlib is not installed.
        ParameterError: `ax` is something else.
    """
    library("matplotlib.axes", "a plot", "plot")
    from matplotlib.axes import Axes

    if ax is None:
        from matplotlib import pyplot

        _, made = pyplot.subplots(figsize=(width, height), layout="constrained")
        return made
    if not isinstance(ax, Axes):
        raise ParameterError(f"ax must be one Axes of matplotlib, found {type(ax).__name__}; or leave it out")
    return ax


def ink(ax: Axes) -> Any:
    """The colour of its text: black, or white on a dark ground."""
    return ax.xaxis.label.get_color()


def paper(ax: Axes) -> Any:
    """The colour of its ground."""
    return ax.get_facecolor()


def name_axes(ax: Axes, x: str, y: str) -> None:
    """Label both axes. Names of columns and problems may hold dollars, which are no formulas."""
    ax.set_xlabel(short(x, 60), parse_math=False)
    ax.set_ylabel(short(y, 60), parse_math=False)


def entry(name: Any) -> str:
    """A name for a legend, which leaves out those that begin with an underscore."""
    text = short(str(name), 48)
    return f" {text}" if text.startswith("_") else text


def legend(ax: Axes, **options: Any) -> None:
    """A legend of all that has a name."""
    if ax.get_legend_handles_labels()[1] or "handles" in options:
        box = ax.legend(**{"frameon": False, "fontsize": "small", **options})
        for text in box.get_texts():
            text.set_parse_math(False)


def signed_colours() -> Colormap:
    """Vermilion below 0, blue above it, the deeper the further; see-through around 0, for either ground."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgba

    steps = [to_rgba(LOW, 0.9), to_rgba(LOW, 0.08), to_rgba(HIGH, 0.08), to_rgba(HIGH, 0.9)]
    return LinearSegmentedColormap.from_list("hqml", list(zip((0, 0.5, 0.5, 1), steps, strict=True)))
