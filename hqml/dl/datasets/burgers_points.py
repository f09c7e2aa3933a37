"""Burgers' equation as a field in space and time: start and border are known, the shock is not.

u_t + u u_x = viscosity u_xx for x in [-1, 1] and t in [0, 1], with u(x, 0) = -sin(pi x) and u(-1, t) = u(1, t) = 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hqml.dl.dataset import Baseline, Dataset
from hqml.dl.datasets.points import Field, interpolation_baseline, split
from hqml.dl.source import Splits
from hqml.errors import ParameterError
from hqml.options import whole_number

Array = npt.NDArray[np.float64]

NODES = 100
"""Of the Gauss-Hermite quadrature; 200 give the same numbers to 1e-6 down to the smallest viscosity taken."""


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        known: points at the start and on the border, half of each.
        inside: points where nothing is known but the equation.
        viscosity: of the fluid, from 0.003; Raissi et al. have 0.01 / pi.
        seed: of the points.
    """

    known: int = 400
    inside: int = 4000
    viscosity: float = 0.01 / math.pi
    seed: int = 0

    def __post_init__(self) -> None:
        whole_number("known", self.known, least=8)
        whole_number("inside", self.inside, least=4)
        if not 0.003 <= self.viscosity < math.inf:
            raise ParameterError(f"viscosity must be at least 0.003, found {self.viscosity!r}")


def exact(points: Array, viscosity: float, nodes: int = NODES) -> Array:
    """The field at points (points, 2) of x and t: a quotient of two integrals, by Gauss-Hermite quadrature.

    Source: Basdevant et al., Comput. Fluids 14 (1986) 23, doi:10.1016/0045-7930(86)90036-8, equation 2.4.
    """
    z, weight = np.polynomial.hermite.hermgauss(nodes)
    x, t = points.T
    at = x[:, None] - 2 * np.sqrt(viscosity * t)[:, None] * z
    exponent = -np.cos(np.pi * at) / (2 * np.pi * viscosity)
    f = weight * np.exp(exponent - exponent.max(1, keepdims=True))
    field: Array = -(np.sin(np.pi * at) * f).sum(1) / f.sum(1)
    return field


def make(parameters: Parameters) -> Splits:
    """Points of space and time."""
    field = Field((-1.0, 0.0), (1.0, 1.0), lambda points: exact(points, parameters.viscosity))
    return split(field, parameters.known, parameters.inside, parameters.seed)


def baseline(splits: Splits) -> Baseline:
    """Root mean square error of a spline through the known values."""
    return interpolation_baseline(splits)


DATASET = Dataset(
    name="burgers-points",
    title="Burgers' equation: a field in space and time",
    source="Raissi et al., J. Comput. Phys. 378 (2019) 686, section 3.1; exact solution: Basdevant et al., Comput. "
    "Fluids 14 (1986) 23",
    parameters=Parameters,
    make=make,
    baseline=baseline,
)
