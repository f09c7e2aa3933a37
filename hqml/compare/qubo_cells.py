"""A cell of a study whose problem is a model."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hqml.adapters import fitted
from hqml.backend import Capabilities, Usage
from hqml.compare.accounting import timing_of
from hqml.compare.asked import Asked, limited
from hqml.compare.energy_meter import EnergyMeter
from hqml.compare.sampled import facts
from hqml.compare.study import Cell, QuboProblem, Solver
from hqml.compare.warm_up import measure_startup, startup
from hqml.compare.watched import call_of, expected, refuse_interrupted, using
from hqml.dispatch import sample

LONG_READ = 2.0
"""Seconds of a single read above which the trial inside a backend's estimate is all the warm-up there is."""

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
    cold = startup(cell, lambda: _warm_up(cell, problem, solver, asked))
    unpaid = _unpaid(cell, problem, solver, asked)
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
            if (paid := unpaid - _unpaid(cell, problem, solver, asked)) > 0:
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
    asked = Asked.of(solver)
    if _able(solver, asked).kind != "mpi":  # of ranks that work together all must warm up
        measure_startup(cell, lambda: _warm_up(cell, problem, solver, asked))
    return _estimated(cell, problem, solver, asked, cell.reads)


def _warm_up(cell: Cell, problem: QuboProblem, solver: Solver, asked: Asked) -> None:
    """A single read, where that is neither metered nor long."""
    usage = _estimated(cell, problem, solver, asked, reads=1)  # which finds the embedding, and submits nothing
    # Ranks that call a backend together must not decide by their own clocks; their estimate is not known.
    if _able(solver, asked).metered or usage.seconds > LONG_READ:
        return
    samples = sample(
        problem.model.qubo,
        solver.backend,
        reads=1,
        seed=cell.seed,
        time_limit=limited(asked.time_limit, WARM_UP_LIMIT),
        **{**asked.options, "bound": False},
    )
    refuse_interrupted([samples])


def _unpaid(cell: Cell, problem: QuboProblem, solver: Solver, asked: Asked) -> float:
    """Metered seconds that the call takes beyond what earlier ones have left paid."""
    if not _able(solver, asked).metered:
        return 0.0
    return _estimated(cell, problem, solver, asked, cell.reads).qpu_seconds


def _able(solver: Solver, asked: Asked) -> Capabilities:
    with using(solver, asked.options) as (backend, _):
        return backend.capabilities


def _estimated(cell: Cell, problem: QuboProblem, solver: Solver, asked: Asked, reads: int) -> Usage:
    with using(solver, asked.options) as (backend, own):
        own.pop("bound", None)  # dispatch's
        qubos = fitted(backend, solver.backend_name, [problem.model.qubo])
        return expected(backend, qubos, reads=reads, seed=cell.seed, time_limit=asked.time_limit, **own)
