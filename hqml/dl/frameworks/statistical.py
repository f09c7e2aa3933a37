"""Models of time series, fitted by statsmodels."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from hqml.dl.autoregression import AutoRegression, Floats
from hqml.dl.parameters import filled
from hqml.dl.signature import Signature
from hqml.dl.source import Source, Splits
from hqml.dl.spec import Task
from hqml.dl.trained import Epoch, Fitted
from hqml.dl.zoo import ARCHITECTURES
from hqml.errors import DataError

_SEAM = 1e-4
"""Largest difference of two windows where they overlap, in units of the largest value: float32 keeps 1e-7."""


def build(task: Task, signature: Signature) -> AutoRegression:
    """The model of a task, not fitted.

    Raises:
        ParameterError: a parameter is out of its range, or the data is no series.
    """
    family = task.model.family or ""
    architecture = ARCHITECTURES[family]
    model: AutoRegression = architecture.build(
        filled(architecture.parameters, task.model.parameters, family), signature
    )
    return model


def fit(task: Task, splits: Splits, signature: Signature, **others: Any) -> Fitted:
    """Find the parameters of the highest likelihood on the training windows' series.

    Args:
        task: of family ar, arma or arima.
        splits: windows of one series, each a step after the one before, and the values that follow them.
        signature: of the windows.
        others: of other frameworks; `tracker` is told the figures, `report` that it is done.

    Raises:
        DataError: the windows are not consecutive.
        ParameterError: see `build`.
    """
    started = perf_counter()
    model = build(task, signature).fitted(series_of(splits.train))
    validation, test = (_figures(model, one) for one in (splits.validation, splits.test))
    train = _figures(model, splits.train)
    seconds = perf_counter() - started
    epoch = Epoch(1, train["loss"], validation, 0.0, seconds)
    if (tracker := others.get("tracker")) is not None:
        tracker.metrics({"loss": epoch.loss, **{f"validation_{name}": value for name, value in validation.items()}}, 1)
    return Fitted(model, (epoch,), 1, "rmse", False, test, "epochs", seconds)


def series_of(source: Source) -> Floats:
    """The series that windows and targets were cut from: (steps,).

    Raises:
        DataError: a window does not begin one step after the one before.
    """
    x, y = _windows(source)
    series = np.concatenate([x[0], y[:, 0]])
    window = x.shape[1]
    again = np.lib.stride_tricks.sliding_window_view(series[:-1], window)
    if np.abs(again - x).max() > _SEAM * max(np.abs(series).max(), 1e-300):
        raise DataError(
            "the training windows are not consecutive steps of one series, which statsmodels needs; give windows in "
            "their order, each one step after the one before"
        )
    return series


def _windows(source: Source) -> tuple[Floats, Floats]:
    arrays = source.read(np.arange(len(source)))
    x, y = (np.asarray(arrays[name], dtype=np.float64).reshape(len(source), -1) for name in ("x", "y"))
    return x, y


def _figures(model: Callable[[Floats], Floats], source: Source) -> dict[str, float]:
    if not len(source):
        return {}
    x, y = _windows(source)
    squares = float(((model(x) - y) ** 2).mean())
    return {"loss": squares, "rmse": squares**0.5}
