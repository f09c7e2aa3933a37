"""All processes that one started has brought with it, to end them as Slurm ends a job: asked first, then by force.

A script, and what it starts, is a session; programs may have groups of their own in it, and torchrun gives its workers
sessions of their own. Where there is no /proc (macOS) the group of the script's process stands for all of it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hqml.processes import fields, is_alive

GRACE = 10.0
"""Seconds that processes have to end after SIGTERM."""

_EVERY = 0.05
"""Seconds between two looks at them."""

_ROUNDS = 5


@dataclass(frozen=True)
class Process:
    """One of them; what has got its number later was born later."""

    pid: int
    parent: int
    session: int
    born: str  # "": where nobody tells, and the number is that of a group


@dataclass(frozen=True)
class Orphan:
    """A script that goes on though its runner was killed. It is no child of ours: its file alone says how it ended.

    Attributes:
        known: of its process, by `hqml.processes.process_of`.
        file: in which it writes its exit status first.
    """

    known: Mapping[str, Any]
    file: Path

    @property
    def pid(self) -> int:
        """Number of its process."""
        return int(self.known["pid"])

    def wait(self) -> int:
        """Its exit status, as `subprocess` has it: what has written none was killed."""
        while is_alive(self.known):
            time.sleep(_EVERY)
        try:
            return int(self.file.read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return -signal.SIGKILL


def members(session: int, known: Iterable[Process] = ()) -> list[Process]:
    """The processes of a session, and all below them, that have not ended.

    Args:
        session: number of the process that began it.
        known: that were among them before; some may have lost their parents.
    """
    there, before = _all(), set(known)
    if not there:
        return _group(session)
    found = {one.pid: one for one in there if one.session == session or one in before}
    while more := [one for one in there if one.parent in found and one.pid not in found]:
        found |= {one.pid: one for one in more}
    return list(found.values())


def tell(found: Iterable[Process], number: signal.Signals) -> None:
    """Send a signal to all of them."""
    for one in found:
        with suppress(ProcessLookupError, PermissionError):
            (os.kill if one.born else os.killpg)(one.pid, number)


def kill(session: int, found: Iterable[Process]) -> None:
    """Kill what is left of them, some rounds of it: each may just have started another."""
    for _ in range(_ROUNDS):
        found = members(session, found)
        if not found:
            return
        tell(found, signal.SIGKILL)
        time.sleep(_EVERY / _ROUNDS)


def end(*sessions: int) -> None:
    """End sessions with all that belongs to them: SIGTERM, and SIGKILL for what does not heed it."""
    left = {session: members(session) for session in sessions}
    for found in left.values():
        tell(found, signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    with suppress(KeyboardInterrupt):  # Ctrl-C once more: no patience
        while any(left.values()) and time.monotonic() < deadline:
            time.sleep(_EVERY)
            left = {session: members(session, found) for session, found in left.items()}
    for session, found in left.items():
        if found:
            kill(session, found)


def has_ended(process: subprocess.Popen[bytes] | Orphan) -> bool:
    """Whether a script has ended. A child is not waited for, so that nothing else gets its number before it is."""
    if isinstance(process, Orphan):
        return not is_alive(process.known)
    if not hasattr(os, "waitid"):
        return process.poll() is not None
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _group(session: int) -> list[Process]:
    try:
        os.killpg(session, 0)
    except (ProcessLookupError, PermissionError):
        return []
    return [Process(session, 0, session, "")]


def _all() -> list[Process]:
    found = (_process(int(name)) for name in _names() if name.isdigit())
    return [one for one in found if one is not None]


def _names() -> list[str]:
    try:
        return os.listdir("/proc")
    except OSError:
        return []


def _process(pid: int) -> Process | None:
    found = fields(pid)
    return None if found is None else Process(pid, int(found[1]), int(found[3]), found[19])
