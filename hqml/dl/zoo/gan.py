"""Generative adversarial network: a generator that turns noise into samples. Its critic is in the loss, "gan"."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hqml.dl.architecture import Architecture
from hqml.dl.signature import Signature
from hqml.dl.zoo import mlp
from hqml.errors import ParameterError
from hqml.options import one_of

_RANGES: dict[str, Callable[[], nn.Module]] = {"any": nn.Identity, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        hidden: units of each hidden layer of a dense generator.
        activation: after each of them.
        channels: of each level of a convolutional generator of images, from the smallest image to the largest; each
            level doubles height and width. Empty: the generator is dense.
        range: of the samples' values: any, tanh (-1 to 1), sigmoid (0 to 1).
    """

    hidden: tuple[int, ...] = (128, 128)
    activation: str = "relu"
    channels: tuple[int, ...] = ()
    range: str = "any"

    def __post_init__(self) -> None:
        mlp.Parameters(self.hidden, self.activation)
        if any(width < 1 for width in self.channels):
            raise ParameterError(f"channels must be numbers, each at least 1, found {list(self.channels)}")
        one_of("range", self.range, list(_RANGES))


class Convolutional(nn.Module):
    """(samples, *noise) -> (samples, channels, height, width), by transposed convolutions.

    Source: Radford, Metz, Chintala, arXiv:1511.06434 (DCGAN), whose kernels of 4 and strides of 2 it has.
    """

    def __init__(self, widths: tuple[int, ...], noise: int, image: tuple[int, int, int]) -> None:
        super().__init__()
        levels = len(widths)
        self.first = (widths[0], image[1] >> levels, image[2] >> levels)
        self.project = nn.Sequential(nn.Flatten(), nn.Linear(noise, math.prod(self.first)))
        layers: list[nn.Module] = [nn.BatchNorm2d(widths[0]), nn.ReLU()]
        for before, after in itertools.pairwise(widths):
            layers += [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(widths[-1], image[0], 4, 2, 1))

    def forward(self, x: Tensor) -> Tensor:
        images: Tensor = self.layers(torch.reshape(self.project(x), (-1, *self.first)))
        return images


def build(parameters: Parameters, signature: Signature) -> nn.Module:
    """A generator of samples shaped as the targets; where there are none, as the inputs."""
    if signature.classes is not None:
        raise ParameterError("a generator needs samples of numbers as targets, found classes")
    y = signature.x if signature.y is None else signature.y
    if not parameters.channels:
        body: nn.Module = mlp.Mlp(mlp.Parameters(parameters.hidden, parameters.activation), signature.x, y)
    else:
        factor = 1 << len(parameters.channels)
        if len(y) != 3 or y[1] % factor or y[2] % factor:
            raise ParameterError(
                f"{len(parameters.channels)} levels of channels make images (channels, height, width) whose height and "
                f"width are multiples of {factor}, found {y}; change `channels`, or leave it out"
            )
        body = Convolutional(parameters.channels, math.prod(signature.x), (y[0], y[1], y[2]))
    return nn.Sequential(body, _RANGES[parameters.range]())


ARCHITECTURE = Architecture(
    name="gan",
    title="Generative adversarial network",
    source="Goodfellow et al., arXiv:1406.2661",
    parameters=Parameters,
    build=build,
    loss="gan",
    rate=2e-4,  # Radford, Metz, Chintala, arXiv:1511.06434, with Adam's first beta 0.5
    scaled=False,  # noise is standard as it is, and a critic sees samples in their own units
)
