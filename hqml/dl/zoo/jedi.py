"""JEDI-net: an interaction network that tells jets apart by their particles, taken in pairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hqml.dl.architecture import Architecture
from hqml.dl.signature import Signature
from hqml.errors import ParameterError
from hqml.options import one_of

_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"relu": nn.ReLU, "elu": nn.ELU, "selu": nn.SELU}


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        hidden: units of the first hidden layer of each of the three networks; the second has half of them.
        effects: numbers that a pair of particles gives its receiver, D_E of the paper.
        outputs: numbers that each particle gives the jet, D_O of the paper.
        summed: whether these are summed over the particles, so that their order does not matter; else they are put
            side by side.
        activation: relu, elu or selu, the three of the paper.
    """

    hidden: int = 50
    effects: int = 12
    outputs: int = 16
    summed: bool = True
    activation: str = "relu"

    def __post_init__(self) -> None:
        for name, least in (("hidden", 2), ("effects", 1), ("outputs", 1)):
            if getattr(self, name) < least:
                raise ParameterError(f"{name} must be at least {least}, found {getattr(self, name)}")
        one_of("activation", self.activation, list(_ACTIVATIONS))


def _last(hidden: int, outputs: int, activation: Callable[[], nn.Module]) -> nn.Sequential:
    return nn.Sequential(nn.Linear(hidden, hidden // 2), activation(), nn.Linear(hidden // 2, outputs))


def _network(inputs: int, hidden: int, outputs: int, activation: Callable[[], nn.Module]) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), activation(), *_last(hidden, outputs, activation))


class Jedi(nn.Module):
    """(samples, particles, features) -> logits (samples, classes).

    Rows of zeros are no particles: they neither send nor give anything. Of the paper's matrices R_R and R_S, which pick
    receiver and sender of each pair, nothing is stored: f_R's first layer is linear in the two, so it is applied to the
    particles and added pair by pair, which costs the same for the whole jet as for its particles one by one.
    """

    others: Tensor

    def __init__(self, parameters: Parameters, particles: int, features: int, classes: int) -> None:
        super().__init__()
        activation = _ACTIVATIONS[parameters.activation]
        self.summed, self.particles = parameters.summed, particles
        self.pair = nn.Linear(2 * features, parameters.hidden)
        self.f_r = nn.Sequential(activation(), *_last(parameters.hidden, parameters.effects, activation))
        self.f_o = _network(features + parameters.effects, parameters.hidden, parameters.outputs, activation)
        self.norm = nn.BatchNorm1d(features)  # so that units do not matter
        self.last = activation()
        width = parameters.outputs * (1 if parameters.summed else particles)
        self.f_c = _network(width, parameters.hidden, classes, activation)
        self.register_buffer("others", 1 - torch.eye(particles), persistent=False)

    def effects(self, x: Tensor, there: Tensor) -> Tensor:
        """Sum of what each particle receives: (samples, particles, effects)."""
        receiver, sender = self.pair.weight.chunk(2, dim=1)
        pairs = (x @ receiver.T + self.pair.bias)[:, :, None] + (x @ sender.T)[:, None]
        sent: Tensor = self.last(self.f_r(pairs))
        return (sent * (self.others * there[:, None])[..., None]).sum(2)

    def forward(self, x: Tensor) -> Tensor:
        there = (x != 0).any(2).to(x.dtype)
        x = self.norm(x.transpose(1, 2)).transpose(1, 2)
        given = self.last(self.f_o(torch.cat([x, self.effects(x, there)], dim=2))) * there[..., None]
        jet = given.sum(1) if self.summed else given.flatten(1)
        logits: Tensor = self.f_c(jet)
        return logits


def build(parameters: Parameters, signature: Signature) -> Jedi:
    """A network for jets of as many particles as the signature says."""
    if signature.classes is None or signature.y != ():
        raise ParameterError("jedi tells classes of whole jets apart; it needs targets that are one class a sample")
    if len(signature.x) != 2:
        raise ParameterError(f"jedi needs inputs (particles, features), found {signature.x}")
    return Jedi(parameters, *signature.x, len(signature.classes))


ARCHITECTURE = Architecture(
    name="jedi",
    title="JEDI-net",
    source="Moreno et al., Eur. Phys. J. C 80 (2020) 58, arXiv:1908.05318",
    parameters=Parameters,
    build=build,
    scaled=False,  # zeros stand for particles that are not there
)
