"""Which process wrote something into a shared folder, whether it is still there, and which processors it may use."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any


def processors() -> frozenset[int]:
    """Those that this process may use."""
    return frozenset(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1))


def this_process() -> dict[str, Any]:
    """What tells this process from all others on all hosts: "host", "place", "pid", "born"."""
    return process_of(os.getpid())


def process_of(pid: int) -> dict[str, Any]:
    """The same of a process of this host that is there."""
    return {"host": socket.gethostname(), "place": _place(), "pid": pid, "born": _born(pid)}


def is_seen(other: Mapping[str, Any]) -> bool:
    """Whether a process, were it alive, could be seen from here."""
    return bool(other["place"] == _place())


def is_alive(other: Mapping[str, Any]) -> bool:
    """Whether a process that `is_seen` is there; a new one that has got its number is another one."""
    pid = other["pid"]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's, and there
        pass
    born = _born(pid)
    return born == other["born"] if born is not None else not Path("/proc/self/stat").exists()


@cache
def _place() -> str:
    """Processes of one place see each other by number: one boot of one host, and there one namespace of processes.

    Containers may share the name of their host, and a host its name with another one.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{socket.gethostname()} {boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:  # no Linux
        return socket.gethostname()


def fields(pid: int) -> list[str] | None:
    """What Linux tells of a process: fields of proc_pid_stat(5) from 3 on: its state, 4 the parent, 6 the session.

    The name before them may have blanks. None where the process is not there, as one that has ended and was not waited
    for (Z), or where the host does not tell.
    """
    try:
        found = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if not found or found[0] in "ZX" else found


def _born(pid: int) -> str | None:
    """Field 22: when a process was started, in ticks since the host was. None as for `fields`."""
    found = fields(pid)
    return None if found is None else found[19]
