"""One row a problem and solver: what its cells say together, each figure with its interval over the seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from hqml.compare.bootstrap import Estimate, mean_of
from hqml.compare.columns import QPU, SCORES, Row, row_of
from hqml.compare.goals import Goal
from hqml.compare.metrics import (
    Calls,
    expected_running_time,
    startup_of,
    success_probability,
    time_to_solution,
    time_to_solution_in_all,
)
from hqml.compare.outcome import Outcome

Estimates: TypeAlias = dict[str, Estimate]
"""Figures by the names of `ESTIMATES`; those that there are."""

TWINS = tuple(f"twin_{name}" for name in SCORES)

TIMED = ("tts", "tts_total", "ert")
"""Columns with a further one, `_bound`: true where the value is only a lower bound."""

OF_READS = ("success", *TIMED)
MEANS = ("energy", "residual", "gap", "seconds", "sampling", "fit", "predict", "reads_per_second", "joules")
ON_CHIP = (*(f"qpu_{name}" for name in QPU), "chain_length", "chain_breaks")
ESTIMATES = (*OF_READS, *MEANS, *ON_CHIP, *SCORES, *TWINS)
"""Columns with an interval: NAME, NAME_low, NAME_high. The means are over the seeds."""

HEAD = (
    *("problem", "kind", "solver", "backend", "reference", "stand_in", "parameters", "options", "done", "failed"),
    *("error", "reads", "variables", "value", "startup"),
)
SUMMARY_COLUMNS = (
    *HEAD,
    *(f"{name}{end}" for name in ESTIMATES for end in ("", "_low", "_high", *(("_bound",) if name in TIMED else ()))),
)
"""Of the summary, in order. `value` is the best of all seeds, `done` and `failed` count cells, `reads` adds up."""


def grouped(description: Mapping[str, Any], outcomes: Sequence[Outcome]) -> dict[tuple[str, str], list[Outcome]]:
    """Outcomes by (problem, solver), in the order of the study; references after the solvers."""
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault((outcome.problem, outcome.solver), []).append(outcome)
    problems = [one["name"] for one in description.get("problems", ())]
    solvers = [one["label"] for one in description.get("solvers", ())]
    return dict(sorted(groups.items(), key=lambda item: (_place(problems, item[0][0]), _place(solvers, item[0][1]))))


def estimates_of(outcomes: Sequence[Outcome], goal: Goal | None) -> Estimates:
    """All figures of one solver on one problem that there are."""
    done = [one for one in outcomes if one.status == "done"]
    rows = [row_of(one, goal) for one in done]
    found = {name: mean_of([row[name] for row in rows]) for name in (*MEANS, *ON_CHIP, *SCORES, *TWINS)}
    sampled = [one for one in done if one.energies]
    if goal is not None and goal.target is not None and sampled:
        calls = Calls.of(sampled, goal)
        found |= {
            "success": success_probability(calls),
            "tts": time_to_solution(calls),
            "tts_total": time_to_solution_in_all(calls),
            "ert": expected_running_time(calls),
        }
    return {name: estimate for name, estimate in found.items() if estimate.known}


def summary_row(outcomes: Sequence[Outcome], goal: Goal | None, estimates: Estimates) -> Row:
    done = [one for one in outcomes if one.status == "done"]
    failed = [one for one in outcomes if one.status == "failed"]
    rows = [row_of(one, goal) for one in done]
    sign = 1 if goal is None else goal.sign
    first = (done or failed)[0]
    labels = row_of(first, goal)
    values = {
        **{name: labels[name] for name in HEAD if name in labels},
        "stand_in": next((one.stand_in for one in done if one.stand_in), ""),
        "done": len(done),
        "failed": len(failed),
        "error": failed[-1].error if failed else "",
        "reads": sum(row["reads"] for row in rows),
        "value": min((row["value"] for row in rows if row["value"] is not None), key=lambda v: sign * v, default=None),
        "startup": startup_of(done) if done else None,
    }
    for name, estimate in estimates.items():
        values |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
        if name in TIMED:
            values[f"{name}_bound"] = estimate.bound
    return {name: values.get(name) for name in SUMMARY_COLUMNS}


def _place(names: Sequence[str], name: str) -> int:
    return names.index(name) if name in names else len(names)
