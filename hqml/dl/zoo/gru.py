"""Gated recurrent units: LSTM's idea with two gates and no separate cell."""

from __future__ import annotations

from torch import nn

from hqml.dl.architecture import Architecture
from hqml.dl.signature import Signature
from hqml.dl.zoo.recurrent import Parameters, Recurrent
from hqml.dl.zoo.recurrent import build as build_recurrent


def build(parameters: Parameters, signature: Signature) -> Recurrent:
    """A network of GRU cells for these shapes."""
    return build_recurrent(nn.GRU, parameters, signature)


ARCHITECTURE = Architecture(
    name="gru",
    title="Gated recurrent units",
    source="Cho et al., EMNLP 2014, arXiv:1406.1078",
    parameters=Parameters,
    build=build,
)
