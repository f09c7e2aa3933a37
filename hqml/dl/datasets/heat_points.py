"""The heat equation as a field in space and time: a plate whose border is kept cold.

u_t = diffusivity (u_xx + u_yy) for x, y and t in [0, 1], with u = 0 on the border and, at the start,
sin(pi x) sin(pi y) + sin(2 pi x) sin(3 pi y) / 2. Each of the two sines decays on its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hqml.dl.dataset import Baseline, Dataset
from hqml.dl.datasets.points import Field, interpolation_baseline, split
from hqml.dl.source import Splits
from hqml.options import finite_number, whole_number

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        known: points at the start and on the border, half of each.
        inside: points where nothing is known but the equation.
        diffusivity: of the plate.
        seed: of the points.
    """

    known: int = 800
    inside: int = 3200
    diffusivity: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        whole_number("known", self.known, least=8)
        whole_number("inside", self.inside, least=4)
        finite_number("diffusivity", self.diffusivity, above=0.0)


def exact(points: Array, diffusivity: float) -> Array:
    """The field at points (points, 3) of x, y and t."""
    x, y, t = np.pi * points.T
    decay = diffusivity * np.pi * t
    first = np.sin(x) * np.sin(y) * np.exp(-2 * decay)
    field: Array = first + np.sin(2 * x) * np.sin(3 * y) * np.exp(-13 * decay) / 2
    return field


def make(parameters: Parameters) -> Splits:
    """Points of space and time."""
    field = Field((0.0,) * 3, (1.0,) * 3, lambda points: exact(points, parameters.diffusivity))
    return split(field, parameters.known, parameters.inside, parameters.seed)


def baseline(splits: Splits) -> Baseline:
    """Root mean square error of a spline through the known values."""
    return interpolation_baseline(splits)


DATASET = Dataset(
    name="heat-points",
    title="Heat equation: a plate with a cold border",
    source="separation of variables: Fourier, Theorie analytique de la chaleur, 1822",
    parameters=Parameters,
    make=make,
    baseline=baseline,
)
