"""Progress of long work, without an argument through every layer.

A front end says `with reporting(show): ...`; dispatch hands `show` to a backend that can report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

Report: TypeAlias = Callable[[float], None]
"""Takes the share of the work that is done, 0 to 1."""

_current: ContextVar[Report | None] = ContextVar("hqml_progress", default=None)


@contextmanager
def reporting(report: Report) -> Iterator[None]:
    """Call `report` with the share done of whatever a backend computes in this block."""
    token = _current.set(report)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> Report | None:
    """The report in force, None where nobody asked."""
    return _current.get()
