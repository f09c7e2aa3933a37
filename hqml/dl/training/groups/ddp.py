"""torch's DistributedDataParallel: gradients are averaged while the backward pass still computes others."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from hqml.dl.training.groups.lost import lost_ranks_told
from hqml.dl.training.groups.ranks import Place
from hqml.dl.training.groups.statistics import keeps_statistics
from hqml.errors import HostError

_PATIENCE = timedelta(minutes=30)  # as nccl's default is not: the first rank may stage data while others wait


class Ddp:
    """The ranks of a process group of torch, which is made here and ended by `close`, unless there was one."""

    def __init__(self, place: Place, device: torch.device) -> None:
        self.rank, self.size, self.local_rank = place.rank, place.size, place.local_rank
        self.device = device
        self._own = not distributed.is_initialized()
        if self._own:
            _join(place, device)

    def wrap(self, module: nn.Module) -> Any:
        phases = getattr(module, "phases", ("model",))
        on_gpu = self.device.type == "cuda"
        with warnings.catch_warnings():
            # The argument has another name since torch 2.12, and with it another meaning at the start.
            warnings.filterwarnings("ignore", message="`broadcast_buffers`", category=FutureWarning)
            return DistributedDataParallel(
                module,
                device_ids=[self.device.index] if on_gpu else None,
                broadcast_buffers=keeps_statistics(module),
                find_unused_parameters=len(phases) > 1,  # a phase has no gradient for the weights of the others
            )

    def reduce(self, weights: Iterable[nn.Parameter]) -> None: ...

    def without_sync(self, module: Any) -> AbstractContextManager[None]:
        block: AbstractContextManager[None] = module.no_sync()
        return block

    def sum(self, values: Tensor) -> Tensor:
        together = values.detach().clone().contiguous()
        with lost_ranks_told():
            distributed.all_reduce(together)
        return together

    def any(self, flag: bool) -> bool:
        return bool(self.sum(torch.tensor([float(flag)], device=self.device)).item())

    def barrier(self) -> None:
        self.any(False)  # a barrier of nccl warns where it has to guess the device; a sum never does

    def close(self) -> None:
        if self._own and distributed.is_initialized():
            distributed.destroy_process_group()


def _join(place: Place, device: torch.device) -> None:
    try:
        distributed.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            init_method=f"tcp://{place.address}:{place.port}" if place.address else "env://",
            rank=place.rank,
            world_size=place.size,
            timeout=_PATIENCE,
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise HostError(
            f"rank {place.rank} of {place.size} cannot meet the others at {place.address}:{place.port}: {error}; "
            "set MASTER_ADDR and MASTER_PORT to a host and a free port that all nodes reach"
        ) from error
