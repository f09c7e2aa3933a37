"""A cell of a study whose problem is a model."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hqml.backend import Usage
from hqml.compare.accounting import timing_of
from hqml.compare.asked import Asked, limited
from hqml.compare.collective import is_collective
from hqml.compare.energy_meter import EnergyMeter
from hqml.compare.sampled import facts
from hqml.compare.small_calls import able, estimated, small_call
from hqml.compare.study import Cell, QuboProblem, Solver
from hqml.compare.warm_up import measure_startup, startup
from hqml.compare.watched import call_of, refuse_interrupted
from hqml.dispatch import sample

WARM_UP_LIMIT = 1.0
"""Seconds of a warm-up of a solver that has a time limit."""


def sample_qubo(
    cell: Cell,
    problem: QuboProblem,
    solver: Solver,
    found: dict[str, Any],
    *,
    max_qpu_seconds: float | None,
    first: bool,
) -> None:
    """Sample the model once, and write down what came of it.

    Args:
        cell: which.
        problem: of the cell.
        solver: of the cell.
        found: fields of the outcome, to be filled; what is in it when an error is raised still holds.
        max_qpu_seconds: metered time granted.
        first: the cell's seed is the first, whose embedding is kept.
    """
    asked, model = Asked.of(solver), problem.model.qubo
    found |= {"variables": model.num_variables, "qubos": 1}
    cold = startup(cell, solver, lambda: _warm_up(cell, problem, solver))
    unpaid = _unpaid(cell, problem, solver)
    try:
        with EnergyMeter() as meter:
            samples = sample(
                model,
                solver.backend,
                reads=cell.reads,
                seed=cell.seed,
                time_limit=asked.time_limit,
                max_qpu_seconds=asked.granted(max_qpu_seconds),
                **asked.options,
            )
    except Exception:
        with suppress(Exception):  # the service may be what failed
            if (paid := unpaid - _unpaid(cell, problem, solver)) > 0:
                found["qpu"] = {"access": paid}
        raise
    refuse_interrupted([samples])
    total, build = (samples.info["timing"][name] for name in ("total", "build"))
    calls = [call_of([samples], total - build)]
    found |= facts(calls, embedding=first)
    # Of a chip elsewhere this machine's counters say nothing, of a simulated one nothing true.
    found |= {
        "timing": {**timing_of(calls, build=build, total=total), "startup": cold},
        "joules": None if found["qpu"] else meter.joules,
    }


def estimate_qubo(cell: Cell, problem: QuboProblem, solver: Solver) -> Usage:
    """What the backend says beforehand."""
    if not is_collective(cell):  # of ranks that work together all must warm up
        measure_startup(cell, solver, lambda: _warm_up(cell, problem, solver))
    return estimated(problem.model.qubo, solver, reads=cell.reads, seed=cell.seed)


def _warm_up(cell: Cell, problem: QuboProblem, solver: Solver) -> None:
    limit = limited(Asked.of(solver).time_limit, WARM_UP_LIMIT)
    small_call(problem.model.qubo, solver, seed=cell.seed, time_limit=limit)


def _unpaid(cell: Cell, problem: QuboProblem, solver: Solver) -> float:
    """Metered seconds that the call takes beyond what earlier ones have left paid."""
    if not able(solver).metered:
        return 0.0
    return estimated(problem.model.qubo, solver, reads=cell.reads, seed=cell.seed).qpu_seconds
