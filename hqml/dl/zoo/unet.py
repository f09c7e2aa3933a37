"""U-Net: each pixel or voxel told from its surroundings, near and far."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hqml.dl.architecture import Architecture
from hqml.dl.signature import Signature
from hqml.errors import ParameterError


@dataclass(frozen=True)
class Parameters:
    """None stands for the value of the paper: of the first for images, of the second for volumes.

    Attributes:
        width: channels of the finest level, 64 or 32; they double with each level.
        levels: how many grids there are, 5 or 4, each half as fine as the one before.
        normalise: whether each convolution is followed by batch normalisation: no for images, yes for volumes.
    """

    width: int | None = None
    levels: int | None = None
    normalise: bool | None = None

    def __post_init__(self) -> None:
        if self.width is not None and self.width < 1:
            raise ParameterError(f"width must be at least 1, found {self.width}")
        if self.levels is not None and self.levels < 2:
            raise ParameterError(f"levels must be at least 2, found {self.levels}")


@dataclass(frozen=True)
class Layers:
    """Layers of images or volumes."""

    dimensions: int
    normalise: bool

    def pair(self, before: int, middle: int, after: int) -> nn.Sequential:
        """Two convolutions. Zeros around the edge keep the size, where the first paper let it shrink."""
        return nn.Sequential(*self._convolution(before, middle), *self._convolution(middle, after))

    def double(self, before: int, after: int) -> nn.Module:
        kind = nn.ConvTranspose2d if self.dimensions == 2 else nn.ConvTranspose3d
        # Without the bias that the voxels' paper does not count: its 19,069,955 weights.
        return kind(before, after, 2, stride=2, bias=self.dimensions == 2)

    def halve(self) -> nn.Module:
        return nn.MaxPool2d(2) if self.dimensions == 2 else nn.MaxPool3d(2)

    def each(self, before: int, after: int) -> nn.Module:
        """Of each point alone."""
        return (nn.Conv2d if self.dimensions == 2 else nn.Conv3d)(before, after, 1)

    def _convolution(self, before: int, after: int) -> list[nn.Module]:
        convolution: Any = nn.Conv2d if self.dimensions == 2 else nn.Conv3d
        norm: Any = nn.BatchNorm2d if self.dimensions == 2 else nn.BatchNorm3d
        made: list[nn.Module] = [convolution(before, after, 3, padding=1)]
        return [*made, *([norm(after)] if self.normalise else []), nn.ReLU()]


class Unet(nn.Module):
    """(samples, channels, *grid) -> (samples, outputs, *grid)."""

    def __init__(self, make: Layers, widths: list[int], channels: int, outputs: int) -> None:
        super().__init__()
        volumes = make.dimensions == 3
        down, before = [], channels
        for width in widths:
            # Volumes double their channels before they are halved, images after (section 2 of the second paper).
            down.append(make.pair(before, width, 2 * width) if volumes else make.pair(before, width, width))
            before = 2 * width if volumes else width
        self.down = nn.ModuleList(down)
        self.halve = make.halve()
        kept = [2 * width if volumes else width for width in widths]
        pairs = list(itertools.pairwise(kept))[::-1]
        self.finer = nn.ModuleList(make.double(coarse, coarse if volumes else fine) for fine, coarse in pairs)
        self.up = nn.ModuleList(make.pair(fine + (coarse if volumes else fine), fine, fine) for fine, coarse in pairs)
        self.last = make.each(kept[0], outputs)
        self.apply(_begin)

    def forward(self, x: Tensor) -> Tensor:
        skips: list[Tensor] = []
        for number, pair in enumerate(self.down):
            x = pair(x if number == 0 else self.halve(x))
            skips.append(x)
        for finer, pair, skip in zip(self.finer, self.up, skips[-2::-1], strict=True):
            x = pair(torch.cat([skip, finer(x)], 1))
        outputs: Tensor = self.last(x)
        return outputs


def _begin(module: nn.Module) -> None:
    """He's variance, as section 3 of the first paper asks for."""
    if isinstance(module, (nn.Conv2d, nn.Conv3d)):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def build(parameters: Parameters, signature: Signature) -> Unet:
    """A network with logits of each class at each point, or a channel for each one of the targets.

    Raises:
        ParameterError: inputs or targets are no such grids, or the grid cannot be halved so often.
    """
    channels, *grid = signature.x
    if len(grid) not in (2, 3):
        raise ParameterError(
            f"unet takes inputs (channels, height, width) or (channels, depth, height, width), found {signature.x}"
        )
    volumes = len(grid) == 3
    levels = parameters.levels or (4 if volumes else 5)
    factor = 2 ** (levels - 1)
    if any(points % factor for points in grid):
        raise ParameterError(
            f"unet with levels={levels} needs a grid of multiples of {factor} points, "
            f"found {' x '.join(map(str, grid))}; lower levels, or cut the images"
        )
    width = parameters.width or (32 if volumes else 64)
    normalise = volumes if parameters.normalise is None else parameters.normalise
    widths = [width * 2**level for level in range(levels)]
    return Unet(Layers(len(grid), normalise), widths, channels, _outputs(signature, tuple(grid)))


def _outputs(signature: Signature, grid: tuple[int, ...]) -> int:
    """Channels that the targets ask for."""
    if signature.classes is not None and signature.y == grid:
        return len(signature.classes)
    if signature.classes is None and signature.y is not None and signature.y[1:] == grid:
        return signature.y[0]
    wanted = grid if signature.classes is not None else ("channels", *grid)
    raise ParameterError(
        f"unet needs a target at each point, ({', '.join(map(str, wanted))}), "
        f"found {'none' if signature.y is None else signature.y}"
    )


ARCHITECTURE = Architecture(
    name="unet",
    title="U-Net",
    source="Ronneberger, Fischer and Brox, MICCAI 2015, arXiv:1505.04597; Cicek et al., MICCAI 2016, arXiv:1606.06650",
    parameters=Parameters,
    build=build,
)
