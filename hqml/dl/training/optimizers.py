"""Optimisers by the names of specifications. Their tables need no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from hqml.dl.parameters import filled
from hqml.dl.spec import OptimizerSpec
from hqml.errors import ParameterError
from hqml.options import one_of, unlike

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer


def _at_least_0(owner: Any, *names: str) -> None:
    for name in names:
        if getattr(owner, name) < 0:
            raise ParameterError(f"{name} must be at least 0, found {getattr(owner, name)}")


def _share(name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise ParameterError(f"{name} must be at least 0 and below 1, found {value}")


@dataclass(frozen=True)
class Adam:
    """Kingma, Ba, arXiv:1412.6980.

    Attributes:
        betas: how much of the mean of gradients, and of their squares, each step keeps.
        eps: is added to the root of the squares.
        weight_decay: share of the squared weights in the loss.
        amsgrad: whether the largest mean of squares so far counts.
    """

    torch: ClassVar[str] = "Adam"
    rate: ClassVar[float] = 1e-3

    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    amsgrad: bool = False

    def __post_init__(self) -> None:
        for beta in self.betas:
            _share("betas", beta)
        _at_least_0(self, "eps", "weight_decay")


@dataclass(frozen=True)
class AdamW(Adam):
    """Loshchilov, Hutter, arXiv:1711.05101: the weights decay by themselves, apart from the gradient."""

    torch: ClassVar[str] = "AdamW"

    weight_decay: float = 1e-2


@dataclass(frozen=True)
class Sgd:
    """Stochastic gradient descent.

    Attributes:
        momentum: share of its last change that a weight keeps on making.
        dampening: share of the gradient that momentum leaves out.
        weight_decay: share of the squared weights in the loss.
        nesterov: whether the gradient is that of where momentum leads.
    """

    torch: ClassVar[str] = "SGD"
    rate: ClassVar[float] = 1e-2

    momentum: float = 0.0
    dampening: float = 0.0
    weight_decay: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        _at_least_0(self, "momentum", "dampening", "weight_decay")
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise ParameterError("nesterov needs a momentum above 0, and dampening 0")


@dataclass(frozen=True)
class RmsProp:
    """Tieleman, Hinton, lecture 6.5 of Neural Networks for Machine Learning (2012).

    Attributes:
        alpha: how much of the mean of squared gradients each step keeps.
        eps: is added to its root.
        momentum: share of its last change that a weight keeps on making.
        weight_decay: share of the squared weights in the loss.
        centered: whether the gradients' variance takes the place of their squares.
    """

    torch: ClassVar[str] = "RMSprop"
    rate: ClassVar[float] = 1e-2

    alpha: float = 0.99
    eps: float = 1e-8
    momentum: float = 0.0
    weight_decay: float = 0.0
    centered: bool = False

    def __post_init__(self) -> None:
        _share("alpha", self.alpha)
        _at_least_0(self, "eps", "momentum", "weight_decay")


@dataclass(frozen=True)
class Lbfgs:
    """Liu, Nocedal, Mathematical Programming 45 (1989) 503, doi:10.1007/BF01589116: for losses without noise, as those
    of PINNs whose batch is all points.

    Attributes:
        max_iter: iterations of one step.
        history_size: past steps that shape the next.
        line_search: strong_wolfe, or None for steps of the rate's length.
    """

    torch: ClassVar[str] = "LBFGS"
    rate: ClassVar[float] = 1.0

    max_iter: int = 20
    history_size: int = 100
    line_search: str | None = "strong_wolfe"

    def __post_init__(self) -> None:
        for name in ("max_iter", "history_size"):
            if getattr(self, name) < 1:
                raise ParameterError(f"{name} must be at least 1, found {getattr(self, name)}")
        if self.line_search is not None:
            one_of("line_search", self.line_search, ["strong_wolfe"])


Parameters: TypeAlias = Adam | Sgd | RmsProp | Lbfgs

OPTIMIZERS: dict[str, type[Parameters]] = {
    "adam": Adam,
    "adamw": AdamW,
    "sgd": Sgd,
    "rmsprop": RmsProp,
    "lbfgs": Lbfgs,
}
"""By the name that specifications use."""


def parameters_of(spec: OptimizerSpec) -> Parameters:
    """The checked parameters of an optimiser.

    Raises:
        ParameterError: there is no such optimiser, or it takes no such parameter.
    """
    if spec.name not in OPTIMIZERS:
        raise ParameterError(f"there is no optimizer {spec.name!r}{unlike(spec.name, OPTIMIZERS)}")
    parameters: Parameters = filled(OPTIMIZERS[spec.name], spec.parameters, f"optimizer {spec.name!r}")
    return parameters


def optimizer_of(spec: OptimizerSpec, weights: Iterable[nn.Parameter]) -> Optimizer:
    """torch's optimiser of some weights.

    Raises:
        ParameterError: as `parameters_of`.
    """
    import torch

    parameters = parameters_of(spec)
    values = asdict(parameters)
    if "line_search" in values:
        values["line_search_fn"] = values.pop("line_search")
    kind: type[Optimizer] = getattr(torch.optim, parameters.torch)
    return kind([one for one in weights if one.requires_grad], lr=spec.rate or parameters.rate, **values)  # type: ignore[call-arg]
