"""Digests of problems: cells are kept under them, so equal ones have equal digests in any process, others others."""

from __future__ import annotations

from typing import Any

import numpy as np

from hqml.catalogue import RUN
from hqml.io import LoadedModel
from hqml.qubo import Qubo
from hqml.tables import Table
from hqml.tuning.fingerprint import hashed, told


def digest_of_learning(table: Table, test: Table | None, estimator: Any, scale: bool, share: float) -> str:
    """Of all that a result depends on but solver, reads and seed."""
    arrays = [[np.ascontiguousarray(one.X), one.labels().tolist()] for one in (table, test) if one is not None]
    return hashed([arrays, told(_settings(estimator)), bool(scale), None if test is not None else float(share)])


def _settings(estimator: Any) -> dict[str, Any]:
    own = {name: value for name, value in estimator.get_params(deep=False).items() if name not in RUN}
    within = {name: _settings(value) for name, value in own.items() if hasattr(value, "get_params")}
    return {"type": type(estimator).__qualname__, **own, **within}


def digest_of_model(loaded: LoadedModel) -> str:
    """Of a model, and of whether its values are cuts."""
    return hashed([loaded.kind, loaded.qubo.form, _terms(loaded.qubo)])


def _terms(qubo: Qubo) -> dict[str, Any]:
    """What the model is made of, without what has been computed of it meanwhile."""
    names = {"gram": ("gram", "weights", "scale", "shift"), "dense": ("matrix",), "sparse": ("couplings",)}[qubo.form]
    own = {name: getattr(qubo, name) for name in (*names, "linear", "offset")}
    return {**own, "labels": list(map(repr, qubo.labels))}
