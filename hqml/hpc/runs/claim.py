"""One process at a time writes to the folder of a run: submits it, runs it, cancels some of it."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from hqml.errors import FormatError, ParameterError
from hqml.processes import is_alive, is_seen, this_process
from hqml.untrusted import read_json

CLAIM = "claim.json"

LOCK = ".claim.lock"
"""Is locked while a claim that was left behind is judged and removed."""

_ours: ContextVar[frozenset[str]] = ContextVar("hqml_claims", default=frozenset())


@contextmanager
def claimed(folder: str | os.PathLike[str], work: str = "this run", *, surely: bool = False) -> Iterator[None]:
    """Keep a run for this process while the block lasts; in a block inside of it nothing is new.

    Args:
        folder: of the run.
        work: what it is called in messages.
        surely: refuse only where another process is seen to be at work. For work that has to go on by itself: a process
            of another host, which may have been killed with it, is then taken for gone, and a file system that cannot
            keep claims is no obstacle.

    Raises:
        ParameterError: another process has it.
        FormatError: the folder cannot be written to.
    """
    path = Path(os.path.realpath(folder)) / CLAIM
    if str(path) in _ours.get():
        yield
        return
    content = json.dumps(this_process() | {"claim": secrets.token_hex(8)})
    try:
        _take(path, content, work, surely=surely)
    except FormatError:
        if not surely:
            raise
    before = _ours.set(_ours.get() | {str(path)})
    try:
        yield
    finally:
        _ours.reset(before)
        _give_back(path, content)


def holder(folder: str | os.PathLike[str]) -> Mapping[str, Any] | None:
    """The process that has a run: what `this_process` tells of it. None where it is gone, or there was none."""
    try:
        found = read_json((Path(folder) / CLAIM).read_bytes())
        return found if _may_live(found) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _may_live(process: Mapping[str, Any]) -> bool:
    return not is_seen(process) or is_alive(process)


def _take(path: Path, content: str, work: str, *, surely: bool) -> None:
    """Link a complete file to the name: that happens for one process alone, on network file systems too.

    A claim whose process is gone is removed under a lock. All that may remove it are on its host, since nobody else can
    tell that the process is gone; so a lock that a file system keeps within a host is enough. (Of several hosts that
    take over `surely` more than one may get it.)
    """
    own = path.with_name(f".{CLAIM}.{secrets.token_hex(8)}")
    try:
        own.write_text(content)
        with _locked(path.with_name(LOCK)):
            while not _linked(own, path):
                _remove_if_left_behind(path, work, surely=surely)
    except OSError as error:
        raise FormatError(
            f"cannot write {path}: {error.strerror}; choose a run folder that you may write to, on a file system with "
            "hard links"
        ) from error
    finally:
        own.unlink(missing_ok=True)


def _linked(own: Path, path: Path) -> bool:
    with suppress(FileExistsError):
        os.link(own, path)
        return True
    return False


def _remove_if_left_behind(path: Path, work: str, *, surely: bool) -> None:
    """Remove the claim of a process that was killed.

    Raises:
        ParameterError: its process is there, or (unless only who is `surely` there counts) nobody can tell.
    """
    try:
        other = read_json(path.read_bytes())
        alive = is_seen(other) and is_alive(other) if surely else _may_live(other)
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError):
        if not surely:
            raise ParameterError(f"{path} cannot be read; if nobody is at work on {work}, remove it") from None
        alive = False
    if alive:
        raise ParameterError(_taken(path, other, work))
    path.unlink(missing_ok=True)


def _give_back(path: Path, content: str) -> None:
    """Remove the claim if it is still ours: somebody may have removed it, and another process have taken the run."""
    with suppress(OSError):
        if path.read_text() == content:
            path.unlink()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes of this host out of the block, where the file system knows locks."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with open(path, "a") as file:
        with suppress(OSError):  # Lustre without the mount option flock
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _taken(path: Path, other: Mapping[str, Any], work: str) -> str:
    told = f"{path.parent}: process {other['pid']} on {other['host']} is at work on {work}"
    return f"{told}; wait for it" if is_seen(other) else f"{told}; if it is gone, remove {path}"
