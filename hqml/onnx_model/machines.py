"""Read from a fitted estimator what its decisions are made of: kernels with support vectors, and a rule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from hqml.errors import ParameterError
from hqml.onnx_model.steps import check_fitted
from hqml.qubo import Floats

if TYPE_CHECKING:
    from hqml.svm._kernels import Ints, Kernel

_KERNELS = ("linear", "poly", "rbf", "sigmoid")


@dataclass(frozen=True)
class Sums:
    """A decision is a sum of kernels: k(x, support) @ dual.T + bias.

    Attributes:
        dual: (machines, support).
        bias: (machines,).
    """

    dual: Floats
    bias: Floats


@dataclass(frozen=True)
class Groups:
    """Many machines of few support vectors each; those of a group, a slice or a neighbourhood, share theirs.

    Attributes:
        support: (groups, most), which support vectors a group has; the rest repeats the first and has weight 0.
        weights: (groups, most, machines), alpha_n t_n.
        bias: (groups, machines).
    """

    support: Ints
    weights: Floats
    bias: Floats


@dataclass(frozen=True)
class Votes:
    """Each slice of `slices` takes a class; a decision is the share of slices that take it (two classes: -1 to 1)."""

    slices: Groups


@dataclass(frozen=True)
class Nearest:
    """The machines of the nearest centres decide, by their mean.

    Attributes:
        local: a group for each centre.
        centres: (centres, features).
        count: how many decide.
        present: (centres, classes), which a neighbourhood holds; None for two classes, whose one machine knows.
    """

    local: Groups
    centres: Floats
    count: int
    present: Any


Rule: TypeAlias = Sums | Votes | Nearest


@dataclass(frozen=True)
class Decider:
    """What an estimator decides by.

    Attributes:
        kernel: with its parameters; one of linear, poly, rbf, sigmoid.
        support_vectors: (support, features), at least one.
        rule: from kernels to decisions.
        classes: (classes,), sorted; None of a regressor.
    """

    kernel: Kernel
    support_vectors: Floats
    rule: Rule
    classes: Any


def read(estimator: Any) -> Decider:
    """Read a fitted estimator of `hqml.svm`.

    Raises:
        ParameterError: it is not fitted, of another kind, or of a kernel that ONNX cannot hold.
    """
    from sklearn.base import is_regressor

    kernel = _kernel(estimator)
    classes = None if is_regressor(estimator) else _classes(estimator.classes_)
    support = np.asarray(estimator.support_vectors_, dtype=np.float64)
    decider = Decider(kernel, support, _rule(estimator), classes)
    if not len(support):
        return _with_idle_support(decider, estimator.n_features_in_)
    return _folded(decider) if kernel.function == "linear" else decider


def _kernel(estimator: Any) -> Kernel:
    from hqml.svm._kernels import Kernel

    check_fitted(estimator)
    name = type(estimator).__name__
    kernel = getattr(estimator, "_kernel", None)
    if not isinstance(kernel, Kernel):
        hint = "give its best_estimator_" if hasattr(estimator, "best_estimator_") else "skl2onnx writes scikit-learn's"
        raise ParameterError(f"{name} is none of hqml's support vector machines, which alone are written here; {hint}")
    if kernel.function not in _KERNELS:
        found = repr(kernel.function) if isinstance(kernel.function, str) else "a function"
        raise ParameterError(
            f"kernel must be one of {', '.join(_KERNELS)} to be written as ONNX, found {found}: "
            "a file cannot hold what a function computes, nor kernels with samples it does not hold"
        )
    return kernel


def _rule(estimator: Any) -> Rule:
    from hqml.svm.local_machines import LocalMachines
    from hqml.svm.slice_ensemble import SliceEnsemble

    if isinstance(estimator, LocalMachines):
        local = _groups(estimator.dual_coef_, estimator.intercept_)
        many = len(estimator.classes_) > 2
        count = min(estimator.n_deciding, len(estimator.centres_))
        centres = np.asarray(estimator.centres_, np.float64)
        return Nearest(local, centres, count, estimator.present_ if many else None)
    if not isinstance(estimator, SliceEnsemble):
        return Sums(np.asarray(estimator.dual_coef_, np.float64), np.asarray(estimator.intercept_, np.float64))
    if estimator.combine == "vote":
        return Votes(_groups(estimator.dual_coef_, estimator.intercept_))
    return Sums(*estimator._mean_machines())


def _groups(dual: Any, bias: Floats) -> Groups:
    """Of machines over all support vectors, (groups * machines, support), each group's own."""
    groups, machines = bias.shape
    blocks = [dual[group * machines : (group + 1) * machines] for group in range(groups)]
    own = [np.unique(block.indices) for block in blocks]
    most = max(1, *map(len, own))
    support = np.zeros((groups, most), dtype=np.int64)
    weights = np.zeros((groups, most, machines))
    for group, (block, columns) in enumerate(zip(blocks, own, strict=True)):
        support[group, : len(columns)] = columns
        weights[group, : len(columns)] = block[:, columns].toarray().T
    return Groups(support, weights, bias)


def _classes(classes: Any) -> Any:
    """Classes as ONNX can hold them: int64, float64, bool or strings.

    Raises:
        ParameterError: they are of several kinds.
    """
    array = np.asarray(classes)
    if array.dtype.kind in "iufb":
        return array.astype({"b": np.bool_, "f": np.float64}.get(array.dtype.kind, np.int64))
    if not all(isinstance(one, str) for one in array.tolist()):
        raise ParameterError(f"classes must be numbers or strings to be written as ONNX, found {array.tolist()[:5]}")
    return array.astype(object)  # older versions of onnx take no other array of strings


def _with_idle_support(decider: Decider, features: int) -> Decider:
    """Operators want at least one support vector; where no multiplier is above 0, it is one that counts nothing."""
    rule = decider.rule
    if isinstance(rule, Sums):
        rule = replace(rule, dual=np.zeros((len(rule.bias), 1)))
    return replace(decider, support_vectors=np.zeros((1, features)), rule=rule)


def _folded(decider: Decider) -> Decider:
    """A sum of linear kernels is one vector of weights: as many support vectors as features, the unit vectors."""
    support, rule = decider.support_vectors, decider.rule
    if not isinstance(rule, Sums):
        return decider
    return replace(decider, support_vectors=np.eye(support.shape[1]), rule=replace(rule, dual=rule.dual @ support))
