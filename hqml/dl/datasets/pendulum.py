"""A damped pendulum that swings far: the angle as it was measured, against the angle as it will be.

angle'' = -damping angle' - sin(angle), in units of the time that a small swing takes divided by 2 pi. Far swings take
longer (a swing to angle a without damping takes 4 K(sin(a / 2))), so that no linear forecast is right for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hqml.dl.dataset import Baseline, Dataset
from hqml.dl.datasets.parts import cut, whole
from hqml.dl.source import Splits
from hqml.errors import ParameterError
from hqml.options import finite_number, whole_number

Array = npt.NDArray[np.float64]

SUBSTEPS = 5
"""Runge-Kutta steps between two measurements; with the default interval their error is below 1e-7."""


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        samples: pendulums in all, of which 0.7 are to learn from, 0.1 to watch and 0.2 to test on.
        steps: measurements that a model sees.
        horizon: further ones that it forecasts.
        interval: between two of them; a small swing takes 2 pi.
        damping: of the swing.
        farthest: angle at which they start at most, below pi, where a pendulum stands on its head.
        noise: standard deviation of a measurement; what is to be forecast has none.
        seed: of the pendulums and the noise.
    """

    samples: int = 2000
    steps: int = 32
    horizon: int = 32
    interval: float = 0.25
    damping: float = 0.05
    farthest: float = 2.8
    noise: float = 0.02
    seed: int = 0

    def __post_init__(self) -> None:
        whole_number("samples", self.samples, least=10)
        whole_number("steps", self.steps)
        whole_number("horizon", self.horizon)
        finite_number("interval", self.interval, above=0.0)
        finite_number("damping", self.damping, least=0.0)
        finite_number("noise", self.noise, least=0.0)
        if not 0 < self.farthest < np.pi:
            raise ParameterError(f"farthest must be an angle between 0 and pi, found {self.farthest!r}")


def swings(angle: Array, velocity: Array, count: int, interval: float, damping: float) -> Array:
    """Angles at `count` times from 0, (pendulums, count), by Runge and Kutta's fourth order."""

    def slope(state: Array) -> Array:
        return np.stack([state[1], -damping * state[1] - np.sin(state[0])])

    state, h = np.stack([angle, velocity]), interval / SUBSTEPS
    angles = [state[0]]
    for _ in range(count - 1):
        for _ in range(SUBSTEPS):
            a = slope(state)
            b = slope(state + h / 2 * a)
            c = slope(state + h / 2 * b)
            d = slope(state + h * c)
            state = state + h / 6 * (a + 2 * b + 2 * c + d)
        angles.append(state[0])
    return np.stack(angles, 1)


def make(parameters: Parameters) -> Splits:
    """Windows (steps, 1) of measured angles, and the angles (horizon,) that follow; each of a pendulum of its own.

    A pendulum is let go at rest, some time within a small swing before it is first measured.
    """
    rng = np.random.default_rng(parameters.seed)
    start = rng.uniform(-parameters.farthest, parameters.farthest, parameters.samples)
    before = round(2 * np.pi / parameters.interval)
    count = parameters.steps + parameters.horizon
    angles = swings(start, np.zeros_like(start), before + count, parameters.interval, parameters.damping)
    first = rng.integers(before + 1, size=len(start))
    angles = np.take_along_axis(angles, first[:, None] + np.arange(count), 1)
    x, y = angles[:, : parameters.steps, None], angles[:, parameters.steps :]
    x = x + parameters.noise * rng.standard_normal(x.shape)
    return cut({"x": x, "y": y}, round(0.7 * len(x)), round(0.8 * len(x)) - round(0.7 * len(x)))


def baseline(splits: Splits) -> Baseline:
    """Root mean square error of a linear forecast from the measurements, by least squares."""
    from sklearn.linear_model import LinearRegression

    train, test = whole(splits.train), whole(splits.test)
    line = LinearRegression().fit(train["x"][:, :, 0].astype(float), train["y"].astype(float))
    miss = line.predict(test["x"][:, :, 0].astype(float)) - test["y"]
    return Baseline("linear regression", float(np.sqrt(np.mean(miss**2))))


DATASET = Dataset(
    name="pendulum",
    title="Damped pendulum",
    source="Huygens, Horologium oscillatorium, 1673; integrated by Runge and Kutta's fourth order",
    parameters=Parameters,
    make=make,
    baseline=baseline,
)
