"""What is compared: problems, solvers, seeds. A study is the product of them, cell by cell."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from hqml.compare.plain import as_plain, plain_options
from hqml.dispatch import AnyBackend
from hqml.errors import ParameterError
from hqml.io import LoadedModel
from hqml.options import is_finite, whole_number
from hqml.secrets import discreet, without_secrets
from hqml.tables import Table
from hqml.tuning.fingerprint import told

Target: TypeAlias = "float | str"
"""A value in the problem's own convention (a cut, of a graph), "best", or a share of the best such as "99%"."""

Reference: TypeAlias = Literal["tuned"]
"""A classical machine beside the solvers: a support vector classifier whose C and gamma were searched."""


@dataclass(frozen=True)
class Solver:
    """A backend with its options: one column of a comparison.

    Attributes:
        backend: a name, or in Python any Backend or dimod.Sampler.
        options: of the backend, as in `hqml.sample`.
        name: in tables; none is the backend's name and the options.
        reads: samples of a model; none is the study's.
    """

    backend: AnyBackend
    options: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    reads: int | None = None

    def __repr__(self) -> str:
        return f"Solver({self.backend!r}, {discreet(self.options)!r}, name={self.name!r}, reads={self.reads})"

    @property
    def backend_name(self) -> str:
        return self.backend if isinstance(self.backend, str) else type(self.backend).__name__

    @property
    def label(self) -> str:
        shown = (f"{name}={value}" for name, value in without_secrets(self.options).items())
        return self.name or " ".join((self.backend_name, *shown))


@dataclass(frozen=True)
class QuboProblem:
    """A model to be minimised.

    Attributes:
        name: in tables.
        model: what `hqml.io.read` gives.
        digest: of its content; cells are kept under it.
        best: best value known, in the file's own convention: the largest cut, or the lowest energy.
        target: of this problem alone; none is the study's.
        source: the file.
        skip: solvers (labels, or names of backends) that do not run it.
    """

    name: str
    model: LoadedModel
    digest: str
    best: float | None = None
    target: Target | None = None
    source: str | None = None
    skip: tuple[str, ...] = ()

    @property
    def sign(self) -> int:
        """-1 where the problem's own values are to be large, as cuts are; times it they are energies."""
        return 1 if self.model.graph is None else -1


@dataclass(frozen=True)
class LearningProblem:
    """Data, and an estimator that is trained on every solver.

    Attributes:
        name: in tables.
        data: rows with labels.
        estimator: an estimator of hqml, not fitted; its backend, reads and random_state are set for each cell.
        digest: of data, test rows and estimator.
        test: rows to be scored on; none splits a stratified share off the data, another one for each seed.
        test_share: how large that share is.
        scale: standardise the features by the training rows.
        parameters: of the estimator, those that a grid varies; shown.
        references: classical machines beside the solvers. Each cell has its classical twin besides, where there is one.
        source: the file.
        skip: solvers (labels, or names of backends) that do not run it.
    """

    name: str
    data: Table
    estimator: Any
    digest: str
    test: Table | None = None
    test_share: float = 1 / 3
    scale: bool = True
    parameters: Mapping[str, Any] = field(default_factory=dict)
    references: tuple[Reference, ...] = ("tuned",)
    source: str | None = None
    skip: tuple[str, ...] = ()


Problem: TypeAlias = QuboProblem | LearningProblem


@dataclass(frozen=True)
class Cell:
    """One problem, one solver (or reference), one seed."""

    problem: Problem
    solver: Solver | Reference
    seed: int
    reads: int

    @property
    def solver_label(self) -> str:
        return self.solver.label if isinstance(self.solver, Solver) else f"SVC ({self.solver})"

    @cached_property
    def key(self) -> str:
        """Digest of all that the result depends on but the machine; a token is no part of it.

        Of a backend that is an object its class and the solver's name are all that other processes can know too.
        """
        solver: Any = self.solver
        if isinstance(solver, Solver):
            named = [] if isinstance(solver.backend, str) else [solver.name]
            solver = [solver.backend_name, without_secrets(solver.options), *named]
        identity = [self.problem.digest, solver, self.seed, self.reads]
        text = json.dumps(identity, sort_keys=True, default=_told)
        return hashlib.sha256(text.encode()).hexdigest()[:20]


@dataclass(frozen=True)
class Study:
    """Problems, solvers and seeds, each with each.

    Attributes:
        problems: of different names.
        solvers: of different labels.
        seeds: for the solvers, and for the splits of data without test rows.
        reads: samples of a model, where a solver does not say.
        target: what a read must reach to count as a success.
        name: title of the report.
        command: repeats it.
    """

    problems: tuple[Problem, ...]
    solvers: tuple[Solver, ...]
    seeds: tuple[int, ...]
    reads: int = 100
    target: Target = "best"
    name: str = "Comparison"
    command: str = ""

    def __post_init__(self) -> None:
        listed: dict[str, list[Any]] = {
            "problem": [problem.name for problem in self.problems],
            "solver": [solver.label for solver in self.solvers],
            "seed": list(self.seeds),
        }
        for problem in self.problems:
            if unknown := set(problem.skip) - {name for one in self.solvers for name in (one.label, one.backend_name)}:
                raise ParameterError(f"problem {problem.name!r} is to skip {min(unknown)!r}, which is no solver here")
        for what, names in listed.items():
            if not names:
                raise ParameterError(f"a comparison needs at least one {what}, found none")
            if twice := [name for name in names if names.count(name) > 1]:
                raise ParameterError(f"{what} {twice[0]!r} is there twice; leave one out, or name them apart")
        for reads in (self.reads, *(one.reads for one in self.solvers if one.reads is not None)):
            whole_number("reads", reads)
        for seed in self.seeds:
            whole_number("seed", seed, least=0)
        for target in (self.target, *(getattr(problem, "target", None) for problem in self.problems)):
            share_of_best(target)
        self._refuse_same_cells()

    def cells(self) -> tuple[Cell, ...]:
        """All cells, a whole round of solvers for each seed: a study that is cut short has as many seeds of each."""
        return tuple(
            Cell(problem, solver, int(seed), int((isinstance(solver, Solver) and solver.reads) or self.reads))
            for seed in self.seeds
            for problem in self.problems
            for solver in self._solvers_of(problem)
        )

    def describe(self) -> dict[str, Any]:
        """What a report needs to know beside the outcomes: plain data, without secrets."""
        told = {
            "name": self.name,
            "command": self.command,
            "target": self.target,
            "reads": self.reads,
            "seeds": self.seeds,
            "problems": [_described(problem) for problem in self.problems],
            "solvers": [
                {"label": solver.label, "backend": solver.backend_name, "options": plain_options(solver.options)}
                for solver in self.solvers
            ],
        }
        return {name: as_plain(value) for name, value in told.items()}

    def _refuse_same_cells(self) -> None:
        """One problem or solver under two names would be computed once, and shown as two."""
        names: dict[str, str] = {}
        for cell in self.cells():
            name = f"{cell.solver_label!r} on {cell.problem.name!r}, seed {cell.seed}"
            if names.setdefault(cell.key, name) != name:
                raise ParameterError(f"{names[cell.key]} and {name} are the same; leave one out")

    def _solvers_of(self, problem: Problem) -> tuple[Solver | Reference, ...]:
        chosen = [one for one in self.solvers if not {one.label, one.backend_name} & set(problem.skip)]
        return (*chosen, *(problem.references if isinstance(problem, LearningProblem) else ()))


def share_of_best(target: Target | None) -> float | None:
    """The share that "best" (1) or such as "99%" (.99) asks for; None for a number or None.

    Raises:
        ParameterError: it is none of these.
    """
    if target is None:
        return None
    if isinstance(target, int | float) and not isinstance(target, bool) and is_finite(target):
        return None
    if target == "best":
        return 1.0
    try:
        share = float(str(target).removesuffix("%")) / 100 if str(target).endswith("%") else float("nan")
    except ValueError:
        share = float("nan")
    if not 0 < share <= 1:
        raise ParameterError(f"target must be best, a number, or a share of the best such as 99%, found {target!r:.60}")
    return share


MOST = 100_000
"""Seeds of a study, or combinations of a grid: more than anybody computes, few enough to be written down."""


def first_seeds(count: Any) -> list[int]:
    """The seeds 0 to `count` - 1.

    Raises:
        ParameterError: it is no number of them, or too large.
    """
    if whole_number("the number of seeds", count) > MOST:
        raise ParameterError(f"the number of seeds must be at most {MOST}, found {count!r:.60}")
    return list(range(count))


def grid_points(grid: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """All combinations of {name: values}, the first name slowest; one empty one for an empty grid.

    Raises:
        ParameterError: there are too many.
    """
    if (count := math.prod(map(len, grid.values()))) > MOST:
        raise ParameterError(f"the grid has {count} combinations, at most {MOST} are taken; leave values out")
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def file_digest(*paths: str | os.PathLike[str]) -> str:
    """Of the content of files."""
    hashed = hashlib.sha256()
    for path in paths:
        hashed.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return hashed.hexdigest()


def _told(value: Any) -> Any:
    """An option that JSON has no word for: an array by its numbers, an object by what it is made of."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else told(value)


def _described(problem: Problem) -> dict[str, Any]:
    common = {
        "name": problem.name,
        "source": problem.source,
        "digest": problem.digest,
        "skip": list(problem.skip),
    }
    if isinstance(problem, QuboProblem):
        size = problem.model.qubo.num_variables
        own = {"sign": problem.sign, "variables": size, "best": problem.best, "target": problem.target}
        return {"kind": "qubo", **common, **own}
    rows = {"rows": len(problem.data.X), "features": list(problem.data.features)}
    shown = {"estimator": type(problem.estimator).__name__, "parameters": plain_options(problem.parameters)}
    beside = {"given_test": problem.test is not None, "references": list(problem.references)}
    return {"kind": "learning", **common, **rows, **shown, **beside}
