"""Linear models of a time series: AR, ARMA and ARIMA, whose parameters statsmodels finds."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from hqml.dl.signature import Signature
from hqml.errors import ParameterError
from hqml.libraries import library

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AutoRegression:
    """ARIMA(p, d, q) of one series, with a constant where d is 0.

    Attributes:
        order: p past values, d differences, q past errors.
        window: how many past values a forecast looks at; the Kalman filter knows nothing before them.
        horizon: how many values ahead.
        coefficients: as statsmodels' ARIMA numbers them, the variance last; None: not fitted.

    Source: Box, Jenkins, Time Series Analysis (1970); statsmodels.tsa.arima.model.ARIMA.
    """

    order: tuple[int, int, int]
    window: int
    horizon: int
    coefficients: Floats | None = None

    def fitted(self, series: Floats) -> AutoRegression:
        """With the parameters of the highest likelihood on a series, (steps,)."""
        with warnings.catch_warnings():
            # Of where the search begins, when a first guess lies outside of what it allows; it begins at zero then.
            warnings.filterwarnings("ignore", message="Non-(invertible|stationary) starting")
            return replace(self, coefficients=np.asarray(self._arima(series).fit().params))

    def names(self) -> list[str]:
        """Of the coefficients, e.g. const, ar.L1, ma.L1, sigma2."""
        return list(self._arima(np.zeros(self.window)).param_names)

    def filtered(self, series: Floats) -> Any:
        """statsmodels' results for a series with these coefficients: to forecast, to plot, to go on with."""
        if self.coefficients is None:
            raise ParameterError("the model is not fitted; train it, or load a trained one")
        return self._arima(series).filter(self.coefficients)

    def forecast(self, windows: Floats) -> Floats:
        """What follows each window, by statsmodels: (windows, window) -> (windows, horizon)."""
        return np.array([self.filtered(window).forecast(self.horizon) for window in windows])

    @cached_property
    def linear(self) -> tuple[Floats, Floats]:
        """Weights (window, horizon) and a constant (horizon,) that give the same: with fixed coefficients, the Kalman
        filter's forecast is a linear function of the values that it has seen."""
        windows = np.vstack([np.zeros(self.window), np.eye(self.window)])
        constant, *answers = self.forecast(windows)
        return np.array(answers) - constant, constant

    def __call__(self, x: npt.ArrayLike) -> Floats:
        """What follows each of many windows, by the linear function: (windows, window) -> (windows, horizon)."""
        weights, constant = self.linear
        product: Floats = np.asarray(x, dtype=np.float64) @ weights + constant
        return product

    def _arima(self, series: Floats) -> Any:
        arima = library("statsmodels.tsa.arima.model", "a model of a time series", "dl").ARIMA
        return arima(np.asarray(series, dtype=np.float64), order=self.order)


def build(order: tuple[int, int, int], signature: Signature) -> AutoRegression:
    """The model that fits windows of a series and what follows them.

    Raises:
        ParameterError: the samples are no windows of one series, or the windows are too short for the order.
    """
    if len(signature.x) not in (1, 2) or signature.x[1:] not in ((), (1,)) or signature.classes is not None:
        raise ParameterError(
            f"needs windows of one series as inputs, (steps,) or (steps, 1), and numbers as targets; found inputs of "
            f"shape {signature.x}"
        )
    if signature.y is None:
        raise ParameterError("needs targets: the values that follow each window")
    p, d, q = order
    least = max(p, q + 1) + d + 1
    if signature.x[0] < least:
        raise ParameterError(f"order ({p}, {d}, {q}) needs windows of at least {least} steps, found {signature.x[0]}")
    return AutoRegression(order, signature.x[0], int(np.prod(signature.y, dtype=int)))
