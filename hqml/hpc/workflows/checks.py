"""A workflow against the limits of a site, before anything is written or sent."""

from __future__ import annotations

from collections.abc import Iterator

from hqml.errors import ParameterError
from hqml.hpc.site import Site
from hqml.hpc.software.modules import resolve
from hqml.hpc.troubles import Trouble, place_of, raise_first
from hqml.hpc.workflow import Component, Step, Workflow
from hqml.hpc.workflows.limits import over_limits, request_of
from hqml.hpc.workflows.shell_syntax import bad_lines
from hqml.specs.places import Place, Places


def check(workflow: Workflow, site: Site, places: Places) -> None:
    """Find out whether a site takes a workflow.

    Args:
        workflow: of `hqml.hpc.workflows.file.open_workflow`.
        site: where it is to run.
        places: of the same file.

    Raises:
        FormatError: it does not, in one line: of all that is wrong what stands first in the file.
    """
    raise_first(places, troubles(workflow, site, places))


def troubles(workflow: Workflow, site: Site, places: Places) -> Iterator[Trouble]:
    """All that is wrong with a workflow at a site, each with its place."""
    yield from _account(workflow, site)
    stages = list(_stage(workflow, site))
    yield from stages
    yield from _shell(workflow)
    for step in workflow.steps:
        for component in step.components:
            yield from _component(workflow, site, step, component, places, stage_known=not stages)


def _account(workflow: Workflow, site: Site) -> Iterator[Trouble]:
    if site.account == "required" and workflow.account is None:
        yield (
            ("account",),
            f"this key is missing: at {site.name} a project pays for jobs, which else end as 'Invalid account'; "
            "write account: PROJECT",
        )


def _stage(workflow: Workflow, site: Site) -> Iterator[Trouble]:
    if workflow.stage is None:
        return
    try:
        site.stage(workflow.stage)
    except ParameterError as error:
        yield ("stage",), str(error)


def _shell(workflow: Workflow) -> Iterator[Trouble]:
    runs: dict[Place, str] = {}
    for step in workflow.steps:
        for component in step.components:
            if isinstance(component.run, str):
                runs[*place_of(step, component), "run"] = component.run
    yield from bad_lines(workflow.setup, runs).items()


def _component(
    workflow: Workflow, site: Site, step: Step, component: Component, places: Places, *, stage_known: bool
) -> Iterator[Trouble]:
    place = place_of(step, component)
    try:
        site.host(component.on)
    except ParameterError as error:
        yield (*place, "on"), str(error)
        return
    yield from _quantum(site, component, place, places)
    if stage_known:
        yield from _needs(workflow, site, component, place)
    if not site.host(component.on).partitions:
        yield from _without_partitions(site, component, place)
        return
    try:
        request = request_of(site, step, component)
    except ParameterError as error:
        yield (*place, "partition"), f"{error}{_module_of(site, component.partition)}"
        return
    yield from over_limits(request, places)


def _module_of(site: Site, partition: str | None) -> str:
    for module in site.modules:
        if any(partition in (one.name, one.qos) for one in module.partitions):
            return f"; {module.name} has it: write on: {module.name}"
    return ""


def _without_partitions(site: Site, component: Component, place: Place) -> Iterator[Trouble]:
    if component.partition is not None:
        yield (*place, "partition"), f"{component.on!r} of {site.name} has no partitions; leave partition out"
    elif site.scheduler != "none":
        yield (*place, "on"), f"{component.on!r} of {site.name} has no partition that jobs can run in"
    elif component.nodes > 1:
        yield (*place, "nodes"), f"{site.name} is one machine, and {component.nodes} nodes are asked; write nodes: 1"


def _quantum(site: Site, component: Component, place: Place, places: Places) -> Iterator[Trouble]:
    module, use = site.module(component.on), component.quantum
    if module.quantum is None:
        if use is not None:
            annealers = [one.name for one in site.modules if one.quantum is not None]
            instead = f"write on: {annealers[0]}" if annealers else f"{site.name} has no annealer"
            yield (*place, "quantum"), f"{component.on!r} is no quantum module; {instead}, or leave quantum out"
    elif use is None:
        yield (
            (*place, "quantum"),
            "this key is missing: say how much QPU time the step may use, e.g. quantum: {seconds: 2}",
        )
    elif module.quantum.licence is None and (*place, "quantum", "licences") in places.lines:
        yield (*place, "quantum", "licences"), f"{site.name} counts no licences of its annealer; leave licences out"


def _needs(workflow: Workflow, site: Site, component: Component, place: Place) -> Iterator[Trouble]:
    """What neither the modules have nor a venv can; a container brings its own."""
    if component.container is not None:
        return
    found = resolve(site, component.needs, kind=site.host(component.on).kind, stage=workflow.stage)
    for one in found.missing:
        if workflow.venv_of(component) is None or not one.wheel:
            yield (*place, "needs"), one.message
