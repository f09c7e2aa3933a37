"""Autoregression of one time series."""

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
    """

    p: int = 9

    def __post_init__(self) -> None:
        whole_number("p", self.p, least=1)


def build(parameters: Parameters, signature: Signature) -> AutoRegression:
    """A model of the windows' length that forecasts as far as the targets reach."""
    return autoregression.build((parameters.p, 0, 0), signature)


ARCHITECTURE = Architecture(
    name="ar",
    title="Autoregression",
    source="Yule, Phil. Trans. R. Soc. A 226 (1927) 267, doi:10.1098/rsta.1927.0007",
    parameters=Parameters,
    build=build,
    scaled=False,
    framework="statsmodels",
)
