"""How long each solver takes to the target, against the size of the problem."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hqml.compare.bootstrap import Estimate
from hqml.compare.figures.picture import Picture, Subject, picture
from hqml.compare.figures.series import Scale, against_size, in_rows
from hqml.compare.page.tables import data_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TIMES = {
    "tts": (
        "Time to solution, reads alone",
        "Seconds of sampling until the target is found with a probability of 99 %.",
    ),
    "tts_total": (
        "Time to solution with all overheads",
        "The same with start-up, model, embedding, programming, network and queue.",
    ),
    "ert": (
        "Time to target",
        "Expected seconds until a call has reached the target: those of all calls by the number that reached it.",
    ),
}

Times = Mapping[str, Mapping[str, Estimate]]
"""{solver: {problem: estimate}}"""


def pictures(subject: Subject) -> list[Picture]:
    """Those of the three times that any solver has."""
    return [drawn for quantity in _TIMES if (drawn := _time(subject, quantity))]


def _time(subject: Subject, quantity: str) -> Picture | None:
    problems = subject.of_kind("qubo")
    every = {
        solver: {name: one for name in problems if (one := subject.estimate(name, solver, quantity))}
        for solver in subject.looks
    }
    times = {solver: found for solver, found in every.items() if found}
    if not times:
        return None
    title, caption = _TIMES[quantity]
    sizes = {name: int(subject.problems[name].get("variables") or 0) for name in problems}
    sized = len(set(sizes.values())) > 1
    caption += " Bars are 95 % intervals; a hollow marker is a lower bound: no read got there. An arrow: no upper end."
    caption += " Lines join the medians of each size." * sized + subject.modelled(times)
    rows = [(name, sizes[name], solver, one) for solver, found in times.items() for name, one in found.items()]
    name = quantity.replace("_", "-")
    data = data_table(name, ["problem", "variables", "solver", f"{title.lower()} [s]"], rows)
    return picture(name, title, caption, data, lambda: _draw(subject, times, sizes if sized else None))


def _draw(subject: Subject, times: Times, sizes: Mapping[str, int] | None) -> Figure:
    """Against size where there are several, else in rows."""
    scale = Scale("time", time=True)
    if sizes is None:
        problems = subject.drawn("qubo")
        rows = {name: {solver: found[name] for solver, found in times.items() if name in found} for name in problems}
        rows = {name: found for name, found in rows.items() if found}
        return in_rows(rows, subject.looks, scale)
    series = {solver: [(float(sizes[name]), one) for name, one in found.items()] for solver, found in times.items()}
    return against_size(series, subject.looks, "variables", scale)
