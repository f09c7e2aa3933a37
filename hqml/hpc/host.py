"""Where a scheduler's commands run: this machine, or one that OpenSSH reaches (`hqml.hpc.remote.ssh`)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hqml.errors import HostError
from hqml.secrets import without_secrets

OF_SLURM = ("SLURM", "SBATCH", "SRUN", "SALLOC", "SQUEUE", "SCANCEL")
"""Before _, what variables begin with that Slurm's commands read (INPUT ENVIRONMENT VARIABLES of their pages)."""


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    status: int
    out: str
    err: str


class Host(Protocol):
    """Runs commands, and sees the files that they see."""

    @property
    def name(self) -> str | None:
        """As OpenSSH's configuration calls it; None: this machine."""

    def run(self, command: Sequence[str], *, folder: str | None = None, timeout: float = 120.0) -> Answer:
        """Run a command, without the secrets of this process's environment, and wait for it.

        Raises:
            HostError: it cannot be started, the host cannot be reached, or it takes longer than `timeout` seconds.
        """

    def read(self, path: str) -> str | None:
        """The text of a file; None: there is none."""

    def read_all(self, folder: str) -> Mapping[str, str]:
        """The text of each file of a folder of small files, by name; empty where there is no such folder."""


class LocalHost:
    """This machine."""

    name = None

    def run(self, command: Sequence[str], *, folder: str | None = None, timeout: float = 120.0) -> Answer:
        """Run a command; see `Host.run`."""
        try:
            ended = subprocess.run(
                list(command),
                cwd=folder,
                env=open_environment(),
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        except FileNotFoundError as error:
            raise HostError(f"{error.filename} is not here; is this the site's login node?") from error
        except OSError as error:
            raise HostError(f"{command[0]} cannot be started: {error.strerror}") from error
        except subprocess.TimeoutExpired as error:
            raise HostError(f"{command[0]} has not answered within {timeout:g} s") from error
        return Answer(ended.returncode, ended.stdout, ended.stderr)

    def read(self, path: str) -> str | None:
        """Read a file; see `Host.read`."""
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def read_all(self, folder: str) -> Mapping[str, str]:
        """Read the files of a folder; see `Host.read_all`."""
        try:
            names = sorted(entry.name for entry in os.scandir(folder) if entry.is_file())
        except (FileNotFoundError, NotADirectoryError):
            return {}
        found = {name: self.read(os.path.join(folder, name)) for name in names}
        return {name: text for name, text in found.items() if text is not None}


def open_environment() -> dict[str, str]:
    """This process's environment without what is secret in it, which sbatch would keep with the job.

    Nor has it what Slurm's commands read: SBATCH_PARTITION would prevail over a script, and the SLURM_ of a job over
    those of one that is submitted from it. SLURM_CONF says where Slurm is.
    """
    known = {name: value for name, value in os.environ.items() if name == "SLURM_CONF" or not _is_of_slurm(name)}
    return without_secrets(known)


def _is_of_slurm(name: str) -> bool:
    return name.startswith(tuple(f"{command}_" for command in OF_SLURM))
