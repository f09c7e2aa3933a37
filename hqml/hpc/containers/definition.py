"""The text of an Apptainer definition: an image with hqml, exact versions, and data whose digests it holds.

Format: https://apptainer.org/docs/user/latest/definition_files.html (read 2026-11-26).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from hqml.hpc.quoting import exports, literal
from hqml.samples import version

Bootstrap: TypeAlias = Literal["docker", "localimage", "docker-archive", "debootstrap"]
"""Sorts of base. Nothing of hqml could run in an image from scratch."""

HOME = "/opt/hqml"
"""Where an image keeps hqml, beside what its base has."""

_OF_DEBIAN = "ca-certificates python3 python3-venv"


@dataclass(frozen=True)
class Copied:
    """A file that goes into the image.

    Attributes:
        source: its path, relative to the definition's folder or absolute.
        target: in the image; absolute.
        digest: SHA-256, in hexadecimal.
    """

    source: str
    target: str
    digest: str


@dataclass(frozen=True)
class Definition:
    """What an image is made of.

    Attributes:
        bootstrap: what sort of base.
        base: an image with tag or digest, a path, or a release of Debian.
        mirror: of Debian's packages, for debootstrap.
        install: what pip installs, hqml first.
        pins: versions of these and of what they need, by name.
        wheel: of hqml, where it does not come from an index.
        data: files.
        environment: variables.
        imports: modules that the test imports.
        python: versions of Python that will do, e.g. ">=3.11"; "" any that hqml runs on.
        needs: as the user wrote them.
        site: that it is for; "" for none.
        gpus: the option of apptainer that it is run with there.
    """

    bootstrap: Bootstrap
    base: str
    mirror: str = ""
    install: tuple[str, ...] = ()
    pins: Mapping[str, str] = field(default_factory=dict)
    wheel: Copied | None = None
    data: tuple[Copied, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    imports: tuple[str, ...] = ()
    python: str = ""
    needs: str = ""
    site: str = ""
    gpus: str = ""

    @property
    def files(self) -> tuple[Copied, ...]:
        """All that is copied into it."""
        return (*([self.wheel] if self.wheel else []), *self.data)


def text(definition: Definition) -> str:
    """The definition file."""
    sections = [
        _header(definition),
        _section("files", [f"{one.source} {one.target}" for one in definition.files]),
        _section("labels", [f"{name} {value}" for name, value in _labels(definition).items()]),
        _section("environment", _environment(definition)),
        _section("post", _post(definition)),
        _section("runscript", ['exec hqml "$@"']),
        _section("test", _test(definition)),
        _section("help", _help(definition)),
    ]
    return "\n\n".join(one for one in sections if one) + "\n"


def _header(definition: Definition) -> str:
    lines = [f"# Written by hqml {version()}, `hqml container render`.", f"Bootstrap: {definition.bootstrap}"]
    if definition.bootstrap == "debootstrap":
        lines += [f"OSVersion: {definition.base}", f"MirrorURL: {definition.mirror}", f"Include: {_OF_DEBIAN}"]
    else:
        lines.append(f"From: {definition.base}")
    return "\n".join(lines)


def _section(name: str, lines: Iterable[str]) -> str:
    body = [f"    {line}" if line else "" for line in lines]
    return "\n".join([f"%{name}", *body]) if body else ""


def _labels(definition: Definition) -> dict[str, str]:
    """What `apptainer inspect` shows."""
    labels = {"hqml.version": version(), "hqml.base": f"{definition.bootstrap} {definition.base}"}
    if definition.needs:
        labels["hqml.needs"] = definition.needs
    if definition.site:
        labels["hqml.site"] = definition.site
    for one in definition.files:
        labels[f"hqml.sha256:{one.target}"] = one.digest
    return labels | {"hqml.install": " ".join(definition.install), "hqml.pins": " ".join(_pins(definition))}


def _pins(definition: Definition) -> list[str]:
    return [f"{name}=={version}" for name, version in definition.pins.items()]


def _environment(definition: Definition) -> list[str]:
    return [
        f"export PATH={HOME}/venv/bin:$PATH",
        "# The home folder of the host is seen inside; its packages are for another Python.",
        "export PYTHONNOUSERSITE=1",
        "export LC_ALL=C.UTF-8",
        *exports(definition.environment),
    ]


def _post(definition: Definition) -> list[str]:
    lines = ["set -eu"]
    if definition.files:
        lines.append("# The files are those that the definition was written for.")
    lines += [f"echo {literal(f'{one.digest}  {one.target}')} | sha256sum --check -" for one in definition.files]
    lines += [f"mkdir -p {HOME}", f"printf '%s\\n' >{HOME}/constraints.txt \\"]
    lines += _continued([f"    {literal(pin)}" for pin in _pins(definition)] or ["    ''"])
    return [
        *lines,
        "# What the base already has in these versions is not installed again.",
        f"python3 -m venv --system-site-packages {HOME}/venv",
        f"{HOME}/venv/bin/python -m pip install --no-cache-dir --progress-bar off --disable-pip-version-check \\",
        f"    --constraint {HOME}/constraints.txt \\",
        *_continued([f"    {literal(one)}" for one in definition.install]),
    ]


def _continued(lines: list[str]) -> list[str]:
    return [*(f"{line} \\" for line in lines[:-1]), lines[-1]]


def _test(definition: Definition) -> list[str]:
    lines = [f"python3 -c {literal(f'import {one}')}" for one in definition.imports]
    if definition.python:
        code = (
            "import platform, sys; from packaging.specifiers import SpecifierSet; "
            f"sys.exit(platform.python_version() not in SpecifierSet({definition.python!r}))"
        )
        lines.append(f"python3 -c {literal(code)}")
    return ["set -eu", *lines, "hqml --version"]


def _help(definition: Definition) -> list[str]:
    option = f"{definition.gpus} " if definition.gpus else ""
    place = f" at {definition.site}" if definition.site else ""
    return [
        f"hqml {version()} and what it needs. Run it{place} with",
        f"    apptainer run {option}IMAGE.sif solve model.qubo",
        f"    apptainer exec {option}IMAGE.sif python3 program.py",
    ]
