"""The estimators that commands and study files name, and which parameters belong to each."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hqml.errors import ParameterError
from hqml.options import unlike

KERNEL = ("kernel", "gamma", "degree", "coef0")
DIGITS = ("n_bits", "n_solutions", "aggregate")
DUAL = ("C", "base", "xi", "bias")
MULTICLASS = ("beta", "mu")
SLICES = ("slice_size", "n_slices", "sampling", "combine")
NEIGHBOURS = ("n_neighbors", "assigned", "n_deciding")
REGRESSION = ("epsilon", "scale_target")

RUN = ("backend", "backend_options", "reads", "time_limit", "max_qpu_seconds", "random_state")
"""Parameters that say where and how long an estimator is trained, not what it is."""


@dataclass(frozen=True)
class Kind:
    """An estimator by its name.

    Attributes:
        name: of the class in `hqml.svm`.
        options: of the command that belong to it, by the names of its parameters.
        sliced: it describes a slice of a QuboSVCEnsemble.
        predicts_numbers: it is a regressor.
    """

    name: str
    options: frozenset[str]
    sliced: bool = False
    predicts_numbers: bool = False


_COMMON = (*KERNEL, *DIGITS)
_BINARY = frozenset({*_COMMON, *DUAL, "class_weight"})
_AT_ONCE = frozenset({*_COMMON, *MULTICLASS, "class_weight"})

KINDS: Mapping[str, Kind] = {
    "svc": Kind("QuboSVC", _BINARY),
    "svc-ensemble": Kind("QuboSVC", _BINARY | {*SLICES}, sliced=True),
    "multiclass-svc": Kind("QuboMulticlassSVC", _AT_ONCE),
    "multiclass-svc-ensemble": Kind("QuboMulticlassSVC", _AT_ONCE | {*SLICES}, sliced=True),
    "local-svc": Kind("LocalQuboSVC", _BINARY | {*NEIGHBOURS}),
    "svr": Kind("QuboSVR", frozenset({*_COMMON, *DUAL, *REGRESSION}), predicts_numbers=True),
}

CLASSIFIERS = tuple(name for name, kind in KINDS.items() if not kind.predicts_numbers)


def parameters_of(estimator: str) -> tuple[str, ...]:
    """All that can be set of an estimator but for RUN: its own parameters, and those of its slices.

    Raises:
        ParameterError: no estimator has this name.
    """
    kind = _kind(estimator)
    own = tuple(name for name in inspect.signature(_class_of(kind)).parameters if name not in RUN)
    return (*own, *SLICES) if kind.sliced else own


def made(estimator: str, parameters: Mapping[str, Any], **run: Any) -> Any:
    """An estimator of hqml, not fitted.

    Args:
        estimator: one of KINDS.
        parameters: some of `parameters_of`.
        run: some of RUN. An ensemble and the estimator of its slices share the seed.

    Raises:
        ParameterError: no estimator has this name, or it has no such parameter.
    """
    known = parameters_of(estimator)
    for name in parameters:
        if name not in known:
            raise ParameterError(f"estimator {estimator!r} has no parameter {name!r}{unlike(name, known)}")
    kind = _kind(estimator)
    own = dict(parameters)
    slices = {name: own.pop(name) for name in SLICES if kind.sliced and name in own}
    model = _class_of(kind)(**own, **run)
    if not kind.sliced:
        return model
    from hqml.svm import QuboSVCEnsemble

    return QuboSVCEnsemble(estimator=model, **slices, random_state=run.get("random_state"))


def _kind(estimator: str) -> Kind:
    if estimator not in KINDS:
        raise ParameterError(f"no estimator is called {estimator!r}{unlike(estimator, KINDS)}")
    return KINDS[estimator]


def _class_of(kind: Kind) -> Any:
    import hqml.svm  # late: it brings in scikit-learn, which a command's help does not wait for

    return getattr(hqml.svm, kind.name)
