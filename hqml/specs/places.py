"""Where in a file each value stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from hqml.errors import FormatError, HqmlError

Place: TypeAlias = tuple[str | int, ...]
"""The keys and indices that lead to a value: ("solvers", 1, "options")."""


@dataclass(frozen=True)
class Places:
    """The lines of a file's values.

    Attributes:
        path: of the file.
        lines: of each key, and of each item of a list; of the whole: ().
    """

    path: str
    lines: Mapping[Place, int]

    def line(self, place: Place) -> int:
        """Of a value, or of the nearest that it is in and that the file has."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def error(self, place: Place, message: str) -> FormatError:
        """`study.yaml:7: solvers[1].options: message`, at the nearest place that the file has."""
        shown = "".join(f"[{one}]" if isinstance(one, int) else f".{_key(one)}" for one in place).removeprefix(".")
        return FormatError(f"{self.path}:{self.line(place)}: {shown + ': ' if shown else ''}{message}")

    @contextmanager
    def at(self, *place: str | int) -> Iterator[None]:
        """Tell what fails in this block as an error at its place.

        Raises:
            FormatError: something of ours was raised, or a file cannot be read.
        """
        try:
            yield
        except HqmlError as error:
            raise self.error(place, str(error)) from error
        except OSError as error:
            raise self.error(place, f"cannot use {error.filename}: {error.strerror}") from error


def _key(name: str) -> str:
    """A key as it is shown: on one line."""
    return name if name.isprintable() else repr(name)


def plain_place(loc: tuple[Any, ...], content: Any, *, missing: bool) -> Place:
    """A location of pydantic's without what is no key: it also names the members of unions.

    Args:
        loc: the location.
        content: of the file.
        missing: the last key of `loc` is not there.
    """
    found: list[str | int] = []
    for one in loc[: len(loc) - missing]:
        if _has(content, one):
            content = content[one]
            found.append(one)
    return (*found, *(loc[-1:] if missing else ()))


def _has(content: Any, key: Any) -> bool:
    if isinstance(content, list):
        return isinstance(key, int) and 0 <= key < len(content)
    return isinstance(content, dict) and key in content
