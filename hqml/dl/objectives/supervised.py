"""Predictions against targets: classes, or numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hqml.dl.objective import Batch, Objective
from hqml.dl.signature import Signature
from hqml.dl.spec import LossSpec
from hqml.errors import ParameterError


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
    """Predictions against targets of the same shape."""

    def __init__(self, model: nn.Module, name: str, **parameters: Any) -> None:
        super().__init__(model)
        self.figure = "relative_l2" if name == "relative-l2" else "rmse"
        self.loss: Callable[..., Tensor] = _OF_NUMBERS[name]
        self.parameters_of_loss = parameters

    def forward(self, batch: Batch, phase: str = "model") -> Tensor:
        return self.loss(self.model(batch["x"]), batch["y"], **self.parameters_of_loss)

    @torch.no_grad()
    def measure(self, batch: Batch) -> dict[str, Tensor]:
        prediction = self.model(batch["x"])
        loss = self.loss(prediction, batch["y"], **self.parameters_of_loss)
        other = loss if self.figure == "relative_l2" else F.mse_loss(prediction, batch["y"]).sqrt()
        return {"loss": loss, self.figure: other}


def make(loss: LossSpec, model: nn.Module, signature: Signature) -> Objective:
    """The objective of a loss.

    Raises:
        ParameterError: the loss is one of classes and the targets are numbers, or the other way round.
    """
    name = loss.name or "supervised"
    if name == "supervised":
        name = "mse" if signature.classes is None else "cross-entropy"
    if (name == "cross-entropy") != (signature.classes is not None):
        found = "numbers" if signature.classes is None else "classes"
        raise ParameterError(f"loss {name!r} does not fit targets that are {found}; leave `loss` out, or name another")
    return Classes(model, **loss.parameters) if name == "cross-entropy" else Numbers(model, name, **loss.parameters)
