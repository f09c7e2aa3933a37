"""A tracker that no failure of its tool stops: what the tool does not take waits in the folder of the run."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hqml.dl.signature import Signature
from hqml.dl.tracking.events import Event, Tool
from hqml.dl.tracking.memory import Memory
from hqml.dl.tracking.tools import TITLES, Place, opened
from hqml.errors import HqmlError, ServiceError
from hqml.secrets import cleaned, scrubbed

_PAUSE = 60.0
"""Seconds before a tool that failed is tried again."""

_SHARE = 20
"""The pause is as many times what the last try took, so that a dead server costs training at most 5 %."""


class KeptTracker:
    """A `hqml.dl.tracker.Tracker`. Of MLflow offline, all waits for `hqml model push`.

    Args:
        place: where the run is tracked.
        memory: of its folder.
        resume: go on with the run of the folder, if it is at this place, also where the tool cannot be reached now.

    Raises:
        LibraryMissing, ServiceError: as for `tools.opened`, of a run that begins.
    """

    def __init__(self, place: Place, memory: Memory, *, resume: bool = True) -> None:
        self._place, self._memory = place, memory
        known = memory.run(place) if resume else None
        self._run = known[1] if known else None
        self._waiting = memory.events() if known else []
        self._tool: Tool | None = None
        self._said = False
        self._next_try = 0.0
        self._later = place.tool == "mlflow" and place.offline
        if known is None:
            memory.put([])
            if self._later:
                memory.remember(place, "")
            else:
                self._open()

    def parameters(self, values: Mapping[str, Any]) -> None:
        """The task's keys, dotted, and what it ran with."""
        self._tell(Event("parameters", {"values": {key: str(value) for key, value in cleaned(values).items()}}))

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Figures after an epoch."""
        numbers = {name: float(value) for name, value in values.items()}
        self._tell(Event("metrics", {"values": numbers, "step": int(step)}))

    def model(self, path: Path, signature: Signature, name: str) -> str:
        """Keep and register an ONNX file; where it is found again, "" where the tool does not take it now.

        The file itself says what its signature is.
        """
        return self._tell(Event("model", {"path": self._memory.path_of(path), "name": name, "values": {}}))

    def close(self, status: str) -> None:
        """End the run: "finished", "failed" or "killed". What still waits is tried once more."""
        self._next_try = 0.0
        self._tell(Event("end", {"status": status}))
        if self._waiting:
            self._say_what_waits()
        if self._tool is not None:
            self._tool.close()

    def flush(self) -> None:
        """Send what waits, now.

        Raises:
            ServiceError: not all of it was taken; the rest still waits.
        """
        self._later = False
        _, error = self._send(self._waiting)
        if self._tool is not None:
            self._tool.close()
        if error is not None:
            count = len(self._waiting)
            raise ServiceError(f"{scrubbed(str(error))}; {count} message{'s' * (count != 1)} still wait") from error

    def _tell(self, event: Event) -> str:
        if self._waiting or self._later:
            self._wait(event)
            self._send_waiting()
            return ""
        return self._timed([event])

    def _send_waiting(self) -> None:
        if not self._later and time.monotonic() >= self._next_try:
            self._timed(self._waiting)

    def _timed(self, events: list[Event]) -> str:
        """Send events; where they are not taken, say so once, and let the tool rest."""
        began = time.monotonic()
        where, error = self._send(events)
        if error is not None:
            self._next_try = time.monotonic() + max(_PAUSE, _SHARE * (time.monotonic() - began))
            self._say_once(error)
        return where

    def _send(self, events: list[Event]) -> tuple[str, Exception | None]:
        """Pass events on, the first first; from one that is not taken on, they wait."""
        taken, where, failure = 0, "", None
        try:
            for event in events:
                where = self._passed(event)
                taken += 1
        except Exception as error:  # of whichever library; training goes on
            failure = error
        left = events[taken:]
        if left or self._waiting:
            self._waiting = left
            self._memory.put(left)
        return where, failure

    def _passed(self, event: Event) -> str:
        if self._tool is None:
            self._open()
        assert self._tool is not None
        try:
            return self._tool.tell(self._memory.placed(event))
        except ServiceError:
            raise
        except HqmlError as error:  # it would be refused later as well
            warnings.warn(f"{TITLES[self._place.tool]} was not told of it: {scrubbed(str(error))}", stacklevel=2)
            return ""

    def _open(self) -> None:
        self._tool = opened(self._place, self._run, self._memory.folder)
        if self._tool.run != self._run:
            self._run = self._tool.run
            self._memory.remember(self._place, self._run)

    def _wait(self, event: Event) -> None:
        self._waiting = [*self._waiting, event]
        self._memory.add(event)

    def _say_once(self, error: Exception) -> None:
        if self._said:
            return
        self._said = True
        where = "in memory" if self._memory.waiting is None else f"in {self._memory.waiting}"
        warnings.warn(f"{scrubbed(str(error))}; training goes on, and what is not sent waits {where}", stacklevel=2)

    def _say_what_waits(self) -> None:
        count = f"{len(self._waiting)} message{'s' * (len(self._waiting) != 1)}"
        lost = "lost, since no folder keeps them"
        kept = f"kept: `hqml model push {self._memory.folder}` sends them"
        warnings.warn(
            f"{self._place.words} has not taken {count}, {lost if self._memory.folder is None else kept}", stacklevel=2
        )
