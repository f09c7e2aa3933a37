"""Paired differences of the scores: a solver against its twin, the tuned machine, and the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hqml.compare.bootstrap import Estimate
from hqml.compare.figures.looks import INK, Look
from hqml.compare.figures.picture import Picture, Subject, picture
from hqml.compare.figures.series import Scale, in_rows
from hqml.compare.page.tables import data_table

if TYPE_CHECKING:
    from hqml.compare.paired import PairedTest

_METRIC = "balanced_accuracy"

MOST = 24
"""Pairs in a figure: the rest is in the table of all tests."""


def pictures(subject: Subject) -> list[Picture]:
    """One for each learning problem that two were paired on."""
    drawn = []
    for place, problem in enumerate(subject.drawn("learning")):
        tests = [one for one in subject.comparison.tests if (one.problem, one.metric) == (problem, _METRIC) and one.n]
        if tests:
            drawn.append(_differences(subject, f"differences-{place}", problem, tests))
    return drawn


def _differences(subject: Subject, name: str, problem: str, tests: list[PairedTest]) -> Picture:
    caption = (
        "First minus second, means over the seeds that have both, with 95 % intervals (which do not allow for "
        "overlapping splits; the table of tests does). Right of zero the first is better."
    )
    if len(tests) > MOST:
        caption += f" The first {MOST} of {len(tests)} pairs."
    found = {f"{one.first} - {one.second}": Estimate(one.difference, one.low, one.high) for one in tests}
    rows = [(one.first, one.second, one.n, found[f"{one.first} - {one.second}"]) for one in tests]
    data = data_table(name, ["first", "second", "pairs", "difference in balanced accuracy"], rows)
    shown = dict([*found.items()][:MOST])
    looks = {pair: subject.looks.get(one.first, Look(INK, "o", ())) for pair, one in zip(found, tests, strict=True)}
    scale = Scale("difference in balanced accuracy", zero=True)
    title = f"{problem}: paired differences"
    return picture(name, title, caption, data, lambda: in_rows({problem: shown}, looks, scale, longest=40))
