"""Tables of a page: each entry has a text to read and a key to sort by."""

from __future__ import annotations

import json
import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hqml.compare.bootstrap import Estimate
from hqml.display import MISSING, duration, number


@dataclass(frozen=True)
class Entry:
    """
    Attributes:
        text: as read.
        key: what a script sorts and saves instead, where it is not the text; "" is missing.
        low, high: of an interval, to be saved.
        numeric: stands to the right.
    """

    text: str
    key: str | None = None
    low: str = ""
    high: str = ""
    numeric: bool = False


@dataclass(frozen=True)
class DataTable:
    """
    Attributes:
        name: of the file that it is saved as, without suffix.
        headings: with units.
        rows: as long as the headings.
    """

    name: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Entry]]

    @property
    def numeric(self) -> list[bool]:
        """Which columns hold numbers."""
        columns = zip(*self.rows, strict=True) if self.rows else ([] for _ in self.headings)
        return [any(entry.numeric for entry in column) for column in columns]


def data_table(name: str, headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> DataTable:
    """A table of plain values and estimates; None, NaN and "" are missing."""
    return DataTable(name, headings, [[entry(value) for value in row] for row in rows])


def timed(estimate: Estimate) -> Entry:
    """Seconds in units that read well; what is sorted and saved stays seconds."""
    shown = entry(estimate)
    text = ("> " if estimate.bound else "") + duration(estimate.value)
    if shown.low:
        text += f" ({duration(estimate.low)} to {duration(estimate.high)})"
    return replace(shown, text=text, key=precise(estimate.value))


def entry(value: Any) -> Entry:
    """What to read and what to sort by."""
    if isinstance(value, Entry):
        return value
    if isinstance(value, Estimate):
        return _interval(value)
    if isinstance(value, bool) or type(value).__name__ == "bool":
        return Entry("yes" if value else "no")
    if value is None or (isinstance(value, numbers.Real) and math.isnan(value)):
        return Entry(MISSING, "")
    if isinstance(value, numbers.Integral):
        return Entry(str(int(value)), numeric=True)
    if isinstance(value, numbers.Real):
        text, key = number(float(value)), precise(float(value))
        return Entry(text, None if text == key else key, numeric=True)
    if isinstance(value, Mapping | list | tuple):
        return Entry(
            json.dumps(value, ensure_ascii=False, default=str) if len(value) else MISSING, None if value else ""
        )
    return Entry(str(value)) if str(value) else Entry(MISSING, "")


def precise(value: float) -> str:
    """For a script and for a file."""
    return str(int(value)) if math.isfinite(value) and value == int(value) and abs(value) < 1e15 else f"{value:.8g}"


def _interval(estimate: Estimate) -> Entry:
    if not estimate.known:
        return Entry(MISSING, "")
    text, key = ("> " if estimate.bound else "") + _rounded(estimate.value), precise(estimate.value)
    if estimate.bound or not estimate.has_interval:
        return Entry(text, None if text == key else key, numeric=True)
    text = f"{text} ({_rounded(estimate.low)} to {_rounded(estimate.high)})"
    return Entry(text, key, precise(estimate.low), precise(estimate.high), numeric=True)


def _rounded(value: float) -> str:
    """Three digits do beside an interval, or all of a whole number."""
    if math.isinf(value) or abs(value) >= 1000:
        return number(round(value) if math.isfinite(value) else value)
    return number(float(f"{value:.3g}"))
