"""What a solver costs once before it works: imports, compilation, the first embedding.

The calls made here leave this process warm for those that are measured. They tell what the embedding took; imports and
compilation are measured elsewhere (`hqml.compare.cold_start`), since solvers share them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from hqml.compare.asked import Asked
from hqml.compare.cold_start import cold_start, extra
from hqml.compare.collective import is_collective
from hqml.compare.small_calls import able, small_call, tiny_model
from hqml.compare.study import Cell, QuboProblem, Solver
from hqml.compare.watched import using
from hqml.errors import UnsupportedModel
from hqml.registry import constructor_options
from hqml.secrets import without_secrets


@dataclass(frozen=True)
class _Here:
    """Seconds by which first calls took longer in this process.

    Attributes:
        imports: and compilation, as far as no solver before has had them done.
        embedding: finding the chains of the problem's models on a chip; 0 of a solver that needs none, and of ranks
            that work together, which would have to agree on their warm-ups.
    """

    imports: float
    embedding: float


_measured: dict[str, _Here | None] = {}
"""By problem and solver that this process has met; None once they are told."""

_embedded: dict[str, float] = {}
"""Seconds of the first embedding by problem and chip: solvers on one chip share it, the first of them finds it."""

_refused: dict[str, str] = {}
"""Why a solver cannot take a problem. No seed changes that, and a search for an embedding takes minutes to give up."""


def measure_startup(cell: Cell, solver: Solver, call: Callable[[], object]) -> None:
    """Warm this process up and measure what it takes, unless it has met the problem and solver already.

    Args:
        cell: whose problem and solver it is.
        solver: of the cell.
        call: a small one, which leaves the process as warm as the one that is to be measured. It is made twice.

    Raises:
        UnsupportedModel: the backend cannot take the model; the next cell of these is told so at once.
    """
    known = _name(cell, solver, solver.options)
    if known in _refused:
        raise UnsupportedModel(_refused[known])
    if known in _measured:
        return
    try:
        _measured[known] = _seconds_here(cell, solver, call)
    except UnsupportedModel as error:
        _refused[known] = str(error)
        raise


def startup(cell: Cell, solver: Solver, call: Callable[[], object]) -> float:
    """Seconds that the problem and solver cost once; 0 where this process has told so before.

    They are the imports and compilation in a fresh process, and the first embedding of the problem's models on a chip
    in this one. Where there is no fresh process (see `cold_start`), first calls in this one tell the former as well.
    Of metered backends, for which nothing is submitted, it is the embedding alone.
    """
    measure_startup(cell, solver, call)
    known = _name(cell, solver, solver.options)
    here, _measured[known] = _measured[known], None
    return 0.0 if here is None else _imports(cell, solver, here) + here.embedding


def _seconds_here(cell: Cell, solver: Solver, call: Callable[[], object]) -> _Here:
    imports = extra(lambda: able(solver))  # some are made by the constructor
    if is_collective(cell) or able(solver).max_sparse_variables is None:
        return _Here(imports + extra(call), 0.0)
    with suppress(Exception):  # what is wrong with the solver, the call will say
        tiny = tiny_model("dense")
        imports += extra(lambda: small_call(tiny, solver, seed=cell.seed, time_limit=None))
    chip = _name(cell, solver, _of_constructor(solver))
    return _Here(imports, _embedded.setdefault(chip, extra(call)))


def _imports(cell: Cell, solver: Solver, here: _Here) -> float:
    if able(solver).metered:
        return 0.0
    form = cell.problem.model.qubo.form if isinstance(cell.problem, QuboProblem) else "gram"  # as all classifiers write
    cold = cold_start(solver, form) if _speaks(cell, solver) else None
    return here.imports if cold is None else cold


def _speaks(cell: Cell, solver: Solver) -> bool:
    """Whether this process tells the outcome: of ranks that work together, the first does."""
    if not is_collective(cell):
        return True
    with using(solver, Asked.of(solver).options) as (backend, _):
        return bool(getattr(getattr(backend, "ranks", None), "first", True))


def _of_constructor(solver: Solver) -> dict[str, Any]:
    """The options that say which chip."""
    names = constructor_options(solver.backend) if isinstance(solver.backend, str) else frozenset[str]()
    return {name: value for name, value in solver.options.items() if name in names}


def _name(cell: Cell, solver: Solver, options: Any) -> str:
    which = solver.backend if isinstance(solver.backend, str) else id(solver.backend)
    return json.dumps([cell.problem.digest, which, without_secrets(options)], sort_keys=True, default=repr)
