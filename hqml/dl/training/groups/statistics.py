"""Buffers that change while a model trains, on each rank in its own way."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _NormBase


def keeps_statistics(module: nn.Module) -> bool:
    """Whether batches leave a trace in its buffers, as in batch normalisation.

    Other buffers, such as the scale of inputs, follow from the weights or never change: to send them around in every
    step would take longer than a small model's step.
    """
    return any(isinstance(one, _NormBase) and one.track_running_stats for one in module.modules())
