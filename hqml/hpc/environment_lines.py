"""Lines of bash that prepare software: modules, a virtual environment on top of them, and a container."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from hqml.hpc.quoting import literal

_PACKAGES = 'import sysconfig; print(sysconfig.get_path("purelib"))'

NOT_INSIDE = "unset PYTHONHOME PYTHONPATH VIRTUAL_ENV # Python of the host is not to be looked for in the container"


def module_lines(
    setup: Sequence[str], purge: str, use: Sequence[str], load: Sequence[str], *, otherwise: str = ""
) -> list[str]:
    """Load modules where no others are loaded.

    Args:
        setup: lines that make the command `module` known.
        purge: the first command of the module system; "": none.
        use: folders for `module use`.
        load: arguments of `module load`; without any nothing is loaded.
        otherwise: command for when they do not load; "": the script ends at its first error.
    """
    lines = [*setup, *([purge] if purge else []), *(shlex.join(["module", "use", folder]) for folder in use)]
    loading = shlex.join(["module", "load", *load])
    return [*lines, *([f"{loading}{_or(otherwise)}"] if load else [])]


def before_modules(*, otherwise: str = "") -> list[str]:
    """Let the packages of an activated environment come before those of modules.

    Args:
        otherwise: command for when Python does not run; "": the script ends at its first error.
    """
    return [
        "# Modules put their packages on PYTHONPATH, which Python looks through first: the environment's come before.",
        f"PYTHONPATH=$(python -c {literal(_PACKAGES)})${{PYTHONPATH:+:$PYTHONPATH}}{_or(otherwise)}",
        "export PYTHONPATH",
    ]


def _or(command: str) -> str:
    return f" || {command}" if command else ""
