"""Values that workflow files alone have: from what is written to what is meant, or one line of what is wrong with it.

Messages are those of `hqml.specs`, which says the place before them.
"""

from __future__ import annotations

import keyword
import math
import re
from typing import Any

from hqml.durations import in_seconds
from hqml.errors import ParameterError
from hqml.hpc.needs import Need, read_needs
from hqml.hpc.shell_names import secrets_written

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}", re.ASCII)
_ENTRY = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)

_LATEST = 65535
"""Seconds before the end at which Slurm can signal: `man sbatch`, --signal."""


def name_of(text: str) -> str:
    """A name that job names, file names and commands can hold.

    Raises:
        ParameterError: it cannot be one.
    """
    if not _NAME.fullmatch(text):
        raise ParameterError(f"a name has up to 64 letters, digits, - and _, and begins with no -; found {text!r:.60}")
    return text


def open_shell(text: str) -> str:
    """Lines of shell that spell no secret out."""
    for wrong in secrets_written(text):
        raise ParameterError(wrong)
    return text


def listed(value: Any) -> Any:
    """One stands for a list of one."""
    return [value] if isinstance(value, str) else value


def warning_seconds(value: Any) -> float:
    """How long before the end Slurm is to warn."""
    seconds = in_seconds(value, "this")
    if seconds > _LATEST:
        raise ParameterError(f"Slurm warns at most {_LATEST} seconds before the end, found {value!r:.60}")
    return seconds


def signal(value: Any) -> Any:
    """A signal that srun hands on: it takes INT as a question, and Slurm TERM as the end of the job."""
    if value not in ("USR1", "USR2"):
        raise ParameterError(f"must be USR1 or USR2, the signals that Slurm hands on to programs; found {value!r:.60}")
    return value


def qpu_seconds(value: Any) -> float:
    """Time of the annealer, above 0."""
    return in_seconds(value, "QPU time")


def needs(value: Any) -> tuple[Need, ...]:
    """Software, as text or as a list of texts."""
    if not isinstance(value, str) and not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
        raise ParameterError(f"write needs as 'torch>=2.1, cuda, mpi'; found {value!r:.60}")
    return read_needs(value)


def entry(text: str) -> str:
    """A Python function as entry points name it."""
    if not _ENTRY.fullmatch(text) or any(keyword.iskeyword(one) for one in re.split("[.:]", text)):
        raise ParameterError(f"must be a module and a function such as 'prepare:main', found {text!r:.60}")
    return text


def argument(name: str) -> str:
    """The name of an argument of a Python function."""
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ParameterError(f"is no name of a Python argument: {name!r:.60}")
    return name


def plain_value(value: Any) -> Any:
    """What JSON can say; YAML is also able to write infinity."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        plain_value(one)
    if isinstance(value, float) and not math.isfinite(value):
        raise ParameterError(f"must be plain values, found {value}")
    return value


def image(path: str) -> str:
    """A file or folder, not an address: compute nodes rarely have a way out."""
    if "://" in path:
        raise ParameterError(f"must be a file; fetch it first, where there is a way out: apptainer pull {path}")
    return path


def bind(text: str) -> str:
    """A folder as `apptainer --bind` takes it; it splits at commas."""
    if "," in text or not text.partition(":")[0]:
        raise ParameterError(f"must be one folder, or FOLDER:INSIDE, found {text!r:.60}")
    return text


def checkpoint(value: Any) -> Any:
    """`checkpoint: true` takes all defaults."""
    if isinstance(value, bool) or value is None:
        return {} if value else None
    if not isinstance(value, dict):
        raise ParameterError(f"must be true, or a mapping such as {{before: 2m}}, found {value!r:.60}")
    return value
