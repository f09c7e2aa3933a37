"""Burgers' equation as an operator: from a state to the state some time later, on a circle of length 1.

u_t + u u_x = viscosity u_xx becomes the heat equation by the transformation of Cole (Q. Appl. Math. 9 (1951) 225) and
Hopf (Comm. Pure Appl. Math. 3 (1950) 201), and that is solved exactly, mode by mode: states are exact to rounding, with
no steps in time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hqml.dl.dataset import Baseline, Dataset
from hqml.dl.datasets.operators import ridge_baseline, shared
from hqml.dl.source import Splits
from hqml.errors import ParameterError
from hqml.options import finite_number, whole_number

Array = npt.NDArray[np.float64]

FINE = 1024
"""Points on which states are computed; a shock of width viscosity / |u| needs several."""

FAINTEST = 1e-8
"""Smallest value of the transformed state, against its largest, that float64 leaves eight digits of."""


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        points: of a state; a divisor of 1024.
        samples: in all, of which 0.7 are to learn from, 0.1 to watch and 0.2 to test on.
        viscosity: of the fluid. Li et al. have 0.1, with which little but the mean is left of a state at time 1.
        time: between the two states.
        seed: of the initial states.
    """

    points: int = 128
    samples: int = 1000
    viscosity: float = 0.01
    time: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if FINE % whole_number("points", self.points, least=8):
            raise ParameterError(f"points must divide {FINE}, found {self.points}")
        whole_number("samples", self.samples, least=10)
        finite_number("viscosity", self.viscosity, above=0.0)
        finite_number("time", self.time, above=0.0)


def initial_states(count: int, rng: np.random.Generator, points: int = FINE) -> Array:
    """Draws of N(0, 625 (-Laplacian + 25)^-2) with mean 0, as Li et al. have them: (count, points)."""
    wave = 2 * math.pi * np.arange(points // 2 + 1)
    deviation = 25.0 / (wave**2 + 25.0)
    deviation[0] = 0.0
    modes = rng.standard_normal((count, len(wave))) + 1j * rng.standard_normal((count, len(wave)))
    # sum_k deviation_k (a_k sqrt2 cos + b_k sqrt2 sin) has the wanted covariance; numpy's irfft divides by points
    states: Array = np.fft.irfft(modes * deviation * (points / math.sqrt(2)), points, axis=1)
    return states


def later(states: Array, viscosity: float, time: float) -> Array:
    """States of mean 0, (count, points) on [0, 1), after some time.

    Raises:
        ParameterError: viscosity is too small for float64.
    """
    points = states.shape[1]
    wave = 2 * math.pi * np.arange(points // 2 + 1)
    modes = np.fft.rfft(states, axis=1)
    modes[:, 1:] /= 1j * wave[1:]
    modes[:, 0] = 0.0
    exponent = np.fft.irfft(modes, points, axis=1) / (-2 * viscosity)
    heat = np.fft.rfft(np.exp(exponent - exponent.max(1, keepdims=True)), axis=1) * np.exp(-viscosity * wave**2 * time)
    transformed = np.fft.irfft(heat, points, axis=1)
    if (transformed.min(1) < FAINTEST * transformed.max(1)).any():
        raise ParameterError(
            f"viscosity {viscosity:g} is too small at time {time:g} for Cole's and Hopf's transformation in float64; "
            "take a larger one, or a later time"
        )
    result: Array = -2 * viscosity * np.fft.irfft(1j * wave * heat, points, axis=1) / transformed
    return result


def make(parameters: Parameters) -> Splits:
    """Pairs of states, each (1, points)."""
    before = initial_states(parameters.samples, np.random.default_rng(parameters.seed))
    after = later(before, parameters.viscosity, parameters.time)
    every = FINE // parameters.points
    return shared(before[:, None, ::every], after[:, None, ::every])


def baseline(splits: Splits) -> Baseline:
    """Relative L2 error of linear regression from state to state."""
    return ridge_baseline(splits)


DATASET = Dataset(
    name="burgers",
    title="Burgers' equation: a state and the state later",
    source="Li et al., ICLR 2021, arXiv:2010.08895, section 5.1; solved by Cole's and Hopf's transformation",
    parameters=Parameters,
    make=make,
    baseline=baseline,
)
