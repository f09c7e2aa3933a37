"""What a comparison shows, in plain sentences. No winner is named that the verdicts do not name."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hqml.compare import caveats
from hqml.compare.bootstrap import Estimate
from hqml.compare.caveats import listed
from hqml.compare.goals import Goal
from hqml.compare.outcome import Outcome
from hqml.compare.paired import TWIN, PairedTest
from hqml.compare.summary import Estimates
from hqml.compare.verdicts import Verdict
from hqml.display import duration

LEVEL = 0.05
"""Holm's p below which a difference is called shown."""

SPOKEN = {
    "tts": "without overheads",
    "tts_total": "with overheads",
    "ert": "in expected running time of whole calls",
    "balanced_accuracy": "balanced accuracy",
    "auroc": "AUROC",
}


def words(
    description: Mapping[str, Any],
    outcomes: Sequence[Outcome],
    goals: Mapping[str, Goal],
    estimates: Mapping[tuple[str, str], Estimates],
    verdicts: Sequence[Verdict],
    tests: Sequence[PairedTest],
) -> list[str]:
    """All sentences: what ran, what came of it in short, each problem, what to bear in mind, what failed."""
    if not outcomes:
        return ["No cell has run yet."]
    said = [*caveats.what_ran(description, outcomes), *_in_short(verdicts), *caveats.stand_ins(outcomes)]
    for problem in dict.fromkeys(one.problem for one in verdicts):
        own = [one for one in verdicts if one.problem == problem]
        if problem in goals:
            figures = {solver: one for (name, solver), one in estimates.items() if name == problem}
            said += _of_qubo(problem, goals[problem], own, figures)
        else:
            said += _of_learning(problem, own, [one for one in tests if one.problem == problem])
    said += [*caveats.of_targets(goals), *caveats.of_seeds(outcomes, description)]
    said += [*caveats.of_machines(outcomes), *caveats.of_warnings(outcomes)]
    return [*said, *caveats.of_failures(outcomes)]


def _in_short(verdicts: Sequence[Verdict]) -> Iterable[str]:
    """One sentence over all problems for each question that users come with."""
    questions = {
        "tts_total": "Quickest to the target, overheads counted",
        "balanced_accuracy": "Best balanced accuracy",
    }
    for metric, question in questions.items():
        asked = [one for one in verdicts if one.metric == metric]
        if len(asked) < 2:
            continue  # the problem's own sentence says it
        winners: dict[str, list[str]] = {}
        for one in asked:
            winners.setdefault(one.winner or "no winner", []).append(one.problem)
        told = (f"{name} on {listed(problems)}" for name, problems in winners.items())
        yield f"{question}: {'; '.join(told)}."


def _of_qubo(
    problem: str, goal: Goal, verdicts: Sequence[Verdict], estimates: Mapping[str, Estimates]
) -> Iterable[str]:
    timed = [one for one in verdicts if one.metric in SPOKEN]
    if timed:
        told = "; ".join(f"{SPOKEN[one.metric]} {_quickest(one)}" for one in timed)
        yield f"{problem}, until the target of {_value(goal, goal.target)} is reached: {told}."
    names = dict.fromkeys(name for one in timed for name in one.modelled if "tts_total" in estimates[name])
    if names:
        given = listed(f"{name} {_time(estimates[name]['tts_total'])}" for name in names)
        yield f"{problem}: the timing model gives {given} with overheads."
    for one in verdicts:
        if one.metric == "energy":
            yield _lowest(problem, goal, one, estimates)


def _quickest(one: Verdict) -> str:
    if one.winner is not None:
        return f"{one.winner} is quickest, {_time(one.value)}"
    if not one.tied:
        return one.note
    if one.value.bound:
        return f"nobody reached it; with {one.tied[0]} it takes more than {duration(one.value.value)}"
    if len(one.tied) == 1:
        return f"{one.tied[0]} needs {_time(one.value)}, with nobody to compare with"
    return f"no winner between {listed(one.tied)} ({one.note}), {one.tied[0]} at {_time(one.value)}"


def _time(figure: Estimate) -> str:
    if figure.bound:
        return f"more than {duration(figure.value)}"
    if not figure.has_interval:
        return duration(figure.value)
    return f"{duration(figure.value)} ({duration(figure.low)} to {duration(figure.high)})"


def _lowest(problem: str, goal: Goal, one: Verdict, estimates: Mapping[str, Estimates]) -> str:
    """Who finds the lowest energy in a call, on average over the seeds."""
    what = "largest cut" if goal.sign < 0 else "lowest energy"
    value = _value(goal, one.value.value)
    if one.winner is not None:
        return f"{problem}: {one.winner} has the {what} of a call, {value} in the mean."
    if len(one.tied) == 1:
        return f"{problem}: the {what} of a call of {one.tied[0]} is {value} in the mean, with nobody to compare with."
    same = [name for name in one.tied if abs(estimates[name]["energy"].value - one.value.value) <= goal.slack]
    if len(same) > 1:
        near = [name for name in one.tied if name not in same]
        rest = f", not shown to be worse: {listed(near)}" if near else ""
        return f"{problem}: {listed(same)} have the same {what} of a call in the mean, {value}{rest}; no winner."
    return f"{problem}: no winner at the {what} of a call between {listed(one.tied)} ({one.note})."


def _value(goal: Goal, energy: float | None) -> str:
    return "nothing" if energy is None else f"{goal.sign * energy:.10g}"


def _of_learning(problem: str, verdicts: Sequence[Verdict], tests: Sequence[PairedTest]) -> Iterable[str]:
    for one in verdicts:
        value = f"{one.value.value:.3f}" + (
            f" ({one.value.low:.3f} to {one.value.high:.3f})" if one.value.has_interval else ""
        )
        if one.winner is not None:
            yield f"{problem}: {one.winner} has the best {SPOKEN[one.metric]}, {value}."
        elif len(one.tied) == 1:
            yield f"{problem}: {one.tied[0]} has a {SPOKEN[one.metric]} of {value}, with nobody to compare with."
        else:
            yield (
                f"{problem}: no winner in {SPOKEN[one.metric]} between {listed(one.tied)} ({one.note}); "
                f"{one.tied[0]} has {value}."
            )
    judged = [one for one in tests if one.metric == "balanced_accuracy"]
    yield from _against(problem, "its classical twin", [one for one in judged if one.second == TWIN])
    yield from _against(problem, "the tuned SVC", [one for one in judged if one.second == "SVC (tuned)"])


def _against(problem: str, whom: str, tests: Sequence[PairedTest]) -> Iterable[str]:
    """One sentence for all solvers: better, worse, or not shown to differ by the corrected t-test."""
    if not tests:
        return
    if all(math.isnan(one.p_holm) for one in tests):
        yield f"{problem}: too few seeds for a test against {whom}; three are needed, ten are better."
        return
    parts = []
    for sign, way in ((1, "better"), (-1, "worse")):
        clear = [one for one in tests if one.p_holm < LEVEL and sign * one.difference > 0]
        if clear:
            shown = (f"{one.first} ({one.difference:+.3f}, p {one.p_holm:.2g})" for one in clear)
            parts.append(f"{way}: {listed(shown)}")
    open_ = [one.first for one in tests if not one.p_holm < LEVEL]
    if open_:
        everybody = len(open_) == len(tests) > 1
        parts.append(f"not shown to differ: {f'all {len(open_)} solvers' if everybody else listed(open_)}")
    yield f"{problem}, balanced accuracy against {whom} (corrected t-test, Holm): {'; '.join(parts)}."
