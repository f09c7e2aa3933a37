"""How values and small tables are shown to people: text, and HTML for notebooks.

The HTML has no colours of its own, so that it follows the notebook's theme, light or dark. All of it is escaped: names
come from users and their files.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

MISSING = "–"  # noqa: RUF001 - the dash of a table

_LONGEST = 200
"""Characters of a cell."""

_TABLE = "width: auto; margin: 0.3em 0; color: inherit"
_CELL = "padding: 0.1em 0.8em 0.1em 0; text-align: "


def number(value: float) -> str:
    """Four digits, or all of a whole number."""
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e7 else f"{value:.4g}"


def duration(seconds: float) -> str:
    """Three digits, or all before the point, with a unit: 176 µs, 1.2 ms, 3.5 s, 1234 s, 2.1 h."""
    if math.isinf(seconds) or math.isnan(seconds):
        return "any time" if seconds > 0 else "unknown"
    for unit, size in (("h", 3600.0), ("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= 0.9995 * size:
            return f"{_three_digits(seconds / size)} {unit}"
    return f"{_three_digits(seconds / 1e-9)} ns" if seconds else "0 s"


def memory(size: int) -> str:
    """Bytes with a unit: 640 B, 3.2 MiB."""
    for unit, bytes_ in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= bytes_:
            return f"{_three_digits(size / bytes_)} {unit}"
    return f"{size} B"


def text_of(value: Any) -> str:
    """A value in a cell: a dash where there is none."""
    if isinstance(value, bool) or type(value).__name__ == "bool":  # numpy's too
        return "yes" if value else "no"
    if isinstance(value, numbers.Integral):  # a seed is of no use without its last digits
        return str(int(value))
    if value is None or (isinstance(value, numbers.Real) and math.isnan(value)):
        return MISSING
    if isinstance(value, numbers.Real):
        return number(float(value))
    text = _sendable(" ".join(str(value).splitlines()))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def text_pairs(values: Mapping[str, Any]) -> str:
    """Lines of names and values below each other; without those that are None."""
    known = {name: text_of(value) for name, value in values.items() if value is not None}
    width = max(map(len, known), default=0)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in known.items())


def first_line(error: BaseException) -> str:
    """What an error says, in one line: its first, or its name where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def html_pairs(values: Mapping[str, Any]) -> str:
    """A table of names and values; without those that are None."""
    rows = "".join(
        f'<tr><th style="{_CELL}left; font-weight: normal">{escape(name)}</th>{_cell(value, "left")}</tr>'
        for name, value in values.items()
        if value is not None
    )
    return f'<table style="{_TABLE}"><tbody>{rows}</tbody></table>'


def html_table(header: Sequence[Any], rows: Sequence[Sequence[Any]]) -> str:
    """A table with a header, numbers to the right; it scrolls sideways where it is wider than the page."""
    numeric = [any(_is_number(row[place]) for row in rows) for place in range(len(header))]
    sides = ["right" if one else "left" for one in numeric]
    head = "".join(
        f'<th style="{_CELL}{side}">{escape(text_of(name))}</th>' for name, side in zip(header, sides, strict=True)
    )
    body = "".join(
        f"<tr>{''.join(_cell(value, side) for value, side in zip(row, sides, strict=True))}</tr>" for row in rows
    )
    table = f'<table style="{_TABLE}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div style="overflow-x: auto">{table}</div>'


def html_section(title: str, *parts: str) -> str:
    """A title over parts that are HTML already."""
    return f'<div class="hqml-shown"><strong>{escape(_sendable(title))}</strong>{"".join(parts)}</div>'


def html_lines(lines: Sequence[str]) -> str:
    """Sentences, a paragraph each."""
    return "".join(f'<p style="margin: 0.3em 0">{escape(_sendable(line))}</p>' for line in lines)


def _cell(value: Any, side: str) -> str:
    return f'<td style="{_CELL}{side}">{escape(text_of(value))}</td>'


def _sendable(text: str) -> str:
    """Names of files may hold bytes that are no text, which no notebook can send to a browser."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _is_number(value: Any) -> bool:
    """Also one that is written already."""
    if not isinstance(value, str):
        return isinstance(value, numbers.Real) and not isinstance(value, bool)
    try:
        float(value)
    except ValueError:
        return False
    return True


def _three_digits(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
