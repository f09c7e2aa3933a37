"""Quality against time: what each solver gives for what it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hqml.compare.bootstrap import Estimate, mean_of
from hqml.compare.figures.canvas import legend, new_axes, time_axis
from hqml.compare.figures.energies import unit
from hqml.compare.figures.looks import PAPER, Look
from hqml.compare.figures.picture import Picture, Subject, picture
from hqml.compare.outcome import Outcome
from hqml.compare.page.tables import data_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class _Spot:
    """Where a solver stands, means over seeds: seconds, quality, and of a QUBO that of the mean read."""

    seconds: Estimate
    quality: Estimate
    of_mean_read: Estimate | None = None


def pictures(subject: Subject) -> list[Picture]:
    """One for each problem that at least one solver did."""
    return [*_qubos(subject), *_learning(subject)]


def _qubos(subject: Subject) -> list[Picture]:
    drawn = []
    for place, problem in enumerate(subject.drawn("qubo")):
        about = subject.problems[problem]
        sign, what = about.get("sign") or 1, unit(about)
        spots = {solver: _of_qubo(outcomes, sign) for solver, outcomes in subject.done(problem).items()}
        caption = (
            f"Filled: the best read of a call; hollow: the mean read. {'Higher' if sign == -1 else 'Lower'} and "
            "further left is better. Means over seeds, bars are 95 % intervals." + subject.modelled(spots)
        )
        headings = ["solver", "a call [s]", f"{what} of the best read", f"{what} of the mean read"]
        drawn += _picture(subject, f"quality-{place}", problem, spots, caption, (headings, "time of a call", what))
    return drawn


def _learning(subject: Subject) -> list[Picture]:
    drawn = []
    for place, problem in enumerate(subject.drawn("learning")):
        spots = {solver: _of_learning(outcomes) for solver, outcomes in subject.done(problem).items()}
        caption = (
            "Balanced accuracy on the test rows against the time to train. Higher and further left is better. Means "
            "over seeds, bars are 95 % intervals." + subject.modelled(spots)
        )
        headings = ["solver", "training [s]", "balanced accuracy"]
        labels = (headings, "time to train", "balanced accuracy")
        drawn += _picture(subject, f"score-{place}", problem, spots, caption, labels)
    return drawn


def _of_qubo(outcomes: Sequence[Outcome], sign: int) -> _Spot:
    found = [one for one in outcomes if one.energies]
    means = [
        sum(level * reads for level, reads in one.energies) / sum(reads for _, reads in one.energies) for one in found
    ]
    return _Spot(
        mean_of([one.timing.get("total") for one in outcomes]),
        mean_of([sign * one.energies[0][0] for one in found]),
        mean_of([sign * value for value in means]),
    )


def _of_learning(outcomes: Sequence[Outcome]) -> _Spot:
    """A stand-in's training is shown with its modelled total, as everywhere."""
    times = [one.timing.get("total") if one.stand_in else one.timing.get("fit") for one in outcomes]
    return _Spot(mean_of(times), mean_of([one.scores.get("balanced_accuracy") for one in outcomes]))


def _picture(
    subject: Subject,
    name: str,
    problem: str,
    spots: Mapping[str, _Spot],
    caption: str,
    labels: tuple[Sequence[str], str, str],
) -> list[Picture]:
    """None where no solver has both."""
    headings, time, quality = labels
    shown = {solver: spot for solver, spot in spots.items() if spot.seconds.value > 0 and spot.quality.known}
    if not shown:
        return []
    rows = [(solver, spot.seconds, spot.quality, spot.of_mean_read)[: len(headings)] for solver, spot in shown.items()]
    data = data_table(name, headings, rows)
    title = f"{problem}: quality and time"
    return [picture(name, title, caption, data, lambda: _draw(subject.looks, shown, time, quality))]


def _draw(looks: Mapping[str, Look], spots: Mapping[str, _Spot], time: str, quality: str) -> Figure:
    figure, axes = new_axes(3.2)
    for solver, spot in spots.items():
        _spot(axes, looks[solver], spot)
    axes.margins(0.1)
    axes.set_xlabel(time)
    axes.set_ylabel(quality)
    axes.ticklabel_format(axis="y", useOffset=False, style="plain")
    time_axis(axes, "x")
    legend(figure, {solver: Look(looks[solver].colour, looks[solver].marker, ()) for solver in spots}, joined=False)
    return figure


def _spot(axes: Axes, look: Look, spot: _Spot) -> None:
    x = spot.seconds
    if spot.of_mean_read is not None:
        mean = spot.of_mean_read.value
        axes.plot([x.value, x.value], [mean, spot.quality.value], color=look.colour, linewidth=0.8, alpha=0.5)
        axes.plot(x.value, mean, marker=look.marker, color=look.colour, markerfacecolor=PAPER, linestyle="")
    if x.has_interval:
        axes.plot([x.low, x.high], [spot.quality.value] * 2, color=look.colour, linewidth=1.1)
    if spot.quality.has_interval:
        axes.plot([x.value] * 2, [spot.quality.low, spot.quality.high], color=look.colour, linewidth=1.1)
    axes.plot(x.value, spot.quality.value, marker=look.marker, color=look.colour, linestyle="")
