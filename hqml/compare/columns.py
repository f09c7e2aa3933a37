"""The tidy table: one row an outcome, as plain data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from hqml.compare.goals import Goal, lowest
from hqml.compare.outcome import Outcome

Row: TypeAlias = dict[str, Any]
"""Column to value; None where there is none."""

TIMES = ("startup", "build", "embedding", "programming", "sampling", "network", "queue", "other", "fit", "predict")
SCORES = ("accuracy", "balanced_accuracy", "auroc", "auprc")
QPU = ("access", "programming", "sampling", "overhead")

COLUMNS = (
    *("problem", "kind", "solver", "backend", "reference", "seed", "reads", "status", "error", "variables", "qubos"),
    *("parameters", "options", "value", "energy", "mean_energy", "residual", "gap", "target", "success", "reached"),
    *("seconds", *TIMES, "reads_per_second", "joules", *(f"qpu_{name}" for name in QPU)),
    *("chain_length", "chain_breaks", *SCORES, *(f"twin_{name}" for name in SCORES)),
    *("train_rows", "test_rows", "stand_in", "host", "version"),
)
"""Of the table, in order:

    reads           samples that came back, of a failed cell those asked for; a reference has none
    value           the lowest energy in the problem's own convention: of a graph the cut
    residual        energy above the best that is known or was seen
    gap             |energy - bound| / max(1, |bound|), to the best proven bound of the problem
    target          energy that a read must reach
    success         share of the reads that reach it; 1 where the solver looked at every state
    reached         whether any does
    seconds         the whole call, without `startup`; of a stand-in those of the published timing model
    reads_per_second    reads by the seconds of sampling alone
"""


def row_of(outcome: Outcome, goal: Goal | None) -> Row:
    """The row of an outcome; `goal` is that of a QUBO problem."""
    times = {name: outcome.timing.get(name) for name in TIMES}
    came_back = samples(outcome)
    sampling = outcome.timing.get("sampling")
    values = {
        "reads": outcome.reads if outcome.status == "failed" else came_back,
        "parameters": json.dumps(dict(outcome.parameters), sort_keys=True, default=str),
        "options": json.dumps(dict(outcome.options), sort_keys=True, default=str),
        "seconds": outcome.timing.get("total"),
        **times,
        "reads_per_second": came_back / sampling if came_back and sampling else None,
        **{f"qpu_{name}": outcome.qpu.get(name) for name in QPU},
        **{name: outcome.scores.get(name) for name in SCORES},
        **{f"twin_{name}": outcome.twin.get(name) for name in SCORES},
        "host": outcome.machine.get("host", ""),
        "version": version_of(outcome.machine),
        **_energies(outcome, goal),
    }
    return {name: values.get(name, getattr(outcome, name, None)) for name in COLUMNS}


def samples(outcome: Outcome) -> int:
    """How many came back of a QUBO problem; of learning, as many as asked for; a reference takes none."""
    if outcome.status == "failed" or outcome.reference:
        return 0
    return outcome.reads if outcome.kind == "learning" else int(sum(count for _, count in outcome.energies))


def hits_and_trials(outcome: Outcome, goal: Goal) -> tuple[int, int]:
    """Reads that reach the target, and all; who looks at every state makes one trial, which does not fail."""
    if outcome.complete:
        return int(goal.reached(lowest(outcome))), 1
    return int(sum(count for level, count in outcome.energies if goal.reached(level))), samples(outcome)


def version_of(machine: Mapping[str, Any]) -> str:
    """Of hqml, as `hqml.compare.provenance` tells it."""
    return str(machine.get("versions", {}).get("hqml", ""))


def _energies(outcome: Outcome, goal: Goal | None) -> Row:
    if not outcome.energies:
        return {}
    energy = lowest(outcome)
    if goal is None:
        return {"value": energy, "energy": energy, "gap": Goal(bound=outcome.bound).gap(energy)}
    hits, trials = hits_and_trials(outcome, goal)
    return {
        "value": goal.sign * energy,
        "energy": energy,
        "mean_energy": sum(level * count for level, count in outcome.energies) / samples(outcome),
        "residual": None if goal.best is None else energy - goal.best,
        "gap": goal.gap(energy),
        "target": goal.target,
        "success": None if goal.target is None else hits / trials,
        "reached": None if goal.target is None else hits > 0,
    }
