"""How well the trained classifiers do, beside their classical twin and the tuned machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING

from hqml.compare.bootstrap import Estimate
from hqml.compare.figures.looks import Look, twin_looks
from hqml.compare.figures.picture import Picture, Subject, picture, slug
from hqml.compare.figures.series import Scale, against_size, in_rows
from hqml.compare.page.tables import data_table
from hqml.compare.paired import TWIN

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SCORES = {"balanced_accuracy": "balanced accuracy", "auroc": "area under the ROC curve"}


@dataclass(frozen=True)
class _Family:
    """Problems that differ in one parameter alone, or a single problem.

    Attributes:
        name: what they have in common.
        parameter: which one; "" of a single problem.
        sizes: {problem: its value}.
    """

    name: str
    parameter: str
    sizes: Mapping[str, float]


def pictures(subject: Subject) -> list[Picture]:
    """One for each family of problems and score."""
    families = _families(subject)
    return [
        drawn
        for place, family in enumerate(families)
        for score in _SCORES
        if (drawn := _scores(subject, slug("scores", place, score), family, score))
    ]


def _families(subject: Subject) -> list[_Family]:
    groups: dict[tuple[object, ...], dict[str, Mapping[str, object]]] = {}
    for name in subject.of_kind("learning"):
        problem = subject.problems[name]
        parameters = problem.get("parameters") or {}
        key = (_common(name, parameters), problem.get("source"), problem.get("estimator"), *sorted(parameters))
        groups.setdefault(key, {})[name] = parameters
    return [family for key, group in groups.items() for family in _split(str(key[0]), group)]


def _common(name: str, parameters: Mapping[str, object]) -> str:
    """The name without the values that a grid gave it."""
    for parameter, value in parameters.items():
        name = name.replace(f", {parameter}={value}", "")
    return name


def _split(common: str, group: Mapping[str, Mapping[str, object]]) -> list[_Family]:
    """One family where a single number varies, else one for each problem."""
    first = next(iter(group.values()))
    varied = [name for name in first if len({str(one.get(name)) for one in group.values()}) > 1]
    if len(varied) == 1:
        values = {problem: parameters[varied[0]] for problem, parameters in group.items()}
        sizes = {problem: float(one) for problem, one in values.items() if isinstance(one, Real)}
        if len(sizes) == len(group):
            return [_Family(common, varied[0], sizes)]
    return [_Family(problem, "", {problem: 0.0}) for problem in group]


def _scores(subject: Subject, name: str, family: _Family, score: str) -> Picture | None:
    found = {solver: _of_solver(subject, family, solver, score) for solver in subject.looks}
    found = {solver: scores for solver, scores in found.items() if scores}
    twins = _of_twins(subject, family, score)
    found |= twins
    if not found:
        return None
    label = _SCORES[score]
    caption = f"{label[0].upper()}{label[1:]} on the test rows, means over seeds with 95 % intervals."
    if twins:
        caption += " A classical twin is the same estimator, trained without a QUBO on the same rows."
    rows = [
        (problem, *([family.sizes[problem]] if family.parameter else []), solver, one)
        for solver, scores in found.items()
        for problem, one in scores.items()
    ]
    headings = ["problem", *([family.parameter] if family.parameter else []), "solver", label]
    data = data_table(name, headings, rows)
    looks = {**subject.looks, **twin_looks(twins)}
    return picture(name, f"{family.name}: {label}", caption, data, lambda: _draw(looks, family, found, label))


def _of_solver(subject: Subject, family: _Family, solver: str, score: str) -> dict[str, Estimate]:
    return {name: one for name in family.sizes if (one := subject.estimate(name, solver, score))}


def _of_twins(subject: Subject, family: _Family, score: str) -> dict[str, dict[str, Estimate]]:
    """{name: {problem: estimate}}: the twin of all solvers, or one of each where they differ, as slices may do that are
    cut to fit a chip."""
    own: dict[str, dict[str, Estimate]] = {}
    for solver in subject.looks:
        found = _of_solver(subject, family, solver, f"twin_{score}")
        if found and not any(found.items() <= others.items() for others in own.values()):
            own[solver] = found
    return dict(zip(_names(own), own.values(), strict=True)) if own else {}


def _names(solvers: Iterable[str]) -> list[str]:
    named = [f"{TWIN} of {solver}" for solver in solvers]
    return named if len(named) > 1 else [TWIN]


def _draw(
    looks: Mapping[str, Look], family: _Family, found: Mapping[str, Mapping[str, Estimate]], label: str
) -> Figure:
    if not family.parameter:
        return in_rows(
            {family.name: {name: next(iter(one.values())) for name, one in found.items()}}, looks, Scale(label)
        )
    series: dict[str, Sequence[tuple[float, Estimate]]] = {
        name: sorted(((family.sizes[problem], one) for problem, one in scores.items()), key=lambda at: at[0])
        for name, scores in found.items()
    }
    return against_size(series, looks, family.parameter, Scale(label))
