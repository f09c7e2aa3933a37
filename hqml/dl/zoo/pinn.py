"""Physics-informed neural network: a smooth perceptron from coordinates to a field.

The physics is in its loss (`hqml.dl.objectives.physics`), which differentiates the network by its inputs; the network
alone is exported.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hqml.dl.architecture import Architecture
from hqml.dl.signature import Signature
from hqml.dl.zoo.mlp import Mlp
from hqml.dl.zoo.mlp import Parameters as MlpParameters
from hqml.errors import ParameterError
from hqml.options import one_of

SMOOTH = ("tanh", "sigmoid", "silu", "gelu")
"""Activations with a second derivative, which a residual of a diffusion needs."""


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        hidden: units of each hidden layer; Raissi et al. take 8 of 20 for Burgers' equation.
        activation: after each of them; one that can be differentiated twice.
        low: lowest coordinates of the domain, and
        high: highest; given both, the network sees its inputs from -1 to 1, as in Raissi et al.
    """

    hidden: tuple[int, ...] = (20,) * 8
    activation: str = "tanh"
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        one_of("activation", self.activation, SMOOTH)
        MlpParameters(self.hidden, self.activation)
        low, high = self.low or (), self.high or ()
        if len(low) != len(high) or any(a >= b for a, b in zip(low, high, strict=True)):
            raise ParameterError(
                f"low and high must be as many coordinates, each low below its high; found {self.low} and {self.high}"
            )


class Pinn(nn.Module):
    """(samples, coordinates) -> (samples, *y)."""

    middle: Tensor
    reach: Tensor

    def __init__(self, parameters: Parameters, x: tuple[int, ...], y: tuple[int, ...]) -> None:
        super().__init__()
        low = torch.tensor(parameters.low or [-1.0] * x[0])
        high = torch.tensor(parameters.high or [1.0] * x[0])
        self.register_buffer("middle", (low + high) / 2, persistent=False)
        self.register_buffer("reach", (high - low) / 2, persistent=False)
        self.body = Mlp(MlpParameters(parameters.hidden, parameters.activation), x, y)
        for layer in self.body.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_normal_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        field: Tensor = self.body((x - self.middle) / self.reach)
        return field


def build(parameters: Parameters, signature: Signature) -> Pinn:
    """A network of these coordinates.

    Raises:
        ParameterError: inputs are no coordinates, targets are classes or missing, or the domain has other coordinates.
    """
    if len(signature.x) != 1:
        raise ParameterError(f"pinn takes coordinates, (coordinates,); a sample's inputs are {signature.x}")
    if signature.y is None or signature.classes is not None:
        raise ParameterError("pinn needs targets that are numbers: values of the field, NaN where none is known")
    if parameters.low is not None and len(parameters.low) != signature.x[0]:
        raise ParameterError(f"low has {len(parameters.low)} coordinates, and the inputs have {signature.x[0]}")
    return Pinn(parameters, signature.x, signature.y)


ARCHITECTURE = Architecture(
    name="pinn",
    title="Physics-informed neural network",
    source="Raissi, Perdikaris, Karniadakis, J. Comput. Phys. 378 (2019) 686, doi:10.1016/j.jcp.2018.10.045",
    parameters=Parameters,
    build=build,
    loss="physics",
    scaled=False,
)
