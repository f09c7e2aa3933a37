"""Kinds and momenta of particles against the truth: what MLPF is trained with.

A batch holds elements in "x" (samples, elements, features), their kinds in "y" (samples, elements), 0 where an element
has no particle of its own, and momenta in "momentum" (samples, elements, numbers). Rows of zeros in "x" are no
elements.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hqml.dl.objective import Batch, Objective
from hqml.dl.parameters import filled
from hqml.dl.signature import Signature
from hqml.dl.spec import LossSpec
from hqml.errors import ParameterError


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        momentum: weight of the momenta's mean square error beside the kinds' cross-entropy.
    """

    momentum: float = 1.0

    def __post_init__(self) -> None:
        if self.momentum < 0:
            raise ParameterError(f"momentum must be at least 0, found {self.momentum}")


def _mean(values: Tensor, where: Tensor) -> Tensor:
    """Mean over the elements of a sample that count, then over the samples; no such element counts 0."""
    chosen = torch.where(where, values, torch.zeros_like(values))
    mean: Tensor = (chosen.sum(1) / where.sum(1).clamp(min=1)).mean()
    return mean


class ParticleFlow(Objective):
    """Cross-entropy of the kinds of elements, and mean squares of the momenta of those that have a particle."""

    figure, higher_is_better = "accuracy", True

    def __init__(self, model: nn.Module, parameters: Parameters) -> None:
        super().__init__(model)
        self.weight = parameters.momentum

    def _parts(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Cross-entropy, mean squares, accuracy."""
        if "momentum" not in batch:
            raise ParameterError("loss 'particle-flow' needs samples with a field 'momentum', which these have not")
        logits, momentum = self.model(batch["x"])
        there = (batch["x"] != 0).any(2)
        kinds = _mean(F.cross_entropy(logits, batch["y"], reduction="none"), there)
        squares = (momentum - batch["momentum"]).square().mean(2)
        hits = (logits.argmax(1) == batch["y"]).to(kinds.dtype)
        return kinds, _mean(squares, there & (batch["y"] > 0)), _mean(hits, there)

    def forward(self, batch: Batch, phase: str = "model") -> Tensor:
        kinds, squares, _ = self._parts(batch)
        return kinds + self.weight * squares

    @torch.no_grad()
    def measure(self, batch: Batch) -> dict[str, Tensor]:
        kinds, squares, accuracy = self._parts(batch)
        return {"loss": kinds + self.weight * squares, "accuracy": accuracy, "momentum_mse": squares}


PARAMETERS = {"particle-flow": Parameters}
"""Of each loss."""


def make(loss: LossSpec, model: nn.Module, signature: Signature) -> Objective:
    """The objective of a loss.

    Raises:
        ParameterError: a parameter is unknown or wrong, or the targets are no classes of elements.
    """
    if signature.classes is None or signature.y != signature.x[:1]:
        raise ParameterError("loss 'particle-flow' needs targets that are a class of each element")
    return ParticleFlow(model, filled(Parameters, loss.parameters, "loss 'particle-flow'"))
