"""A network without its last layer, and a support vector machine behind it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hqml.dl.scaling import Scaled, inside
from hqml.errors import ParameterError


class Features(nn.Module):
    """What a network's last layer sees: (samples, *x) -> (samples, features).

    Args:
        body: of a family whose module has `features` and behind them `last`, which is left out; with or without the
            scaling around it. It is copied.
        family: of it, in messages.

    Raises:
        ParameterError: the family has no features.
    """

    def __init__(self, body: nn.Module, family: str) -> None:
        super().__init__()
        self.body = copy.deepcopy(body)
        inner = inside(self.body)
        if not (hasattr(inner, "features") and hasattr(inner, "last")):
            raise ParameterError(f"model {family} has no features that a head could learn from; take mlp or resnet")
        inner.last = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        if isinstance(self.body, Scaled):
            found: Tensor = self.body.inner.features(self.body.standardised(x))  # type: ignore[operator]
        else:
            found = self.body.features(x)  # type: ignore[operator]
        return found.flatten(1)


@dataclass(frozen=True, eq=False)
class Headed:
    """A trained network with its head.

    Attributes:
        features: in evaluation mode, on the CPU.
        head: a fitted pipeline of scikit-learn, from features to class numbers.
    """

    features: Features
    head: Any

    def __call__(self, x: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """A score for each class, the highest that of the class that is predicted: (samples, *x) -> (samples, classes).

        Two classes share a decision value d, so that they have -d and d.
        """
        found = self.head.decision_function(features_of(self.features, np.asarray(x, dtype=np.float32)))
        scores = np.stack([-found, found], axis=1) if found.ndim == 1 else found
        return np.asarray(scores, dtype=np.float32)


@torch.no_grad()
def features_of(features: Features, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The features of samples as scikit-learn takes them."""
    parameter = next(features.parameters())
    found: npt.NDArray[np.float64] = (
        features(torch.from_numpy(x).to(parameter.device, parameter.dtype)).cpu().double().numpy()
    )
    return found
