"""Predictions against targets: classes, or numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hqml.dl.objective import Batch, Objective
from hqml.dl.parameters import filled
from hqml.dl.scaling import unit_of
from hqml.dl.signature import Signature
from hqml.dl.spec import LossSpec
from hqml.errors import ParameterError


@dataclass(frozen=True)
class Plain:
    """A loss without parameters."""


@dataclass(frozen=True)
class CrossEntropy:
    """
    Attributes:
        label_smoothing: share of each target that is spread over all classes.
    """

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1:
            raise ParameterError(f"label_smoothing must be at least 0 and below 1, found {self.label_smoothing}")


@dataclass(frozen=True)
class Huber:
    """
    Attributes:
        delta: error from which the loss grows no faster than the error.
    """

    delta: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.delta) and self.delta > 0):
            raise ParameterError(f"delta must be a finite number above 0, found {self.delta}")


def relative_l2(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean over the samples of |prediction - target| / |target|, as Li et al. (arXiv:2010.08895) measure operators."""
    error = torch.linalg.vector_norm((prediction - target).flatten(1), dim=1)
    mean: Tensor = (error / torch.linalg.vector_norm(target.flatten(1), dim=1)).mean()
    return mean


def cross_entropy(logits: Tensor, target: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Of logits (samples, classes, ...) and class numbers (samples, ...)."""
    return F.cross_entropy(logits, target, label_smoothing=label_smoothing)


_OF_NUMBERS: dict[str, Callable[..., Tensor]] = {
    "mse": F.mse_loss,
    "mae": F.l1_loss,
    "huber": F.huber_loss,
    "relative-l2": relative_l2,
}


PARAMETERS = {
    "cross-entropy": CrossEntropy,
    "huber": Huber,
    "mae": Plain,
    "mse": Plain,
    "relative-l2": Plain,
}
"""Of each loss."""


class Classes(Objective):
    """Logits (samples, classes, ...) against class numbers (samples, ...)."""

    figure, higher_is_better = "accuracy", True

    def __init__(self, model: nn.Module, **parameters: Any) -> None:
        super().__init__(model)
        self.parameters_of_loss = parameters

    def forward(self, batch: Batch, phase: str = "model") -> Tensor:
        return cross_entropy(self.model(batch["x"]), batch["y"], **self.parameters_of_loss)

    @torch.no_grad()
    def measure(self, batch: Batch) -> dict[str, Tensor]:
        logits = self.model(batch["x"])
        hits = (logits.argmax(1) == batch["y"]).float()
        return {"loss": cross_entropy(logits, batch["y"], **self.parameters_of_loss), "accuracy": hits.mean()}


class Numbers(Objective):
    """Predictions against targets of the same shape. Where a model scales its targets, errors are in that scale; the
    figures are in the targets' own unit."""

    roots = ("rmse",)

    def __init__(self, model: nn.Module, name: str, **parameters: Any) -> None:
        super().__init__(model)
        self.figure = "relative_l2" if name == "relative-l2" else "rmse"
        self.loss: Callable[..., Tensor] = _OF_NUMBERS[name]
        self.parameters_of_loss = parameters

    def forward(self, batch: Batch, phase: str = "model") -> Tensor:
        return self._loss(self.model(batch["x"]), batch["y"])

    def _loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        unit = 1.0 if self.figure == "relative_l2" else unit_of(self.model)  # the one is relative already
        return self.loss(prediction / unit, target / unit, **self.parameters_of_loss)

    @torch.no_grad()
    def measure(self, batch: Batch) -> dict[str, Tensor]:
        prediction = self.model(batch["x"])
        loss = self._loss(prediction, batch["y"])
        other = loss if self.figure == "relative_l2" else F.mse_loss(prediction, batch["y"]).sqrt()
        return {"loss": loss, self.figure: other}


def make(loss: LossSpec, model: nn.Module, signature: Signature) -> Objective:
    """The objective of a loss.

    Raises:
        ParameterError: the loss is one of classes and the targets are numbers, or the other way round; there are no
            targets; or a parameter is unknown or wrong.
    """
    if signature.y is None:
        raise ParameterError(f"loss {loss.name or 'supervised'!r} needs targets; name them with data: {{targets: ...}}")
    name = loss.name or "supervised"
    if name == "supervised":
        name = "mse" if signature.classes is None else "cross-entropy"
    if (name == "cross-entropy") != (signature.classes is not None):
        found = "numbers" if signature.classes is None else "classes"
        raise ParameterError(f"loss {name!r} does not fit targets that are {found}; leave `loss` out, or name another")
    parameters = asdict(filled(PARAMETERS[name], loss.parameters, f"loss {name!r}"))
    if name != "cross-entropy":
        return Numbers(model, name, **parameters)
    if len(signature.y) < 2:
        return Classes(model, **parameters)
    from hqml.dl.objectives.segmentation import Regions

    return Regions(model, name, **parameters)
