"""From a task's `distribution` and what this machine offers to a group."""

from __future__ import annotations

import os

import torch

from hqml.dl.group import Group
from hqml.dl.training.groups.alone import Alone
from hqml.dl.training.groups.ranks import Place, place_in, ranks_of_mpi
from hqml.errors import HostError, ParameterError
from hqml.options import one_of

DISTRIBUTIONS = ("auto", "none", "ddp", "horovod")


def open_group(distribution: str = "auto") -> Group:
    """Join the ranks that were started together.

    Args:
        distribution: "none", "ddp" or "horovod"; "auto" is what the launcher stands for: DDP of torchrun and srun,
            Horovod of horovodrun, none where there is one rank.

    Raises:
        ParameterError: there are several ranks and the task wants none, or not those of this launcher.
        LibraryMissing: Horovod is wanted and not installed.
        HostError: the ranks cannot meet.
    """
    one_of("distribution", distribution, DISTRIBUTIONS)
    place = place_in(os.environ)
    if not place.launcher and distribution != "horovod" and (ranks := ranks_of_mpi(os.environ)) > 1:
        raise ParameterError(
            f"mpiexec started {ranks} ranks, and each would train alone; start them by torchrun or srun, as "
            "docs/dl/training.md says"
        )
    if distribution == "auto":
        distribution = "none" if place.size == 1 else "horovod" if place.launcher == "horovodrun" else "ddp"
    if distribution == "none" and place.size > 1:
        raise ParameterError(
            f"{place.launcher} started {place.size} ranks of a task with distribution: none, and each would train "
            "alone; leave `distribution` out, or start one"
        )
    if distribution == "horovod":
        from hqml.dl.training.groups.horovod import Horovod

        return Horovod(place)
    device = device_for(place)
    if distribution == "none":
        return Alone(device)
    return _ddp(place, device)


def _ddp(place: Place, device: torch.device) -> Group:
    from hqml.dl.training.groups.ddp import Ddp

    if place.launcher == "horovodrun":
        raise ParameterError("distribution: ddp needs torchrun or srun, found horovodrun; name horovod, or start anew")
    if place.size == 1:
        return Alone(device)  # nobody to meet, on a laptop as in a job of one rank
    return Ddp(place, device)


def device_for(place: Place) -> torch.device:
    """A GPU of its own for each rank of a node, if there is one; else the CPU.

    Raises:
        HostError: there are GPUs, but fewer than ranks.
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    count = torch.cuda.device_count()
    if count == 1:  # the batch system shows each rank its own, or there is one rank
        index = 0
    elif place.local_rank < count:
        index = place.local_rank
    else:
        raise HostError(
            f"rank {place.rank} is number {place.local_rank} of its node (from 0), which has {count} GPUs; start one "
            "rank a GPU"
        )
    torch.cuda.set_device(index)
    return torch.device("cuda", index)
