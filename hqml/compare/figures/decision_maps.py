"""What the trained classifiers say all over a plane of the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hqml.compare.figures.canvas import new_figure, short
from hqml.compare.figures.looks import INK
from hqml.compare.figures.picture import Picture, Subject, picture
from hqml.compare.page.tables import data_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SHADES = ((0.84, 0.37, 0.0), (0.0, 0.45, 0.70))
"""Vermilion and blue of Okabe and Ito (2008), which colour-blind readers tell apart; see-through, for either mode."""

_POINTS = 150
"""Test points drawn: more hide the map."""

_PANELS = 12

_STEP = 4


def pictures(subject: Subject) -> list[Picture]:
    """One for each learning problem, with a panel for each solver that has a map."""
    drawn = []
    for place, problem in enumerate(subject.drawn("learning")):
        maps = {
            solver: maps[0]
            for solver, outcomes in subject.done(problem).items()
            if (maps := [one.decision_map for one in outcomes if one.decision_map])
        }
        if maps:
            drawn.append(_maps(f"map-{place}", problem, maps))
    return drawn


def _maps(name: str, problem: str, maps: dict[str, Mapping[str, Any]]) -> Picture:
    axes = next(iter(maps.values()))["axes"]
    caption = (
        f"Decision value over {axes[0]} and {axes[1]} after training on the first seed: blue is the positive class, "
        "orange the negative one, the deeper the surer, to each panel's own scale; the line is where it is 0. Points "
        "are data: rings positive, crosses negative."
    )
    caption += f" The table has each {_STEP}th row and column of the maps."
    if len(maps) > _PANELS:
        caption += f" The first {_PANELS} of {len(maps)} solvers."
        maps = dict([*maps.items()][:_PANELS])
    first = next(iter(maps.values()))
    rows = [
        (first["x"][column], first["y"][row], *(drawn["z"][row][column] for drawn in maps.values()))
        for row in range(0, len(first["y"]), _STEP)
        for column in range(0, len(first["x"]), _STEP)
    ]
    data = data_table(name, [*axes, *(f"{solver}: decision value" for solver in maps)], rows)
    return picture(name, f"{problem}: decision maps", caption, data, lambda: _draw(maps))


def _draw(maps: dict[str, Mapping[str, Any]]) -> Figure:
    columns = min(2, len(maps))
    rows = -(-len(maps) // columns)
    figure = new_figure(0.45 + 2.35 * rows if columns == 2 else 4.4)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes, (solver, drawn) in zip(panels.flat, maps.items(), strict=False):
        _panel(axes, drawn)
        axes.set_title(short(solver, 26), loc="left")
    for axes in panels.flat[len(maps) :]:
        axes.set_visible(False)
    names = next(iter(maps.values()))["axes"]
    figure.supxlabel(short(names[0], 50), fontsize=9)
    figure.supylabel(short(names[1], 28 * rows), fontsize=9)
    return figure


def _panel(axes: Axes, drawn: Mapping[str, Any]) -> None:
    x, y, z = (np.asarray(drawn[one], float) for one in ("x", "y", "z"))
    axes.imshow(_coloured(z), extent=(x[0], x[-1], y[0], y[-1]), origin="lower", aspect="auto", interpolation="nearest")
    if z.min() < 0 < z.max():
        axes.contour(x, y, z, levels=[0], colors=[INK], linewidths=1.1)
    points, truth = np.asarray(drawn["points"], float).reshape(-1, 2)[:_POINTS], np.asarray(drawn["truth"])[:_POINTS]
    for label, marker in ((1, "o"), (0, "x")):
        of_class = points[truth == label]
        axes.plot(
            *of_class.T, marker, color=INK, markersize=2.8, markerfacecolor="none", markeredgewidth=0.8, alpha=0.7
        )
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(y[0], y[-1])
    axes.grid(False)


def _coloured(z: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(rows, columns, 4): red, green, blue and opacity. The deepest tenth is cut off, lest one corner decide."""
    scale = float(np.quantile(np.abs(z), 0.9)) or 1.0
    image = np.empty((*z.shape, 4))
    image[..., :3] = np.asarray(_SHADES)[(z > 0).astype(int)]
    image[..., 3] = 0.08 + 0.42 * np.clip(np.abs(z) / scale, 0, 1)
    return image
