"""Sites as YAML files: those that come with hqml, and a user's own.

    title: JUWELS
    scheduler: slurm                 # or none: jobs are processes of this machine
    sources:                         # each block of values names the one that it was read in
      batch: {title: JUWELS batch system, url: "https://...", date: 2026-11-26}
    access: {source: batch, account: required, logins: [juwels.fz-juelich.de]}
    modules:
      - name: booster
        kind: booster                # cluster | booster | dam | quantum
        title: JUWELS Booster
        source: batch                # of its nodes and partitions, where they name no other
        nodes:
          a100: {cores: 48, gpus: 4, gpu: A100, memory_gb: 512}
        partitions:                  # the usual one first
          - {name: booster, nodes: 384, time: 24h, node: a100, whole_nodes: true}
      - name: quantum
        kind: quantum
        title: an annealer
        quantum: {source: batch, host: booster, solver: Advantage_system5.4, region: eu-central-1}
    launch: {source: batch, srun: [--cpu-bind=none], host_suffix: i, environment: {NCCL_SOCKET_IFNAME: ib0}}
    software:
      source: batch
      purge: module --force purge
      stages:                        # the default first
        - name: 2024
          source: batch
          load: [Stages/2024]
          packages:
            - {provides: torch, version: 2.1.2, load: [GCC/12.3.0, PyTorch/2.1.2]}

Software that is the same as at a site of hqml's: `software: {like: juwels}`.

The name of a site is that of its file. Further keys: see `hqml.hpc.site`, whose attributes they are.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from hqml.errors import ParameterError
from hqml.hpc.site import Launch, Module, Node, Package, Partition, Quantum, Site, Software, Source, Stage
from hqml.options import unlike
from hqml.specs import Places, open_spec

if TYPE_CHECKING:
    from hqml.hpc.sites.schema import LaunchSpec, ModuleSpec, NodeSpec, SiteSpec, StageSpec

SUFFIX = ".yaml"


def load_site(name: str) -> Site:
    """The site of a name: the user's own file, else the one that comes with hqml; a name that ends in .yaml is a path.

    Raises:
        ParameterError: nobody knows it; the message says where a file of one's own belongs.
        FormatError: its file is wrong, in one line with its place.
        LibraryMissing: PyYAML or pydantic is not installed.
    """
    if name.endswith(SUFFIX):
        return read_site(name)
    known = site_names()
    if name not in known:
        raise ParameterError(
            f"no site {name!r} (your own would be {user_folder() / name}{SUFFIX}, or any path that ends in {SUFFIX})"
            f"{unlike(name, known)}"
        )
    return read_site(known[name])


def read_site(path: str | os.PathLike[str]) -> Site:
    """Read a site; the format is at the head of this module.

    Raises:
        FormatError: the file cannot be read, is not of this format, or contradicts itself: one line with its place.
        LibraryMissing: PyYAML or pydantic is not installed.
    """
    from hqml.specs.libraries import check_installed

    check_installed()
    from hqml.hpc.sites.checks import check_site
    from hqml.hpc.sites.schema import SiteSpec

    spec, places = open_spec(path, SiteSpec)
    check_site(spec, places)
    like = _like(spec, places)
    return _site(spec, Path(path)) if like is None else _with_software(_site(spec, Path(path)), like)


def site_names() -> Mapping[str, Path]:
    """The names of all sites, each with its file; a user's own file stands for the one of hqml with its name."""
    return dict(sorted((_files_in(_own_folder()) | _files_in(user_folder())).items()))


def user_folder() -> Path:
    """Where a user's own sites are: hqml/sites in $XDG_CONFIG_HOME, or in ~/.config."""
    # A relative path is to be ignored: https://specifications.freedesktop.org/basedir-spec/latest/#variables
    configured = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    return (configured if configured.is_absolute() else Path.home() / ".config") / "hqml" / "sites"


def _own_folder() -> Path:
    return Path(str(files("hqml.hpc") / "sites"))


def _files_in(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in folder.glob(f"*{SUFFIX}")}


def _like(spec: SiteSpec, places: Places) -> Site | None:
    """The site of hqml whose software this one has as well."""
    name = getattr(spec.software, "like", None)
    if name is None:
        return None
    known = _files_in(_own_folder())
    if name not in known or known[name].samefile(places.path):
        others = [one for one in sorted(known) if one != name]
        raise places.error(("software", "like"), f"hqml comes with no other site {name!r}{unlike(name, others)}")
    return read_site(known[name])


def _with_software(site: Site, like: Site) -> Site:
    """The site with the software of another one, and the sources of that."""
    named = {name for stage in like.software.stages for name in (stage.source, *(one.source for one in stage.packages))}
    # Where the site has another source of that name, the other's is called after where it comes from.
    called = {
        name: name if site.sources.get(name, like.sources[name]) == like.sources[name] else f"{like.name}-{name}"
        for name in sorted(named)
    }
    stages = [
        replace(
            stage,
            source=called[stage.source],
            packages=tuple(replace(one, source=called[one.source]) for one in stage.packages),
        )
        for stage in like.software.stages
    ]
    sources = {**site.sources, **{called[name]: like.sources[name] for name in called}}
    return replace(site, software=replace(like.software, stages=tuple(stages)), sources=sources)


def _site(spec: SiteSpec, path: Path) -> Site:
    access = spec.access
    return Site(
        name=path.stem,
        title=spec.title,
        scheduler=spec.scheduler,
        modules=tuple(_module(one) for one in spec.modules),
        launch=_launch(spec.launch) if spec.launch else Launch(),
        software=_software(spec),
        sources={key: Source(one.title, one.url, one.date) for key, one in spec.sources.items()},
        account=access.account if access else "optional",
        logins=tuple(access.logins) if access else (),
        token_command=access.token_command if access else None,
        path=str(path),
    )


def _module(spec: ModuleSpec) -> Module:
    partitions = [
        Partition(
            name=one.name,
            nodes=one.nodes,
            seconds=one.time,
            node=_node(spec.nodes[one.node], spec),
            source=str(one.source or spec.source),
            qos=one.qos,
            needs_gpus=one.needs_gpus,
            whole_nodes=one.whole_nodes,
            purpose=one.purpose,
            firm=one.firm,
        )
        for one in spec.partitions
    ]
    quantum = Quantum(**dict(spec.quantum)) if spec.quantum else None
    return Module(spec.name, spec.kind, spec.title, tuple(partitions), quantum)


def _node(spec: NodeSpec, module: ModuleSpec) -> Node:
    return Node(**{**dict(spec), "source": spec.source or module.source})


def _launch(spec: LaunchSpec) -> Launch:
    return Launch(**{**dict(spec), "srun": tuple(spec.srun)})


def _software(spec: SiteSpec) -> Software:
    from hqml.hpc.sites.schema import OwnSoftwareSpec

    own = spec.software
    if not isinstance(own, OwnSoftwareSpec):
        return Software()
    return Software(tuple(_stage(one) for one in own.stages), tuple(own.setup), own.purge)


def _stage(spec: StageSpec) -> Stage:
    packages = [
        Package(one.provides, one.version, tuple(one.load), one.source or spec.source, tuple(one.kinds))
        for one in spec.packages
    ]
    return Stage(spec.name, tuple(packages), spec.source, tuple(spec.load), tuple(spec.use), spec.purpose)
