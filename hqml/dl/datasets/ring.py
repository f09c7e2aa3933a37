"""Points on a ring of Gaussians: the distribution on which generative networks show whether they drop modes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hqml.dl.dataset import Baseline, Dataset
from hqml.dl.datasets.parts import cut, whole
from hqml.dl.source import Splits
from hqml.errors import ParameterError

Points = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        modes: Gaussians, evenly spaced on the circle.
        radius: of the circle.
        sigma: standard deviation of each Gaussian, in both directions.
        noise: numbers that a generator makes one point of.
        samples: points in all; 3/4 to learn from, 1/8 to watch, 1/8 to test on.
        seed: of points and noise.
    """

    modes: int = 8
    radius: float = 2.0
    sigma: float = 0.1
    noise: int = 2
    samples: int = 16384
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("modes", "noise"):
            if getattr(self, name) < 1:
                raise ParameterError(f"{name} must be at least 1, found {getattr(self, name)}")
        if min(self.radius, self.sigma) <= 0:
            raise ParameterError(f"radius and sigma must be above 0, found {self.radius} and {self.sigma}")
        if self.samples < 64:
            raise ParameterError(f"samples must be at least 64, found {self.samples}")


def centres(parameters: Parameters) -> Points:
    """Of the Gaussians: (modes, 2)."""
    angle = 2 * np.pi * np.arange(parameters.modes) / parameters.modes
    return (parameters.radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)).astype(np.float32)


def make(parameters: Parameters) -> Splits:
    """x: noise (noise,), standard normal; y: a point (2,), which has nothing to do with the noise beside it."""
    rng = np.random.default_rng(parameters.seed)
    modes = rng.integers(parameters.modes, size=parameters.samples)
    y = centres(parameters)[modes] + parameters.sigma * rng.standard_normal((parameters.samples, 2), dtype=np.float32)
    x = rng.standard_normal((parameters.samples, parameters.noise), dtype=np.float32)
    return cut({"x": x, "y": y}, parameters.samples * 3 // 4, parameters.samples // 8)


def energy_distance(a: Points, b: Points) -> float:
    """2 E|a - b| - E|a - a'| - E|b - b'|, unbiased: 0 on average where both are of one distribution.

    Args:
        a: (points, numbers).
        b: (points, numbers).

    Source: Székely and Rizzo, J. Stat. Plan. Inference 143 (2013) 1249, doi:10.1016/j.jspi.2013.03.018.
    """
    from scipy.spatial.distance import cdist, pdist

    return float(2 * cdist(a, b).mean() - pdist(a).mean() - pdist(b).mean())


def baseline(splits: Splits) -> Baseline:
    """Energy distance of points from one Gaussian that has the training points' mean and covariance."""
    train, test = whole(splits.train)["y"], whole(splits.test)["y"]
    drawn = np.random.default_rng(0).multivariate_normal(train.mean(0), np.cov(train.T), size=len(test))
    return Baseline("one Gaussian", energy_distance(drawn, test))


DATASET = Dataset(
    name="ring",
    title="Ring of Gaussians",
    source="2-D mixture of Metz et al., Unrolled GANs, arXiv:1611.02163, section 3.1; made here",
    parameters=Parameters,
    make=make,
    baseline=baseline,
)
