"""Logits at each point of a grid against regions: of several classes, or masks of 0 and 1."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hqml.dl.objective import Batch, Objective
from hqml.dl.objectives.supervised import cross_entropy
from hqml.dl.parameters import filled
from hqml.dl.signature import Signature
from hqml.dl.spec import LossSpec
from hqml.errors import ParameterError


@dataclass(frozen=True)
class BinaryCrossEntropy:
    """
    Attributes:
        positive: weight of a target that is 1 against one that is 0.
    """

    positive: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.positive) and self.positive > 0):
            raise ParameterError(f"positive must be a finite number above 0, found {self.positive}")


@dataclass(frozen=True)
class Dice:
    """
    Attributes:
        smooth: points added to each area, so that a region that is not there has a gradient.
        cross_entropy: weight of the cross-entropy that is added; 1 makes it the loss of nnU-Net,
            doi:10.1038/s41592-020-01008-z.
    """

    smooth: float = 1.0
    cross_entropy: float = 0.0

    def __post_init__(self) -> None:
        for name in ("smooth", "cross_entropy"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ParameterError(f"{name} must be a finite number of at least 0, found {value}")


PARAMETERS = {"bce": BinaryCrossEntropy, "dice": Dice}
"""Of each loss."""


def overlap(prediction: Tensor, target: Tensor, smooth: float = 0.0) -> Tensor:
    """2 |P and T| / (|P| + |T|) of each sample and channel: (samples, channels); NaN where both are empty.

    Args:
        prediction: (samples, channels, *grid), from 0 to 1.
        target: of the same shape.
        smooth: added to both sides.

    Source: Milletari et al., 3DV 2016, arXiv:1606.04797, with areas that are not squared.
    """
    prediction, target = prediction.flatten(2), target.flatten(2)
    return (2 * (prediction * target).sum(2) + smooth) / (prediction.sum(2) + target.sum(2) + smooth)


def mean_overlap(overlaps: Tensor) -> Tensor:
    """Mean over the samples of the mean over the channels that are in the prediction or in the target."""
    there = ~overlaps.isnan()
    of_samples = overlaps.nan_to_num().sum(1) / there.sum(1).clamp(min=1)
    mean: Tensor = torch.where(there.any(1), of_samples, 1.0).mean()  # nothing was there, and nothing was found
    return mean


def one_hot(classes: Tensor, number: int) -> Tensor:
    """(samples, *grid) -> (samples, number, *grid), of the default float type."""
    return F.one_hot(classes, number).movedim(-1, 1).to(torch.get_default_dtype())


class Regions(Objective):
    """Logits (samples, classes, *grid) against class numbers (samples, *grid)."""

    figure, higher_is_better = "dice", True

    def __init__(
        self,
        model: nn.Module,
        name: str,
        *,
        smooth: float = 1.0,
        cross_entropy: float = 0.0,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(model)
        self.name, self.smooth, self.added, self.label_smoothing = name, smooth, cross_entropy, label_smoothing

    def forward(self, batch: Batch, phase: str = "model") -> Tensor:
        return self._loss(self.model(batch["x"]), batch["y"])

    def _loss(self, logits: Tensor, target: Tensor) -> Tensor:
        if self.name == "cross-entropy":
            return cross_entropy(logits, target, self.label_smoothing)
        shares = logits.softmax(1)
        loss = 1 - overlap(shares, one_hot(target, logits.shape[1]).to(shares), self.smooth).mean()
        return loss + self.added * cross_entropy(logits, target) if self.added else loss

    @torch.no_grad()
    def measure(self, batch: Batch) -> dict[str, Tensor]:
        logits, target = self.model(batch["x"]), batch["y"]
        found, classes = logits.argmax(1), logits.shape[1]
        return {
            "loss": self._loss(logits, target),
            "dice": mean_overlap(overlap(one_hot(found, classes), one_hot(target, classes))),
            "accuracy": (found == target).float().mean(),
        }


class Masks(Objective):
    """Logits against targets of 0 and 1 of the same shape; for "dice" (samples, channels, *grid)."""

    higher_is_better = True

    def __init__(
        self, model: nn.Module, name: str, *, positive: float = 1.0, smooth: float = 1.0, cross_entropy: float = 0.0
    ) -> None:
        super().__init__(model)
        self.name, self.positive, self.smooth, self.added = name, positive, smooth, cross_entropy
        self.figure = "accuracy" if name == "bce" else "dice"

    def forward(self, batch: Batch, phase: str = "model") -> Tensor:
        return self._loss(self.model(batch["x"]), batch["y"])

    def _loss(self, logits: Tensor, target: Tensor) -> Tensor:
        if self.name == "bce":
            weight = torch.full((), self.positive, dtype=logits.dtype, device=logits.device)
            return F.binary_cross_entropy_with_logits(logits, target, pos_weight=weight)
        loss = 1 - overlap(logits.sigmoid().to(target), target, self.smooth).mean()
        return loss + self.added * F.binary_cross_entropy_with_logits(logits, target) if self.added else loss

    @torch.no_grad()
    def measure(self, batch: Batch) -> dict[str, Tensor]:
        logits, target = self.model(batch["x"]), batch["y"]
        found, there = logits > 0, target > 0.5
        figures = {"loss": self._loss(logits, target), "accuracy": (found == there).float().mean()}
        if logits.ndim > 2:
            figures["dice"] = mean_overlap(overlap(found.float(), there.float()))
        return figures


def make(loss: LossSpec, model: nn.Module, signature: Signature) -> Objective:
    """The objective of a loss.

    Raises:
        ParameterError: the targets are not what the loss compares, or a parameter is unknown or wrong.
    """
    name, y = loss.name or "dice", signature.y
    if y is None:
        raise ParameterError(f"loss {name!r} needs targets; name them with data: {{targets: ...}}")
    parameters = asdict(filled(PARAMETERS[name], loss.parameters, f"loss {name!r}"))
    if name == "bce" and signature.classes is not None:
        raise ParameterError("loss 'bce' compares with numbers 0 and 1, found classes; name loss: cross-entropy")
    if name == "dice" and len(y) < (1 if signature.classes is not None else 2):
        raise ParameterError(f"loss 'dice' compares regions of a grid, found targets of shape {y}; leave `loss` out")
    return (Masks if signature.classes is None else Regions)(model, name, **parameters)
