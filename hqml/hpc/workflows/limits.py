"""What a component asks for, against its partition: nodes, time, GPUs, processors, memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from hqml.hpc.amounts import shown_time
from hqml.hpc.processors import cpus_per_node
from hqml.hpc.site import Launch, Node, Partition, Site
from hqml.hpc.troubles import Trouble, place_of
from hqml.hpc.workflow import Component, Step
from hqml.specs.places import Place, Places

_SHORTER = "ask for less; with checkpoint: true a step can go on in a job after it"


@dataclass(frozen=True)
class Request:
    """A component of a step, and where it is to run.

    Attributes:
        step: whose time it has.
        component: what it asks for.
        partition: where.
        beside: all partitions of the module whose nodes run it.
        launch: how the site's jobs ask.
    """

    step: Step
    component: Component
    partition: Partition
    beside: Sequence[Partition]
    launch: Launch

    @property
    def node(self) -> Node:
        """One of its nodes."""
        return self.partition.node

    @property
    def cpus_per_node(self) -> int:
        """Processors of Slurm that its tasks take of each node."""
        return cpus_per_node(self.component, self.partition, self.launch)


def request_of(site: Site, step: Step, component: Component) -> Request:
    """What a component asks of a site.

    Raises:
        ParameterError: the site has no such module or partition.
    """
    partition = site.partition(component.on, component.partition)
    return Request(step, component, partition, site.host(component.on).partitions, site.launch)


def called(partition: Partition) -> str:
    """What `partition:` of a workflow says: queues that are one partition are told apart by their qos."""
    return partition.qos or partition.name


def over_limits(request: Request, places: Places) -> Iterator[Trouble]:
    """All that the partition does not give."""
    place = place_of(request.step, request.component)
    if request.partition.firm:
        yield from _nodes(request, place)
        yield from _time(request)
    yield from _gpus(request, place)
    yield from _cpus(request, places, place)
    yield from _memory(request, place)


def beyond_known(request: Request) -> Iterator[str]:
    """More nodes or time than is known to work in a partition whose limits no source tells."""
    partition, nodes, seconds = request.partition, request.component.nodes, request.step.seconds
    told = f"no source tells the limit of {called(partition)}; known to work:"
    if not partition.firm and nodes > partition.nodes:
        yield f"{nodes} nodes are asked; {told} {partition.nodes}"
    if not partition.firm and seconds > partition.seconds:
        yield f"{shown_time(seconds)} is asked; {told} {shown_time(partition.seconds)}"


def fitting(request: Request) -> Iterator[Request]:
    """The same in each other partition of the module that gives all of it."""
    for partition in request.beside:
        other = replace(request, partition=partition, beside=())  # whose troubles need no hint in turn
        over = any(over_limits(other, Places("", {}))) or any(beyond_known(other))
        if partition is not request.partition and not over:
            yield other


def _nodes(request: Request, place: Place) -> Iterator[Trouble]:
    asked, most = request.component.nodes, request.partition.nodes
    if asked > most:
        yield (
            (*place, "nodes"),
            f"{asked} nodes are asked, and jobs in {called(request.partition)} have at most {most}"
            f"{_instead(request, lambda one: f'{called(one)} has {one.nodes}', 'ask for fewer')}",
        )


def _time(request: Request) -> Iterator[Trouble]:
    asked, most = request.step.seconds, request.partition.seconds
    if asked > most:
        yield (
            ("steps", request.step.name, "time"),
            f"{shown_time(asked)} is asked, and jobs in {called(request.partition)} have at most {shown_time(most)}"
            f"{_instead(request, lambda one: f'{called(one)} gives {shown_time(one.seconds)}', _SHORTER)}",
        )


def _instead(request: Request, told: Callable[[Partition], str], otherwise: str) -> str:
    """The end of a message: a partition where all of it fits, else what to do."""
    for other in fitting(request):
        return f"; {told(other.partition)}: write partition: {called(other.partition)}"
    return f"; {otherwise}"


def _gpus(request: Request, place: Place) -> Iterator[Trouble]:
    asked, most, name = request.component.gpus, request.node.gpus, called(request.partition)
    if request.partition.needs_gpus and not asked:
        yield (*place, "gpus"), f"{name} refuses jobs without a GPU; write gpus: {_range(most)}"
    if asked and not most:
        otherwise = "leave gpus out, or run on another module"
        instead = _instead(request, lambda one: f"{called(one)} has {one.node.gpus} a node", otherwise)
        yield (*place, "gpus"), f"nodes of {name} have no GPU{instead}"
    elif asked > most:
        what = f"{asked} GPUs of each node are asked, and nodes of {name} have {most}"
        yield (*place, "gpus"), f"{what}; write gpus: {most} and more nodes"
    if asked and request.launch.gpus == "none" and asked != most and most:
        yield (*place, "gpus"), f"jobs have all {most} GPUs of their nodes here; write gpus: {most}"


def _range(most: int) -> str:
    return "1" if most == 1 else f"1 up to {most}"


def _cpus(request: Request, places: Places, place: Place) -> Iterator[Trouble]:
    component, node = request.component, request.node
    where = (*place, "cpus") if (*place, "cpus") in places.lines else (*place, "tasks")
    asked = request.cpus_per_node
    if asked > node.cpus:
        each = f" of {component.cpus} CPUs" if component.cpus else ""
        yield (
            where,
            f"{component.tasks_per_node} tasks{each} on each node are {asked} CPUs, and nodes of "
            f"{called(request.partition)} have {node.cpus}; ask for fewer, or more nodes",
        )
    least = component.gpus * (request.launch.cpus_per_gpu or 0)
    if asked < least and component.cpus is not None:
        yield (
            where,
            f"{request.launch.cpus_per_gpu} CPUs must be asked with each GPU here, {least} on each node, and this asks "
            f"for {asked}; leave cpus out",
        )


def _memory(request: Request, place: Place) -> Iterator[Trouble]:
    asked, most = request.component.memory_gb, request.node.memory_gb
    if asked is not None and most is not None and asked > most:
        instead = _instead(request, lambda one: f"{called(one)} has more", "ask for less, or more nodes")
        what = f"{asked:g} GB of each node are asked, and nodes of {called(request.partition)} have {most:g}"
        yield (*place, "memory"), f"{what}{instead}"
