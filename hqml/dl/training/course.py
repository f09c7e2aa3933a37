"""What the epochs so far say: which was the best, whether another one is worth it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hqml.dl.spec import EarlyStoppingSpec
from hqml.dl.trained import Epoch
from hqml.errors import HqmlError


class Diverged(HqmlError, ArithmeticError):
    """The loss is no finite number any more."""


def check_finite(loss: float, epoch: int) -> None:
    """
    Raises:
        Diverged: the mean loss of an epoch is no number.
    """
    if not math.isfinite(loss):
        raise Diverged(
            f"the loss of epoch {epoch} is {loss}: training diverged; lower optimizer.rate, set clip, name a precision "
            "of more digits, or look for targets that are no numbers"
        )


def watched(epoch: Epoch) -> float:
    """What early stopping, the plateau and the choice of the best epoch look at: the validation loss, and the training
    loss where there are no validation data."""
    return epoch.validation.get("loss", epoch.loss)


def best(history: Sequence[Epoch]) -> int:
    """Number of the epoch whose weights are kept; 0: none is over.

    It is the one of the lowest validation loss, the first of several. Without validation data it is the last one, since
    the loss of the training data falls on when a model learns them by heart.
    """
    if not history:
        return 0
    if not history[-1].validation:
        return history[-1].number
    finite = [epoch for epoch in history if math.isfinite(watched(epoch))]
    return min(finite, key=watched).number if finite else history[-1].number


def is_stale(history: Sequence[Epoch], stopping: EarlyStoppingSpec | None) -> bool:
    """Whether the last `patience` epochs gained less than `minimum`."""
    if stopping is None:
        return False
    least, waited = math.inf, 0
    for epoch in history:
        if watched(epoch) < least - stopping.minimum:
            least, waited = watched(epoch), 0
        else:
            waited += 1
    return waited >= stopping.patience
