"""What a reader has to bear in mind, in plain sentences: what is missing, what is modelled, what may disturb a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hqml.compare.columns import version_of
from hqml.compare.goals import Goal
from hqml.compare.outcome import Outcome

FEW_SEEDS = 5
"""With 3, 4, 5 and 10 seeds, 75, 87, 91 and 94 % of the intervals of a mean held it (1500 simulated studies each)."""

MOST = 3
"""Different texts of one solver that are told."""

LONGEST_LIST = 6
"""Names that a sentence holds; the tables have all."""


def counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def listed(names: Iterable[str], last: str = "and") -> str:
    """a, b and c; of many the first few, and how many others there are."""
    *first, final = names
    if len(first) >= LONGEST_LIST:
        final = f"{len(first) + 2 - LONGEST_LIST} others"
        first = first[: LONGEST_LIST - 1]
    return f"{', '.join(first)} {last} {final}" if first else final


def what_ran(description: Mapping[str, Any], outcomes: Sequence[Outcome]) -> list[str]:
    """How many cells there are, and what is open."""
    failed = [one for one in outcomes if one.status == "failed"]
    sizes = [
        counted(len({one.solver for one in outcomes if not one.reference}), "solver"),
        counted(len({one.problem for one in outcomes}), "problem"),
        counted(len({one.seed for one in outcomes}), "seed"),
    ]
    done = f"{counted(len(outcomes) - len(failed), 'cell')} done"
    said = [f"{done}, {len(failed)} failed: {', '.join(sizes)}."]
    missing = expected_cells(description) - len({(one.problem, one.solver, one.seed) for one in outcomes})
    if missing > 0:
        said.append(f"{counted(missing, 'cell')} of the study did not run yet; the same command goes on with them.")
    return said


def expected_cells(description: Mapping[str, Any]) -> int:
    """Cells of the whole study, from its description."""
    solvers = [{one["label"], one["backend"]} for one in description.get("solvers", ())]
    seeds = len(description.get("seeds", ()))
    return seeds * sum(
        sum(not names & set(problem.get("skip", ())) for names in solvers) + len(problem.get("references", ()))
        for problem in description.get("problems", ())
    )


def stand_ins(outcomes: Sequence[Outcome]) -> list[str]:
    names = dict.fromkeys(one.solver for one in outcomes if one.stand_in)
    return [
        f"{name} is a classical stand-in, no QPU: its quality says nothing about what a QPU would find, and its times "
        "are those of the published timing model, so it is named quickest nowhere."
        for name in names
    ]


def of_targets(goals: Mapping[str, Goal]) -> list[str]:
    """Whom a target favours, and where there is none."""
    said = [f"{problem} has no target: {goal.trouble}." for problem, goal in goals.items() if goal.trouble]
    proven = [problem for problem, goal in goals.items() if goal.proven and not goal.trouble]
    if proven:
        said.append(f"The best value of {listed(proven)} is proven: a solver looked at every state, or a bound is met.")
    beyond = [problem for problem, goal in goals.items() if goal.out_of_reach]
    if beyond:
        said.append(
            f"Nobody can reach the target of {listed(beyond)}: it is better than what is proven to be possible."
        )
    said += [_overtaken(problem, goal) for problem, goal in goals.items() if goal.overtaken is not None]
    if trivial := [problem for problem, goal in goals.items() if goal.trivial]:
        said.append(
            f"Every read of everybody reaches the target of {listed(trivial)}, which then compares nothing but times; "
            "a share of the best is written 99%."
        )
    seen = [
        f"{problem} (by {listed(goal.seen_by)})"
        for problem, goal in goals.items()
        if not (goal.trouble or goal.proven) and isinstance(goal.rule, str) and goal.seen_by
    ]
    if seen:
        said.append(
            f"The best value is the best seen in this study, not one known or proven before, for {listed(seen)}: such "
            "a target favours who saw it, and a better value would lengthen all times."
        )
    return said


def _overtaken(problem: str, goal: Goal) -> str:
    convention = "cuts are to be large" if goal.sign < 0 else "energies are to be low"
    found = goal.sign * (0.0 if goal.best is None else goal.best)
    return (
        f"The best value given for {problem}, {goal.overtaken:.10g}, is worse than what was found, {found:.10g}: "
        f"check it and its sign ({convention})."
    )


def of_seeds(outcomes: Sequence[Outcome], description: Mapping[str, Any]) -> list[str]:
    """What the number of seeds, and how the rows are split, mean for the intervals."""
    done = [one for one in outcomes if one.status == "done"]
    seeds = max(Counter((one.problem, one.solver) for one in done).values(), default=0)
    said = []
    if seeds == 1:
        said.append(
            "One seed: intervals allow for the chance of the reads alone; where there are no reads there is none."
        )
    elif 1 < seeds < FEW_SEEDS:
        said.append(f"{seeds} seeds are few: the intervals are too narrow. Take ten before you trust a winner.")
    said += _of_missing_seeds(done)
    learning = [one for one in description.get("problems", ()) if one.get("kind") == "learning"]
    if seeds > 1 and any(not one.get("given_test") for one in learning):
        said.append(
            "Training and test rows of different seeds overlap: intervals of scores are too narrow, "
            "the corrected t-test allows for that."
        )
    if any(one.get("given_test") for one in learning):
        said.append("Where the test rows were given, seeds vary the solver alone: intervals say nothing of other data.")
    return said


def _of_missing_seeds(done: Sequence[Outcome]) -> list[str]:
    """Who has figures of fewer seeds than others on the same problem."""
    seeds: dict[str, dict[str, set[int]]] = {}
    for one in done:
        seeds.setdefault(one.problem, {}).setdefault(one.solver, set()).add(one.seed)
    fewer = [
        f"{solver} on {problem} ({len(own)} of {len(every)})"
        for problem, solvers in seeds.items()
        if (every := set().union(*solvers.values()))
        for solver, own in solvers.items()
        if own != every
    ]
    if not fewer:
        return []
    return [f"Figures are of fewer seeds than others have, and of no cell that failed, for {listed(fewer)}."]


def of_machines(outcomes: Sequence[Outcome]) -> list[str]:
    """Cells from different machines or versions, or at the same time on one."""
    machines = Counter(_machine_of(one) for one in outcomes if one.machine)
    versions = sorted({version_of(one.machine) for one in outcomes if one.machine})
    said = []
    if len(machines) > 1:
        shown = "; ".join(f"{counted(cells, 'cell')} on {name}" for name, cells in machines.most_common())
        said.append(f"Cells ran on different machines, whose times do not compare: {shown}.")
    if len(versions) > 1:
        said.append(f"Cells ran with different versions of hqml: {listed(versions)}.")
    if disturbed := at_the_same_time(outcomes):
        said.append(
            f"{counted(disturbed, 'cell')} ran at the same time as another on the same host: their times may be longer."
        )
    return said


def of_warnings(outcomes: Sequence[Outcome]) -> list[str]:
    return [
        f"{solver} warned in {counted(cells, 'cell')}: {text}"
        for solver, found in _texts(outcomes, lambda one: one.warnings).items()
        for text, cells in found.most_common(MOST)
    ]


def at_the_same_time(outcomes: Sequence[Outcome]) -> int:
    """How many cells overlap in time with another one of their host."""
    overlapping: set[int] = set()
    latest: dict[Any, Outcome] = {}
    for one in sorted((one for one in outcomes if one.ended > one.started), key=lambda one: one.started):
        host = one.machine.get("host")
        before = latest.get(host)
        if before is not None and one.started < before.ended:
            overlapping |= {id(one), id(before)}
        if before is None or one.ended > before.ended:
            latest[host] = one
    return len(overlapping)


def of_failures(outcomes: Sequence[Outcome]) -> list[str]:
    """What each solver failed of."""
    failed, said = [one for one in outcomes if one.status == "failed"], []
    for solver, found in _texts(failed, lambda one: [one.error]).items():
        for text, cells in found.most_common(MOST):
            if text.startswith("BudgetExceeded"):
                said.append(
                    f"{solver}: {counted(cells, 'cell')} left out for the budget ({text}); "
                    "the same command with a larger one goes on."
                )
            else:
                said.append(f"{solver} failed in {counted(cells, 'cell')}: {text}")
        if len(found) > MOST:
            said.append(f"{solver} failed in {counted(len(found) - MOST, 'further way')}; see the table of failures.")
    return said


def _texts(outcomes: Sequence[Outcome], of: Any) -> dict[str, Counter[str]]:
    """Texts with the number of cells that have them, by solver."""
    found: dict[str, Counter[str]] = {}
    for one in outcomes:
        for text in set(of(one)):
            found.setdefault(one.solver, Counter())[text] += 1
    return found


def _machine_of(outcome: Outcome) -> str:
    machine = outcome.machine
    parts = (machine.get("host", ""), machine.get("processor", ""), *machine.get("gpus", ()))
    return ", ".join(str(part) for part in parts if part)
