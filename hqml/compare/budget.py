"""What a run of a study may take."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter

from hqml.options import finite_number

_MOMENT = 1e-3
"""Seconds in which no cell begins."""


@dataclass(frozen=True)
class Budget:
    """Limits; None is none.

    Attributes:
        seconds: on the clock, of one call of `run_study`: no cell begins that would not end by then.
        qpu_seconds: metered time of the whole study in its store, over all processes and all runs. Metered hardware
            does not run without.

    Raises:
        ParameterError: one is not above 0.
    """

    seconds: float | None = None
    qpu_seconds: float | None = None

    def __post_init__(self) -> None:
        for name in ("seconds", "qpu_seconds"):
            if getattr(self, name) is not None:
                finite_number(name, getattr(self, name), above=0, unit="seconds")

    def after(self, seconds: float) -> Budget:
        """What is left of the time on the clock, where so much of it has gone by: a moment at least."""
        return self if self.seconds is None else replace(self, seconds=max(self.seconds - seconds, _MOMENT))


class Clock:
    """The time of a run.

    Args:
        seconds: it may take; none is any.
    """

    def __init__(self, seconds: float | None) -> None:
        self._end = None if seconds is None else perf_counter() + seconds

    @property
    def limited(self) -> bool:
        return self._end is not None

    @property
    def is_up(self) -> bool:
        return self._end is not None and perf_counter() >= self._end

    def allows(self, seconds: float) -> bool:
        """Whether something that takes so long, NaN where nobody knows, may begin."""
        return self._end is None or not (self.is_up or perf_counter() + seconds > self._end)
