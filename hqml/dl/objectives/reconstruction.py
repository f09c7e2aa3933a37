"""Samples against what an autoencoder makes of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hqml.dl.objective import Batch, Objective
from hqml.dl.objectives.supervised import Plain
from hqml.dl.parameters import filled
from hqml.dl.scaling import unit_of
from hqml.dl.signature import Signature
from hqml.dl.spec import LossSpec

PARAMETERS = {"reconstruction": Plain}
"""Of each loss."""


class Reconstruction(Objective):
    """Mean squares of what is lost, in the model's scale; "rmse" is their root in the samples' own unit."""

    figure = "rmse"
    roots = ("rmse",)

    def forward(self, batch: Batch, phase: str = "model") -> Tensor:
        return self._loss(self.model(batch["x"]), batch["x"])

    def _loss(self, again: Tensor, x: Tensor) -> Tensor:
        unit = unit_of(self.model)
        return F.mse_loss(again / unit, x / unit)

    @torch.no_grad()
    def measure(self, batch: Batch) -> dict[str, Tensor]:
        again = self.model(batch["x"])
        return {"loss": self._loss(again, batch["x"]), "rmse": F.mse_loss(again, batch["x"]).sqrt()}


def make(loss: LossSpec, model: nn.Module, signature: Signature) -> Objective:
    """The objective of an autoencoder; targets, if there are some, are not looked at.

    Raises:
        ParameterError: the loss is given a parameter, of which it has none.
    """
    filled(Plain, loss.parameters, "loss 'reconstruction'")
    return Reconstruction(model)
