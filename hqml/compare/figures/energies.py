"""Which energies the reads of each solver have: a strip for each, all on the same axis."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hqml.compare.figures.canvas import new_figure, short
from hqml.compare.figures.looks import INK
from hqml.compare.figures.picture import Picture, Subject, picture
from hqml.compare.outcome import Outcome
from hqml.compare.page.tables import data_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Floats = npt.NDArray[np.float64]

_BINS = 40
"""As many as the width of a phone lets apart."""


def pictures(subject: Subject) -> list[Picture]:
    """One for each QUBO problem that any solver gave reads of."""
    drawn = []
    for place, name in enumerate(subject.drawn("qubo")):
        found = {solver: reads for solver, those in subject.done(name).items() if len(reads := _pooled(those))}
        if found:
            drawn.append(_histogram(subject, f"energies-{place}", name, found))
    return drawn


def unit(problem: Any) -> str:
    """What the values of a QUBO problem are called."""
    return "cut weight" if problem.get("sign") == -1 else "energy"


def _pooled(outcomes: list[Outcome]) -> Floats:
    """(levels, 2): energy and reads of all seeds."""
    return np.array([pair for outcome in outcomes for pair in outcome.energies], dtype=float).reshape(-1, 2)


def _histogram(subject: Subject, name: str, problem: str, found: dict[str, Floats]) -> Picture:
    about = subject.problems[problem]
    sign = about.get("sign") or 1
    edges = bins(np.concatenate([reads[:, 0] for reads in found.values()]) * sign)
    shares = {
        solver: np.histogram(sign * reads[:, 0], edges, weights=reads[:, 1])[0] / reads[:, 1].sum()
        for solver, reads in found.items()
    }
    what, goal = unit(about), subject.comparison.goals[problem].target
    target = None if goal is None else sign * goal
    caption = f"Share of the reads of all seeds, each solver's strip to its own scale. {_side(sign)}"
    if target is not None:
        caption += f" Dashed: the target, {target:.10g}."
    rows = [
        (float(low), float(high), *(float(share[bin]) for share in shares.values()))
        for bin, (low, high) in enumerate(pairwise(edges))
        if any(share[bin] for share in shares.values())
    ]
    data = data_table(name, [f"{what} from", "to", *(f"{solver}: share of reads" for solver in shares)], rows)
    return picture(
        name,
        f"{problem}: what the reads found",
        caption,
        data,
        lambda: _draw(subject, shares, edges, what, target),
    )


def _side(sign: int) -> str:
    return "Further right is better." if sign == -1 else "Further left is better."


def bins(values: Floats, equal: int = _BINS) -> Floats:
    """The edges of a histogram: one bin a level where they are few on a lattice, as cuts are; else equal ones."""
    low, high = float(values.min()), float(values.max())
    levels = np.unique(values)
    step = float(np.diff(levels).min()) if len(levels) > 1 else 1e-3 * abs(low) or 1.0
    if (high - low) / step < _BINS:
        return np.arange(low - step / 2, high + step, step)
    return np.linspace(low, high, equal + 1)


def _draw(subject: Subject, shares: dict[str, Floats], edges: Floats, what: str, target: float | None) -> Figure:
    figure = new_figure(0.9 + 0.48 * len(shares))
    strips = figure.subplots(len(shares), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (solver, share) in zip(strips, shares.items(), strict=True):
        colour = subject.looks[solver].colour
        axes.stairs(share / share.max(), edges, fill=True, color=colour, alpha=0.35)
        axes.stairs(share / share.max(), edges, color=colour, linewidth=1.2)
        if target is not None:
            axes.axvline(target, color=INK, linewidth=0.9, dashes=(4, 2))
        _strip(axes, solver)
    ends = [edges[0], edges[-1], *([] if target is None else [target])]
    margin = 0.02 * (max(ends) - min(ends))
    strips[-1].set_xlim(min(ends) - margin, max(ends) + margin)
    strips[-1].set_xlabel(what)
    strips[-1].ticklabel_format(axis="x", useOffset=False, style="plain")
    return figure


def _strip(axes: Axes, solver: str) -> None:
    """Name above, no axis for the shares: the strip says where the reads lie, the table how many."""
    axes.set_yticks([])
    axes.set_ylim(0, 1.1)
    axes.spines["left"].set_visible(False)
    axes.set_title(short(solver, 60), loc="left", pad=1.5, fontsize=8.5)
