"""What the zoo says of a model family. Without torch, so that it can be read where none is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from hqml.dl.signature import Signature


@dataclass(frozen=True)
class Architecture:
    """A model family.

    Attributes:
        name: that specifications use, e.g. "resnet".
        title: in words, e.g. "Residual network".
        source: the paper, with its identifier.
        parameters: a frozen dataclass whose fields are the parameters, with the paper's values as defaults; making one
            raises ParameterError where a value is out of its range.
        build: (parameters, signature) -> torch.nn.Module whose `forward(x)` gives one tensor, or a tuple as `outputs`
            says; raises ParameterError where the signature does not fit. Weights are drawn from torch's generator.
        outputs: names of what `forward` gives.
        loss: of `hqml.dl.objectives`; "supervised" is cross-entropy for classes and mean squares for numbers.
        rate: learning rate of the paper, for `optimizer`.
        optimizer: of the paper.
        scaled: whether inputs and targets are standardised unless a specification says otherwise.
        channels_first: whether samples of two axes are (channels, points) and not (steps, features): the axis whose
            entries each have a scale of their own.
        framework: who trains it.
        begin: (module, inputs) -> None, before the first step of training: gives weights values that follow from some
            training inputs, (samples, *x), as the module sees them, e.g. the centres of RBF; None: there are none.
    """

    name: str
    title: str
    source: str
    parameters: type[Any]
    build: Callable[[Any, Signature], Any]
    outputs: tuple[str, ...] = ("y",)
    loss: str = "supervised"
    rate: float = 1e-3
    optimizer: str = "adam"
    scaled: bool = True
    channels_first: bool = False
    framework: Literal["torch", "keras", "statsmodels"] = "torch"
    begin: Callable[[Any, Any], None] | None = None
