"""How far training has come, for who shows it."""

from __future__ import annotations

from dataclasses import dataclass

from hqml.dl.trained import Epoch


@dataclass(frozen=True)
class Progress:
    """Where training is.

    Attributes:
        epoch: number of the one at work, from 1.
        epochs: how many there are at most.
        step: steps of it that are done.
        steps: of one epoch.
        loss: mean of the epoch so far; None before its first step.
        ended: the epoch, when it is over and its validation figures are known.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float | None = None
    ended: Epoch | None = None

    @property
    def share(self) -> float:
        """Of all epochs, 0 to 1."""
        return min(1.0, (self.epoch - 1 + self.step / max(1, self.steps)) / self.epochs)
