"""A cell of a study whose problem is data to learn from."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from time import perf_counter
from typing import Any

from sklearn.base import clone, is_classifier

from hqml.backend import Usage
from hqml.compare.accounting import timing_of
from hqml.compare.asked import Asked
from hqml.compare.decision_map import decision_map
from hqml.compare.energy_meter import EnergyMeter
from hqml.compare.references import chosen, tuned_svc
from hqml.compare.sampled import facts
from hqml.compare.scoring import binary_decisions, scores
from hqml.compare.splits import Split, split_of
from hqml.compare.study import Cell, LearningProblem, Solver
from hqml.compare.warm_up import measure_startup, startup
from hqml.compare.watched import Estimated, Estimating, Watched, watching
from hqml.errors import ParameterError

BUILDING = ("kernel", "build", "pool")
"""Stages of an estimator's `timing_` before its models are sampled."""


def fit_and_score(
    cell: Cell, problem: LearningProblem, found: dict[str, Any], *, max_qpu_seconds: float | None, first: bool
) -> None:
    """Train on the solver, or train the reference, and score on the test rows.

    Args:
        cell: which.
        problem: of the cell.
        found: fields of the outcome, to be filled; what is in it when an error is raised still holds.
        max_qpu_seconds: metered time granted.
        first: the cell's seed is the first, whose decision map and embedding are kept.
    """
    split = split_of(problem, cell.seed)
    found |= {"train_rows": len(split.y), "test_rows": len(split.y_test)}
    if isinstance(cell.solver, Solver):
        model = _fit(cell, problem, cell.solver, split, found, max_qpu_seconds, first)
        _score(model, split, found, first)
        found["twin"] = _twin_scores(model, split)
    else:
        _score(_fit_reference(cell, split, found), split, found, first)


def estimate_fit(cell: Cell, problem: LearningProblem, solver: Solver) -> Usage:
    """What training takes up to the first batch of models, and what the backend says of that batch."""
    measure_startup(cell, solver, lambda: _estimated(cell, problem, solver))
    return _estimated(cell, problem, solver)


def _estimated(cell: Cell, problem: LearningProblem, solver: Solver) -> Usage:
    asked = Asked.of(solver)
    split = split_of(problem, cell.seed)
    started = perf_counter()
    with watching(Estimating, solver, asked.options) as (backend, own):
        estimator = _prepared(cell, problem, backend, own, asked.time_limit, None)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the fit itself will say it
                estimator.fit(split.X, split.y)
        except Estimated as ended:
            usage = ended.usage
            return Usage(ended.before - started + usage.seconds, usage.qpu_seconds)
    return Usage(seconds=perf_counter() - started)  # it asked no backend


def _fit(
    cell: Cell,
    problem: LearningProblem,
    solver: Solver,
    split: Split,
    found: dict[str, Any],
    max_qpu_seconds: float | None,
    first: bool,
) -> Any:
    asked = Asked.of(solver)
    cold = startup(cell, solver, lambda: _estimated(cell, problem, solver))
    with watching(Watched, solver, asked.options) as (backend, own):
        estimator = _prepared(cell, problem, backend, own, asked.time_limit, asked.granted(max_qpu_seconds))
        started = perf_counter()
        try:
            with EnergyMeter() as meter:
                estimator.fit(split.X, split.y)
        finally:  # what has been metered has been spent, whatever came of it
            total = perf_counter() - started
            found |= facts(backend.calls, embedding=first)
    timing = _timing(estimator, backend, total)
    # Of a chip elsewhere this machine's counters say nothing, of a simulated one nothing true.
    joules = None if found.get("qpu") else meter.joules
    found |= {"timing": {**timing, "fit": timing["total"], "startup": cold}, "joules": joules}
    return estimator


def _prepared(
    cell: Cell,
    problem: LearningProblem,
    backend: Watched,
    options: Mapping[str, Any],
    time_limit: float | None,
    max_qpu_seconds: float | None,
) -> Any:
    """The estimator of a problem with the backend, reads and seed of a cell; of an ensemble those of a slice as well.

    Raises:
        ParameterError: it is no classifier of hqml's.
    """
    estimator = clone(problem.estimator)
    if not is_classifier(estimator):
        raise ParameterError(f"compare takes classifiers, found {type(estimator).__name__}")
    annealed = estimator
    if "backend" not in estimator.get_params(deep=False):
        annealed = _slice_of(estimator)
        estimator.set_params(estimator=annealed, random_state=cell.seed)
    annealed.set_params(
        backend=backend,
        backend_options=dict(options) or None,
        reads=cell.reads,
        time_limit=time_limit,
        max_qpu_seconds=max_qpu_seconds,
        random_state=cell.seed,
    )
    return estimator


def _slice_of(ensemble: Any) -> Any:
    """The estimator that describes a slice: the one given, or the default."""
    from hqml.svm import QuboSVC, QuboSVCEnsemble

    if isinstance(ensemble, QuboSVCEnsemble):
        return QuboSVC() if ensemble.estimator is None else ensemble.estimator
    raise ParameterError(f"compare takes classifiers of hqml, which have a backend, found {type(ensemble).__name__}")


def _timing(estimator: Any, backend: Watched, total: float) -> dict[str, float]:
    """Entries of the outcome. A bound is proven for the report's sake, so it counts nowhere."""
    infos = [call.infos[0]["timing"] for call in backend.calls if call.infos]
    stages = getattr(estimator, "timing_", {})
    build = sum(stages.get(stage, 0.0) for stage in BUILDING) + sum(info.get("build", 0.0) for info in infos)
    bound = sum(call.timing("bound") for call in backend.calls)
    return timing_of(backend.calls, build=build, total=total - bound)


def _fit_reference(cell: Cell, split: Split, found: dict[str, Any]) -> Any:
    search = tuned_svc(split, cell.seed)
    started = perf_counter()
    with EnergyMeter() as meter:
        search.fit(split.X, split.y)
    fit = perf_counter() - started
    timing = {**timing_of([], build=0.0, total=fit), "fit": fit, "startup": 0.0}
    found |= {"timing": timing, "joules": meter.joules, "schedule": chosen(search)}
    return search


def _score(model: Any, split: Split, found: dict[str, Any], first: bool) -> None:
    started = perf_counter()
    model.predict(split.X_test)
    found["timing"]["predict"] = perf_counter() - started
    found["scores"] = scores(model, split.X_test, split.y_test)
    found["decisions"] = binary_decisions(model, split.X_test, split.y_test)
    found["decision_map"] = decision_map(model, split) if first else None


def _twin_scores(model: Any, split: Split) -> dict[str, float | None]:
    """Of the estimator's classical twin on the same rows; none where it has no twin, or the twin cannot be trained."""
    if not hasattr(model, "classical_twin"):
        return {}
    try:
        return scores(model.classical_twin().fit(split.X, split.y), split.X_test, split.y_test)
    except Exception as error:
        warnings.warn(f"the classical twin could not be trained: {type(error).__name__}: {error}", stacklevel=2)
        return {}
