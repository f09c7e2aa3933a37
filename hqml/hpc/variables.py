"""Variables that users give on a command line, for files that others may read."""

from __future__ import annotations

from collections.abc import Mapping

from hqml.errors import ParameterError
from hqml.hpc.shell_names import has_password, is_secret, variable

_PATHS = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "MODULEPATH")


def checked_environment(values: Mapping[str, str]) -> dict[str, str]:
    """Variables whose values may stand in a file.

    Raises:
        ParameterError: a name is none, or belongs to the shell, the module system or Slurm; a value has a line break,
            or is secret by its name or looks.
    """
    for name, value in values.items():
        variable(name)
        if name in _PATHS:
            raise ParameterError(
                f"{name} would replace what modules and environments say; load or activate what has it"
            )
        if is_secret(name) or has_password(value):
            raise ParameterError(
                f"{name} looks secret, and others may read this file; let your program read it from one of mode 600"
            )
        if not value.isprintable():
            raise ParameterError(f"{name} must be one line of text, found {value!r}")
    return dict(values)
