"""Which rank this process is, from what its launcher says. Reads the environment it is given, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hqml.errors import HostError

_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
_SRUN = ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID")  # the batch script itself has no STEP_NUM_TASKS
_HOROVODRUN = ("HOROVOD_RANK", "HOROVOD_SIZE", "HOROVOD_LOCAL_RANK")


@dataclass(frozen=True)
class Place:
    """Of a process among those that were started together.

    Attributes:
        launcher: that started it: "torchrun", "srun", "horovodrun"; "" if none did.
        rank: from 0.
        size: how many there are.
        local_rank: among those of this node.
        address: where they meet; "" where the launcher sees to it.
        port: there.
    """

    launcher: str = ""
    rank: int = 0
    size: int = 1
    local_rank: int = 0
    address: str = ""
    port: int = 0


def place_in(environment: Mapping[str, str]) -> Place:
    """Where the launcher put this process.

    Raises:
        HostError: a launcher's variables are damaged, or name no host to meet at.
    """
    for launcher, names in (("horovodrun", _HOROVODRUN), ("torchrun", _TORCHRUN), ("srun", _SRUN)):
        if names[1] in environment and names[0] in environment:
            rank, size, local = (_number(environment, name) for name in names)
            if not 0 <= rank < size:
                raise HostError(f"{names[0]}={rank} and {names[1]}={size} do not fit each other; start it anew")
            place = Place(launcher, rank, size, local)
            return place if size == 1 or launcher == "horovodrun" else _meeting(place, environment)
    return Place()


def _meeting(place: Place, environment: Mapping[str, str]) -> Place:
    address, port = environment.get("MASTER_ADDR", ""), _number(environment, "MASTER_PORT")
    if place.launcher == "srun":
        address = address or first_host(environment.get("SLURM_STEP_NODELIST", ""))
        # Other steps of the node have other numbers; 20000 to 29999 is free of what systems listen on.
        port = (
            port or 20000 + (_number(environment, "SLURM_JOB_ID") * 7 + _number(environment, "SLURM_STEP_ID")) % 10000
        )
    if not address or not port:
        raise HostError(
            f"{place.launcher} started {place.size} ranks, but MASTER_ADDR or MASTER_PORT says not where they meet"
        )
    return Place(place.launcher, place.rank, place.size, place.local_rank, address, port)


def first_host(nodes: str) -> str:
    """Of Slurm's short form of a list: "jwb[0003-0005,0009],login1" begins with jwb0003."""
    found = re.match(r"([^,\[]*)(?:\[(\d+)[^\]]*\]([^,]*))?", nodes)
    return "" if found is None else found[1] + (found[2] or "") + (found[3] or "")


def _number(environment: Mapping[str, str], name: str) -> int:
    text = environment.get(name, "0")
    if not text.isdecimal():
        raise HostError(f"{name}={text!r} is no whole number; what starts the ranks sets it")
    return int(text)


def ranks_of_mpi(environment: Mapping[str, str]) -> int:
    """How many ranks mpiexec started, which torch does not hear of; 1 where it did not."""
    sizes = (environment.get(name, "") for name in ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS"))
    return next((int(size) for size in sizes if size.isdecimal()), 1)
