"""What only the first call of a process costs: imports, compilation, the first embedding."""

from __future__ import annotations

import json
from collections.abc import Callable
from time import perf_counter

from hqml.compare.secrets import without_secrets
from hqml.compare.study import Cell, Solver
from hqml.errors import UnsupportedModel

_measured: dict[str, float] = {}
"""Seconds by problem and solver that this process has met; 0 once they are told."""

_refused: dict[str, str] = {}
"""Why a solver cannot take a problem. No seed changes that, and a search for an embedding takes minutes to give up."""


def measure_startup(cell: Cell, call: Callable[[], object]) -> None:
    """Measure by how much the first of two equal calls takes longer, unless this process has made them already.

    Args:
        cell: whose problem and solver it is.
        call: a small one, which leaves the process as warm as the one that is to be measured.

    Raises:
        UnsupportedModel: the backend cannot take the model; the next cell of these is told so at once.
    """
    known = _name(cell)
    if known in _refused:
        raise UnsupportedModel(_refused[known])
    if known in _measured:
        return
    try:
        first, again = _seconds(call), _seconds(call)
    except UnsupportedModel as error:
        _refused[known] = str(error)
        raise
    _measured[known] = max(first - again, 0.0)


def startup(cell: Cell, call: Callable[[], object]) -> float:
    """Seconds that the process had to spend on the problem and solver once; 0 where it has told so before."""
    measure_startup(cell, call)
    seconds, _measured[_name(cell)] = _measured[_name(cell)], 0.0
    return seconds


def _name(cell: Cell) -> str:
    solver, told = cell.solver, None
    if isinstance(solver, Solver):
        which = solver.backend if isinstance(solver.backend, str) else id(solver.backend)
        told = [which, without_secrets(solver.options)]
    return json.dumps([cell.problem.digest, told], sort_keys=True, default=repr)


def _seconds(call: Callable[[], object]) -> float:
    started = perf_counter()
    call()
    return perf_counter() - started
