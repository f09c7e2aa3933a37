"""Fourier neural operator in one, two or three dimensions: a map from functions to functions.

Complex numbers do not export to ONNX, so weights are pairs of real numbers, and the Fourier transform, of which the
lowest modes alone are used, is a product with real matrices: torch.fft's numbers, in about its time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hqml.dl.architecture import Architecture
from hqml.dl.signature import Shape, Signature
from hqml.dl.zoo.mlp import ACTIVATIONS
from hqml.errors import ParameterError
from hqml.options import one_of, whole_number


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        modes: frequencies kept along each axis, one number for all of them or one for each; 12 of Li et al. in two
            dimensions, where they take 16 in one.
        width: channels of the Fourier layers; 32 and 64.
        layers: of them.
        activation: between them.
        projection: units of the hidden layer between the last of them and the outputs.
        padding: share of each axis' length that is added with zeros, for functions that are not periodic.
    """

    modes: int | tuple[int, ...] = 12
    width: int = 32
    layers: int = 4
    activation: str = "gelu"
    projection: int = 128
    padding: float = 0.0

    def __post_init__(self) -> None:
        for one in (self.modes,) if isinstance(self.modes, int) else self.modes:
            whole_number("modes", one)
        whole_number("width", self.width)
        whole_number("layers", self.layers)
        whole_number("projection", self.projection)
        one_of("activation", self.activation, list(ACTIVATIONS))
        if not 0 <= self.padding <= 1:
            raise ParameterError(f"padding must be a share from 0 to 1 of an axis, found {self.padding}")


class Waves(NamedTuple):
    """Cosines and sines of an axis' lowest frequencies: there (points, frequencies) and back (frequencies, points)."""

    cosines: Tensor
    sines: Tensor
    back_cosines: Tensor
    back_sines: Tensor


def waves(points: int, modes: int, last: bool) -> Waves:
    """The matrices of an axis' transform, float64.

    Args:
        points: of the axis.
        modes: frequencies 0 to modes - 1, and -modes to -1 unless this is the last axis, where those of real functions
            follow from the others.
        last: whether this is the last axis.

    Raises:
        ParameterError: the axis has fewer frequencies.
    """
    most = points // 2 + (1 if last else 0)
    if modes > most:
        raise ParameterError(f"an axis of {points} points has {most} modes, found modes {modes}")
    frequencies = torch.arange(0 if last else -modes, modes).roll(0 if last else modes)
    turns = torch.outer(torch.arange(points), frequencies) % points  # whole turns cost no digits
    angles = turns.double() * (2 * math.pi / points)
    share = torch.full((len(frequencies), 1), 1 / points, dtype=torch.float64)
    if last:
        share[(2 * frequencies) % points != 0] *= 2  # with the conjugate, which the mean and the highest have not
    return Waves(angles.cos(), angles.sin(), angles.cos().T * share, angles.sin().T * share)


def spectrum(v: Tensor, waves: Sequence[Waves]) -> tuple[Tensor, Tensor]:
    """The lowest Fourier modes of real functions, as numpy's rfftn has them.

    Args:
        v: (samples, channels, *points).
        waves: of each axis.

    Returns:
        Real and imaginary part, (samples, channels, *frequencies).
    """
    last = waves[-1]
    real, imaginary = _times(v, last.cosines, -1), -_times(v, last.sines, -1)
    for axis, one in enumerate(waves[:-1], start=2):
        real, imaginary = (
            _times(real, one.cosines, axis) + _times(imaginary, one.sines, axis),
            _times(imaginary, one.cosines, axis) - _times(real, one.sines, axis),
        )
    return real, imaginary


def functions(real: Tensor, imaginary: Tensor, waves: Sequence[Waves]) -> Tensor:
    """The real functions with these lowest modes, all others being 0: the inverse of `spectrum`, (samples, channels,
    *points)."""
    for axis, one in enumerate(waves[:-1], start=2):
        real, imaginary = (
            _times(real, one.back_cosines, axis) - _times(imaginary, one.back_sines, axis),
            _times(imaginary, one.back_cosines, axis) + _times(real, one.back_sines, axis),
        )
    return _times(real, waves[-1].back_cosines, -1) - _times(imaginary, waves[-1].back_sines, -1)


def _times(v: Tensor, matrix: Tensor, axis: int) -> Tensor:
    return (v.movedim(axis, -1) @ matrix).movedim(-1, axis)


class SpectralConvolution(nn.Module):
    """Each of the lowest Fourier modes times a complex matrix of its own, (samples, width, *points) to the same."""

    def __init__(self, width: int, frequencies: tuple[int, ...]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(2, width, width, *frequencies) / width**2)  # as in Li et al.'s program

    def forward(self, v: Tensor, waves: Sequence[Waves]) -> Tensor:
        real, imaginary = spectrum(v, waves)
        frequencies = real.shape[2:]
        w = self.weight.flatten(3)
        complex_product = torch.cat([torch.cat([w[0], w[1]], 1), torch.cat([-w[1], w[0]], 1)], 0).permute(2, 0, 1)
        parts = torch.cat([real, imaginary], 1).flatten(2).permute(2, 0, 1)  # (modes, samples, 2 width)
        mixed = (parts @ complex_product).permute(1, 2, 0).reshape(-1, 2 * self.weight.shape[2], *frequencies)
        real, imaginary = mixed.chunk(2, 1)
        return functions(real, imaginary, waves)


def _places(points: Shape) -> Tensor:
    """The place of each point on each axis, from 0 to 1: (axes, *points)."""
    return torch.stack(torch.meshgrid(*(torch.linspace(0, 1, n) for n in points), indexing="ij"))


class Fno(nn.Module):
    """(samples, channels, *points) -> (samples, channels of y, *points), at any number of points."""

    places: Tensor

    def __init__(self, parameters: Parameters, x: Shape, channels: int) -> None:
        super().__init__()
        self.axes = len(x) - 1
        self.modes = (parameters.modes,) * self.axes if isinstance(parameters.modes, int) else parameters.modes
        self.padding = parameters.padding
        width = parameters.width
        frequencies = (*(2 * one for one in self.modes[:-1]), self.modes[-1])
        at_each_point = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[self.axes - 1]  # with a kernel of one point: a linear map
        self.lift = at_each_point(x[0] + self.axes, width, 1)
        self.spectral = nn.ModuleList(SpectralConvolution(width, frequencies) for _ in range(parameters.layers))
        self.pointwise = nn.ModuleList(at_each_point(width, width, 1) for _ in range(parameters.layers))
        self.activation = ACTIVATIONS[parameters.activation]()
        self.project = nn.Sequential(
            at_each_point(width, parameters.projection, 1),
            self.activation,
            at_each_point(parameters.projection, channels, 1),
        )
        self.points = x[1:]
        self.register_buffer("places", _places(self.points), persistent=False)
        for axis, one in enumerate(self._waves(self._padded(self.points))):
            for name, matrix in one._asdict().items():
                self.register_buffer(f"{name}_{axis}", matrix.float(), persistent=False)

    def _padded(self, points: Shape) -> Shape:
        return tuple(one + round(self.padding * one) for one in points)

    def _waves(self, points: Shape) -> list[Waves]:
        last = self.axes - 1
        return [waves(n, modes, axis == last) for axis, (n, modes) in enumerate(zip(points, self.modes, strict=True))]

    def _constants(self, x: Tensor, points: Shape) -> tuple[Tensor, list[Waves]]:
        """Places and waves: those of the points that the operator was built for are kept."""
        if points != self.points:
            matrices = [Waves(*(matrix.to(x) for matrix in one)) for one in self._waves(self._padded(points))]
            return _places(points).to(x), matrices
        kept = [Waves(*(getattr(self, f"{name}_{axis}") for name in Waves._fields)) for axis in range(self.axes)]
        return self.places, kept

    def forward(self, x: Tensor) -> Tensor:
        points = tuple(x.shape[2:])
        places, waves = self._constants(x, points)
        v = self.lift(torch.cat([x, places.expand(x.shape[0], -1, *points)], 1))
        if self.padding:
            added = [one - n for one, n in zip(self._padded(points), points, strict=True)]
            v = F.pad(v, [side for one in reversed(added) for side in (0, one)])
        for number, (spectral, pointwise) in enumerate(zip(self.spectral, self.pointwise, strict=True), start=1):
            v = spectral(v, waves) + pointwise(v)
            v = self.activation(v) if number < len(self.spectral) else v
        for axis, n in enumerate(points, start=2):
            v = v.narrow(axis, 0, n) if self.padding else v
        y: Tensor = self.project(v)
        return y


def build(parameters: Parameters, signature: Signature) -> Fno:
    """An operator between functions on these points.

    Raises:
        ParameterError: inputs or targets are no functions on the same points, or have too few points for the modes.
    """
    x, y = signature.x, signature.y
    if len(x) not in (2, 3, 4):
        raise ParameterError(f"fno takes functions on 1 to 3 axes, (channels, *points); a sample's inputs are {x}")
    if y is None or signature.classes is not None or len(y) != len(x) or y[1:] != x[1:]:
        raise ParameterError(f"fno gives functions on the points of its inputs, (channels, *{x[1:]}); targets are {y}")
    if not isinstance(parameters.modes, int) and len(parameters.modes) != len(x) - 1:
        raise ParameterError(
            f"modes must be one number, or one for each of {len(x) - 1} axes, found {parameters.modes}"
        )
    return Fno(parameters, x, y[0])


ARCHITECTURE = Architecture(
    name="fno",
    title="Fourier neural operator",
    source="Li et al., ICLR 2021, arXiv:2010.08895",
    parameters=Parameters,
    build=build,
    loss="relative-l2",
    channels_first=True,
)
