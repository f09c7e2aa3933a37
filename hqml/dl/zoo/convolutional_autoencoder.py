"""Convolutional autoencoder: fields on a grid, pressed into a coarser grid of a few channels."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from hqml.dl.architecture import Architecture
from hqml.dl.signature import Signature
from hqml.errors import ParameterError

SLOPE = 0.2  # of the leaky rectifiers


@dataclass(frozen=True)
class Parameters:
    """The defaults press a scalar field of three dimensions by 8**3 / 8 = 64, as in the paper.

    Attributes:
        width: channels of the residual blocks on the full grid.
        blocks: residual blocks of the encoder, and of the decoder.
        levels: how often the grid is halved.
        code: channels of the coarsest grid, which together are the code.
        kernel: points a convolution sees along an axis; an odd number.
        periodic: whether a grid goes on with its other side, as that of turbulence in a box; else with zeros.
    """

    width: int = 4
    blocks: int = 12
    levels: int = 3
    code: int = 8
    kernel: int = 5
    periodic: bool = False

    def __post_init__(self) -> None:
        for name in ("width", "levels", "code"):
            if getattr(self, name) < 1:
                raise ParameterError(f"{name} must be at least 1, found {getattr(self, name)}")
        if self.blocks < 0:
            raise ParameterError(f"blocks must be at least 0, found {self.blocks}")
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ParameterError(f"kernel must be an odd number, found {self.kernel}")


class Doubled(nn.Module):
    """A transposed convolution that doubles the grid."""

    def __init__(self, before: int, after: int, dimensions: int, kernel: int, periodic: bool) -> None:
        super().__init__()
        kind = nn.ConvTranspose2d if dimensions == 2 else nn.ConvTranspose3d
        # torch pads no transposed convolution with the other side: it is laid around here, and cut off afterwards.
        self.around = (kernel // 2 + 1) // 2 if periodic else 0
        self.layer = kind(before, after, kernel, stride=2, padding=kernel // 2, output_padding=1)
        self.dimensions = dimensions

    def forward(self, x: Tensor) -> Tensor:
        if not self.around:
            finer: Tensor = self.layer(x)
            return finer
        finer = self.layer(F.pad(x, [self.around] * 2 * self.dimensions, mode="circular"))
        inside = slice(2 * self.around, -2 * self.around)
        return finer[(slice(None), slice(None), *[inside] * self.dimensions)]


@dataclass(frozen=True)
class Layers:
    """Convolutions of fields in two or three dimensions that keep, halve or double the grid."""

    dimensions: int
    kernel: int
    periodic: bool

    def keep(self, before: int, after: int) -> nn.Module:
        return self._forward(before, after, 1)

    def halve(self, before: int, after: int) -> nn.Module:
        return self._forward(before, after, 2)

    def double(self, before: int, after: int) -> nn.Module:
        return Doubled(before, after, self.dimensions, self.kernel, self.periodic)

    def _forward(self, before: int, after: int, stride: int) -> nn.Module:
        kind: Any = nn.Conv2d if self.dimensions == 2 else nn.Conv3d
        mode = "circular" if self.periodic else "zeros"
        made: nn.Module = kind(before, after, self.kernel, stride, padding=self.kernel // 2, padding_mode=mode)
        return made


class Residual(nn.Module):
    """x + body(x)."""

    def __init__(self, *body: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*body)

    def forward(self, x: Tensor) -> Tensor:
        total: Tensor = x + self.body(x)
        return total


class ConvolutionalAutoencoder(nn.Module):
    """(samples, channels, *grid) -> the same shape; `encoder` gives the code on its coarser grid."""

    def __init__(self, parameters: Parameters, channels: int, dimensions: int) -> None:
        super().__init__()
        make = Layers(dimensions, parameters.kernel, parameters.periodic)
        # The grid's channels double at each level but the last.
        widths = [parameters.width * 2 ** min(level, parameters.levels - 1) for level in range(parameters.levels + 1)]
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        for fine, coarse in itertools.pairwise(widths):
            down += [make.halve(fine, fine), _leaky(), make.keep(fine, coarse), _leaky()]
            up = [make.keep(coarse, fine), _leaky(), make.double(fine, fine), _leaky(), *up]
        self.encoder = nn.Sequential(
            make.keep(channels, widths[0]),
            _leaky(),
            _residual(make, widths[0], parameters.blocks),
            *down,
            make.keep(widths[-1], parameters.code),
        )
        self.decoder = nn.Sequential(
            make.keep(parameters.code, widths[-1]),
            *up,
            _residual(make, widths[0], parameters.blocks),
            make.keep(widths[0], channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        again: Tensor = self.decoder(self.encoder(x))
        return again


def _leaky() -> nn.Module:
    return nn.LeakyReLU(SLOPE)


def _residual(make: Layers, width: int, blocks: int) -> nn.Module:
    """Residual blocks, with a shortcut past all of them."""
    body: list[Any] = [Residual(make.keep(width, width), nn.ReLU(), make.keep(width, width)) for _ in range(blocks)]
    return Residual(*body, make.keep(width, width))


def build(parameters: Parameters, signature: Signature) -> ConvolutionalAutoencoder:
    """A network for fields of two or three dimensions.

    Raises:
        ParameterError: the inputs are no such fields, or their grid cannot be halved so often.
    """
    channels, *grid = signature.x
    if len(grid) not in (2, 3):
        raise ParameterError(
            f"cae takes inputs (channels, height, width) or (channels, depth, height, width), found {signature.x}"
        )
    factor = 2**parameters.levels
    if any(points % factor for points in grid):
        raise ParameterError(
            f"cae with levels={parameters.levels} needs a grid of multiples of {factor} points, "
            f"found {' x '.join(map(str, grid))}; lower levels, or cut the fields"
        )
    coarsest, around = min(grid) // factor, parameters.kernel // 2
    if parameters.periodic and coarsest < around:
        raise ParameterError(
            f"cae with kernel={parameters.kernel} and periodic needs {around} points on its coarsest grid, "
            f"found {coarsest}; lower levels or kernel"
        )
    return ConvolutionalAutoencoder(parameters, channels, len(grid))


ARCHITECTURE = Architecture(
    name="cae",
    title="Convolutional autoencoder",
    source="Glaws, King and Sprague, Phys. Rev. Fluids 5 (2020) 114602, doi:10.1103/PhysRevFluids.5.114602",
    parameters=Parameters,
    build=build,
    loss="reconstruction",
)
