"""What is to be done of a batch and what is done: kept by rank 0."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from hqml_mpi.clock import Clock
from hqml_mpi.ranks import sendable
from hqml_mpi.units import Found, Unit

Job = tuple[int, "float | None"]
"""The place of a unit, and the seconds it may last."""


def not_kept(place: int, found: Found) -> None:
    """How a ledger without a folder saves a unit."""


@dataclass
class Ledger:
    """Hands out units and takes in what was found in them; threads share it.

    Attributes:
        units: all, those that have to run first in front.
        slots: how many units run at a time, on all ranks.
        clock: says when to hand out no more.
        save: told of every unit that comes in.
        done: what was found, by the place of its unit.
        failure: a unit ended with it; no more are handed out.
    """

    units: Sequence[Unit]
    slots: int
    clock: Clock
    save: Callable[[int, Found], None] = not_kept
    done: dict[int, Found] = field(default_factory=dict)
    failure: Exception | None = None
    queue: deque[int] = field(init=False)
    lock: Any = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.queue = deque(place for place in range(len(self.units)) if place not in self.done)

    def next(self) -> Job | None:
        """A unit to run; None where there is no more."""
        with self.lock:
            if self.failure is not None or not self.queue:
                return None
            if self.clock.late and not self.units[self.queue[0]].first:
                return None
            seconds = None
            if self.clock.limited:
                must = sum(self.units[place].first for place in self.queue)
                seconds = self.clock.left / max(1, -(-must // self.slots))  # the last model is to have its time as well
            return self.queue.popleft(), seconds

    def add(self, place: int, found: Found) -> None:
        """Take in a unit; where it cannot be saved the batch fails, on all ranks."""
        if found.info.get("interrupted"):
            self.clock.interrupted = True
        with self.lock:
            if place in self.done:
                return
            self.done[place] = found
        try:
            self.save(place, found)
        except Exception as error:
            self.fail(sendable(error, "a finished slice cannot be kept"))

    def fail(self, failure: Exception) -> None:
        with self.lock:
            self.failure = self.failure or failure

    @property
    def share(self) -> float:
        return len(self.done) / len(self.units)
