"""Autoencoder: samples pressed through a short code, and made again from it."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hqml.dl.architecture import Architecture
from hqml.dl.signature import Signature
from hqml.dl.zoo.mlp import ACTIVATIONS
from hqml.errors import ParameterError
from hqml.options import one_of


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        hidden: units of the encoder's layers before the code; the decoder mirrors them.
        code: numbers that a sample becomes.
        activation: after each layer but the code and the last. The paper's sigmoids need its layer by layer
            pre-training; with rectified units the whole is trained at once.
    """

    hidden: tuple[int, ...] = (1000, 500, 250)
    code: int = 30
    activation: str = "relu"

    def __post_init__(self) -> None:
        if any(units < 1 for units in self.hidden):
            raise ParameterError(f"hidden must be numbers of units, each at least 1, found {list(self.hidden)}")
        if self.code < 1:
            raise ParameterError(f"code must be at least 1, found {self.code}")
        one_of("activation", self.activation, list(ACTIVATIONS))


class Autoencoder(nn.Module):
    """(samples, *x) -> the same shape; `encoder` gives the code, (samples, code)."""

    def __init__(self, parameters: Parameters, x: tuple[int, ...]) -> None:
        super().__init__()
        self.x = x
        widths = [math.prod(x), *parameters.hidden, parameters.code]
        self.encoder = nn.Sequential(nn.Flatten(), *layers(widths, parameters.activation))
        self.decoder = nn.Sequential(*layers(widths[::-1], parameters.activation))

    def forward(self, x: Tensor) -> Tensor:
        return torch.reshape(self.decoder(self.encoder(x)), (-1, *self.x))


def layers(widths: list[int], activation: str) -> list[nn.Module]:
    """Linear layers of these widths, with activations between them."""
    made: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        made += [nn.Linear(before, after), ACTIVATIONS[activation]()]
    return made[:-1]


def build(parameters: Parameters, signature: Signature) -> Autoencoder:
    """A network that gives back what it is given; targets, if there are some, are not looked at."""
    return Autoencoder(parameters, signature.x)


ARCHITECTURE = Architecture(
    name="ae",
    title="Autoencoder",
    source="Hinton and Salakhutdinov, Science 313 (2006) 504, doi:10.1126/science.1127647",
    parameters=Parameters,
    build=build,
    loss="reconstruction",
)
