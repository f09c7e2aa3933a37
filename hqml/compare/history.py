"""Where figures come from: machines, versions, seeds, options and schedules, gathered from all outcomes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hqml.compare.bootstrap import DRAWS, LEVEL
from hqml.compare.goals import Goal
from hqml.compare.outcome import Outcome


def provenance(
    description: Mapping[str, Any], outcomes: Sequence[Outcome], goals: Mapping[str, Goal]
) -> dict[str, Any]:
    """Plain data.

    Returns:
        "study" (the description); "machines", each with the number of its "cells"; "started" and "ended" (seconds since
        1970; None where nothing ran); "seeds" there are; "targets" {problem: the fields of its Goal}; "runs", one a
        problem and solver: "options", "schedule", "embedding" {chip, graph_id}, "stand_in" of the first seed done;
        "intervals" (level and draws).
    """
    ran = [one for one in outcomes if one.ended]
    return {
        "study": dict(description),
        "machines": _machines(outcomes),
        "started": min((one.started for one in ran), default=None),
        "ended": max((one.ended for one in ran), default=None),
        "seeds": sorted({one.seed for one in outcomes}),
        "targets": {problem: dict(vars(goal)) for problem, goal in goals.items()},
        "runs": _runs(outcomes),
        "intervals": {"level": LEVEL, "draws": DRAWS},
    }


def _machines(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Each once, that of most cells first."""
    cells: dict[str, int] = {}
    for one in outcomes:
        if one.machine:
            text = json.dumps(one.machine, sort_keys=True)
            cells[text] = cells.get(text, 0) + 1
    return [{"cells": n, **json.loads(text)} for text, n in sorted(cells.items(), key=lambda item: -item[1])]


def _runs(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    first: dict[tuple[str, str], Outcome] = {}
    for one in outcomes:
        if one.status == "done":
            first.setdefault((one.problem, one.solver), one)
    return [
        {
            "problem": one.problem,
            "solver": one.solver,
            "backend": one.backend,
            "options": dict(one.options),
            "parameters": dict(one.parameters),
            "schedule": dict(one.schedule),
            "embedding": {name: (one.embedding or {}).get(name) for name in ("chip", "graph_id")},
            "stand_in": one.stand_in,
        }
        for one in first.values()
    ]
