"""Residual network: images of any number of spectral bands, into classes or numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from hqml.dl.architecture import Architecture
from hqml.dl.signature import Signature
from hqml.errors import ParameterError
from hqml.options import one_of

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
"""Of the four stages, by depth: table 1 of the paper."""
LARGE = 64
"""Pixels of the shorter side from which stem "auto" is that of the paper's photographs, which leaves a 32nd of them."""


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        depth: layers with weights: 18, 34, 50, 101 or 152.
        width: channels of the first stage; they double with each stage.
        stem: before the first stage. "large" halves the image twice, as for the paper's photographs of 224 pixels;
            "small" keeps its size, as for the paper's 32 pixels; "auto" is "large" from 64 pixels on.
    """

    depth: int = 18
    width: int = 64
    stem: str = "auto"

    def __post_init__(self) -> None:
        if self.depth not in BLOCKS:
            raise ParameterError(f"depth must be one of {', '.join(map(str, BLOCKS))}, found {self.depth}")
        if self.width < 1:
            raise ParameterError(f"width must be at least 1, found {self.width}")
        one_of("stem", self.stem, ["auto", "large", "small"])


class Block(nn.Module):
    """relu(shortcut(x) + body(x))."""

    expansion: ClassVar[int]

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        after = width * self.expansion
        self.body = self.make_body(before, width, stride)
        same = stride == 1 and before == after
        self.shortcut = nn.Identity() if same else nn.Sequential(*_convolution(before, after, 1, stride))

    def make_body(self, before: int, width: int, stride: int) -> nn.Sequential:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.shortcut(x) + self.body(x))


class Basic(Block):
    """Two convolutions of 3 x 3: depths 18 and 34."""

    expansion = 1

    def make_body(self, before: int, width: int, stride: int) -> nn.Sequential:
        return nn.Sequential(*_convolution(before, width, 3, stride), nn.ReLU(), *_convolution(width, width, 3))


class Bottleneck(Block):
    """1 x 1, 3 x 3, 1 x 1: depth 50 and more. The 3 x 3 has the stride, as in torchvision; in the paper the first."""

    expansion = 4

    def make_body(self, before: int, width: int, stride: int) -> nn.Sequential:
        return nn.Sequential(
            *_convolution(before, width, 1),
            nn.ReLU(),
            *_convolution(width, width, 3, stride),
            nn.ReLU(),
            *_convolution(width, 4 * width, 1),
        )


class Resnet(nn.Module):
    """(samples, bands, height, width) -> (samples, *y), or (samples, classes): logits."""

    def __init__(self, parameters: Parameters, bands: int, large: bool, y: tuple[int, ...]) -> None:
        super().__init__()
        self.y = y
        self.stem = nn.Sequential(
            *_convolution(bands, parameters.width, 7 if large else 3, 2 if large else 1),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, padding=1) if large else nn.Identity(),
        )
        kind = Basic if parameters.depth < 50 else Bottleneck
        before, stages = parameters.width, []
        for stage, blocks in enumerate(BLOCKS[parameters.depth]):
            width = parameters.width * 2**stage
            for block in range(blocks):
                stages.append(kind(before, width, 2 if stage and not block else 1))
                before = width * kind.expansion
        self.stages = nn.Sequential(*stages)
        self.last = nn.Linear(before, math.prod(y))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, Block):  # begins as its shortcut alone: Goyal et al., arXiv:1706.02677, section 5.1
                for weight in module.body[-1].parameters():
                    nn.init.zeros_(weight)

    def features(self, x: Tensor) -> Tensor:
        """What the last layer sees."""
        found: Tensor = self.stages(self.stem(x)).mean((2, 3))
        return found

    def forward(self, x: Tensor) -> Tensor:
        return torch.reshape(self.last(self.features(x)), (-1, *self.y))


def _convolution(before: int, after: int, size: int, stride: int = 1) -> tuple[nn.Module, nn.Module]:
    """A convolution, which needs no bias before its batch normalisation."""
    return nn.Conv2d(before, after, size, stride, padding=size // 2, bias=False), nn.BatchNorm2d(after)


def build(parameters: Parameters, signature: Signature) -> Resnet:
    """A network with one output for each class, or of the targets' shape.

    Raises:
        ParameterError: the inputs are no images, there are no targets, or these are classes at each pixel.
    """
    if len(signature.x) != 3:
        raise ParameterError(f"resnet takes images (bands, height, width), found {signature.x}")
    if signature.y is None:
        raise ParameterError("resnet needs targets; name them with data: {targets: ...}")
    if signature.classes is not None and signature.y:
        raise ParameterError(f"resnet gives one class an image, found targets {signature.y}; take model: unet")
    y = signature.y if signature.classes is None else (len(signature.classes),)
    large = parameters.stem == "large" or (parameters.stem == "auto" and min(signature.x[1:]) >= LARGE)
    return Resnet(parameters, signature.x[0], large, y)


ARCHITECTURE = Architecture(
    name="resnet",
    title="Residual network",
    source="He, Zhang, Ren and Sun, CVPR 2016, arXiv:1512.03385",
    parameters=Parameters,
    build=build,
)
