"""What counts as a finding, and where findings are kept.

A reader works, or raises one of hqml's errors with a message that fits on the one line that a command prints. Nothing
that an input says is run, and nothing is written outside of the folders that are ours.
"""

from __future__ import annotations

import hashlib
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from hqml.errors import HqmlError

ROOT = Path(__file__).resolve().parents[3]

_RUNS_CODE = {
    *("os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "os.startfile", "subprocess.Popen"),
    *("pickle.find_class", "webbrowser.open", "pty.spawn"),
}
"""Events of https://docs.python.org/3/library/audit_events.html that no reader causes."""

_LONGEST_LINE = 2000


class CodeWasRun(BaseException):
    """An input made something happen that no input may."""


class UglyMessage(AssertionError):
    """An error of ours whose message nobody would want to read."""


class Watch:
    """Runs a target on inputs, and keeps what should not have happened: one file for each place it comes from."""

    def __init__(self, run: Any, findings: Path, allowed: tuple[Path, ...]) -> None:
        self._run, self._findings = run, findings
        self._allowed = tuple(str(one) for one in allowed)
        self._watching = False
        self._seen: set[str] = set()
        findings.mkdir(parents=True, exist_ok=True)
        sys.addaudithook(self._heard)

    def __call__(self, data: bytes) -> None:
        """Run one input; a finding is noted, and life goes on."""
        try:
            self.once(data)
        except Exception as error:
            self._note(error, data)
        except CodeWasRun as error:
            self._note(error, data)

    def once(self, data: bytes) -> None:
        """Run one input; a finding is raised."""
        try:
            with self._watched():
                self._run(data)
        except HqmlError as error:
            line = " ".join(str(error).split())
            if not line or len(line) > _LONGEST_LINE:
                raise UglyMessage(f"of {len(line)} letters: {line[:200]!r}") from error

    @contextmanager
    def _watched(self) -> Iterator[None]:
        self._watching = True
        try:
            yield
        finally:
            self._watching = False

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._watching:
            return
        if (event in _RUNS_CODE and not _is_ours(event, arguments)) or (
            event == "open" and self._writes_elsewhere(*arguments)
        ):
            self._watching = False  # the traceback's own files are no finding
            raise CodeWasRun(f"{event} {arguments!r:.200}")

    def _writes_elsewhere(self, path: Any, mode: Any, flags: Any) -> bool:
        writes = isinstance(flags, int) and flags & 0o3 != 0
        if not writes or not isinstance(path, str) or path == "/dev/null":
            return False
        return not os.path.abspath(path).startswith(self._allowed)

    def _note(self, error: BaseException, data: bytes) -> None:
        place = place_of(error)
        if place in self._seen:
            return
        self._seen.add(place)
        name = hashlib.sha256(place.encode()).hexdigest()[:12]
        (self._findings / f"{name}.input").write_bytes(data)
        told = "".join(traceback.format_exception(error))
        (self._findings / f"{name}.txt").write_text(f"{place}\n\n{told}", errors="backslashreplace")
        print(f"FINDING {name}: {place}", file=sys.stderr, flush=True)


def _is_ours(event: str, arguments: tuple[Any, ...]) -> bool:
    """What hqml does whatever the input says: bash asked about syntax alone, numba's kernels from its own cache."""
    if event == "subprocess.Popen":
        return "-n" in arguments[1] and "--norc" in arguments[1]
    return event == "pickle.find_class" and _is_in("numba.core.caching")


def _is_in(module: str) -> bool:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") == module:
            return True
        frame = frame.f_back
    return False


def place_of(error: BaseException) -> str:
    """Kind of an error, the last line of hqml it went through, and the last line at all."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [one for one in frames if one.filename.startswith(str(ROOT)) and "/tests/" not in one.filename]
    shown = [f"{Path(one.filename).name}:{one.lineno}" for one in (*ours[-1:], *frames[-1:])]
    return f"{type(error).__name__} at {' <- '.join(shown)}"
