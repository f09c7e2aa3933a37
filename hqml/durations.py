"""Spans of time as people write them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from hqml.errors import ParameterError
from hqml.options import finite_number

_UNITS = {"": 1, "ms": 1e-3, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}

_WRITTEN = re.compile(r"(\d+\.?\d*|\.\d+)\s*([a-z]*)", re.IGNORECASE)


def in_seconds(span: Any, name: str = "a duration") -> float:
    """Seconds of a number of them, or of text such as "90", "90s", "10m", "1.5h".

    Raises:
        ParameterError: it is none of these, or not above 0.
    """
    if not isinstance(span, str):
        return finite_number(name, span, above=0, unit="seconds")
    written = _WRITTEN.fullmatch(span.strip())
    if written is None or written[2].lower() not in _UNITS or not math.isfinite(float(written[1])):
        raise ParameterError(f"{name} must be a time such as 90, 90s, 10m or 2h, found {span!r}")
    return finite_number(name, float(written[1]) * _UNITS[written[2].lower()], above=0, unit="seconds")


def limits(written: Iterable[str]) -> dict[str, float]:
    """Read budgets such as "10m", "qpu=2s" or both with a comma between them.

    Returns:
        Some of {"seconds": ..., "qpu_seconds": ...}: what the fields of a Budget are to be.

    Raises:
        ParameterError: it is something else, or one of them is there twice.
    """
    found: dict[str, float] = {}
    for part in (one.strip() for text in written for one in text.split(",")):
        name, equals, span = part.rpartition("=")
        field = {"time": "seconds", "qpu": "qpu_seconds"}.get(name.strip().lower() if equals else "time")
        if field is None:
            raise ParameterError(f"a budget is a time, or qpu=TIME, e.g. 10m,qpu=2s; found {part!r}")
        if field in found:
            raise ParameterError(f"the budget of {'QPU ' * (field != 'seconds')}time is there twice; leave one out")
        found[field] = in_seconds(span, "a budget")
    return found
