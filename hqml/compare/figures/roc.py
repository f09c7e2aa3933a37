"""Receiver operating characteristics, averaged over the seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hqml.compare.figures.canvas import legend, new_axes
from hqml.compare.figures.looks import FAINT
from hqml.compare.figures.picture import Picture, Subject, picture
from hqml.compare.outcome import Outcome
from hqml.compare.page.tables import data_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    Floats = npt.NDArray[np.float64]

_RATES = np.linspace(0, 1, 51)
"""False positive rates at which the curves of the seeds are averaged."""


def pictures(subject: Subject) -> list[Picture]:
    """One for each learning problem of two classes."""
    drawn = []
    for place, problem in enumerate(subject.drawn("learning")):
        curves = {
            solver: mean
            for solver, outcomes in subject.done(problem).items()
            if (mean := mean_curve(outcomes)) is not None
        }
        if curves:
            drawn.append(_roc(subject, f"roc-{place}", problem, curves))
    return drawn


def mean_curve(outcomes: Sequence[Outcome]) -> Floats | None:
    """True positive rate at each of 51 false positive rates, (51,); None where no outcome has decisions.

    The curves of the seeds are averaged at the same false positive rate, each between its corners on straight lines
    (T. Fawcett, Pattern Recognition Letters 27 (2006) 861, algorithm 4).
    """
    from sklearn.metrics import roc_curve

    curves = []
    for outcome in outcomes:
        if not outcome.decisions or len(set(outcome.decisions["truth"])) != 2:
            continue
        false, true, _ = roc_curve(outcome.decisions["truth"], outcome.decisions["decision"])
        curves.append(np.interp(_RATES, false, true))  # where it rises upright, its upper end counts
    return np.mean(curves, axis=0) if curves else None


def _roc(subject: Subject, name: str, problem: str, curves: Mapping[str, Floats]) -> Picture:
    caption = (
        "Share of the positive class that is found against the share of the negative class taken for it, as the "
        "threshold falls; means of the seeds' curves. The diagonal is chance."
    )
    rows = [(float(rate), *(float(curve[n]) for curve in curves.values())) for n, rate in enumerate(_RATES)]
    data = data_table(name, ["false positive rate", *(f"{solver}: true positive rate" for solver in curves)], rows)
    return picture(name, f"{problem}: ROC", caption, data, lambda: _draw(subject, curves))


def _draw(subject: Subject, curves: Mapping[str, Floats]) -> Figure:
    figure, axes = new_axes(4.2)
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, dashes=(3, 3))
    for solver, curve in curves.items():
        axes.plot(_RATES, curve, **{**subject.looks[solver].line, "marker": ""})
    axes.set_aspect("equal")
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    axes.set_xlabel("false positive rate")
    axes.set_ylabel("true positive rate")
    legend(figure, {solver: subject.looks[solver] for solver in curves}, marked=False)
    return figure
