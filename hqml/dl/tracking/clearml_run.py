"""One run of ClearML, in a process of its own.

ClearML's SDK takes over signals, `sys.exit`, `os.fork` and the exception hook of the process that it is in, and sleeps
for some 11 s when a run ends. Signals are how a batch system asks training to save and stop, so the SDK lives in a
child that is told events as lines (`clearml_child`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO

from hqml.dl.tracking.events import Event
from hqml.dl.tracking.tools import Place
from hqml.errors import FormatError, LibraryMissing, ServiceError
from hqml.secrets import scrubbed

_TO_OPEN, _TO_KEEP, _TO_END, _TO_LEAVE = 60.0, 600.0, 180.0, 20.0
"""Seconds to wait for the child: until a run has begun, a model is kept, all has been sent, it has ended."""


class ClearmlRun:
    """A run, as `hqml.dl.tracking.events.Tool`.

    Args:
        child: that speaks to ClearML, started.
    """

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child
        assert child.stdin is not None
        assert child.stdout is not None
        self._to: IO[str] = child.stdin
        self._answers: SimpleQueue[str] = SimpleQueue()
        self._listener = threading.Thread(target=_listen, args=(child.stdout, self._answers), daemon=True)
        self._listener.start()
        self.run = ""

    @classmethod
    def opened(cls, place: Place, run: str | None, folder: Path | None) -> ClearmlRun:
        """Begin a run, or go on with one; offline runs lie in `folder`/clearml, or where ClearML puts them.

        Raises:
            LibraryMissing: ClearML is not installed.
            ServiceError: it has no server, or cannot reach it.
        """
        variables = {"CLEARML_LOG_LEVEL": "ERROR", "CLEARML_SUPPRESS_UPDATE_MESSAGE": "true"}
        if place.offline and folder is not None:
            variables["CLEARML_CACHE_DIR"] = str((folder / "clearml").absolute())
        begin = {"project": place.experiment, "title": place.title, "offline": place.offline, "run": run or None}
        child = subprocess.Popen(
            [sys.executable, "-m", "hqml.dl.tracking.clearml_child", json.dumps(begin)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **variables},
            start_new_session=True,  # Ctrl-C is for training, which then says how the run ended
        )
        begun = cls(child)
        try:
            begun.run = begun._answer(_TO_OPEN)
        except BaseException:
            begun.close()
            raise
        return begun

    def tell(self, event: Event) -> str:
        """Pass an event on; until the child has a model, or all is sent, wait."""
        try:
            self._to.write(event.line() + "\n")
            self._to.flush()
        except (OSError, ValueError) as error:
            raise ServiceError("ClearML's process has ended") from error
        if event.kind == "model":
            return self._answer(_TO_KEEP)
        if event.kind == "end":
            return self._answer(_TO_END)
        return ""

    def close(self) -> None:
        """Let the child end, and end it if it does not."""
        with suppress(OSError):
            self._to.close()
        try:
            self._child.wait(timeout=_TO_LEAVE)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._listener.join(timeout=1)

    def _answer(self, seconds: float) -> str:
        """
        Raises:
            ServiceError: it does not come, or says that ClearML failed.
            LibraryMissing: ClearML is not installed.
            FormatError: a model's file cannot be read.
        """
        try:
            line = self._answers.get(timeout=seconds)
        except Empty:
            raise ServiceError(f"ClearML does not answer within {seconds:g} s") from None
        answer = json.loads(line or '{"error": "ClearML\'s process has ended", "kind": ""}')
        if "error" not in answer:
            return str(answer["is"])
        kinds = {"missing": LibraryMissing, "file": FormatError}
        raise kinds.get(answer["kind"], ServiceError)(scrubbed(answer["error"]))


def _listen(lines: IO[str], answers: SimpleQueue[str]) -> None:
    with lines:
        for line in lines:
            answers.put(line)
    answers.put("")
