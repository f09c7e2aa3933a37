"""Where the components of a step run at a site: nodes, partition, processors and software."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from hqml.hpc.needs import read_needs
from hqml.hpc.processors import cpus_per_task
from hqml.hpc.site import Module, Partition, Site
from hqml.hpc.software.modules import Resolution, resolve
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
        purge: whether it loads modules of its own, and nothing that was loaded before counts.
        packages: whether any of these is more than the stage.
        load: arguments of `module load`.
        use: folders of `module use`.
        missing: needs that no module meets.
        tasks: on each node, that the launcher starts.
        cpus: of each of these; None: nothing is asked.
    """

    component: Component
    module: Module
    host: Module
    partition: Partition | None
    function: str
    purge: bool
    packages: bool
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
        return self.component.gpus or self.component.tasks_per_node

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
    modules = _modules(workflow, site, component, host)
    partition = site.partition(component.on, component.partition) if site.scheduler == "slurm" else None
    return Placed(
        component=component,
        module=site.module(component.on),
        host=host,
        partition=partition,
        function=function,
        purge=modules is not None,
        packages=bool(modules and modules.found),
        load=modules.load if modules else (),
        use=modules.use if modules else (),
        missing=tuple(one.message for one in modules.missing) if modules else (),
        tasks=component.started_per_node,
        cpus=cpus_per_task(component, partition, site.launch) if partition else None,
    )


def _modules(workflow: Workflow, site: Site, component: Component, host: Module) -> Resolution | None:
    """What to load; None: what is there stays. A container has all but what runs it.

    The stage is loaded without any need as well: what a login has loaded is not to reach a job.
    """
    stage = site.stage(workflow.stage)
    if stage is None:
        return None
    if component.container is None:
        return resolve(site, component.needs, kind=host.kind, stage=stage.name)
    found = resolve(site, read_needs(_CONTAINERS), kind=host.kind, stage=stage.name)
    return None if found.missing else found
