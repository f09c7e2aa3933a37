"""Variables that a workflow or a user may set: not those of the shell, of Slurm, of us, nor any that hold a secret."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from hqml.errors import ParameterError
from hqml.secrets import has_password, is_secret_name

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)

_OWNERS = {
    "SLURM_": "Slurm",
    "SBATCH_": "Slurm",
    "SALLOC_": "Slurm",
    "HQML_": "hqml",
    "hqml_": "hqml",
    "BASH": "the shell",
}

_OF_SHELL = re.compile(
    "_|DIRSTACK|EUID|FUNCNAME|GROUPS|HOME|HOSTNAME|IFS|LINENO|OLDPWD|OPTARG|OPTIND|PIPESTATUS|PPID|PWD|RANDOM|SECONDS|"
    "SHELL|SHELLOPTS|SHLVL|UID|USER"
)
"""Bash sets or needs them; several are read-only: `man bash`, Shell Variables."""

PATHS = frozenset(("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "MODULEPATH"))
"""Lists of folders that modules add to."""

_QUANTUM = {"DWAVE_API_ENDPOINT": "endpoint", "DWAVE_API_SOLVER": "solver"}

_ASSIGNMENT = re.compile(r"(?<![-\w$])([A-Za-z_][A-Za-z0-9_]*)=(?![\"']?[$`])[\"']?[^\s\"';|&)]", re.ASCII)
"""NAME=value where the value is written out, not $(cat FILE) or another variable."""


def variable(name: str) -> str:
    """A name that a shell takes for a variable and that is nobody else's.

    Raises:
        ParameterError: it is not; the message says whose it is.
    """
    if not _VARIABLE.fullmatch(name):
        raise ParameterError(
            f"a variable's name has letters, digits and _, and begins with no digit; found {name!r:.60}"
        )
    if _OF_SHELL.fullmatch(name):
        raise ParameterError(f"{name} belongs to the shell; take another name")
    for prefix, owner in _OWNERS.items():
        if name.startswith(prefix):
            raise ParameterError(f"{name} belongs to {owner}, as all that begins with {prefix}; take another name")
    return name


def environment_variable(name: str) -> str:
    """A variable that `environment` may give a value.

    Raises:
        ParameterError: it may not; the message says what to do instead.
    """
    variable(name)
    if name in PATHS:
        raise ParameterError(f"would replace what the modules say; write setup: ['export {name}=FOLDER:${name}']")
    if name in _QUANTUM:
        raise ParameterError(f"write it as quantum: {{{_QUANTUM[name]}: ...}} of the step that uses the annealer")
    if is_secret_name(name):
        raise ParameterError(instead_of(name))
    return name


def checked_environment(values: Mapping[str, str]) -> dict[str, str]:
    """Variables that users give on a command line, for files that others may read.

    Raises:
        ParameterError: a name is none, or belongs to the shell, the module system or Slurm; a value has a line break,
            or is secret by its name or looks.
    """
    for name, value in values.items():
        variable(name)
        if name in PATHS:
            raise ParameterError(
                f"{name} would replace what modules and environments say; load or activate what has it"
            )
        if is_secret_name(name) or has_password(value):
            raise ParameterError(
                f"{name} looks secret, and others may read this file; let your program read it from one of mode 600"
            )
        if not value.isprintable():
            raise ParameterError(f"{name} must be one line of text, found {value!r}")
    return dict(values)


def instead_of(name: str) -> str:
    """What to do with a secret, which job scripts and their logs would show to others."""
    if name.upper().startswith("DWAVE"):
        return "a token belongs into no script; put it into a file of mode 600: quantum: {token_file: FILE}"
    return f"a secret belongs into no script; read a file of mode 600: setup: ['export {name}=\"$(cat FILE)\"']"


def secrets_written(shell: str) -> Iterator[str]:
    """What is wrong with lines of shell that spell a secret out."""
    for name in _ASSIGNMENT.findall(shell):
        if name.isupper() and is_secret_name(name):
            yield f"{name}: {instead_of(name)}"
    if has_password(shell):
        yield f"a password in an address; {instead_of('URL')}"
