"""Write a file whole or not at all, and say which one was meant where one is not there."""

from __future__ import annotations

import difflib
import io
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import BinaryIO

from hqml.errors import FormatError

_discarding: ContextVar[bool] = ContextVar("hqml_discarding", default=False)


def meant_instead(path: str | os.PathLike[str]) -> str:
    """The end of a message on a file that is not there: the one beside it of nearly its name, or nothing."""
    missing = Path(path)
    if missing.is_symlink():
        return f"; it is a link to {os.readlink(missing)}, which is not there"
    near = difflib.get_close_matches(missing.name, (one.name for one in missing.parent.glob("*")), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def check_writable(path: str | os.PathLike[str]) -> None:
    """Find out before long work whether its result could be written to `path`. Leaves nothing behind.

    Raises:
        FormatError: the folder is missing or not writable, or `path` is something else than a regular file.
    """
    if discards():
        return
    trial, _ = _beside(path)
    try:
        trial.touch(exist_ok=False)
        trial.unlink()
    except OSError as error:
        raise FormatError(f"cannot write {path}: {error.strerror}; choose a folder you may write to") from error


@contextmanager
def discarding() -> Iterator[None]:
    """Let `replacing` write nothing in this block, since another process writes the same file."""
    token = _discarding.set(True)
    try:
        yield
    finally:
        _discarding.reset(token)


def discards() -> bool:
    """Whether this is in a block of `discarding`, and nobody had to take over."""
    return _discarding.get()


def take_over() -> None:
    """Write files after all: the process that was to write them is gone."""
    _discarding.set(False)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file beside `path` that takes its place when the block ends well, and vanishes when it does not.

    Raises:
        FormatError: as for `check_writable`.
    """
    if discards():
        yield io.BytesIO()
        return
    part, target = _beside(path)
    try:
        # Mode "x" heeds the umask, as the file that a user expects does; tempfile would make it private.
        file = open(part, "xb")  # noqa: SIM115 - closed below, before it is renamed
    except OSError as error:
        raise FormatError(f"cannot write {path}: {error.strerror}; choose a folder you may write to") from error
    try:
        with file:
            yield file
        os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def keep(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file that this process alone writes, so in a block of `discarding` as well, and that a loss of power
    leaves whole: a new name may be on the disk before what it names.

    Raises:
        FormatError: as for `check_writable`.
    """
    token = _discarding.set(False)
    try:
        with replacing(path) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    finally:
        _discarding.reset(token)


def _beside(path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """A new name in the folder of `path`, and the file to replace (a symbolic link is followed, not replaced)."""
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise FormatError(f"cannot write {path}: it is a folder; name a file in it")
    if not target.parent.is_dir():
        raise FormatError(f"cannot write {path}: there is no folder {target.parent}; make it first")
    if target.exists() and not target.is_file():
        raise FormatError(f"cannot write {path}: it is no regular file; name one")
    if target.exists() and not os.access(target, os.W_OK):
        raise FormatError(f"cannot write {path}: it is write-protected; name another file")
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.part"), target
