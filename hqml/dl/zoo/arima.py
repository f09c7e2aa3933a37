"""Autoregressive integrated moving average of one time series."""

from __future__ import annotations

from dataclasses import dataclass

from hqml.dl import autoregression
from hqml.dl.architecture import Architecture
from hqml.dl.autoregression import AutoRegression
from hqml.dl.signature import Signature
from hqml.options import whole_number


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        p: past values that count.
        d: how often the series is differenced first.
        q: past errors that count.
    """

    p: int = 2
    d: int = 1
    q: int = 2

    def __post_init__(self) -> None:
        whole_number("p", self.p, least=0)
        whole_number("d", self.d, least=0)
        whole_number("q", self.q, least=0)


def build(parameters: Parameters, signature: Signature) -> AutoRegression:
    """A model of the windows' length that forecasts as far as the targets reach."""
    return autoregression.build((parameters.p, parameters.d, parameters.q), signature)


ARCHITECTURE = Architecture(
    name="arima",
    title="Autoregressive integrated moving average",
    source="Box and Jenkins, Time Series Analysis: Forecasting and Control (1970)",
    parameters=Parameters,
    build=build,
    scaled=False,
    framework="statsmodels",
)
