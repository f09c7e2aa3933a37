"""Send a workflow's folder to another machine before its jobs run there, and fetch what they have made.

Both go by rsync through the connection of `hqml.hpc.remote.ssh`: only what differs goes over the network, nothing is
deleted on either side, and a file that is newer on the other side stays.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hqml.errors import HostError, ParameterError
from hqml.hpc.quoting import expanding
from hqml.hpc.remote.left_out import left_out
from hqml.hpc.remote.rsync import Changes, transfer
from hqml.hpc.remote.ssh import SshHost
from hqml.hpc.said import last_line, some_of

MOST_BYTES = 2 << 30
"""Of one transfer, unless somebody says that more is meant."""

_MAKE = """\
set -eu
folder={folder}
mkdir -p -- "$folder"
cd -- "$folder" >/dev/null
printf %s "$PWD:$HOME"
"""


@dataclass(frozen=True)
class Moved:
    """What was sent or fetched.

    Attributes:
        folder: it went to; absolute.
        files: how many.
        size: in bytes, before compression.
        notes: what somebody should know, a line each: what was left out, and why.
    """

    folder: str
    files: int
    size: int
    notes: tuple[str, ...] = ()


def _silent(line: str) -> None:
    """Tell nobody."""


def make_folder(host: SshHost, folder: str | None, name: str) -> str:
    """Make a folder on a host, unless it is there.

    Args:
        host: to make it on.
        folder: as the user writes it: ~ and variables of the login there count ("$SCRATCH/landsat"), a relative one is
            below the home. None: ~/hqml-runs/NAME.
        name: of the workflow.

    Returns:
        Its absolute path.

    Raises:
        HostError: it cannot be made, or the host cannot be reached.
    """
    wanted = folder or f"~/hqml-runs/{name}"
    answer = host.shell(_MAKE.format(folder=expanding(wanted)))
    if answer.status != 0:
        line = last_line(answer.err) or "no reason given"
        raise HostError(f"{host.name}: the folder {wanted} cannot be made ({line}); name another one")
    found, _, home = answer.out.rpartition(":")
    if found in ("/", home):
        raise HostError(f"{host.name}: {wanted} is {found}; name a folder that is there for this workflow alone")
    return found


def stage(
    folder: str | os.PathLike[str],
    host: SshHost,
    remote: str,
    *,
    exclude: Iterable[str] = (),
    most_bytes: int | None = MOST_BYTES,
    tell: Callable[[str], None] = _silent,
) -> Moved:
    """Make a host's folder have what a folder here has.

    Not sent are version control, caches, virtual environments, logs, states and checkpoints of runs, and small files
    that their owner alone may read: see `hqml.hpc.remote.left_out`.

    Args:
        folder: here.
        host: to send to.
        remote: absolute, and there: see `make_folder`.
        exclude: more patterns of rsync.
        most_bytes: refuse to send more; None: whatever it is.
        tell: gets a line before files are sent, with their number and size.

    Raises:
        ParameterError: there is no such folder, or too much to send.
        HostError: as for `transfer`.
    """
    if not Path(folder).is_dir():
        raise ParameterError(f"there is no folder {folder} to send")
    out = left_out(folder)
    rules = [f"--filter=- {pattern}" for pattern in (*exclude, *out.patterns)]
    source = f"{os.path.abspath(folder)}/"
    moved = _move(host, [source], f"{host.name}:{remote}/", remote, rules, most_bytes, tell)
    return Moved(moved.folder, moved.files, moved.size, (*out.notes, *moved.notes))


def fetch(
    host: SshHost,
    remote: str,
    folder: str | os.PathLike[str],
    names: Sequence[str],
    *,
    most_bytes: int | None = MOST_BYTES,
    tell: Callable[[str], None] = _silent,
) -> Moved:
    """Fetch files and folders from a folder of a host: of a run "logs" and "state", of a workflow its results.

    Args:
        host: to fetch from.
        remote: absolute.
        folder: here, made if need be.
        names: below both; * and ? count.
        most_bytes: refuse to fetch more; None: whatever it is.
        tell: gets a line before files are fetched, with their number and size.

    Raises:
        ParameterError: a name leads out of the folder, none was given, or there is too much to fetch.
        HostError: as for `transfer`.
    """
    for name in names:
        if not name or PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise ParameterError(f"name what is below {remote}, found {name!r}")
    if not names:
        raise ParameterError(f"nothing to fetch is named; name files or folders below {remote}")
    Path(folder).mkdir(parents=True, exist_ok=True)
    first, *others = (f"{remote}/./{name}" for name in names)
    sources = [f"{host.name}:{first}", *(f":{one}" for one in others)]
    rules = ["--relative", "--ignore-missing-args", "--safe-links", "--no-implied-dirs"]
    here = os.path.abspath(folder)
    moved = _move(host, sources, f"{here}/", here, rules, most_bytes, tell)
    missing = [name for name in names if not glob.glob(name, root_dir=here)]
    notes = [f"not there: {', '.join(missing)}"] if missing else []
    return Moved(moved.folder, moved.files, moved.size, (*notes, *moved.notes))


def _move(
    host: SshHost,
    sources: Sequence[str],
    target: str,
    folder: str,
    rules: Sequence[str],
    most_bytes: int | None,
    tell: Callable[[str], None],
) -> Moved:
    """Ask what differs, tell it, and send it."""
    found = transfer(host, sources, target, rules, dry=True)
    size = sum(found.sizes.values())
    if most_bytes is not None and size > most_bytes:
        raise ParameterError(
            f"{_counted(found)} would go to {target}, more than {shown_bytes(most_bytes)}: {_largest(found)}; leave "
            "out what is not needed (`exclude:` of the workflow), or allow so much (--any-size)"
        )
    if found.sizes:
        tell(f"{_counted(found)} to {target}")
        transfer(host, sources, target, rules, dry=False)
    return Moved(folder, len(found.sizes), size, _kept(found.newer))


def _kept(newer: Sequence[str]) -> tuple[str, ...]:
    return (f"kept, since they are newer on the other side: {some_of(newer)}",) if newer else ()


def _counted(found: Changes) -> str:
    return f"{len(found.sizes)} file{'s' * (len(found.sizes) != 1)}, {shown_bytes(sum(found.sizes.values()))},"


def _largest(found: Changes) -> str:
    largest = sorted(found.sizes.items(), key=lambda one: -one[1])
    return some_of([f"{path} {shown_bytes(size)}" for path, size in largest])


def shown_bytes(size: float) -> str:
    """An amount for people, in steps of 1024: "1.5 GB"."""
    for unit in ("bytes", "KB", "MB", "GB"):
        if size < 1024:
            return f"{size:.3g} {unit}" if unit != "bytes" else f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.3g} TB"
