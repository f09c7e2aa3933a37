"""How `hqml site` shows sites and reports on their software."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import click

from hqml.cli import show
from hqml.hpc.amounts import shown_time
from hqml.hpc.site import Module, Node, Partition, Quantum, Site, Stage
from hqml.hpc.software.names import need_name
from hqml.hpc.software.report import HEADER, LIVE_HEADER, Report
from hqml.hpc.software.shell import Checked
from hqml.hpc.software.toolchains import module_name


def summary(site: Site) -> dict[str, Any]:
    """A site in one row."""
    kinds = [one.name if one.name == one.kind else f"{one.name} ({one.kind})" for one in site.modules]
    return {
        "name": site.name,
        "title": site.title,
        "scheduler": site.scheduler,
        "modules": kinds,
        "partitions": sum(len(one.partitions) for one in site.modules),
        "stages": [one.name for one in site.software.stages],
        "read": max(one.date for one in site.sources.values()),
        "file": site.path,
    }


def whole(site: Site, stage: str | None) -> dict[str, Any]:
    """All of a site, or of one of its stages, as plain data."""
    chosen = site.stage(stage) if stage is not None else None
    return asdict(site) if chosen is None else asdict(chosen)


def print_site(site: Site) -> None:
    """All but how to load each package."""
    show.as_pairs(f"{site.title} ({site.path})", dict(_facts(site)))
    partitions = [
        (module.name, module.kind, *_partition(one), module.title)
        for module in site.modules
        for one in module.partitions
    ]
    header = ("module", "kind", "partition", "qos", "nodes", "time", "a node", "notes", "title")
    show.as_rows("Partitions: the most that a job may ask for", header, partitions)
    for module in site.modules:
        if module.quantum is not None:
            show.as_pairs(f"Annealer: {module.name}, {module.title}", _annealer(module, module.quantum))
    if site.software.stages:
        stages = [(one.name, " ".join(one.load), one.purpose) for one in site.software.stages]
        show.as_rows("Stages of software, the default first", ("stage", "module load", "purpose"), stages)
        show.as_rows("Versions", ("package", *(one.name for one in site.software.stages)), _versions(site))
    sources = [(key, one.date, one.title, one.url) for key, one in site.sources.items()]
    show.as_rows("Sources", ("key", "read", "title", "address"), sources)


def print_stage(site: Site, name: str) -> None:
    """How to load each package of a stage."""
    stage = site.stage(name)
    if stage is None:
        click.echo(f"{site.title} has no module system")
        return
    if stage.purpose:
        click.echo(stage.purpose)
    for folder in stage.use:
        click.echo(f"module use {folder}")
    show.as_rows(f"{site.title}, {stage.name}", ("package", "version", "module load", "on", "source"), _packages(stage))


def print_report(found: Report) -> None:
    """What a site has against what is needed, and what to load."""
    stage = f"{found.stage}{f' ({found.purpose})' if found.purpose else ''}" if found.stage else "no module system"
    live = any(row.live is not None for row in found.rows)
    cells = [row.cells() for row in found.rows]
    show.as_rows(f"{found.site}, {found.kind}: {stage}", LIVE_HEADER if live else HEADER, cells)
    for folder in found.resolution.use:
        click.echo(f"module use {folder}")
    if found.resolution.load:
        click.echo(f"module load {' '.join(found.resolution.load)}")
        show.as_rows("Why each module", ("module", "because it"), found.modules)
    for line in found.notes:
        click.echo(line)
    if not found.met:
        click.echo(f"Stages that meet all needs: {', '.join(found.complete) or 'none'}")


def report_values(found: Report) -> dict[str, Any]:
    """The report as plain data."""
    return {
        "site": found.site,
        "on": found.kind,
        "stage": found.stage,
        "met": found.met,
        "needs": [asdict(row) for row in found.rows],
        "use": found.resolution.use,
        "load": found.resolution.load,
        "complete_stages": found.complete,
        "notes": found.notes,
    }


def print_trials(site: Site, found: Sequence[Checked]) -> None:
    """What came of loading each package."""
    rows = [
        (one.stage, one.package.provides, one.package.version, " ".join(one.trial.load), *_came_of(one))
        for one in found
    ]
    if rows:
        show.as_rows(site.title, ("stage", "package", "version", "module load", "loads", "what it said"), rows)
    else:
        click.echo(f"{site.title} has no packages to load")


def trial_values(found: Sequence[Checked]) -> list[dict[str, Any]]:
    """The same as plain data."""
    return [
        {
            "stage": one.stage,
            "package": one.package.provides,
            "version": one.package.version,
            "load": one.trial.load,
            "loads": one.trial.loads,
            "loaded": one.trial.loaded,
            "said": one.trial.said,
        }
        for one in found
    ]


def _came_of(one: Checked) -> tuple[str, str]:
    if one.trial.loads:
        return "yes", one.trial.said or "-"
    return "no", one.trial.said or f"not loaded: {' '.join(one.trial.lacks)}"


def _facts(site: Site) -> list[tuple[str, Any]]:
    launch = site.launch
    gpus = {"gres": "--gres=gpu:N", "gpus-per-node": "--gpus-per-node=N", "none": "come with the node"}
    found: list[tuple[str, Any]] = [("scheduler", site.scheduler), ("logins", ", ".join(site.logins))]
    if site.scheduler != "none":
        found += [
            ("account", site.account),
            ("srun", " ".join(launch.srun)),
            ("mpi", launch.mpi),
            ("gpus", gpus[launch.gpus]),
            ("cores a gpu", launch.cpus_per_gpu),
            ("memory", "" if launch.memory else "jobs must not ask for it"),
            ("suffix of hosts", launch.host_suffix),
        ]
    found.append(("environment", " ".join(f"{name}={value}" for name, value in launch.environment.items())))
    return [(name, value) for name, value in found if value]


def _partition(one: Partition) -> tuple[Any, ...]:
    notes = [
        *([one.purpose] if one.purpose else []),
        *(["whole nodes"] if one.whole_nodes else []),
        *(["jobs must use a GPU"] if one.needs_gpus else []),
        *([] if one.firm else ["limits unknown: so much is known to work"]),
    ]
    return one.name, one.qos, one.nodes, shown_time(one.seconds), _node(one.node), "; ".join(notes)


def _node(node: Node) -> str:
    threads = f" of {node.threads_per_core} threads" if node.threads_per_core > 1 else ""
    gpus = f", {node.gpus} {node.gpu or 'GPU'}" if node.gpus else ""
    memory = f", {node.memory_gb:g} GB" if node.memory_gb else ""
    return f"{node.cores} cores{threads}{gpus}{memory}"


def _annealer(module: Module, quantum: Quantum) -> Mapping[str, Any]:
    found = {
        "reached from": "its own partitions" if module.partitions else f"nodes of the {quantum.host}",
        "licence": quantum.licence,
        "endpoint": quantum.endpoint,
        "solver": quantum.solver,
        "region": quantum.region,
        "proxy": quantum.proxy,
    }
    return {name: value for name, value in found.items() if value}


def _versions(site: Site) -> list[tuple[str, ...]]:
    """A row a package, a column a stage."""
    stages = site.software.stages
    names = dict.fromkeys(need_name(one.provides) for stage in stages for one in stage.packages)
    return [(name, *(_in_stage(stage, name) for stage in stages)) for name in names]


def _in_stage(stage: Stage, name: str) -> str:
    """Versions; with several implementations, as of MPI, their modules."""
    packages = [one for one in stage.packages if need_name(one.provides) == name]
    several = len({module_name(one.load[-1]) for one in packages if one.load}) > 1
    return ", ".join(dict.fromkeys(one.load[-1] if several else one.version for one in packages)) or "-"


def _packages(stage: Stage) -> list[tuple[str, ...]]:
    return [
        (one.provides, one.version, " ".join((*stage.load, *one.load)), ", ".join(one.kinds) or "all", one.source)
        for one in stage.packages
    ]
