"""Long short-term memory: a recurrent network whose cells keep what they are not told to forget."""

from __future__ import annotations

from torch import nn

from hqml.dl.architecture import Architecture
from hqml.dl.signature import Signature
from hqml.dl.zoo.recurrent import Parameters, Recurrent
from hqml.dl.zoo.recurrent import build as build_recurrent


def build(parameters: Parameters, signature: Signature) -> Recurrent:
    """A network of LSTM cells for these shapes."""
    return build_recurrent(nn.LSTM, parameters, signature)


ARCHITECTURE = Architecture(
    name="lstm",
    title="Long short-term memory",
    source="Hochreiter, Schmidhuber, Neural Comput. 9 (1997) 1735, doi:10.1162/neco.1997.9.8.1735; forget gates: Gers, "
    "Schmidhuber, Cummins, Neural Comput. 12 (2000) 2451, doi:10.1162/089976600300015015",
    parameters=Parameters,
    build=build,
)
