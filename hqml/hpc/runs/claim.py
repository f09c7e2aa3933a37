"""One process at a time submits or runs the steps of a run."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hqml.errors import FormatError, ParameterError
from hqml.processes import is_alive, is_seen, this_process

CLAIM = "claim.json"


@contextmanager
def claimed(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Keep a run for this process while the block lasts.

    Raises:
        ParameterError: another process has it.
        FormatError: the folder cannot be written to.
    """
    path = Path(folder) / CLAIM
    _take(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def holder(folder: str | os.PathLike[str]) -> Mapping[str, Any] | None:
    """The process that has a run: what `this_process` tells of it. None where it is gone, or there was none."""
    try:
        found = json.loads((Path(folder) / CLAIM).read_text())
        alive = not is_seen(found) or is_alive(found)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if alive else None


def _take(path: Path) -> None:
    """Link a complete file to the name: that happens for one process alone, on network file systems too."""
    own = path.with_name(f".{CLAIM}.{os.getpid()}")
    try:
        own.write_text(json.dumps(this_process()))
    except OSError as error:
        raise FormatError(f"cannot write {path}: {error.strerror}; choose a run folder you may write to") from error
    try:
        for _ in range(2):
            with suppress(FileExistsError):
                os.link(own, path)
                return
            other = holder(path.parent)
            if other is not None:
                raise ParameterError(_taken(path, other))
            path.unlink(missing_ok=True)  # left behind by a process that was killed
        raise ParameterError(f"{path.parent}: another process has just taken this run; wait for it")
    finally:
        own.unlink(missing_ok=True)


def _taken(path: Path, other: Mapping[str, Any]) -> str:
    told = f"{path.parent}: process {other['pid']} on {other['host']} is at work on this run"
    return f"{told}; wait for it" if is_seen(other) else f"{told}; if it is gone, remove {path}"
