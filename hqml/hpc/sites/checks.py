"""What a site file says that cannot be, although each value is right by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from hqml.hpc.site import KINDS
from hqml.hpc.troubles import Trouble, raise_first
from hqml.options import unlike
from hqml.specs import Places

if TYPE_CHECKING:
    from hqml.hpc.sites.schema import ModuleSpec, SiteSpec, StageSpec
    from hqml.specs.places import Place


def check_site(spec: SiteSpec, places: Places) -> None:
    """Find what contradicts itself.

    Raises:
        FormatError: something does, in one line with its place: the first in the file.
    """
    found = [*_sources(spec), *_modules(spec), *_scheduler(spec)]
    raise_first(places, (*found, *_software(stages_of(spec))))


def stages_of(spec: SiteSpec) -> list[StageSpec]:
    """The stages that the file itself describes."""
    return getattr(spec.software, "stages", [])


def _named(spec: SiteSpec) -> Iterator[tuple[Place, str | None]]:
    """The sources that blocks name, each with its place; None where a block must name one and does not."""
    for name in ("access", "launch", "software"):
        block = getattr(spec, name)
        if hasattr(block, "source"):
            yield (name, "source"), block.source
    for index, module in enumerate(spec.modules):
        place: Place = ("modules", index)
        if module.source is not None:
            yield (*place, "source"), module.source
        for key, node in module.nodes.items():
            yield (*place, "nodes", key, "source"), node.source or module.source
        for at, partition in enumerate(module.partitions):
            yield (*place, "partitions", at, "source"), partition.source or module.source
        if module.quantum is not None:
            yield (*place, "quantum", "source"), module.quantum.source
    for index, stage in enumerate(stages_of(spec)):
        yield ("software", "stages", index, "source"), stage.source
        for at, package in enumerate(stage.packages):
            if package.source is not None:
                yield ("software", "stages", index, "packages", at, "source"), package.source


def _sources(spec: SiteSpec) -> Iterator[Trouble]:
    for place, source in _named(spec):
        if source is None:
            yield place, "this key is missing, here or in the module: say where the values were read"
        elif source not in spec.sources:
            yield place, f"no source {source!r} is under sources{unlike(source, spec.sources)}"


def _modules(spec: SiteSpec) -> Iterator[Trouble]:
    yield from _twice("modules", ("modules",), [module.name for module in spec.modules])
    kinds = [module.kind for module in spec.modules if module.partitions]
    for index, module in enumerate(spec.modules):
        place: Place = ("modules", index)
        if module.name in KINDS and module.name != module.kind:
            yield (*place, "name"), f"{module.name!r} is a kind of module, and this one's kind is {module.kind!r}"
        if module.kind == "quantum":
            yield from _quantum(module, place, kinds)
        elif module.quantum is not None:
            yield (*place, "quantum"), f"only a module of kind quantum has this, and the kind is {module.kind!r}"
        elif not module.partitions:
            yield (*place, "partitions"), "a module needs a partition that its jobs can run in"
        yield from _partitions(module, place)


def _quantum(module: ModuleSpec, place: Place, kinds: Iterable[str]) -> Iterator[Trouble]:
    if module.quantum is None:
        yield (*place, "quantum"), "this key is missing: say how the annealer is reached, at least its source"
    elif not module.partitions and module.quantum.host not in kinds:
        host = module.quantum.host
        yield (
            (*place, "quantum", "host"),
            f"no module of kind {host!r} has nodes to run the programs{unlike(host, kinds)}",
        )


def _partitions(module: ModuleSpec, place: Place) -> Iterator[Trouble]:
    # Several queues may be one partition with one qos each; then the qos tells them apart.
    called = [partition.qos or partition.name for partition in module.partitions]
    yield from _twice("partitions", (*place, "partitions"), called)
    for index, partition in enumerate(module.partitions):
        here: Place = (*place, "partitions", index)
        node = module.nodes.get(partition.node)
        if node is None:
            yield (*here, "node"), f"no node {partition.node!r} is under nodes{unlike(partition.node, module.nodes)}"
        elif partition.needs_gpus and not node.gpus:
            yield (*here, "needs_gpus"), f"its nodes, {partition.node!r}, have no gpus"
    used = {partition.node for partition in module.partitions}
    for name in module.nodes:
        if name not in used and used <= set(module.nodes):  # else it is likely the one that was meant
            yield (*place, "nodes", name), "no partition has such nodes; leave it out, or name it in one"


def _scheduler(spec: SiteSpec) -> Iterator[Trouble]:
    """What only a scheduler can keep."""
    if spec.scheduler != "none":
        return
    if spec.access is not None and spec.access.account == "required":
        yield ("access", "account"), "nobody asks for an account where the scheduler is none"
    for index, module in enumerate(spec.modules):
        if module.quantum is not None and module.quantum.licence is not None:
            yield ("modules", index, "quantum", "licence"), "nobody counts licences where the scheduler is none"
        for at, partition in enumerate(module.partitions):
            if partition.qos is not None:
                yield ("modules", index, "partitions", at, "qos"), "there is no qos where the scheduler is none"


def _software(stages: list[StageSpec]) -> Iterator[Trouble]:
    yield from _twice("stages", ("software", "stages"), [stage.name for stage in stages])
    for index, stage in enumerate(stages):
        first: dict[tuple[str, ...], int] = {}
        for at, one in enumerate(stage.packages):
            for kind in one.kinds or KINDS:
                before = first.setdefault((one.provides, one.version, kind, *one.load), at)
                if before != at:
                    place = ("software", "stages", index, "packages", at)
                    yield place, f"{one.provides} {one.version} is there twice, first as packages[{before}]"


def _twice(what: str, place: Place, names: list[str]) -> Iterator[Trouble]:
    for index, name in enumerate(names):
        if name in names[:index]:
            yield (*place, index), f"{what} are told apart by their names; {name!r} is there twice"
