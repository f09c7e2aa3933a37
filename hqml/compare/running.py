"""Compare backends from Python: from problems and backends to a Comparison, in one call."""

from __future__ import annotations

import contextlib
import inspect
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from hqml.compare.budget import Budget
from hqml.compare.comparison import Comparison
from hqml.compare.problems import kind_of, learning_problem, qubo_problem
from hqml.compare.runner import Progress, run_study
from hqml.compare.store import Store
from hqml.compare.study import LearningProblem, Problem, QuboProblem, Solver, Study, Target
from hqml.compare.study_file import check_backend, read_study
from hqml.dispatch import AnyBackend
from hqml.errors import OptionError, ParameterError
from hqml.options import unlike, whole_number
from hqml.tables import Table

AnySolver: TypeAlias = "AnyBackend | Solver"


def run(
    problem: Any,
    backends: AnySolver | Sequence[AnySolver] | None = None,
    *,
    target: Target | None = None,
    seeds: int | Sequence[int] | None = None,
    reads: int | None = None,
    estimator: Any = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    store: str | os.PathLike[str] | None = None,
    seconds: float | None = None,
    max_qpu_seconds: float | None = None,
    name: str | None = None,
    on_cell: Callable[[Progress], None] | None = None,
    **of_data: Any,
) -> Comparison:
    """Solve problems on several backends with several seeds each, and compare.

    Args:
        problem: a file (a model, a table of data, a YAML study), a model, (X, y), a QuboProblem, a LearningProblem, a
            Study, or a list of problems.
        backends: names, Backends, dimod.Samplers or Solvers; none is "cpu".
        target: what a read must reach to count as a success: a value in the problem's own convention, a share of the
            best such as "99%", or (none) "best".
        seeds: seeds, or (none: 10) how many of them from 0.
        reads: samples of a model; none is 100.
        estimator: of data: one of `hqml.catalogue.CLASSIFIERS`, or a classifier of hqml; none is "svc".
        options: {name of a backend: its options}.
        store: a folder that keeps each cell as it ends: the same call goes on where it was stopped, in several
            processes at once if need be. None keeps nothing.
        seconds: no cell is begun after so much time; those of the store count nothing.
        max_qpu_seconds: metered time granted to the whole study, in the store over all calls.
        name: title of the report; none is "Comparison".
        on_cell: called after each cell.
        of_data: further arguments of `learning_problem` for data: label, classes, test, ...

    Returns:
        What came of it: figures with intervals, tests, words; `.table`, `.summary`, `.report("page.html")`.

    Raises:
        ParameterError: a parameter is out of its range, or given beside a Study, which has its own.
        OptionError: there is no such argument.
        FormatError: a file cannot be read.
        UnknownBackend: nobody registers a name. A backend that fails is a row with its error, not the end.
    """
    _refuse_unknown(of_data)
    given: dict[str, Any] = {"target": target, "seeds": seeds, "reads": reads, "name": name}
    study, budget = study_of(problem, backends, estimator=estimator, options=options, of_data=of_data, **given)
    limit = Budget(
        budget.seconds if seconds is None else seconds,
        budget.qpu_seconds if max_qpu_seconds is None else max_qpu_seconds,
    )
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory()) if store is None else store
        outcomes = run_study(study, Store(folder), budget=limit, on_cell=on_cell)
    return Comparison(study.describe(), outcomes)


def _refuse_unknown(of_data: Mapping[str, Any]) -> None:
    known = [*inspect.signature(run).parameters, *inspect.signature(learning_problem).parameters]
    if unknown := [name for name in of_data if name not in known]:
        names = [name for name in dict.fromkeys(known) if name not in ("of_data", "data", "problem")]
        raise OptionError(f"run() has no argument {unknown[0]!r}{unlike(unknown[0], names)}")


def study_of(
    problem: Any,
    backends: Any = None,
    *,
    target: Target | None = None,
    seeds: int | Sequence[int] | None = None,
    reads: int | None = None,
    name: str | None = None,
    estimator: Any = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    of_data: Mapping[str, Any] | None = None,
) -> tuple[Study, Budget]:
    """The study that `run` runs with the same arguments, and the budget that its file sets."""
    settings: dict[str, Any] = {"target": target, "seeds": _seeds(seeds), "reads": reads, "name": name}
    chosen = {key: value for key, value in settings.items() if value is not None}
    if whole := _whole_study(problem):
        said = {"backends": backends, "estimator": estimator, "options": options, **chosen, **(of_data or {})}
        if beside := [key for key, value in said.items() if value is not None]:
            raise ParameterError(f"a study says {beside[0]} itself; leave {beside[0]} out, or change the study")
        return whole
    listed = problem if isinstance(problem, list) else [problem]
    problems = _problems(listed, estimator, of_data or {})
    return Study(problems, _solvers(backends, options or {}), **{"seeds": tuple(range(10)), **chosen}), Budget()


def _whole_study(problem: Any) -> tuple[Study, Budget] | None:
    if isinstance(problem, Study):
        return problem, Budget()
    if isinstance(problem, str | os.PathLike) and kind_of(problem) == "study":
        return read_study(problem)
    return None


def _problems(listed: Sequence[Any], estimator: Any, of_data: Mapping[str, Any]) -> tuple[Problem, ...]:
    kinds = [_kind(one) for one in listed]
    said = [*(["estimator"] if estimator is not None else []), *of_data]
    if said and "data" not in kinds:
        raise ParameterError(f"{said[0]} belongs to data, and no problem is data given as a file or (X, y); drop it")
    several = sum(kind == "model" for kind in kinds) > 1
    found: list[Problem] = []
    for one, kind in zip(listed, kinds, strict=True):
        if kind == "ready":
            found.append(one)
        elif kind == "data":
            found.append(learning_problem(one, "svc" if estimator is None else estimator, **of_data))
        else:
            found.append(qubo_problem(one, name=f"model {len(found) + 1}" if kind == "model" and several else None))
    return tuple(found)


def _kind(problem: Any) -> str:
    if isinstance(problem, QuboProblem | LearningProblem):
        return "ready"
    if isinstance(problem, Table | tuple):
        return "data"
    if not isinstance(problem, str | os.PathLike):
        return "model"
    kind = kind_of(problem)
    if kind == "study":
        raise ParameterError(f"{os.fspath(problem)}: a study file is compared alone; name its problems instead")
    return kind


def _solvers(backends: Any, options: Mapping[str, Mapping[str, Any]]) -> tuple[Solver, ...]:
    listed = ["cpu"] if backends is None else list(backends) if isinstance(backends, list | tuple) else [backends]
    solvers = [one if isinstance(one, Solver) else Solver(one) for one in listed]
    for solver in solvers:
        if isinstance(solver.backend, str):
            check_backend(solver.backend)
    names = [solver.backend_name for solver in solvers]
    if unknown := [name for name in options if name not in names]:
        raise ParameterError(f"options are for {unknown[0]!r}, which is not compared{unlike(unknown[0], names)}")
    return tuple(
        Solver(one.backend, {**options.get(one.backend_name, {}), **one.options}, one.name, one.reads)
        for one in solvers
    )


def _seeds(seeds: int | Sequence[int] | None) -> tuple[int, ...] | None:
    if seeds is None or isinstance(seeds, list | tuple | range):
        return None if seeds is None else tuple(seeds)
    return tuple(range(whole_number("seeds", seeds)))
