"""A stand-in for Leap's hybrid solver of binary quadratic models: the `cpu` backend with a time limit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from time import perf_counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from hqml.errors import HqmlError
from hqml.options import finite_number
from hqml.qubo import SparseQubo
from hqml.registry import load_backend
from hqml.untrusted import read_bqm
from hqml_ocean.node.journal import Job
from hqml_ocean.node.refusals import Refusal, bad
from hqml_ocean.node.solvers import Solved
from hqml_ocean.node.uploads import Uploads

if TYPE_CHECKING:
    import dimod

READS = 32
"""States that the time limit is spent on; the lowest is the answer, as of Leap's solver, which gives one."""

PROPERTIES: Mapping[str, Any] = MappingProxyType(
    {
        "category": "hybrid",
        "supported_problem_types": ["bqm"],
        "version": "2.2",
        "quota_conversion_rate": 20,
        "parameters": {"time_limit": "Seconds to spend.", "label": "A name for the problem."},
        # Sizes and times of Leap's hybrid_binary_quadratic_model_version2, but for the least: 3 s serve nothing here.
        "maximum_number_of_variables": 1_000_000,
        "maximum_number_of_biases": 200_000_000,
        "minimum_time_limit": [[1, 1.0], [1024, 1.0], [4096, 10.0], [10000, 40.0], [1_000_000, 600.0]],
        "maximum_time_limit_hrs": 24.0,
        "tags": ["stand-in"],
    }
)


class HybridSolver:
    """Binary quadratic models of any graph, uploaded before they are submitted.

    Args:
        uploads: where the models are.
        seed: with the number of a job it makes the job's samples repeatable, as far as a clock allows.
    """

    name = "hqml_hybrid_bqm"
    category = "hybrid"
    description = "A stand-in for a hybrid solver: hqml's cpu backend on this machine"
    properties = PROPERTIES

    def __init__(self, uploads: Uploads, seed: int) -> None:
        self._uploads, self._seed = uploads, seed

    @property
    def identity(self) -> dict[str, Any]:
        return {"name": self.name}

    def check(self, kind: str, body: Mapping[str, Any], account: str) -> float:
        if kind != "bqm":
            raise bad(f"solver {self.name} takes problems of type bqm, found {kind!r}")
        model = _model(self._uploads.content(_reference(body), account))
        _check_size(model)
        return _charged(_time_limit(body.get("params") or {}, model.num_variables))

    def solve(self, job: Job, body: Mapping[str, Any]) -> Solved:
        model = _model(self._uploads.content(_reference(body), job.account))
        limit = _time_limit(body.get("params") or {}, model.num_variables)
        started = perf_counter()
        backend = load_backend("cpu")
        try:
            seed = int(np.random.SeedSequence([self._seed, job.number]).generate_state(1)[0])
            [found] = backend.sample([SparseQubo.from_bqm(model)], reads=READS, seed=seed, time_limit=limit)
        finally:
            backend.close()
        best = found.truncate(1).change_vartype(model.vartype, inplace=False)
        microseconds = (perf_counter() - started) * 1e6
        best.info.clear()
        best.info.update(run_time=round(microseconds), charge_time=round(limit * 1e6), qpu_access_time=0)
        return Solved({"format": "bq", "data": best.to_serializable(use_bytes=False)}, used=_charged(limit))


def _charged(limit: float) -> float:
    """QPU seconds that a budget is charged for so many of this solver."""
    return limit / float(PROPERTIES["quota_conversion_rate"])


def least_seconds(variables: int) -> float:
    """The least time limit for a model, by SAPI's table of pairs (variables, seconds)."""
    sizes, seconds = zip(*PROPERTIES["minimum_time_limit"], strict=True)
    return float(np.interp(variables, sizes, seconds))


def _reference(body: Mapping[str, Any]) -> str:
    data = body.get("data")
    if not isinstance(data, dict) or data.get("format") != "ref" or not isinstance(data.get("data"), str):
        raise bad("the data of a problem for a hybrid solver must be in format 'ref': the id of an uploaded model")
    return str(data["data"])


def _model(content: bytes) -> dimod.BinaryQuadraticModel:
    try:
        return read_bqm(content)
    except ValueError as error:
        raise bad(f"the uploaded model cannot be read as a dimod BQM file: {error}") from error


def _check_size(model: dimod.BinaryQuadraticModel) -> None:
    most = PROPERTIES["maximum_number_of_variables"]
    if not 0 < model.num_variables <= most:
        raise bad(f"the model must have 1 to {most} variables, found {model.num_variables}")
    biases, most = model.num_variables + model.num_interactions, PROPERTIES["maximum_number_of_biases"]
    if biases > most:
        raise Refusal(413, f"the model must have at most {most} biases, found {biases}")
    vectors: Any = model.to_numpy_vectors()
    linear, (_, _, quadratic), offset = vectors
    if not (np.isfinite(linear).all() and np.isfinite(quadratic).all() and math.isfinite(offset)):
        raise bad("every bias of the model must be finite")


def _time_limit(given: Any, variables: int) -> float:
    if not isinstance(given, Mapping):
        raise bad("params must be an object of names and values")
    for name in given:
        if name not in PROPERTIES["parameters"] and not name.startswith("x_"):
            raise bad(f"unknown parameter {name!r}; this solver takes time_limit")
    least, most = least_seconds(variables), PROPERTIES["maximum_time_limit_hrs"] * 3600
    wanted = given.get("time_limit")
    if wanted is None:
        return least
    try:
        limit = finite_number("time_limit", wanted, unit="seconds")
    except HqmlError as error:
        raise bad(str(error)) from error
    if not least <= limit <= most:
        raise bad(f"time_limit must be {least:g} to {most:g} s for {variables} variables, found {limit:g}")
    return limit
