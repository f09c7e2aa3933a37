"""A figure of the page, and what all of them take from a comparison."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hqml.compare.bootstrap import Estimate
from hqml.compare.figures.canvas import drawing
from hqml.compare.figures.looks import Look, looks
from hqml.compare.figures.svg import inline_svg
from hqml.compare.outcome import Outcome
from hqml.compare.page.tables import DataTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

    from hqml.compare.comparison import Comparison


MOST = 20
"""Problems of a kind that have figures of their own: a page of thousands of figures is read by nobody."""


@dataclass(frozen=True)
class Picture:
    """
    Attributes:
        name: of no other figure of the page; of its files too.
        title: one line.
        caption: what is drawn, in sentences.
        svg: the drawing.
        data: all that is drawn, in numbers.
    """

    name: str
    title: str
    caption: str
    svg: str
    data: DataTable


def picture(name: str, title: str, caption: str, data: DataTable, draw: Callable[[], Figure]) -> Picture:
    """Draw it with our settings of matplotlib."""
    with drawing():
        svg = inline_svg(draw(), name, title, caption)
    return Picture(name, title, caption, svg, data)


@dataclass(frozen=True)
class Subject:
    """A comparison, looked at by those who draw.

    Attributes:
        comparison: all of it.
        looks: of each solver and reference, in the order of the study.
        problems: {name: its description}, in the order of the study.
    """

    comparison: Comparison
    looks: Mapping[str, Look]
    problems: Mapping[str, Mapping[str, Any]]

    def done(self, problem: str) -> dict[str, list[Outcome]]:
        """{solver: its outcomes, by seed} of the cells that gave something."""
        found: dict[str, list[Outcome]] = {solver: [] for solver in self.looks}
        for outcome in self.comparison.outcomes:
            if outcome.problem == problem and outcome.status == "done":
                found[outcome.solver].append(outcome)
        return {solver: sorted(those, key=lambda one: one.seed) for solver, those in found.items() if those}

    def estimate(self, problem: str, solver: str, quantity: str) -> Estimate | None:
        """A figure of the summary with its interval; None where there is none."""
        return self.comparison.estimates.get((problem, solver), {}).get(quantity)

    @cached_property
    def stand_ins(self) -> frozenset[str]:
        """Solvers whose times are modelled."""
        return frozenset(one.solver for one in self.comparison.outcomes if one.stand_in)

    def modelled(self, solvers: Iterable[str]) -> str:
        """A sentence on which of them are."""
        named = [name for name in solvers if name in self.stand_ins]
        return f" Modelled, not measured: {', '.join(named)}." if named else ""

    def of_kind(self, kind: str) -> list[str]:
        """Names of the problems."""
        return [name for name, problem in self.problems.items() if problem["kind"] == kind]

    def drawn(self, kind: str) -> list[str]:
        """Names of those that have figures of their own."""
        return self.of_kind(kind)[:MOST]


def subject(comparison: Comparison) -> Subject:
    description = comparison.description
    listed = [solver["label"] for solver in description["solvers"]]
    others = [outcome.solver for outcome in comparison.outcomes]
    problems = {problem["name"]: problem for problem in description["problems"]}
    for one in comparison.outcomes:
        problems.setdefault(one.problem, {"name": one.problem, "kind": one.kind})
    return Subject(comparison, looks(dict.fromkeys([*listed, *others])), problems)


def slug(*parts: object) -> str:
    """A name that is good for an id and for a file, whatever the parts are."""
    text = "-".join(str(part) for part in parts)
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in text.lower()).strip("-")
