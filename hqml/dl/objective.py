"""What training minimises: a model and its loss in one module, so that distributed training wraps both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, TypeAlias

import torch
from torch import Tensor, nn

Batch: TypeAlias = Mapping[str, Tensor]
"""Fields of some samples, (samples, *shape)."""


class Objective(nn.Module):
    """The base of all objectives.

    Args:
        model: what is trained and exported; its `forward(x)` gives predictions.

    Attributes:
        phases: names of the parts that have an optimiser of their own, in the order in which a step sees to them.
        figure: name of the figure of `measure` that says how good the model is.
        higher_is_better: of that figure.
        roots: figures of `measure` that are roots of a mean: over several batches, their squares are averaged.
    """

    phases: ClassVar[tuple[str, ...]] = ("model",)
    figure: str = "loss"
    higher_is_better: bool = False
    roots: ClassVar[tuple[str, ...]] = ()

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def due(self, step: int) -> tuple[str, ...]:
        """Phases of a step, counted from 0."""
        return self.phases

    def parameters_of(self, phase: str) -> Iterable[nn.Parameter]:
        """What the optimiser of a phase changes."""
        return self.model.parameters()

    def forward(self, batch: Batch, phase: str = "model") -> Tensor:
        """The loss of a batch, a mean over its samples: ()."""
        raise NotImplementedError

    def after(self, phase: str) -> None:
        """What follows an optimiser's step, e.g. weights that are clipped."""

    @torch.no_grad()
    def measure(self, batch: Batch) -> dict[str, Tensor]:
        """Figures of a batch, each a mean over its samples, "loss" among them; the model is in evaluation mode."""
        return {"loss": self(batch)}
