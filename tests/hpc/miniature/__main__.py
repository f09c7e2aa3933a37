"""`python tests/hpc/miniature -- COMMAND`: run a command on a system of its own, with its exit status."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

from miniature.system import miniature, missing  # noqa: E402 - it is beside this folder, not in it


def main(arguments: list[str]) -> int:
    """Return the exit status of the command, 1 where there can be no system, 2 without a command."""
    command = arguments[1:] if arguments[:1] == ["--"] else arguments
    if not command:
        print("usage: python tests/hpc/miniature -- COMMAND [ARGUMENT]...", file=sys.stderr)
        return 2
    if reason := missing():
        print(f"no miniature system here: {reason}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with miniature() as system:
            return subprocess.run(command, env=dict(system.environment), check=False).returncode
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
