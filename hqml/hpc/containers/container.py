"""From what an image is to have - needs, extras, data, a base - to its definition."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import get_args

from packaging.utils import canonicalize_name

from hqml.errors import FormatError, ParameterError
from hqml.hpc.apptainer import gpu_option, is_amd
from hqml.hpc.containers.definition import HOME, Bootstrap, Copied, Definition
from hqml.hpc.containers.pins import installed_pins, read_pins
from hqml.hpc.needs import Need
from hqml.hpc.shell_names import checked_environment
from hqml.hpc.site import Node, Site
from hqml.hpc.software.names import need_name, only_site
from hqml.options import one_of, unlike
from hqml.samples import version

BOOTSTRAPS: tuple[Bootstrap, ...] = get_args(Bootstrap)

EXTRAS: Mapping[str, str] = {
    "clearml": "clearml",
    "compare": "jinja2",
    "dl": "onnxscript",
    "dwave": "dwave.system",
    "geo": "rasterio",
    "hpc": "yaml",
    "keras": "keras",
    "mlflow": "mlflow",
    "mpi": "mpi4py",
    "node": "starlette",
    "onnx": "onnxruntime",
    "plot": "matplotlib",
    "ray": "ray",
    "specs": "pydantic",
    "tables": "pyarrow",
    "torch": "torch",
    "tuning": "optuna",
}
"""Extras of hqml, with a module that each of them brings."""

_OF_NEEDS = {"torch": "torch", "mpi": "mpi", "dwave-ocean-sdk": "dwave"}
"""Needs that extras of hqml bring."""

_PATH = re.compile(r"[\w@+=,./][\w@+=,./-]*")
"""Apptainer hands the paths of %files to a shell, which would expand all else."""

_DIGEST = re.compile(r"[\w./:-]+@sha256:[0-9a-f]{64}", re.ASCII)
_TAGGED = re.compile(r"[\w./-]+(?::\d+/[\w./-]+)?:(?P<tag>[\w][\w.-]*)", re.ASCII)
_MOVING = frozenset(("latest", "stable", "edge", "main", "master", "nightly", "devel", "dev"))
_RELEASE = re.compile(r"[a-z]+")


def define(
    *,
    needs: Iterable[Need] = (),
    extras: Iterable[str] = (),
    bootstrap: str = "docker",
    base: str | None = None,
    mirror: str | None = None,
    wheel: str | None = None,
    requirements: str | None = None,
    constraints: str | None = None,
    data: Iterable[str] = (),
    environment: Mapping[str, str] | None = None,
    site: Site | None = None,
    on: str | None = None,
    folder: str | os.PathLike[str] = ".",
) -> Definition:
    """Say what an image is made of.

    Args:
        needs: software; what pip brings is installed, the rest has to be in `base`.
        extras: of hqml.
        bootstrap: one of `BOOTSTRAPS`.
        base: of docker an image with a digest or an exact tag, by default the Python that runs this; of localimage and
            docker-archive a path; of debootstrap a release of Debian, by default bookworm.
        mirror: address of Debian's packages, for debootstrap.
        wheel: file of hqml; else hqml comes from pip's index in the version that runs this.
        requirements: file of what else is installed, each line name==version.
        constraints: file of versions, each line name==version; else those that are installed here.
        data: files, FILE or FILE:/INSIDE; /data/NAME without.
        environment: variables; no secrets.
        site: that it is for.
        on: kind or name of the site's module that it is for.
        folder: of the definition.

    Raises:
        ParameterError: one of these will not do, or contradicts another.
        FormatError: a file cannot be read.
    """
    needs, extras = tuple(needs), tuple(extras)
    kind = _bootstrap(bootstrap)
    _check_base_has(needs, extras, given=base is not None or kind == "debootstrap")
    chosen = _extras([*extras, *(_OF_NEEDS[name] for name in map(_called, needs) if name in _OF_NEEDS)])
    own = _copied_wheel(wheel, folder) if wheel else None
    others, pins = _versions(needs, chosen, requirements, constraints)
    return Definition(
        bootstrap=kind,
        base=_base(kind, base, folder),
        mirror=_mirror(kind, mirror),
        install=(_hqml(chosen, own), *others),
        pins=pins,
        wheel=own,
        data=_copies(data, folder),
        environment=_environment(environment or {}),
        imports=("hqml", *dict.fromkeys(EXTRAS[one] for one in chosen)),
        python=next((str(need.versions) for need in needs if _called(need) == "python"), ""),
        needs=", ".join(map(str, needs)),
        site=site.name if site else "",
        gpus=_gpus(site, on),
    )


def notes(definition: Definition, site: Site | None) -> Iterator[str]:
    """What a user should know of an image before it is built."""
    if definition.bootstrap == "docker" and not _DIGEST.fullmatch(definition.base):
        yield f"the tag of {definition.base} can be moved to another image; NAME@sha256:DIGEST cannot"
    if definition.wheel is None:
        yield f"hqml {version()} comes from pip's index; where that has none, name a file: --wheel FILE.whl"
    if "torch" in definition.imports and site is not None and any(map(is_amd, _gpu_nodes(site))):
        yield f"GPUs of {site.name} are AMD's, and pip's torch is for NVIDIA's; take a --base that has torch for ROCm"
    if "mpi4py" in definition.imports:
        yield "pip's Open MPI serves within a node; across nodes the image's MPI has to fit the site's"


def _gpu_nodes(site: Site) -> Iterator[Node]:
    return (one.node for module in site.modules for one in module.partitions if one.node.gpus)


def _gpus(site: Site | None, on: str | None) -> str:
    """The option for the usual nodes of a module, by default of the site's first."""
    partitions = site.host(on or site.modules[0].name).partitions if site else ()
    return gpu_option(partitions[0].node if partitions else None)


def _bootstrap(name: str) -> Bootstrap:
    return next(one for one in BOOTSTRAPS if one == one_of("bootstrap", name, BOOTSTRAPS))


def _base(bootstrap: Bootstrap, base: str | None, folder: str | os.PathLike[str]) -> str:
    if bootstrap == "docker":
        return _pinned_base(base) if base else f"python:{platform.python_version()}-slim-bookworm"
    if bootstrap == "debootstrap":
        if base is not None and not _RELEASE.fullmatch(base):
            raise ParameterError(f"--base of debootstrap is a release of Debian such as bookworm, found {base!r}")
        return base or "bookworm"
    if base is None:
        raise ParameterError(f"{bootstrap} needs the path of a --base")
    return _seen_from(folder, base, "the base")


def _pinned_base(base: str) -> str:
    tagged = _TAGGED.fullmatch(base)
    if _DIGEST.fullmatch(base):
        return base
    if tagged is None or tagged["tag"] in _MOVING or not any(map(str.isdigit, tagged["tag"])):
        raise ParameterError(
            f"name an exact --base, NAME@sha256:DIGEST or NAME:VERSION such as python:3.12.8-slim; found {base!r}"
        )
    return base


def _mirror(bootstrap: Bootstrap, mirror: str | None) -> str:
    if (bootstrap == "debootstrap") != (mirror is not None):
        raise ParameterError("debootstrap needs a --mirror of Debian's packages, and nothing else takes one")
    if mirror is not None and not re.fullmatch(r"(https?|file)://[\w./:+~-]+", mirror, re.ASCII):
        raise ParameterError(f"--mirror is an address such as http://HOST/debian, without a password; found {mirror!r}")
    return mirror or ""


def _environment(values: Mapping[str, str]) -> dict[str, str]:
    for name, value in values.items():
        if "{{" in value:
            raise ParameterError(
                f"{name} has {{{{ in it, which definitions keep for arguments of a build; leave it out"
            )
    return checked_environment(values)


def _called(need: Need) -> str:
    return need_name(need.name)


def _check_base_has(needs: Iterable[Need], extras: Iterable[str], *, given: bool) -> None:
    """Refuse what neither pip nor the usual base brings."""
    has = {_called(need) for need in needs} | set(extras)
    for need in needs:
        name = _called(need)
        reason = only_site(need.name)
        brought = name in _OF_NEEDS or name == "python" or (name == "cuda" and "torch" in has)
        if reason and not brought and not given:
            raise ParameterError(f"pip brings no {name} ({reason}); name a --base that has it")


def _extras(names: Iterable[str]) -> tuple[str, ...]:
    for name in names:
        if name not in EXTRAS:
            raise ParameterError(f"hqml has no extra {name!r}{unlike(name, EXTRAS)}")
    return tuple(sorted(set(names)))


def _versions(
    needs: Sequence[Need], extras: tuple[str, ...], requirements: str | None, constraints: str | None
) -> tuple[tuple[str, ...], dict[str, str]]:
    """What pip installs beside hqml, and the versions of everything."""
    others = [need for need in needs if _called(need) not in _OF_NEEDS and not only_site(need.name)]
    listed = read_pins(requirements) if requirements else {}
    pins = _pinned(extras, others, listed, constraints)
    _check_versions(needs, pins)
    return tuple(_others(others, listed, pins)), pins


def _pinned(
    extras: tuple[str, ...], others: Iterable[Need], listed: Mapping[str, str], constraints: str | None
) -> dict[str, str]:
    """Versions of everything; what the requirements list prevails."""
    if constraints is not None:
        pins = read_pins(constraints)
    else:
        own = f"hqml[{','.join(extras)}]" if extras else "hqml"
        pins = installed_pins([own, *(need.name for need in others if need.name not in listed)])
    clash = [name for name, version in listed.items() if constraints is not None and pins.get(name, version) != version]
    if clash:
        raise ParameterError(f"requirements and constraints name two versions of {clash[0]}; make them agree")
    return dict(sorted({**pins, **listed}.items()))


def _check_versions(needs: Iterable[Need], pins: Mapping[str, str]) -> None:
    for need in needs:
        name = "torch" if _called(need) == "torch" else canonicalize_name(need.name)
        if need.versions and _called(need) in _OF_NEEDS and name not in pins:
            raise ParameterError(f"which version of {need.name} pip brings is not known; leave {need.versions} out")
        if name in pins and not need.met_by(pins[name]):
            raise ParameterError(
                f"{need} is needed, and the version to install is {pins[name]}; name it: --constraints"
            )


def _hqml(extras: tuple[str, ...], wheel: Copied | None) -> str:
    chosen = f"[{','.join(extras)}]" if extras else ""
    return f"hqml{chosen}=={version()}" if wheel is None else f"hqml{chosen} @ file://{wheel.target}"


def _others(needs: Iterable[Need], listed: Mapping[str, str], pins: Mapping[str, str]) -> Iterator[str]:
    for name in dict.fromkeys([*(need.name for need in needs), *listed]):
        if name not in pins:
            raise ParameterError(f"no version of {name} is known; name one: --constraints FILE")
        yield f"{name}=={pins[name]}"


def _copied_wheel(path: str, folder: str | os.PathLike[str]) -> Copied:
    name = Path(path).name
    if not re.fullmatch(r"hqml-[\w.+]+-py3-none-any\.whl", name, re.ASCII):
        raise ParameterError(f"--wheel is a file such as hqml-{version()}-py3-none-any.whl, found {path!r}")
    return _copied(f"{path}:{HOME}/{name}", folder)


def _copied(written: str, folder: str | os.PathLike[str]) -> Copied:
    path, colon, inside = written.partition(":")
    digest, source = digest_of(path), _seen_from(folder, path, "a file")
    target = inside if colon else f"/data/{Path(path).name}"
    if not target.startswith("/") or target.endswith("/") or ".." in Path(target).parts or not _PATH.fullmatch(target):
        raise ParameterError(f"write FILE:/FOLDER/NAME with a plain path inside the image, found {written!r}")
    return Copied(source, target, digest)


def _copies(written: Iterable[str], folder: str | os.PathLike[str]) -> tuple[Copied, ...]:
    copies = tuple(_copied(one, folder) for one in written)
    targets = [one.target for one in copies]
    for target in targets:
        if targets.count(target) > 1:
            raise ParameterError(f"two files go to {target}; say FILE:/INSIDE of one of them")
    return copies


def _seen_from(folder: str | os.PathLike[str], path: str, what: str) -> str:
    """A path as the definition says it: relative where it lies in or below its folder, so that both can be moved."""
    whole = os.path.abspath(path)
    inner = os.path.relpath(whole, os.path.abspath(folder))
    written = whole if inner.startswith("..") else inner
    if not _PATH.fullmatch(written):
        raise ParameterError(
            f"{what} is at {written!r}, which a definition cannot say; letters, digits and @ + = , . / _ - are safe: "
            "make a link with such a path"
        )
    return written


def digest_of(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file, in hexadecimal digits.

    Raises:
        FormatError: it cannot be read.
    """
    try:
        if not Path(path).is_file():
            raise FormatError(f"{path}: there is no such file")
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FormatError(f"{path}: cannot be read: {error.strerror}") from error


def read_extras(written: str) -> tuple[str, ...]:
    """Read "torch,dwave"."""
    return tuple(one.strip() for one in written.split(",") if one.strip())
