"""Studies as YAML files.

    name: Is the annealer better?
    seeds: 10                     # or a list of seeds
    reads: 100
    target: best                  # a value, or a share of the best such as 99%
    budget: {seconds: 2h, qpu_seconds: 10}
    problems:
      - {file: G22.mc.gz, best: 13359, target: 99%, skip: [qpu]}
      - data: sat.trn             # paths are relative to this file
        test: sat.tst
        label: -1
        classes: [4, 7]
        estimator: svc-ensemble
        parameters: {gamma: 0.1}
        grid: {slice_size: [10, 20, 40]}
    solvers:
      - cpu
      - {backend: neal, options: {num_sweeps: 200}, reads: 50, name: short neal}
      - {backend: tabu, grid: {num_restarts: [0, 10]}}

Further keys: of problems `name`; of data `references` ([tuned], or [] for none), `scale` (true), `test_share` (1/3).
A grid multiplies: each combination of its values is a problem, or a solver, of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hqml.catalogue import made
from hqml.compare.budget import Budget
from hqml.compare.problems import check_classifier, held_out, labelled, learning_problem, qubo_problem
from hqml.compare.study import Problem, Solver, Study, grid_points
from hqml.errors import BackendError, UnknownBackend
from hqml.registry import constructor_options
from hqml.specs import Places, open_spec

if TYPE_CHECKING:
    from hqml.compare.study_schema import DataSpec, QuboSpec, SolverSpec


def read_study(path: str | os.PathLike[str]) -> tuple[Study, Budget]:
    """Read a study; the format is at the head of this module.

    Raises:
        FormatError: the file cannot be read, or says what cannot be done, in one line with its place.
        LibraryMissing: PyYAML or pydantic is not installed.
    """
    from hqml.specs.libraries import check_installed

    check_installed()
    from hqml.compare.study_schema import StudySpec

    spec, places = open_spec(path, StudySpec)
    solvers = [one for index, found in enumerate(spec.solvers) for one in _solvers(found, places, index)]
    folder = Path(path).parent
    problems = [one for index, found in enumerate(spec.problems) for one in _problems(found, folder, places, index)]
    with places.at():
        study = Study(
            tuple(problems), tuple(solvers), tuple(spec.seeds), reads=spec.reads, target=spec.target, name=spec.name
        )
    return study, Budget(spec.budget.seconds, spec.budget.qpu_seconds)


def check_backend(name: str) -> None:
    """Find out whether a backend is registered; one that is but does not work here is a row of the comparison.

    Raises:
        UnknownBackend: nobody registers it.
    """
    try:
        constructor_options(name)
    except UnknownBackend:
        raise
    except BackendError:
        return


def named(name: str, varied: Mapping[str, Any]) -> str:
    """A name with the values that a grid varies."""
    return ", ".join((name, *(f"{key}={value}" for key, value in varied.items())))


def _solvers(spec: SolverSpec, places: Places, index: int) -> Iterable[Solver]:
    with places.at("solvers", index, "backend"):
        check_backend(spec.backend)
    with places.at("solvers", index, "grid"):
        points = grid_points(spec.grid)
    for varied in points:
        name = named(spec.name, varied) if spec.name else ""
        yield Solver(spec.backend, {**spec.options, **varied}, name, spec.reads)


def _problems(spec: QuboSpec | DataSpec, folder: Path, places: Places, index: int) -> Iterable[Problem]:
    from hqml.compare.study_schema import QuboSpec

    place = ("problems", index)
    if not isinstance(spec, QuboSpec):
        yield from _learning(spec, folder, places, place)
        return
    with places.at(*place, "file"):
        yield qubo_problem(
            str(folder / spec.file), name=spec.name, best=spec.best, target=spec.target, skip=tuple(spec.skip)
        )


def _learning(spec: DataSpec, folder: Path, places: Places, place: tuple[str | int, ...]) -> Iterable[Problem]:
    source = str(folder / spec.data)
    with places.at(*place, "estimator"):
        check_classifier(spec.estimator)
    for name in ("parameters", "grid"):
        for key in getattr(spec, name):
            with places.at(*place, name, key):
                made(spec.estimator, {key: None})
    with places.at(*place, "data"):
        table = labelled(source, spec.label, spec.classes)
    test = None
    if spec.test is not None:
        with places.at(*place, "test"):
            test = held_out(str(folder / spec.test), spec.label, spec.classes, table)
    with places.at(*place, "grid"):
        points = grid_points(spec.grid)
    for varied in points:
        with places.at(*place):
            yield learning_problem(
                table,
                spec.estimator,
                test=test,
                parameters=spec.parameters,
                varied=varied,
                name=spec.name,
                scale=spec.scale,
                test_share=spec.test_share,
                references=spec.references,
                skip=spec.skip,
                source=source,
            )
