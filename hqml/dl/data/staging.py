"""Files on storage of the node itself: copied once a node, whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from hqml.errors import HostError

Paths: TypeAlias = Mapping[str, tuple[Path, ...]]

LOCAL = ("HQML_LOCAL", "SLURM_TMPDIR", "LOCAL_SCRATCH", "TMPDIR")
"""Variables that name a folder on the node: ours, that of the Digital Research Alliance of Canada, that of CSC, and
what many sites set in their jobs."""

_SPARE = 1.02
"""File systems need a little more than the bytes of a file."""


def staged(paths: Paths, *, must: bool, say: Callable[[str], None] = lambda line: None) -> Paths:
    """Copy files to storage of the node, unless another process of the node has.

    A copy is known by the place, size and time of change of what it was made of. It is left there for whoever reads
    the same files next; batch systems remove such folders with the job.

    Args:
        paths: of files or folders, by field.
        must: whether files may not be read where they are.
        say: takes a line on what was done.

    Returns:
        Where to read them.

    Raises:
        HostError: they `must` be copied and cannot be.
    """
    sources = sorted({path for several in paths.values() for path in several})
    try:
        copies = _copied(sources, must, say)
    except OSError as error:
        if must:
            raise error if isinstance(error, HostError) else HostError(f"data cannot be staged: {error}") from error
        say(f"read in place: {error}")
        return paths
    return {field: tuple(copies[path] for path in several) for field, several in paths.items()}


def _copied(sources: list[Path], must: bool, say: Callable[[str], None]) -> Mapping[Path, Path]:
    folder = _private(_local_folder(sources[0], must))
    nbytes, key = _measured(sources)
    names = {source: folder / key / f"{number}-{source.name}" for number, source in enumerate(sources)}
    with _alone(folder / f"{key}.lock"):
        if (folder / key).is_dir():
            say(f"staged before: {folder / key}")
            return names
        part = folder / f"{key}.part"
        shutil.rmtree(part, ignore_errors=True)  # of a copier that was killed
        free = shutil.disk_usage(folder).free
        if free < nbytes * _SPARE:
            raise HostError(f"{folder} has {free / 1e9:.3g} GB free, the data need {nbytes * _SPARE / 1e9:.3g} GB")
        try:
            part.mkdir()
            for source, copy in names.items():
                _copy(source, part / copy.name)
            if _measured(sources)[1] != key:
                raise HostError("the data changed while they were copied; begin again when they are complete")
            part.rename(folder / key)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
    say(f"staged: {nbytes / 1e9:.3g} GB in {folder / key}")
    return names


def _local_folder(source: Path, must: bool) -> Path:
    """The first of the folders there are; TMPDIR is taken unasked only in a job, and only if it is elsewhere."""
    for variable in LOCAL:
        folder = Path(os.environ.get(variable) or "-")
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            continue
        unasked = variable != "HQML_LOCAL" and not must
        if unasked and ("SLURM_JOB_ID" not in os.environ or folder.stat().st_dev == source.stat().st_dev):
            continue
        return folder
    looked = f"none of {', '.join(LOCAL)} names a folder there"
    raise HostError(f"there is no storage of this node's own: {looked}; set HQML_LOCAL to one, or leave out stage:")


def _private(folder: Path) -> Path:
    """A folder in it that is the user's alone, since the data may be."""
    own = folder / f"hqml-data-{os.getuid()}"
    own.mkdir(mode=0o700, exist_ok=True)
    if own.is_symlink() or own.stat().st_uid != os.getuid():
        raise HostError(f"{own} is somebody else's; set HQML_LOCAL to a folder of your own")
    return own


def _measured(sources: list[Path]) -> tuple[int, str]:
    """Bytes, and a name that another state of the files would not get."""
    nbytes, digest = 0, hashlib.sha256()
    for source in sources:
        files = sorted(one for one in source.rglob("*") if one.is_file()) if source.is_dir() else [source]
        for file in files:
            state = file.stat()
            nbytes += state.st_size
            digest.update(f"{file.resolve()}\0{state.st_size}\0{state.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return nbytes, digest.hexdigest()[:16]


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process of the node at a time; the lock of one that is killed is let go by the system."""
    with open(path, "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
