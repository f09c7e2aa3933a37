"""Exact versions for a container: those that are installed here, or those of a file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from hqml.errors import FormatError, ParameterError


def installed_pins(requirements: Iterable[str]) -> dict[str, str]:
    """The versions of all that requirements need on this machine, and of what that needs, by name; hqml's own apart.

    Raises:
        ParameterError: something of it is not installed.
    """
    pins: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    queue = [Requirement(one) for one in requirements]
    while queue:
        wanted = queue.pop()
        name = canonicalize_name(wanted.name)
        found = _distribution(name)
        for extra in ("", *sorted(wanted.extras)):
            if (name, extra) not in seen:
                seen.add((name, extra))
                queue += _needed(found, extra)
        if name != "hqml":
            # A local version, such as that of 2.13.0+cpu, says where the wheel was built; no index has it.
            pins[name] = Version(found.version).public
    return dict(sorted(pins.items()))


def read_pins(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read a file of requirements or constraints, each of which names one version: `name==version`, by name.

    Raises:
        FormatError: it cannot be read; a line names no version; a name has two versions.
    """
    pins: dict[str, str] = {}
    for number, line in _lines(path):
        name, version = _pin(line, f"{path}:{number}")
        if pins.setdefault(name, version) != version:
            raise FormatError(f"{path}:{number}: {name} is there with another version as well; leave one out")
    return pins


def _distribution(name: str) -> Distribution:
    try:
        return Distribution.from_name(name)
    except PackageNotFoundError:
        raise ParameterError(
            f"{name} is not installed here, so its version is not known; install it, or name one: --constraints FILE"
        ) from None


def _needed(distribution: Distribution, extra: str) -> Iterator[Requirement]:
    """What a distribution, or one of its extras, requires on this machine."""
    for text in distribution.requires or ():
        one = Requirement(text)
        if extra and (one.marker is None or one.marker.evaluate({"extra": ""})):
            continue  # of the distribution itself
        if one.marker is None or one.marker.evaluate({"extra": extra}):
            yield one


def _lines(path: str | os.PathLike[str]) -> Iterator[tuple[int, str]]:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    for number, line in enumerate(text.splitlines(), 1):
        stripped = re.sub(r"(^|\s)#.*", "", line).strip()
        if stripped:
            yield number, stripped


def _pin(line: str, place: str) -> tuple[str, str]:
    """The name and the version of a line; one for another platform is no pin of this one, but does no harm."""
    try:
        found = Requirement(line)
    except InvalidRequirement:
        raise FormatError(f"{place}: write name==version, found {line!r}") from None
    exact = [one for one in found.specifier if one.operator in ("==", "===") and not one.version.endswith(".*")]
    if len(exact) != 1 or len(found.specifier) != 1:
        raise FormatError(f"{place}: an image is to be the same when it is built again; write {found.name}==VERSION")
    if found.marker is not None or found.extras:
        raise FormatError(f"{place}: write name==version without conditions or extras, found {line!r}")
    return canonicalize_name(found.name), exact[0].version
