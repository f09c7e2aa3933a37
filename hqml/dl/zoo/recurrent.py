"""What LSTM and GRU have in common: a recurrent body that reads a sequence, and a linear map of what it remembers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hqml.dl.signature import Signature
from hqml.errors import ParameterError
from hqml.options import whole_number


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        hidden: units of each layer.
        layers: one upon the other.
        dropout: share of the units that each step of training leaves out between two layers.
        both_ways: whether a second body reads the sequence from its end.
        every_step: whether each step has an output of its own, so that targets are (steps, ...); else the sequence has
            one, which follows from the last state.
    """

    hidden: int = 64
    layers: int = 1
    dropout: float = 0.0
    both_ways: bool = False
    every_step: bool = False

    def __post_init__(self) -> None:
        whole_number("hidden", self.hidden)
        whole_number("layers", self.layers)
        if not 0 <= self.dropout < 1:
            raise ParameterError(f"dropout must be at least 0 and below 1, found {self.dropout}")
        if self.dropout and self.layers == 1:
            raise ParameterError("dropout is between two layers, and there is one; set layers to 2 or more")


class Recurrent(nn.Module):
    """(samples, steps, features) -> (samples, *y); logits where there are classes, (samples, classes[, steps])."""

    def __init__(self, kind: type[nn.LSTM | nn.GRU], parameters: Parameters, signature: Signature) -> None:
        super().__init__()
        self.every_step = parameters.every_step
        self.classes = signature.classes is not None
        y = signature.y or ()
        self.y = (len(signature.classes),) if signature.classes else y[1:] if self.every_step else y
        self.body = kind(
            signature.x[1],
            parameters.hidden,
            parameters.layers,
            batch_first=True,
            dropout=parameters.dropout,
            bidirectional=parameters.both_ways,
        )
        self.head = nn.Linear(parameters.hidden * (2 if parameters.both_ways else 1), math.prod(self.y))

    def forward(self, x: Tensor) -> Tensor:
        states, last = self.body(x)
        if self.every_step:
            outputs: Tensor = self.head(states)
            return outputs.transpose(1, 2) if self.classes else outputs.reshape(-1, x.shape[1], *self.y)
        hidden = last[0] if isinstance(last, tuple) else last  # of LSTM, (hidden, cell)
        ends = torch.cat([hidden[-2], hidden[-1]], 1) if self.body.bidirectional else hidden[-1]
        prediction: Tensor = self.head(ends)
        return prediction.reshape(-1, *self.y)


def build(kind: type[nn.LSTM | nn.GRU], parameters: Parameters, signature: Signature) -> Recurrent:
    """A recurrent network for these shapes.

    Raises:
        ParameterError: the inputs are no sequences, there are no targets, or they do not fit `every_step`.
    """
    name = kind.__name__.lower()
    if len(signature.x) != 2:
        raise ParameterError(f"{name} reads sequences, (steps, features); a sample's inputs are {signature.x}")
    if signature.y is None:
        raise ParameterError(f"{name} needs targets; name them with data: {{targets: ...}}")
    if parameters.every_step and signature.y[:1] != signature.x[:1]:
        raise ParameterError(
            f"every_step needs targets with {signature.x[0]} steps first, as the inputs have; they are {signature.y}"
        )
    if signature.classes is not None and signature.y and not parameters.every_step:
        raise ParameterError(
            f"{name} gives a sequence one class; targets are {signature.y}: set every_step, if each step has its own"
        )
    if signature.classes is not None and len(signature.y) > 1:
        raise ParameterError(f"{name} gives each step one class; targets are {signature.y}")
    return Recurrent(kind, parameters, signature)
