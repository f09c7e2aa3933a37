"""Decaying turbulence in two dimensions: velocities on a periodic grid, solved with Fourier modes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hqml.dl.dataset import Baseline, Dataset
from hqml.dl.datasets.parts import cut, whole
from hqml.dl.source import Splits
from hqml.errors import ParameterError

Array: TypeAlias = npt.NDArray[Any]

COMPRESSION = 16
"""Values of a field for each number that it becomes: that of examples/zoo/cae.yaml, and of the baseline."""


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        points: of the grid along each axis, an even number.
        flows: that are begun, each from other random eddies; a flow is in one split alone.
        snapshots: of each flow.
        spacing: time between two snapshots; at the beginning velocities are 1 on average and the box is 2 pi wide.
        viscosity: kinematic.
        eddies: how many of the first eddies fit side by side into the box.
        seed: of the first eddies.
    """

    points: int = 32
    flows: int = 60
    snapshots: int = 6
    spacing: float = 0.5
    viscosity: float = 2e-3
    eddies: float = 4.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.points < 8 or self.points % 2:
            raise ParameterError(f"points must be an even number of at least 8, found {self.points}")
        if self.flows < 10:
            raise ParameterError(f"flows must be at least 10, found {self.flows}")
        if self.snapshots < 1:
            raise ParameterError(f"snapshots must be at least 1, found {self.snapshots}")
        for name in ("spacing", "viscosity", "eddies"):
            if not 0 < getattr(self, name) < np.inf:
                raise ParameterError(f"{name} must be a finite number above 0, found {getattr(self, name)}")


@dataclass(frozen=True)
class Box:
    """A periodic square of width 2 pi. Fields are given by the Fourier modes of their vorticity, (..., rows, modes)."""

    points: int
    viscosity: float

    @cached_property
    def waves(self) -> tuple[Array, Array]:
        """Wave numbers (rows, modes) along y and x."""
        along_y = np.fft.fftfreq(self.points, 1 / self.points)
        along_x = np.fft.rfftfreq(self.points, 1 / self.points)
        y, x = np.meshgrid(along_y, along_x, indexing="ij")
        return y, x

    @cached_property
    def squares(self) -> Array:
        """|wave number|**2."""
        y, x = self.waves
        squares: Array = y**2 + x**2
        return squares

    @cached_property
    def kept(self) -> Array:
        """Modes below two thirds of the highest: products of others would come back as wrong ones (Orszag's rule)."""
        y, x = self.waves
        return (np.abs(y) < self.points / 3) & (np.abs(x) < self.points / 3)

    def velocity(self, vorticity: Array) -> Array:
        """(..., rows, modes) -> (2, ..., rows, columns): along x and y."""
        y, x = self.waves
        stream = vorticity / np.where(self.squares > 0, self.squares, np.inf)
        along: Array = np.fft.irfft2(np.stack([1j * y * stream, -1j * x * stream]))
        return along

    def carried(self, vorticity: Array) -> Array:
        """The change of vorticity in a unit of time by the flow itself: -u . grad(w)."""
        y, x = self.waves
        slope_x, slope_y = np.fft.irfft2(np.stack([1j * x * vorticity, 1j * y * vorticity]))
        along_x, along_y = self.velocity(vorticity)
        return -np.fft.rfft2(along_x * slope_x + along_y * slope_y) * self.kept

    def evolved(self, vorticity: Array, time: float) -> Array:
        """Vorticity after some time: Adams-Bashforth of second order, the viscous term exactly."""
        steps = max(1, round(time * self.points / 0.32))  # velocities up to 4 cross no more than 0.4 of the finest mode
        step = time / steps
        decay = np.exp(-self.viscosity * self.squares * step)
        before: Array | None = None
        for _ in range(steps):
            now = self.carried(vorticity)
            change = now if before is None else 1.5 * now - 0.5 * decay * before
            vorticity, before = decay * (vorticity + step * change), now
        return vorticity


def first_eddies(box: Box, flows: int, eddies: float, rng: np.random.Generator) -> Array:
    """Random vorticity around a wave number, (flows, rows, modes), with velocities of 1: root of the mean squares."""
    noise = np.fft.rfft2(rng.standard_normal((flows, box.points, box.points)))
    waves = np.sqrt(box.squares)
    vorticity = noise * waves**1.5 * np.exp(-((waves / eddies) ** 2)) * box.kept
    speed = np.sqrt(np.square(box.velocity(vorticity)).mean((0, 2, 3)))
    drawn: Array = vorticity / speed[:, None, None]
    return drawn


def make(parameters: Parameters) -> Splits:
    """x: (2, points, points), velocity along x and y. Of ten flows, seven to learn from, one to watch, two to test."""
    box = Box(parameters.points, parameters.viscosity)
    rng = np.random.default_rng(parameters.seed)
    vorticity = first_eddies(box, parameters.flows, parameters.eddies, rng)
    snapshots = []
    for _ in range(parameters.snapshots):
        vorticity = box.evolved(vorticity, parameters.spacing)
        snapshots.append(box.velocity(vorticity).swapaxes(0, 1))
    fields = np.stack(snapshots, 1).reshape(-1, 2, parameters.points, parameters.points)
    learned, watched = parameters.flows * 7 // 10, parameters.flows // 10
    return cut({"x": fields}, learned * parameters.snapshots, watched * parameters.snapshots)


def baseline(splits: Splits) -> Baseline:
    """What principal components leave that press a field as hard as the autoencoder does, as "reconstruction" tells
    it."""
    from sklearn.decomposition import PCA

    train, test = (whole(one)["x"].reshape(len(one), -1) for one in (splits.train, splits.test))
    number = min(train.shape[1] // COMPRESSION, len(train))
    components = PCA(number, svd_solver="full").fit(train)
    lost = components.inverse_transform(components.transform(test)) - test
    return Baseline(f"{number} principal components", float(np.sqrt(np.square(lost).mean())))


DATASET = Dataset(
    name="flow-fields",
    title="Decaying turbulence in two dimensions",
    source="Navier-Stokes equations in vorticity form, McWilliams, J. Fluid Mech. 146 (1984) 21, "
    "doi:10.1017/S0022112084001750; solved here",
    parameters=Parameters,
    make=make,
    baseline=baseline,
)
