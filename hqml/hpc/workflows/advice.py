"""What a workflow may do at a site and had better not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

from hqml.errors import ParameterError
from hqml.hpc.site import Site
from hqml.hpc.workflow import Component, Step, Workflow
from hqml.hpc.workflows.limits import Request, beyond_known, called, fitting, request_of
from hqml.hpc.workflows.software_advice import missing_software, unchecked_needs

_OLD = timedelta(days=365)
"""Sites change their partitions about once a year."""

_MOST_TASKS = 1000
"""Of an array, where a site has not changed it: MaxArraySize of `man slurm.conf` is 1001, and tasks count from 0."""

_SIGNAL_EARLY = 60.0
"""Seconds that a signal may come before its time: `man sbatch`, --signal."""


def warnings(workflow: Workflow, site: Site, today: date | None = None) -> list[str]:
    """What to think over, a line each; of a workflow that `hqml.hpc.workflows.checks.check` takes.

    Args:
        workflow: to run.
        site: where.
        today: None: by the clock.
    """
    names: dict[str, list[str]] = {}
    for step in workflow.steps:
        for one in _of_step(step, site):
            names.setdefault(one, []).append(step.name)
        for component in step.components:
            for one in _of_component(workflow, site, step, component):
                names.setdefault(one, []).append(_name(step, component))
    of_steps = [f"{', '.join(those)}: {one}" for one, those in names.items()]
    return [*_age(site, today or date.today()), *_of_site(workflow, site), *of_steps]


def _name(step: Step, component: Component) -> str:
    return f"{step.name}.{component.name}" if step.together else step.name


def _age(site: Site, today: date) -> Iterator[str]:
    dates = [date.fromisoformat(one.date) for one in site.sources.values()]
    if site.scheduler != "none" and dates and today - min(dates) > _OLD:
        yield f"what is known of {site.name} is of {min(dates)} in part; `hqml site probe` tells what holds there now"


def _of_site(workflow: Workflow, site: Site) -> Iterator[str]:
    """What another site needs and this one has not: only `site:` should have to change."""
    if workflow.stage is not None and not site.software.stages:
        yield f"stage {workflow.stage} is left out: {site.name} has no stages of software"
    asking = [one.name for step in workflow.steps for one in step.components if one.memory_gb is not None]
    if asking and not site.launch.memory:
        names = ", ".join(asking)
        yield f"memory of {names} is left out: jobs of {site.name} must not ask for it, it comes with the CPUs"
    yield from unchecked_needs(workflow, site)


def _of_step(step: Step, site: Site) -> Iterator[str]:
    if step.sweep:
        text = " ".join(_words(component) for component in step.components)
        unused = [name for name in step.sweep[0] if not re.search(rf"{name}(?!\w)", text)]
        if unused:
            names = " or ".join(f"${name}" for name in unused)
            yield f"nothing in run says {names}, so that tasks of the sweep may do the same"
        if site.scheduler == "slurm" and len(step.sweep) > _MOST_TASKS:
            yield f"{len(step.sweep)} tasks are more than many sites let an array have ({_MOST_TASKS})"
    if step.checkpoint and site.scheduler == "slurm" and step.seconds - step.checkpoint.before <= _SIGNAL_EARLY:
        yield "Slurm may send the signal up to a minute early, which here is at the start; lower before, or raise time"


def _words(component: Component) -> str:
    run = component.run
    return run if isinstance(run, str) else f"{run.function} {dict(run.arguments)}"


def _of_component(workflow: Workflow, site: Site, step: Step, component: Component) -> Iterator[str]:
    yield from missing_software(workflow, site, component)
    if component.quantum and step.checkpoint and step.checkpoint.requeues:
        starts = 1 + step.checkpoint.requeues
        yield f"each of up to {starts} starts may use the QPU time; let the program keep account of it in its state"
    token_file = component.quantum.token_file if component.quantum else None
    if token_file and token_file[0] not in "/~$":
        yield f"{token_file} is in the workflow's folder, and --host does not send it; keep it elsewhere"
    try:
        request = request_of(site, step, component)
    except ParameterError:
        return
    yield from beyond_known(request)
    if site.scheduler == "slurm":
        yield from _idle(request)


def _idle(request: Request) -> Iterator[str]:
    """Nodes that are paid for and not used."""
    name, node = called(request.partition), request.node
    if node.gpus and not request.component.gpus and request.launch.gpus != "none":
        yield f"nodes of {name} have GPUs, and none is asked; write gpus: {node.gpus}, or take another module"
    if request.partition.whole_nodes and 0 < request.component.gpus < node.gpus:
        yield (
            f"jobs have whole nodes of {name} with {node.gpus} GPUs each, and this asks for {request.component.gpus}; "
            f"write gpus: {node.gpus} if the program can use them"
        )
    tasks, said = len(request.step.sweep), request.component.tasks_per_node * (request.component.cpus or 1)
    if tasks > 1 and request.partition.whole_nodes and said < node.cores:
        yield (
            f"each of the {tasks} tasks of the sweep has a whole node of {name} with {node.cores} cores; "
            "let a task try several values"
        )


def hints(workflow: Workflow, site: Site) -> list[str]:
    """What else would do: steps that fit a partition for tests, where jobs start sooner; one line a partition."""
    steps: dict[str, list[str]] = {}
    for step in workflow.steps:
        for component in step.components:
            try:
                request = request_of(site, step, component)
            except ParameterError:
                continue
            for name in _for_tests(request):
                steps.setdefault(name, []).append(_name(step, component))
    return [
        f"{', '.join(fit)}: for a trial, partition: {name} takes this too and may start it sooner"
        for name, fit in steps.items()
    ]


def _for_tests(request: Request) -> Iterator[str]:
    if not request.partition.purpose and request.component.partition is None:
        for other in fitting(request):
            is_like = bool(other.node.gpus) == bool(request.node.gpus)
            if "test" in other.partition.purpose and is_like:
                yield called(other.partition)
                return
