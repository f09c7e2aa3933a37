"""How long a call may go on: until its deadline, or until Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

LEAST = 1e-3
"""Seconds that a slice gets which has to run although the time is up."""


class Clock:
    """Tells how much time is left.

    Args:
        time_limit: seconds from now, None for as long as it takes.
    """

    def __init__(self, time_limit: float | None) -> None:
        self._deadline = None if time_limit is None else perf_counter() + time_limit
        self.interrupted = False

    @property
    def limited(self) -> bool:
        return self.interrupted or self._deadline is not None

    @property
    def left(self) -> float:
        """Seconds left where the clock is limited, at least LEAST."""
        if self.interrupted or self._deadline is None:
            return LEAST
        return max(LEAST, self._deadline - perf_counter())

    @property
    def late(self) -> bool:
        return self.limited and self.left <= LEAST

    def share(self, models: int) -> Clock:
        """The clock of the first of `models` models that divide what is left between them."""
        own = Clock(self.left / models if self._deadline is not None else None)
        own.interrupted = self.interrupted
        return own

    @contextmanager
    def noticing_ctrl_c(self) -> Iterator[None]:
        """Note a first Ctrl-C in this block instead of raising it there, between steps that belong together."""
        before = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is not threading.main_thread() or not callable(before):
            yield
            return

        def pressed(number: int, frame: Any) -> None:
            if self.interrupted:
                before(number, frame)
            self.interrupted = True

        signal.signal(signal.SIGINT, pressed)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
