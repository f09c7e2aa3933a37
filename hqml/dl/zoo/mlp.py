"""Multilayer perceptron: the ANN of tabular data, and the body of PINNs."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hqml.dl.architecture import Architecture
from hqml.dl.signature import Signature
from hqml.errors import ParameterError
from hqml.options import one_of

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU, "silu": nn.SiLU, "sigmoid": nn.Sigmoid}


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        hidden: units of each hidden layer.
        activation: after each of them.
        dropout: share of the units that each step of training leaves out.
    """

    hidden: tuple[int, ...] = (128, 128)
    activation: str = "relu"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if any(units < 1 for units in self.hidden):
            raise ParameterError(f"hidden must be numbers of units, each at least 1, found {list(self.hidden)}")
        one_of("activation", self.activation, list(ACTIVATIONS))
        if not 0 <= self.dropout < 1:
            raise ParameterError(f"dropout must be at least 0 and below 1, found {self.dropout}")


class Mlp(nn.Module):
    """(samples, *x) -> (samples, *y), or (samples, classes): logits."""

    def __init__(self, parameters: Parameters, x: tuple[int, ...], y: tuple[int, ...]) -> None:
        super().__init__()
        self.y = y
        widths = [math.prod(x), *parameters.hidden]
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in itertools.pairwise(widths):
            layers += [nn.Linear(before, after), ACTIVATIONS[parameters.activation]()]
            layers += [nn.Dropout(parameters.dropout)] if parameters.dropout else []
        self.hidden = nn.Sequential(*layers)
        self.last = nn.Linear(widths[-1], math.prod(y))

    def features(self, x: Tensor) -> Tensor:
        """What the last layer sees."""
        found: Tensor = self.hidden(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        return torch.reshape(self.last(self.features(x)), (-1, *self.y))


def build(parameters: Parameters, signature: Signature) -> Mlp:
    """A network with one output for each class, or of the targets' shape."""
    if signature.y is None:
        raise ParameterError("mlp needs targets; name them with data: {targets: ...}")
    if signature.classes is not None and signature.y:
        raise ParameterError(
            f"mlp gives a sample one class, found targets of shape {signature.y}; where they are one-hot give class "
            "numbers, where they are numbers write data: {classes: false}"
        )
    y = signature.y if signature.classes is None else (len(signature.classes),)
    return Mlp(parameters, signature.x, y)


ARCHITECTURE = Architecture(
    name="mlp",
    title="Multilayer perceptron",
    source="Rumelhart, Hinton, Williams, Nature 323 (1986) 533, doi:10.1038/323533a0",
    parameters=Parameters,
    build=build,
)
