"""rsync through the connection of a host: what it would send, and sending it."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

from hqml.errors import HostError
from hqml.hpc.host import open_environment
from hqml.hpc.remote.failures import failure
from hqml.hpc.remote.ssh import SshHost

_OPTIONS = (
    "--recursive",
    *("--links", "--perms", "--times", "--omit-dir-times", "--compress"),
    "--update",  # what jobs have written there is not replaced by an older file from here
    "--protect-args",  # names arrive as they are, whatever shell is there
    "--partial-dir=.rsync-partial",  # a large file goes on where the connection broke
    "--info=skip1,name0",
    "--out-format=hqml %i %l %n",
)

_SENT = re.compile(r"hqml ([<>]f\S*) (\d+) (.*)")
_NEWER = re.compile(r"(.*) is newer")

_OLDEST = (3, 1)
"""The first with --info (2013); macOS brings 2.6.9, or openrsync."""


@dataclass(frozen=True)
class Changes:
    """What differs between two folders.

    Attributes:
        sizes: bytes of the files to send, by path.
        newer: files that stay as they are, since they are newer on the other side.
    """

    sizes: dict[str, int]
    newer: tuple[str, ...]


def transfer(host: SshHost, sources: Sequence[str], target: str, options: Sequence[str] = (), *, dry: bool) -> Changes:
    """Send what differs, or tell what it is.

    Args:
        host: of the connection.
        sources: as rsync takes them: PATH/ or NAME:PATH.
        target: likewise.
        options: more of rsync.
        dry: only tell.

    Raises:
        HostError: rsync is missing or too old on one of the sides, the connection fails, or a file cannot be read or
            written.
    """
    _check_version()
    through = " ".join(_word(word) for word in host.ssh())
    words = ["rsync", *_OPTIONS, *(["--dry-run"] if dry else []), *options, f"--rsh={through}", "--", *sources, target]
    # Files, not pipes: see hqml.hpc.remote.ssh.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        ended = subprocess.run(words, stdout=out, stderr=err, stdin=subprocess.DEVNULL, env=_environment(), check=False)
        out.seek(0)
        err.seek(0)
        printed, complaints = (file.read().decode(errors="surrogateescape") for file in (out, err))
    if ended.returncode != 0:
        raise HostError(_told(host.name, ended.returncode, complaints))
    return _changes(printed)


def _changes(printed: str) -> Changes:
    lines = printed.splitlines()
    sent = [found for line in lines if (found := _SENT.fullmatch(line))]
    newer = tuple(found[1] for line in lines if not line.startswith("hqml ") and (found := _NEWER.fullmatch(line)))
    return Changes({_path(one[3]): int(one[2]) for one in sent}, tuple(map(_path, newer)))


def _path(shown: str) -> str:
    r"""A path as rsync shows it: what cannot be printed is \#ooo, its bytes in octal."""
    raw = re.sub(rb"\\#([0-7]{3})", lambda found: bytes([int(found[1], 8)]), shown.encode(errors="surrogateescape"))
    return raw.decode(errors="replace")


def _word(word: str) -> str:
    """A word of --rsh, which rsync splits itself: within quotes, a quote is written twice (do_cmd of main.c)."""
    return "'" + word.replace("'", "''") + "'"


def _environment() -> dict[str, str]:
    """Its messages in English, names of files in whatever they are written in."""
    return {**open_environment(), "LC_MESSAGES": "C"}


def _check_version() -> None:
    try:
        ended = subprocess.run(["rsync", "--version"], capture_output=True, text=True, check=False)
    except OSError as error:
        raise HostError(f"rsync cannot be started here: {error.strerror}; install it to send files") from error
    found = re.match(r"rsync +version v?(\d+)\.(\d+)", ended.stdout)
    if not found or (int(found[1]), int(found[2])) < _OLDEST:
        line = ended.stdout.partition("\n")[0]
        raise HostError(f"sending files needs rsync 3.1 or newer, here is {line!r}; install it (brew install rsync)")


def _told(host: str, status: int, complaints: str) -> str:
    """One line on why rsync ended; exit statuses as in rsync(1), 255 is ssh's and 127 the login shell's."""
    lines = [line.strip() for line in complaints.splitlines() if line.strip()]
    own = [line for line in lines if line.startswith("rsync") and not line.startswith("rsync error")]
    line = (own or lines or [f"exit status {status}"])[0][:300]
    if "is your shell clean" in complaints:
        return (
            f"{host}: its ~/.bashrc (or ~/.cshrc) prints something for every command, which rsync takes for an answer; "
            "let it do so in interactive shells alone: [[ $- == *i* ]] || return, as its first line"
        )
    if status == 127 or re.search(r"rsync: (?:command )?not found|Unknown command.*rsync", complaints):
        return f"{host}: there is no rsync; ask its support, or copy the folder by hand and submit there"
    if status == 255:
        return failure(host, complaints)
    if re.search(r"No space left|Disk quota exceeded", complaints):
        return f"{host}: no room is left for the files ({line}); name another folder, e.g. below $SCRATCH"
    if status in (12, 30):
        return failure(host, complaints or "Connection closed by the other side")
    return f"{host}: not all files were sent ({line}); the same command sends the rest"
