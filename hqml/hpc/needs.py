"""What software a step needs, without saying which module of which site has it: "torch>=2.1", "mpi"."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from hqml.errors import ParameterError


@dataclass(frozen=True)
class Need:
    """A name and the versions that will do.

    Attributes:
        name: lower case, e.g. "torch", "cuda", "mpi".
        versions: e.g. SpecifierSet(">=2.1"); empty: any.
    """

    name: str
    versions: SpecifierSet = field(default_factory=SpecifierSet)

    def __str__(self) -> str:
        return f"{self.name}{self.versions}"

    def met_by(self, version: str) -> bool:
        """Whether a version will do; one that says no number, such as "default", does where any will."""
        try:
            return self.versions.contains(Version(version), prereleases=True)
        except InvalidVersion:
            return not len(self.versions)


def read_needs(written: str | Iterable[Any]) -> tuple[Need, ...]:
    """Read "torch>=2.1, cuda, mpi", or a list of such.

    Raises:
        ParameterError: one of them is no name with versions, or is there twice.
    """
    parts = _parts(written) if isinstance(written, str) else [str(one) for one in written]
    needs = [_need(part.strip()) for part in parts if part.strip()]
    names = [need.name for need in needs]
    for name in names:
        if names.count(name) > 1:
            raise ParameterError(f"{name!r} is needed twice; say all of its versions at once, e.g. '{name}>=1,<2'")
    return tuple(needs)


def _parts(text: str) -> list[str]:
    """A comma also stands within the versions of one need: one that a version follows does not part."""
    parts: list[str] = []
    for piece in text.split(","):
        if parts and piece.strip()[:1] in tuple("<>=!~"):
            parts[-1] += f",{piece}"
        else:
            parts.append(piece)
    return parts


def _need(text: str) -> Need:
    try:
        found = Requirement(text)
    except InvalidRequirement as error:
        raise ParameterError(f"write needs as 'torch>=2.1, cuda, mpi'; found {text!r}") from error
    if found.url or found.extras or found.marker:
        raise ParameterError(f"a need is a name with versions, such as 'torch>=2.1'; found {text!r}")
    return Need(canonicalize_name(found.name), found.specifier)
