"""Which process wrote something into a shared folder, and whether it is still there."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any


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


def _born(pid: int) -> str | None:
    """When a process was started, in ticks since the host was; None where it is not there, or the host does not tell.

    Fields 3 and 22 of proc_pid_stat(5), counted behind the name, which may have blanks. One that has ended and was not
    waited for (Z) is not there.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]
