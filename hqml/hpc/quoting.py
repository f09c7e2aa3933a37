"""Words of bash: literal ones, and paths in which variables count. And lines of it."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterable, Mapping

from hqml.hpc.workflow import Scalar

_BARE = re.compile(r"[\w@%+=:,./-]+", re.ASCII)
_VARIABLE = re.compile(r"(\$[A-Za-z_]\w*|\$\{[A-Za-z_]\w*\})", re.ASCII)
_MEANT = re.compile(r"([\\\"$`])")


def as_text(value: Scalar) -> str:
    """A value as a variable of the shell has it: true, not True."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def literal(value: Scalar) -> str:
    """A word that bash takes as it is."""
    return shlex.quote(as_text(value))


def expanding(path: str) -> str:
    """A word in which a leading ~ and variables such as $PROJECT count, and nothing else does."""
    if _BARE.fullmatch(path):
        return path
    home, rest = ("$HOME", path[1:]) if path == "~" or path.startswith("~/") else ("", path)
    parts = _VARIABLE.split(rest)
    parts[::2] = [_MEANT.sub(r"\\\1", part) for part in parts[::2]]
    return f'"{home}{"".join(parts)}"'


def exports(values: Mapping[str, Scalar]) -> list[str]:
    """A line for each variable."""
    return [f"export {name}={literal(value)}" for name, value in values.items()]


def indented(lines: Iterable[str], by: int = 4) -> list[str]:
    """Lines further to the right, but for those with line breaks that may be within quoted text."""
    return [textwrap.indent(line, " " * by) if _movable(line) else line for line in lines]


def _movable(lines: str) -> bool:
    """Whether white space at the beginning of the lines means nothing, for all that one can see."""
    return "\n" not in lines or not ("<<" in lines or any(map(_goes_on, lines.splitlines())))


def _goes_on(line: str) -> bool:
    """Whether a line may end within a word: within quotes, or by a backslash that is no word of its own."""
    return any(line.count(quote) % 2 for quote in "'\"`") or bool(re.search(r"\S\\$", line))
