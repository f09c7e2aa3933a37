"""What a pipeline does to the features before the machines see them: scale them, or take some of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from hqml.errors import ParameterError
from hqml.qubo import Floats


@dataclass(frozen=True)
class Scaling:
    """(x - offset) * factor, then cut to [low, high] where these are given.

    Attributes:
        offset: (features,).
        factor: (features,).
        limits: low and high, or None.
    """

    offset: Floats
    factor: Floats
    limits: tuple[float, float] | None = None

    @property
    def features(self) -> int:
        return len(self.offset)

    def undone(self, X: Floats) -> Floats:
        """Points that this scales to X (samples, features)."""
        return X / self.factor + self.offset


@dataclass(frozen=True)
class Choice:
    """Some of the features, in order.

    Attributes:
        columns: (chosen,), places among the features.
        features: how many there are to choose from.
    """

    columns: Any
    features: int

    def undone(self, X: Floats) -> Floats:
        """Points of which this takes X (samples, chosen); the other features are 0."""
        points = np.zeros((len(X), self.features))
        points[:, self.columns] = X
        return points


Step: TypeAlias = Scaling | Choice


def split(estimator: Any) -> tuple[list[Step], Any]:
    """The steps of a pipeline (none of a bare estimator), and the estimator at its end.

    Raises:
        ParameterError: a step is none of those known here.
    """
    from sklearn.pipeline import Pipeline

    if not isinstance(estimator, Pipeline):
        return [], estimator
    before = [_step(name, step) for name, step in estimator.steps[:-1]]
    after, last = split(estimator.steps[-1][1])
    return [step for some in before for step in some] + after, last


def columns(steps: Sequence[Step], last: Any) -> int:
    """How many columns a pipeline takes."""
    return steps[0].features if steps else int(last.n_features_in_)


def check_fitted(estimator: Any) -> None:
    """Make sure that there is something to be read from an estimator.

    Raises:
        ParameterError: it is not fitted, or no estimator.
    """
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(estimator)
    except NotFittedError as error:
        raise ParameterError(f"{type(estimator).__name__} is not fitted; call fit first") from error
    except TypeError as error:
        raise ParameterError(f"found {estimator!r}, which is no estimator; give a fitted one of hqml.svm") from error


def _step(name: str, step: Any) -> Sequence[Step]:
    from sklearn.feature_selection import SelectorMixin
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

    if step is None or step == "passthrough":
        return []
    if isinstance(step, Pipeline):
        return [one for inner, own in step.steps for one in _step(f"{name}.{inner}", own)]
    check_fitted(step)
    if isinstance(step, SelectorMixin):
        return [Choice(np.flatnonzero(step.get_support()), step.n_features_in_)]
    if isinstance(step, StandardScaler):
        return [_scaling(step, step.mean_ if step.with_mean else None, step.scale_ if step.with_std else None)]
    if isinstance(step, RobustScaler):
        return [_scaling(step, step.center_, step.scale_)]
    if isinstance(step, MaxAbsScaler):
        return [_scaling(step, None, step.scale_, (-1.0, 1.0) if getattr(step, "clip", False) else None)]
    if isinstance(step, MinMaxScaler):  # it multiplies by its scale_ and then adds min_
        limits = (float(step.feature_range[0]), float(step.feature_range[1])) if step.clip else None
        return [Scaling(-step.min_ / step.scale_, np.asarray(step.scale_, np.float64), limits)]
    raise ParameterError(
        f"step {name!r} is a {type(step).__name__}, which cannot be written as ONNX; known are StandardScaler, "
        "MinMaxScaler, MaxAbsScaler, RobustScaler, selectors of features, and 'passthrough'"
    )


def _scaling(step: Any, offset: Any, divisor: Any, limits: tuple[float, float] | None = None) -> Scaling:
    count = step.n_features_in_
    return Scaling(
        np.zeros(count) if offset is None else np.asarray(offset, np.float64),
        np.ones(count) if divisor is None else 1 / np.asarray(divisor, np.float64),
        limits,
    )
