"""Where the components of a step run at a site: nodes, partition, processors and software."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

from hqml.hpc.needs import read_needs
from hqml.hpc.site import Module, Partition, Site
from hqml.hpc.software.modules import resolve
from hqml.hpc.workflow import Component, Step, Workflow

_CONTAINERS = "apptainer"
"""What needs call the software that runs containers; at some sites it is a module."""


@dataclass(frozen=True)
class Placed:
    """A component at a site.

    Attributes:
        component: what to run.
        module: that it is on; also where that is an annealer without nodes.
        host: whose nodes run it.
        partition: of the host; None without a scheduler.
        function: name of the shell function that is its program.
        load: arguments of `module load`.
        use: folders of `module use`.
        missing: needs that no module meets.
        tasks: on each node, that the launcher starts.
        cpus: of each of these; None: the site's default.
    """

    component: Component
    module: Module
    host: Module
    partition: Partition | None
    function: str
    load: tuple[str, ...]
    use: tuple[str, ...]
    missing: tuple[str, ...]
    tasks: int
    cpus: int | None

    @property
    def torchrun(self) -> bool:
        """Whether torchrun starts the processes of a node."""
        return self.component.launch == "torchrun"

    @property
    def workers(self) -> int:
        """Processes that torchrun starts on each node."""
        return self.component.gpus or _tasks_per_node(self.component)

    @property
    def all_tasks(self) -> int:
        """Of all nodes."""
        return self.tasks * self.component.nodes


def place(workflow: Workflow, site: Site, step: Step) -> tuple[Placed, ...]:
    """Place the components of a step; without a scheduler all is one node, this machine.

    Raises:
        ParameterError: the site lacks a module, a partition or a stage that the workflow names.
    """
    functions: list[str] = []
    for component in step.components:
        name = "run_" + re.sub(r"\W", "_", component.name, flags=re.ASCII)
        functions.append(name if name not in functions else f"{name}_{len(functions)}")
    return tuple(
        _placed(workflow, site, component if site.scheduler == "slurm" else replace(component, nodes=1), function)
        for component, function in zip(step.components, functions, strict=True)
    )


def _placed(workflow: Workflow, site: Site, component: Component, function: str) -> Placed:
    host = site.host(component.on)
    if site.scheduler == "none":  # what is asked of several nodes runs on this one
        component = replace(component, nodes=1)
    tasks = 1 if component.launch == "torchrun" else _tasks_per_node(component)
    load, use, missing = _software(workflow, site, component, host)
    return Placed(
        component=component,
        module=site.module(component.on),
        host=host,
        partition=site.partition(component.on, component.partition) if site.scheduler == "slurm" else None,
        function=function,
        load=load,
        use=use,
        missing=missing,
        tasks=tasks,
        cpus=_cpus(site, component, tasks),
    )


def _software(
    workflow: Workflow, site: Site, component: Component, host: Module
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """What to load, from which folders, and what there is not. A container has all but what runs it."""
    if site.stage(workflow.stage) is None:
        return (), (), ()
    if component.container is None:
        found = resolve(site, component.needs, kind=host.kind, stage=workflow.stage)
        return found.load, found.use, tuple(one.message for one in found.missing)
    found = resolve(site, read_needs(_CONTAINERS), kind=host.kind, stage=workflow.stage)
    return ((), (), ()) if found.missing else (found.load, found.use, ())


def _tasks_per_node(component: Component) -> int:
    return math.ceil(component.tasks / component.nodes)


def _cpus(site: Site, component: Component, tasks: int) -> int | None:
    """Of each task that the launcher starts; torchrun's holds those of all its workers."""
    if component.cpus is not None:
        return component.cpus * _tasks_per_node(component) // tasks
    if component.gpus and site.launch.cpus_per_gpu:
        return math.ceil(site.launch.cpus_per_gpu * component.gpus / tasks)
    return None
