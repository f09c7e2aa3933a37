"""What commands and lists say, short enough for one line."""

from __future__ import annotations

from collections.abc import Sequence

_LONGEST = 300
"""Characters."""


def one_line(text: str) -> str:
    """What a command said, without its line breaks, and not all of it where it is long."""
    plain = " ".join(text.split())
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}..."


def last_line(text: str) -> str:
    """The last line that says anything: where a command fails, it is mostly the reason. "" where none does."""
    lines = [line for line in text.splitlines() if line.strip()]
    return one_line(lines[-1]) if lines else ""


def some_of(names: Sequence[str], most: int = 4) -> str:
    """A list of names, of which not all are told where they are many."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
