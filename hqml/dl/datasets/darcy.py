"""Darcy flow: from the permeability of a porous square to the pressure in it.

-div(a grad u) = 1 inside, u = 0 on the border. Finite volumes with a cell for each point; the permeability of the face
between two cells is their harmonic mean, which keeps the flux exact where a layer ends (Patankar 1980, section 4.2-3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hqml.dl.dataset import Baseline, Dataset
from hqml.dl.datasets.operators import ridge_baseline, shared
from hqml.dl.source import Splits
from hqml.options import whole_number

Array = npt.NDArray[np.float64]

HIGH, LOW = 12.0, 3.0
"""Permeabilities of the two materials, as in Li et al."""


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        points: cells along each side.
        samples: in all, of which 0.7 are to learn from, 0.1 to watch and 0.2 to test on.
        seed: of the materials.
    """

    points: int = 32
    samples: int = 600
    seed: int = 0

    def __post_init__(self) -> None:
        whole_number("points", self.points, least=4)
        whole_number("samples", self.samples, least=10)


def permeabilities(count: int, points: int, rng: np.random.Generator) -> Array:
    """12 where a draw of N(0, (-Laplacian + 9)^-2) with no flux through the border is above 0, else 3."""
    from scipy.fft import idctn

    wave = math.pi * np.arange(points)
    deviation = 1.0 / (wave[:, None] ** 2 + wave**2 + 9.0)
    deviation[0, 0] = 0.0
    field = idctn(rng.standard_normal((count, points, points)) * deviation, axes=(1, 2), norm="ortho")
    return np.where(field >= 0, HIGH, LOW)


def pressure(permeability: Array) -> Array:
    """The solution of one square, (points, points) cells each."""
    from scipy.linalg import solveh_banded

    points = len(permeability)
    a = np.pad(permeability, 1, constant_values=np.inf)  # half a cell to the border: twice the cell's own
    across = 2.0 / (1.0 / a[1:, 1:-1] + 1.0 / a[:-1, 1:-1])  # faces between rows, (points + 1, points)
    along = 2.0 / (1.0 / a[1:-1, 1:] + 1.0 / a[1:-1, :-1])
    matrix = np.zeros((points + 1, points * points))  # lower diagonals of a symmetric band
    matrix[0] = (across[1:] + across[:-1] + along[:, 1:] + along[:, :-1]).ravel()
    neighbours = along[:, 1:].copy()
    neighbours[:, -1] = 0.0  # the next cell in memory is in the next row
    matrix[1] = -neighbours.ravel()
    matrix[points] = -across[1:].ravel()
    source = np.full(points * points, 1.0 / points**2)
    solution: Array = solveh_banded(matrix, source, lower=True, check_finite=False).reshape(points, points)
    return solution


def make(parameters: Parameters) -> Splits:
    """Permeability and pressure, each (1, points, points)."""
    a = permeabilities(parameters.samples, parameters.points, np.random.default_rng(parameters.seed))
    return shared(a[:, None], np.stack([pressure(one) for one in a])[:, None])


def baseline(splits: Splits) -> Baseline:
    """Relative L2 error of linear regression from permeability to pressure."""
    return ridge_baseline(splits)


DATASET = Dataset(
    name="darcy",
    title="Darcy flow: permeability and pressure",
    source="Li et al., ICLR 2021, arXiv:2010.08895, section 5.2; solved by finite volumes on the points themselves",
    parameters=Parameters,
    make=make,
    baseline=baseline,
)
