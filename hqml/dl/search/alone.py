"""The group of a trial: this process alone, whoever started it beside others."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hqml.dl.defaults import completed

if TYPE_CHECKING:
    from hqml.dl.group import Group
    from hqml.dl.spec import Task


def alone(task: Task, base: Path) -> Group | None:
    """The group that trains a trial; None for frameworks that have none.

    A search may run as ranks of srun, mpiexec or torchrun: they share the trials, and train none together.

    Args:
        task: of the trial.
        base: folder that paths of the task are relative to.

    Raises:
        HostError: there are GPUs, but fewer than ranks.
    """
    if completed(task, base).framework != "torch":
        return None
    from hqml.dl.training.groups.alone import Alone
    from hqml.dl.training.groups.opening import device_for
    from hqml.dl.training.groups.ranks import place_in

    return Alone(device_for(place_in(os.environ)))
