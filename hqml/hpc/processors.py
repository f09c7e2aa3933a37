"""How many processors tasks get: for the scripts that ask for them, and for the limits that they must keep."""

from __future__ import annotations

import math

from hqml.hpc.site import Launch, Partition
from hqml.hpc.workflow import Component


def cpus_per_task(component: Component, partition: Partition, launch: Launch) -> int | None:
    """What `--cpus-per-task` of each task says that the launcher starts; None: nothing, which is 1 to Slurm.

    Where the workflow says nothing, tasks share what is theirs anyway: whole nodes, or the part of the GPUs' nodes that
    goes with the GPUs. Slurm would give each one processor, and srun bind it to that.
    """
    if component.cpus is not None:
        return math.ceil(component.cpus * component.tasks_per_node / component.started_per_node)
    if component.gpus and launch.cpus_per_gpu:
        return math.ceil(component.gpus * launch.cpus_per_gpu / component.started_per_node)
    shared = _without_a_word(component, partition)
    return None if shared is None else max(1, shared // component.started_per_node)


def _without_a_word(component: Component, partition: Partition) -> int | None:
    """Of each node, for all tasks; None: as many as there are tasks."""
    node = partition.node
    if partition.whole_nodes:
        return node.cpus
    return node.cores * component.gpus // node.gpus if component.gpus and node.gpus else None


def cpus_per_node(component: Component, partition: Partition, launch: Launch) -> int:
    """Processors of Slurm that all tasks take of each node."""
    each = cpus_per_task(component, partition, launch) or 1
    return max(component.tasks_per_node, each * component.started_per_node)
