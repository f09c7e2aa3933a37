"""What a live module system lists: the JSON of Lmod's spider, and `module -t avail`; as text, from anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hqml.errors import FormatError
from hqml.hpc.site import Package, Stage
from hqml.hpc.software.names import need_name, newness, preference, version_number
from hqml.hpc.software.toolchains import module_name, traits
from hqml.untrusted import read_json

LIVE = "live"
"""Key of the source of what is listed."""

STAGES = {
    "stages": "JSC: Stages/2024 opens the tree of that year",
    "lumi": "LUMI: LUMI/24.03, beneath which partition/C or partition/G",
    "stdenv": "Digital Research Alliance of Canada: StdEnv/2023",
    "release": "ZIH Dresden: release/24.04",
}
"""Modules, in lower case, that open a set of software which belongs together."""


@dataclass(frozen=True)
class Listed:
    """A module that can be loaded.

    Attributes:
        module: argument of `module load`, e.g. "PyTorch/2.1.2".
        parents: what must be loaded before it, in order, or nothing; each sequence is another way to it.
        default: the site has marked it as the version to take.
        about: what its modulefile says it is.
    """

    module: str
    parents: tuple[tuple[str, ...], ...] = ((),)
    default: bool = False
    about: str = ""


def read_spider(text: str) -> tuple[Listed, ...]:
    """Read what `$LMOD_DIR/spider -o jsonSoftwarePage $MODULEPATH` prints.

    Raises:
        FormatError: it is something else.
    """
    try:
        packages = read_json(text)
        # Lua does not tell an empty list from an empty mapping.
        return tuple(_listed(version) for package in packages or () for version in package["versions"])
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(f"Lmod's spider did not print its jsonSoftwarePage, but {text[:80]!r}") from error


def read_avail(text: str) -> tuple[Listed, ...]:
    """Read what `module -t avail` prints: one module a line, under lines with folders, which end in a colon."""
    found: dict[str, Listed] = {}
    for line in text.splitlines():
        # Modules 5 and Lmod mark defaults so; both, and older ones, may mark other properties in such brackets as well.
        match = re.fullmatch(r"(\w[\w.+:=~@/-]*?)((?:[(<][^()<>]*[)>])*)", line.strip())
        if match and not match[1].endswith((":", "/")):
            known = found.get(match[1])
            default = "default" in match[2] or bool(known and known.default)
            found[match[1]] = Listed(match[1], default=default)
    return tuple(found.values())


def stages(
    listed: Sequence[Listed], *, use: tuple[str, ...] = (), known: Mapping[tuple[str, ...], Stage] | None = None
) -> tuple[Stage, ...]:
    """What is listed as stages with packages: those of the site file first, then the newest first.

    Modules that no stage has to be loaded for are in each stage. A tree without stages is one, "default".

    Args:
        listed: all that can be loaded.
        use: folders that `module use` was given.
        known: stages of the site file by what they load; their names are kept.
    """
    known = known or {}
    ways = [(one, parents) for one in listed for parents in one.parents]
    opened = {_opened((*parents, one.module), known) for one, parents in ways} | set(known)
    found = {load: _packages(ways, load, known) for load in opened}
    everywhere = found.pop((), ())
    if not found or () in known:
        found[()] = ()
    about = {one.module: one.about for one in listed}
    default = {one.module for one in listed if one.default}
    order = sorted(found, key=lambda load: _order(load, known, default))
    return tuple(_stage(load, (*found[load], *everywhere), use, known.get(load), about) for load in order)


def _listed(version: Mapping[str, Any]) -> Listed:
    parents = tuple(tuple(str(one) for one in way) for way in version.get("parent") or ((),))
    about = str(version.get("description") or version.get("help") or "")
    return Listed(str(version["full"]), parents, bool(version.get("markedDefault")), " ".join(about.split()))


def _opened(path: Sequence[str], known: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """The stage that a way begins with: as much of it as a site file says, or one module; empty: none."""
    for load in sorted(known, key=len, reverse=True):
        if load and tuple(path[: len(load)]) == load:
            return load
    return tuple(path[:1]) if path and _is_stage(path[0]) else ()


def _is_stage(module: str) -> bool:
    return module_name(module).lower() in STAGES


def _packages(
    ways: Sequence[tuple[Listed, tuple[str, ...]]], load: tuple[str, ...], known: Iterable[tuple[str, ...]]
) -> tuple[Package, ...]:
    """The packages that a stage opens, a package for each way."""
    known = list(known)
    return tuple(
        _package(one.module, parents[len(load) :])
        for one, parents in ways
        if _opened(parents, known) == load and not _opened((one.module,), known)
    )


def _package(module: str, parents: tuple[str, ...]) -> Package:
    name = module_name(module)
    version = version_number(module[len(name) + 1 :]) or "default"
    return Package(need_name(name), version, (*parents, module), LIVE)


def _order(load: tuple[str, ...], known: Iterable[tuple[str, ...]], default: set[str]) -> tuple[Any, ...]:
    known = list(known)
    age = newness(_version(load))
    return (known.index(load) if load in known else len(known), not default & set(load), _Reversed(age))


@dataclass(frozen=True)
class _Reversed:
    """Sorts the other way round."""

    value: Any

    def __lt__(self, other: _Reversed) -> bool:
        return bool(other.value < self.value)


def _version(load: tuple[str, ...]) -> str:
    return load[0][len(module_name(load[0])) + 1 :] if load else ""


def _stage(
    load: tuple[str, ...],
    packages: Iterable[Package],
    use: tuple[str, ...],
    known: Stage | None,
    about: Mapping[str, str],
) -> Stage:
    name = known.name if known else _version(load) or "default"
    purpose = (known.purpose if known else "") or (about.get(load[0], "") if load else "")
    return Stage(name, tuple(_sorted(packages)), LIVE, load, use, purpose)


def _sorted(packages: Iterable[Package]) -> Iterator[Package]:
    """An order, for spider tells none: what `hqml.hpc.software.modules.resolve` is to prefer comes first.

    That is the implementation that most sites have, then what GCC has built (so are the wheels that join it), with
    the MPI that most sites have, then the newest.
    """

    def rank(package: Package) -> tuple[Any, ...]:
        name = module_name(package.load[-1])
        fixed = traits(package.load)
        built = (fixed.get("compiler", ("gcc",))[0] != "gcc", preference(fixed.get("mpi", ("",))[0]))
        versions = _Reversed([newness(_version((module,))) for module in package.load])
        return package.provides, preference(name), name, built, versions, package.load

    yield from sorted(packages, key=rank)
