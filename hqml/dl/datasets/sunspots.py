"""Yearly sunspot numbers from 1700 to 2008, as statsmodels brings them: the past against the years that follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hqml.dl.dataset import Baseline, Dataset
from hqml.dl.datasets.parts import whole
from hqml.dl.datasets.sequences import windows
from hqml.dl.source import ArraySource, Splits
from hqml.errors import ParameterError
from hqml.libraries import library
from hqml.options import whole_number

WATCHED, TESTED = 1900, 1930
"""First years to forecast for watching and for testing."""


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        steps: years of the past that a model sees; a cycle takes about 11.
        horizon: years that it forecasts.
    """

    steps: int = 24
    horizon: int = 1

    def __post_init__(self) -> None:
        whole_number("steps", self.steps)
        whole_number("horizon", self.horizon)
        if self.steps + self.horizon > 100 or self.horizon > 30:
            raise ParameterError(
                f"there are 309 years: steps and horizon may be 100 together and horizon 30, found {self.steps} and "
                f"{self.horizon}"
            )


def make(parameters: Parameters) -> Splits:
    """Years before 1900 to learn from, to 1929 to watch, and to 2008 to test on: no year is a target in two of them.

    The inputs of the first years to watch and to test on reach back into the years before, as a forecast's do.
    """
    table = library("statsmodels.datasets.sunspots", "dataset sunspots", "dl").load_pandas().data
    years, spots = table["YEAR"].to_numpy().astype(int), table["SUNACTIVITY"].to_numpy(float)
    x, y = windows(spots, parameters.steps, parameters.horizon)
    first = years[parameters.steps :][: len(x)]
    last = first + parameters.horizon - 1
    parts = (last < WATCHED, (first >= WATCHED) & (last < TESTED), first >= TESTED)
    return Splits(*(ArraySource({"x": x[part].astype(np.float32), "y": y[part].astype(np.float32)}) for part in parts))


def baseline(splits: Splits) -> Baseline:
    """Root mean square error of saying that all stays as it is."""
    test = whole(splits.test)
    return Baseline("persistence", float(np.sqrt(np.mean((test["x"][:, -1] - test["y"]) ** 2))))


DATASET = Dataset(
    name="sunspots",
    title="Yearly sunspot numbers",
    source="WDC-SILSO, Royal Observatory of Belgium, Brussels, version 1 as the NOAA has it; statsmodels' sunspots",
    parameters=Parameters,
    make=make,
    baseline=baseline,
)
