"""Who is best at what. A winner is named only where its interval overlaps that of no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hqml.compare.bootstrap import MISSING, Estimate
from hqml.compare.paired import TWIN
from hqml.compare.summary import Estimates

OF_QUBO = ("tts", "tts_total", "ert", "energy")
OF_LEARNING = ("balanced_accuracy", "auroc")
OF_TIME = frozenset({"tts", "tts_total", "ert"})


@dataclass(frozen=True)
class Entrant:
    """A solver, reference or twin with its figures."""

    name: str
    estimates: Estimates
    stand_in: bool = False


@dataclass(frozen=True)
class Verdict:
    """Of one problem and one metric.

    Attributes:
        metric: column of the summary.
        winner: None where there is none; then `tied` says between whom it is open, the better value first.
        value: figure of the winner, or of the first of the tied; NaN where there is neither.
        modelled: stand-ins left out, since their times are a model's.
        note: why there is no winner.
    """

    problem: str
    metric: str
    winner: str | None
    tied: tuple[str, ...]
    value: Estimate
    modelled: tuple[str, ...] = ()
    note: str = ""


def verdict(problem: str, metric: str, entrants: Sequence[Entrant], slack: float = 0.0) -> Verdict | None:
    """None where nobody has a figure.

    Args:
        problem: whose figures they are.
        metric: one of `OF_QUBO` or `OF_LEARNING`.
        entrants: all that take part.
        slack: of the energy: nobody wins by what rounding leaves.
    """
    slack = slack if metric == "energy" else 0.0
    modelled = tuple(one.name for one in entrants if one.stand_in and metric in OF_TIME and metric in one.estimates)
    figures = {one.name: one.estimates[metric] for one in entrants if metric in one.estimates}
    if not figures:
        return None
    if len(modelled) == len(figures):
        return Verdict(problem, metric, None, (), MISSING, modelled, "only times of a model are there")
    figures = {name: figure for name, figure in figures.items() if name not in modelled}
    best, *others = sorted(figures, key=lambda name: _rank(metric, figures[name]))
    near = tuple(name for name in others if figures[best].overlaps(figures[name], slack))
    note = _why_not(figures, best, others, near)
    winner = None if note else best
    return Verdict(problem, metric, winner, () if winner else (best, *near), figures[best], modelled, note)


def verdicts(kind: str, problem: str, entrants: Sequence[Entrant], slack: float = 0.0) -> list[Verdict]:
    """Of each metric of a problem of this kind; the classical twins take part."""
    metrics = OF_LEARNING if kind == "learning" else OF_QUBO
    field = [*entrants, *_twins(entrants)] if kind == "learning" else entrants
    return [found for metric in metrics if (found := verdict(problem, metric, field, slack)) is not None]


def _twins(entrants: Sequence[Entrant]) -> list[Entrant]:
    """The classical twin of all, or one of each where they differ."""
    own: dict[str, Estimates] = {}
    for one in entrants:
        found = {name: one.estimates[f"twin_{name}"] for name in OF_LEARNING if f"twin_{name}" in one.estimates}
        if found and found not in own.values():
            own[one.name] = found
    return [Entrant(TWIN if len(own) == 1 else f"{TWIN} of {name}", found) for name, found in own.items()]


def _rank(metric: str, figure: Estimate) -> tuple[bool, float]:
    """The best first: what was reached before what is only bounded; scores are to be high, all else low."""
    return figure.bound, -figure.value if metric in OF_LEARNING else figure.value


def _why_not(figures: Mapping[str, Estimate], best: str, others: Sequence[str], near: Sequence[str]) -> str:
    if not others:
        return "there is nobody to compare with"
    if figures[best].bound:
        return "nobody reached the target"
    if not near:
        return ""
    if not all(figures[name].has_interval for name in (best, *near)):
        return "one seed has no interval; take more seeds"
    return "the intervals overlap"
