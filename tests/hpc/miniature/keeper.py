"""A process that starts others and ends them all, with everything they have started, when its standard input closes.

Which it does however the process that holds the other end has come to its own end, SIGKILL included. Takes one JSON
object a line: {"command": [...], "log": PATH, "environment": {...}}. `python keeper.py FOLDER` removes the folder last.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h


def main() -> None:
    """Start what is asked for until standard input ends, then end it."""
    libc = ctypes.CDLL(None)
    # What daemons leave behind, slurmstepd and the programs of jobs, becomes a child of this process, not of init.
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        for line in sys.stdin:
            asked = json.loads(line)
            with open(asked["log"], "ab") as log:
                subprocess.Popen(
                    asked["command"],
                    env=asked["environment"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0),
                )
    finally:
        while found := descendants(os.getpid()):
            for pid in found:
                _kill(pid)
            _reap()
            time.sleep(0.02)
        if len(sys.argv) > 1:
            shutil.rmtree(sys.argv[1], ignore_errors=True)


def descendants(pid: int) -> list[int]:
    """Processes that a process has started, and those that they have, and so on."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has just ended
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found = list(children.get(pid, ()))
    for one in found:
        found.extend(children.get(one, ()))
    return found


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


if __name__ == "__main__":
    main()
