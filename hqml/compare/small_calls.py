"""Calls that leave a process as warm as the one that is to be measured."""

from __future__ import annotations

import numpy as np

from hqml.adapters import fitted
from hqml.backend import Capabilities, Usage
from hqml.compare.asked import Asked
from hqml.compare.study import Solver
from hqml.compare.watched import expected, refuse_interrupted, using
from hqml.dispatch import sample
from hqml.problems.svm_dual import svm_dual
from hqml.qubo import DenseQubo, Form, Qubo

LONG_READ = 2.0
"""Seconds of a single read above which the trial inside a backend's estimate is all the warm-up there is."""

_POINTS = 4
"""Of the tiny Gram model, with two digits each."""


def small_call(qubo: Qubo, solver: Solver, *, seed: int, time_limit: float | None) -> None:
    """Estimate and draw a single read; the estimate alone where a read is metered or long."""
    asked = Asked.of(solver)
    usage = estimated(qubo, solver, reads=1, seed=seed)  # which finds the embedding, and submits nothing
    # Ranks that call a backend together must not decide by their own clocks; their estimate is not known.
    if able(solver).metered or usage.seconds > LONG_READ:
        return
    options = {**asked.options, "bound": False}
    samples = sample(qubo, solver.backend, reads=1, seed=seed, time_limit=time_limit, **options)
    refuse_interrupted([samples])


def able(solver: Solver) -> Capabilities:
    """What the solver's backend says of itself."""
    with using(solver, Asked.of(solver).options) as (backend, _):
        return backend.capabilities


def estimated(qubo: Qubo, solver: Solver, *, reads: int, seed: int) -> Usage:
    """What the solver's backend says beforehand of a model."""
    asked = Asked.of(solver)
    with using(solver, asked.options) as (backend, own):
        own.pop("bound", None)  # dispatch's
        qubos = fitted(backend, solver.backend_name, [qubo])
        return expected(backend, qubos, reads=reads, seed=seed, time_limit=asked.time_limit, **own)


def tiny_model(form: Form) -> Qubo:
    """A model of 8 variables; in Gram form that of a support vector machine."""
    drawn = np.random.default_rng(0).normal(size=(2 * _POINTS, 2 * _POINTS))
    if form == "gram":
        points = drawn[:_POINTS]
        return svm_dual(points @ points.T, np.resize([-1, 1], _POINTS))
    if form == "sparse":
        return DenseQubo(np.tril(np.triu(drawn), 1)).to_sparse()
    return DenseQubo(drawn)
