"""Another machine, reached by the user's own OpenSSH: configuration, keys, agents and jump hosts are its matter.

A command travels on standard input, not on the command line of ssh: see `hqml.hpc.remote.far_shell`.
"""

from __future__ import annotations

import os
import re
import secrets
import shlex
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hqml.errors import HostError, ParameterError
from hqml.hpc.host import Answer, open_environment
from hqml.hpc.remote.failures import failure
from hqml.hpc.remote.far_shell import ENDED, READ, READ_ALL, between, check_size, for_sh
from hqml.hpc.said import last_line

_NAME = re.compile(r"[^\s\x00-\x1f:/\\'\"`$;&|<>(){}!*?\[\]#-][^\s\x00-\x1f:/\\'\"`$;&|<>(){}!*?\[\]#]*")
"""What OpenSSH takes as a name (valid_hostname of ssh.c), and no address with a port: rsync takes none."""

_LONGEST_FOLDER = 40
"""Bytes of the path of our sockets' folder: a socket's path may have 103 (BSD), of which %C takes 40, and 17 what ssh
appends while it makes one (mux.c)."""


@dataclass(frozen=True)
class SshHost:
    """A machine that `ssh NAME` logs in to.

    Commands share one connection, which stays open for a minute after the last: by what the user's configuration says
    of ControlMaster and ControlPath, or by a socket of our own where it says nothing. ssh asks for what it needs on the
    terminal, if standard input is one; else whatever it would have to ask is an error.

    The variable HQML_SSH is the command, where it is not `ssh`, e.g. "ssh -F other_config".

    Attributes:
        name: as ~/.ssh/config calls it, or user@host.

    Raises:
        ParameterError: no name can be so.
    """

    name: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ParameterError(
                f"a host is a name of ~/.ssh/config, or user@host, found {self.name!r}; "
                "write its port and whatever else it needs into ~/.ssh/config"
            )

    def run(self, command: Sequence[str], *, folder: str | None = None, timeout: float = 120.0) -> Answer:
        """Run a command there, in the user's home without a folder; see `Host.run`.

        After a timeout, or when the connection breaks, it may go on there.
        """
        script = f"exec {shlex.join(command)}"
        check_size(command[0], script, command)
        status, out, err = self._bash(script, command[0], folder, timeout)
        return Answer(status, _text(out), _text(err))

    def shell(self, script: str, *, timeout: float = 120.0) -> Answer:
        """Run lines of bash there, in the user's home, as `run` does a command."""
        status, out, err = self._bash(script, "bash", None, timeout)
        return Answer(status, _text(out), _text(err))

    def read(self, path: str) -> str | None:
        """Read a file there; see `Host.read`.

        Raises:
            HostError: it is there and cannot be read, or the host cannot be reached.
        """
        status, out, err = self._bash(READ.format(path=shlex.quote(path)))
        found, _, content = out.partition(b"\n")
        if status != 0:
            raise HostError(f"{self.name}: {path} cannot be read{_last(_text(err))}")
        return _text(content) if found == b"found" else None

    def read_all(self, folder: str) -> Mapping[str, str]:
        """Read the files of a folder there, all at once; see `Host.read_all`."""
        _, out, _ = self._bash(READ_ALL.format(folder=shlex.quote(folder)))
        parts = out.split(b"\0")
        return {
            os.fsdecode(name): _text(content) for name, content in sorted(zip(parts[::2], parts[1::2], strict=False))
        }

    def ssh(self, *options: str) -> list[str]:
        """The command line of ssh up to the host's name, which comes next."""
        return [*ssh_command(), *self._options, *_asking(), *options]

    def _bash(
        self, script: str, program: str = "bash", folder: str | None = None, timeout: float = 120.0
    ) -> tuple[int, bytes, bytes]:
        """Run lines of bash that need a program, in a folder; their status, and what they printed."""
        mark = f"hqml-{secrets.token_hex(8)}"
        check_size(program, f"{script}{folder or ''}")
        status, out, err = self._sent(for_sh(script, program, folder, mark), program, timeout)
        begun, printed = between(out, mark)
        if begun and (ended := ENDED.match(out[out.rindex(mark.encode()) + len(mark) :])):
            self._check(ended[1], program, folder)
            return int(ended[1]), printed, between(err, mark)[1]
        if begun or status == 255:
            told = between(err, mark)[1] if begun else err
            raise HostError(failure(self.name, _text(told), begun=begun))
        raise HostError(
            f"{self.name}: what runs there at a login ends before a command can start, or starts something else"
            f"{_last(_text(err) or _text(out))}; let interactive shells alone do so, in "
            "~/.bash_profile, ~/.bashrc and the like: [[ $- == *i* ]] && ..."
        )

    def _check(self, ended: bytes, program: str, folder: str | None) -> None:
        if ended == b"folder":
            raise HostError(f"{self.name}: there is no folder {folder or '~'}, or you may not enter it")
        if ended == b"program":
            raise HostError(f"{program} is not on {self.name}; is this the site's login node?")

    def _sent(self, script: str, program: str, timeout: float) -> tuple[int, bytes, bytes]:
        """Give a script to sh there; status of ssh, and all that was printed."""
        # Files, not pipes: the connection that stays open in the background may keep what it inherits.
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, starting_ssh():
            try:
                ended = subprocess.run(
                    [*self.ssh("-T"), self.name, "exec sh"],
                    input=script.encode(errors="surrogateescape"),
                    stdout=out,
                    stderr=err,
                    env=open_environment(),
                    timeout=timeout,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                raise HostError(
                    f"{self.name}: {program} has not answered within {timeout:g} s, and may go on there; "
                    f"to test the connection: ssh {self.name} true"
                ) from error
            out.seek(0)
            err.seek(0)
            return ended.returncode, out.read(), err.read()

    @cached_property
    def _options(self) -> tuple[str, ...]:
        """What the user's configuration leaves open; where it says something, that holds."""
        known = self._configuration()
        # Another session of the user may hold the ports of LocalForward, and RemoteCommand would be in our way.
        options = ["ClearAllForwardings=yes", "RemoteCommand=none", "ForwardX11=no"]
        if known.get("connecttimeout", "none") in ("none", "0"):
            options.append("ConnectTimeout=20")
        if known.get("serveraliveinterval", "0") == "0":
            options += ["ServerAliveInterval=15", "ServerAliveCountMax=3"]
        folder = _sockets() if known.get("controlpath", "none") == "none" else None
        if folder is not None:
            options += ["ControlMaster=auto", "ControlPersist=60", f"ControlPath={folder}/%C"]
        return tuple(word for option in options for word in ("-o", option))

    def _configuration(self) -> Mapping[str, str]:
        """What OpenSSH makes of the name, by keyword in lower case; it asks nobody."""
        with starting_ssh():
            ended = subprocess.run(
                [*ssh_command(), "-G", self.name],
                capture_output=True,
                text=True,
                errors="replace",
                stdin=subprocess.DEVNULL,
                check=False,
            )
        if ended.returncode != 0:
            raise HostError(failure(self.name, ended.stderr))
        lines = (line.partition(" ") for line in ended.stdout.splitlines())
        return {keyword.lower(): value for keyword, _, value in lines}


def hold(host: str, command: Sequence[str]) -> None:
    """Run an ssh that forwards and does nothing else (`hqml.hpc.remote.tunnel`), until it ends; Ctrl-C ends it.

    Args:
        host: its name, for messages.
        command: begins with "ssh", for which HQML_SSH counts.

    Raises:
        HostError: it cannot be opened, or broke.
    """
    words = [*ssh_command(), *_asking(), *command[1:]]
    with tempfile.TemporaryFile() as err, starting_ssh():
        status = subprocess.run(
            words, stdin=subprocess.DEVNULL, stderr=err, env=open_environment(), check=False
        ).returncode
        err.seek(0)
        if status != 0:
            raise HostError(failure(host, _text(err.read())))


def ssh_command() -> list[str]:
    """OpenSSH's client: HQML_SSH, split as a shell would, or `ssh`.

    Raises:
        HostError: a quote of HQML_SSH is not closed.
    """
    try:
        return shlex.split(os.environ.get("HQML_SSH", "")) or ["ssh"]
    except ValueError as error:
        raise HostError(f"HQML_SSH cannot be split into words: {error}") from error


def _asking() -> tuple[str, ...]:
    """ssh asks on the terminal whatever its standard input is: without one of ours it is told not to."""
    terminal = sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()
    return () if terminal else ("-o", "BatchMode=yes")


@contextmanager
def starting_ssh() -> Iterator[None]:
    """Say what to do where there is no client."""
    try:
        yield
    except OSError as error:
        if isinstance(error, HostError) or error.filename is None:
            raise
        raise HostError(
            f"{error.filename} cannot be started: {error.strerror}; install OpenSSH's client, or name it in HQML_SSH"
        ) from error


def _sockets() -> Path | None:
    """A private folder with a short path for control sockets; None: there is none, so that each command logs in."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    for folder in (*([Path(runtime, "hqml-ssh")] if runtime else []), Path(f"/tmp/hqml-ssh-{os.getuid()}")):
        short = len(os.fsencode(folder)) <= _LONGEST_FOLDER and not re.search(r"[\s%\"']", str(folder))
        if short and _is_private(folder):
            return folder
    return None


def _is_private(folder: Path) -> bool:
    """Whether a folder is ours alone; made, if it is not there."""
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    return False


def _text(content: bytes) -> str:
    """As a file that is opened for text reads: UTF-8, lines that end in a newline."""
    return content.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n")


def _last(text: str) -> str:
    return f" ({last_line(text)})" if last_line(text) else ""
