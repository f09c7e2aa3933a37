"""Wall times and memory as people and Slurm write them."""

from __future__ import annotations

import math
import re
from typing import Any

from hqml.durations import in_seconds
from hqml.errors import ParameterError

_SLURM = re.compile(r"(?:(?P<days>\d+)-)?(?P<first>\d+)(?::(?P<second>\d+))?(?::(?P<third>\d+))?", re.ASCII)

_SIZES = {"d": 86400, "h": 3600, "m": 60, "s": 1}

_YEAR = 366 * 86400

_MEMORY = re.compile(r"(\d+\.?\d*|\.\d+)\s*([MGT])(?:i?B)?", re.IGNORECASE | re.ASCII)

_GIGABYTES = {"M": 1 / 1024, "G": 1.0, "T": 1024.0}
"""Slurm counts in steps of 1024, whatever the unit is called: `man sbatch`, --mem."""


def wall_seconds(span: Any) -> float:
    """Seconds of "90s", "10m", "1.5h", "2d" or of Slurm's "30:00", "00:30:00", "1-12", "1-12:00:00".

    A number without a unit is refused: here it would be seconds, to Slurm it is minutes.

    Raises:
        ParameterError: it is none of these, not above 0, or more than a year.
    """
    text = span.strip() if isinstance(span, str) else ""
    if _is_bare(span):
        raise ParameterError(f"say the unit of {span}, e.g. {span}m or {span}s: Slurm would take minutes")
    seconds = slurm_seconds(text)
    if seconds is None:
        try:
            seconds = in_seconds(text)
        except ParameterError:
            seconds = 0.0
    if seconds <= 0:
        raise ParameterError(f"must be a time above 0 such as 90s, 10m, 2h, 1d or 1-12:00:00, found {span!r:.60}")
    if seconds > _YEAR:
        raise ParameterError(f"is longer than a year: {span!r:.60}")
    return seconds


def _is_bare(span: Any) -> bool:
    is_number = isinstance(span, int | float) and not isinstance(span, bool)
    return is_number or (isinstance(span, str) and re.fullmatch(r"\d+\.?\d*", span.strip(), re.ASCII) is not None)


def slurm_seconds(text: str) -> float | None:
    """What Slurm reads or writes as a time, such as "30:00" or "1-12:00:00"; None: it is something else.

    `man sbatch`, --time: with days hours come first, without them the last is seconds.
    """
    written = _SLURM.fullmatch(text)
    if written is None:
        return None
    fields = [int(one) for one in written.group("first", "second", "third") if one is not None]
    if written["days"] is not None:
        fields = [*fields, 0, 0][:3]
    hours, minutes, seconds = [0, 0, *fields][-3:]
    return float(int(written["days"] or 0) * 86400 + hours * 3600 + minutes * 60 + seconds)


def slurm_time(seconds: float) -> str:
    """A wall time as Slurm writes it, such as 1-12:00:00; not less."""
    minutes, left = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{days}-" * (days > 0) + f"{hours:02}:{minutes:02}:{left:02}"


def gigabytes(amount: Any) -> float:
    """What "64GB", "500MB" or "1.5T" is, in steps of 1024.

    Raises:
        ParameterError: it is none of these, or not above 0.
    """
    written = _MEMORY.fullmatch(amount.strip()) if isinstance(amount, str) else None
    found = float(written[1]) * _GIGABYTES[written[2].upper()] if written else 0.0
    if not 0 < found < 1 << 30:
        raise ParameterError(f"must be an amount of memory such as 64GB or 500MB, found {amount!r:.60}")
    return found


def shown_time(seconds: float) -> str:
    """A wall time for people: "1d 12h", "10m", "90s" as "1m 30s"."""
    parts, left = [], round(seconds)
    for unit, size in _SIZES.items():
        count, left = divmod(left, size)
        parts += [f"{count}{unit}"] if count else []
    return " ".join(parts) or f"{seconds:g}s"


def written_time(seconds: float) -> str:
    """A wall time as files say it, in the largest unit that needs no fraction: "2d", "36h", "90s"."""
    whole = round(seconds)
    size, unit = next((size, unit) for unit, size in _SIZES.items() if not whole % size)
    return f"{whole // size}{unit}"
