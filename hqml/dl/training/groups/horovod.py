"""Horovod: an optional strategy, for sites whose jobs are started by it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from hqml.dl.training.groups.ranks import Place
from hqml.dl.training.groups.statistics import keeps_statistics
from hqml.errors import LibraryMissing, ParameterError


class Horovod:
    """The ranks that horovodrun, or MPI, started.

    Gradients are averaged together once the backward pass of a step is over. Horovod's own optimiser starts earlier,
    from hooks on each weight, but cannot tell the phases of an adversarial loss from each other.
    """

    def __init__(self, place: Place) -> None:
        from hqml.dl.training.groups.opening import device_for

        self._library = _horovod()
        self._library.init()
        self.rank, self.size = int(self._library.rank()), int(self._library.size())
        self.local_rank = int(self._library.local_rank())
        if self.size < place.size:
            raise ParameterError(
                f"{place.launcher} started {place.size} ranks, of which Horovod sees {self.size}; start them by "
                f"horovodrun -np {place.size}, or name distribution: ddp"
            )
        self.device = device_for(Place("horovodrun", self.rank, self.size, self.local_rank))

    def wrap(self, module: nn.Module) -> Any:
        self._library.broadcast_parameters(module.state_dict(), root_rank=0)
        if keeps_statistics(module):
            module.register_forward_pre_hook(self._same_buffers)
        return module

    def _same_buffers(self, module: nn.Module, inputs: Any) -> None:
        """As DDP has it: statistics of batch normalisation are those of rank 0."""
        if module.training:
            self._library.broadcast_parameters(dict(module.named_buffers()), root_rank=0)

    def reduce(self, weights: Iterable[nn.Parameter]) -> None:
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        if self.size > 1 and gradients:
            self._library.grouped_allreduce_(gradients, op=self._library.Average, name="gradients")

    def without_sync(self, module: Any) -> AbstractContextManager[None]:
        return nullcontext()

    def sum(self, values: Tensor) -> Tensor:
        together: Tensor = self._library.allreduce(values.detach(), op=self._library.Sum, name="sum")
        return together

    def any(self, flag: bool) -> bool:
        return bool(self.sum(torch.tensor([float(flag)])).item())

    def barrier(self) -> None:
        self.any(False)

    def close(self) -> None:
        self._library.shutdown()


def _horovod() -> Any:
    """
    Raises:
        LibraryMissing: it is not installed.
    """
    try:
        return import_module("horovod.torch")
    except ImportError as missing:
        raise LibraryMissing(
            "distribution: horovod needs Horovod, which has no wheels; docs/dl/training.md says how to build it; or "
            "write distribution: ddp"
        ) from missing
