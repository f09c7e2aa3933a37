"""MLPF: machine-learned particle flow. Elements of a detector become particles, over a graph that is learned too."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hqml.dl.architecture import Architecture
from hqml.dl.signature import Signature
from hqml.errors import ParameterError

_FAR = 1e6  # squared distance to what is not there: exp(-1e6) is 0 in every precision


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        width: numbers that describe an element between the layers.
        layers: of the graph, each of which is built anew.
        space: dimensions of the space in which neighbours are looked for.
        neighbours: of each element, itself among them.
        messages: numbers that an element sends to its neighbours.
        hidden: units of the hidden layer of each dense network.
        momentum: numbers that are regressed for each particle: log pt, eta, sin phi, cos phi, log E.
    """

    width: int = 128
    layers: int = 3
    space: int = 4
    neighbours: int = 16
    messages: int = 64
    hidden: int = 256
    momentum: int = 5

    def __post_init__(self) -> None:
        for name in ("width", "layers", "space", "neighbours", "messages", "hidden", "momentum"):
            if getattr(self, name) < 1:
                raise ParameterError(f"{name} must be at least 1, found {getattr(self, name)}")


def _network(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ELU(), nn.Linear(hidden, outputs))


class GraphLayer(nn.Module):
    """Messages along the edges of a graph of nearest neighbours in a learned space.

    Of each element's neighbours, weighted by exp(-distance^2), mean and maximum are taken, as GravNet does (Qasim et
    al., arXiv:1902.07987). All distances are computed, elements^2 an event; MLPF's hashing into bins, which finds about
    the same neighbours among thousands of elements in less, is not here.
    """

    def __init__(self, parameters: Parameters) -> None:
        super().__init__()
        self.neighbours = parameters.neighbours
        self.place = nn.Linear(parameters.width, parameters.space)
        self.message = nn.Linear(parameters.width, parameters.messages)
        self.update = _network(parameters.width + 2 * parameters.messages, parameters.hidden, parameters.width)
        self.norm = nn.LayerNorm(parameters.width)

    def forward(self, h: Tensor, there: Tensor) -> Tensor:
        place, message = self.place(h), self.message(h)
        apart = (place[:, :, None] - place[:, None]).square().sum(3) + _FAR * (1 - there[:, None])
        nearest, which = torch.topk(apart, self.neighbours, dim=2, largest=False)
        at = which.flatten(1)[..., None].expand(-1, -1, message.shape[2])
        sent = torch.unflatten(torch.gather(message, 1, at), 1, (h.shape[1], self.neighbours))
        received = sent * torch.exp(-nearest)[..., None]
        update: Tensor = self.update(torch.cat([h, received.mean(2), received.amax(2)], dim=2))
        updated: Tensor = self.norm(h + update)
        return updated


class Mlpf(nn.Module):
    """(samples, elements, features) -> logits (samples, classes, elements), momenta (samples, elements, momentum).

    Elements that are rows of zeros are not there: no neighbour hears of them, and what they become means nothing.
    """

    def __init__(self, parameters: Parameters, features: int, classes: int) -> None:
        super().__init__()
        width, hidden = parameters.width, parameters.hidden
        self.encode = _network(features, hidden, width)
        self.layers = nn.ModuleList(GraphLayer(parameters) for _ in range(parameters.layers))
        self.kind = _network(features + width, hidden, classes)
        self.momentum = _network(features + width + classes, hidden, parameters.momentum)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        there = (x != 0).any(2).to(x.dtype)
        h = self.encode(x)
        for layer in self.layers:
            h = layer(h, there)
        known = torch.cat([x, h], dim=2)
        logits = self.kind(known)
        return logits.transpose(1, 2), self.momentum(torch.cat([known, logits], dim=2))


def build(parameters: Parameters, signature: Signature) -> Mlpf:
    """A network for events of as many elements as the signature says."""
    if len(signature.x) != 2:
        raise ParameterError(f"mlpf needs inputs (elements, features), found {signature.x}")
    if signature.classes is None or signature.y != signature.x[:1]:
        raise ParameterError(
            f"mlpf needs a class of each of the {signature.x[0]} elements as targets, found "
            f"{'numbers' if signature.classes is None else f'classes of shape {signature.y}'}"
        )
    if parameters.neighbours > signature.x[0]:
        raise ParameterError(
            f"neighbours must be at most the number of elements, {signature.x[0]}, found {parameters.neighbours}"
        )
    return Mlpf(parameters, signature.x[1], len(signature.classes))


ARCHITECTURE = Architecture(
    name="mlpf",
    title="Machine-learned particle flow",
    source="Pata et al., Eur. Phys. J. C 81 (2021) 381, arXiv:2101.08578",
    parameters=Parameters,
    build=build,
    outputs=("y", "momentum"),
    loss="particle-flow",
    scaled=False,  # zeros stand for elements that are not there
)
