"""Build an image from its definition with Apptainer, whole or not at all, and note beside it what it was built from."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hqml.errors import BackendError, FormatError
from hqml.files import replacing
from hqml.hpc import apptainer
from hqml.hpc.containers.container import digest_of
from hqml.hpc.host import open_environment
from hqml.samples import version

_PATIENCE = 10.0
"""Seconds for apptainer to end after Ctrl-C, before it is killed."""


@dataclass(frozen=True)
class Built:
    """An image.

    Attributes:
        image: its path.
        record: path of what it was built from.
        digest: SHA-256 of the file; None of a folder.
        size: bytes of the file; None of a folder.
    """

    image: str
    record: str
    digest: str | None
    size: int | None


def program() -> str:
    """Path of apptainer, or of singularity, which reads the same definitions.

    Raises:
        BackendError: neither is on the PATH.
    """
    found = apptainer.found()
    if found is None:
        raise BackendError(
            "apptainer is not on the PATH; on a site load its module (`hqml site check SITE --needs apptainer`), else "
            "install it (https://apptainer.org/docs/admin/latest/installation.html), or build where it is and copy the "
            "image; the definition and the files that it names have to be there"
        )
    return found


def build(definition: str, out: str, *, fakeroot: bool = False, force: bool = False) -> Built:
    """Build an image. What apptainer prints goes to this process's stdout and stderr.

    It is built under another name beside `out`, and gets its name at the end. Apptainer runs in the definition's
    folder, which is where relative paths in it begin.

    Args:
        definition: path of the definition.
        out: path of the image; a name that ends in .sif is a file, any other a folder.
        fakeroot: whether apptainer is told to act as root by /etc/subuid.
        force: whether an image that is there may be replaced.

    Raises:
        FormatError: the definition cannot be read; `out` is there, or cannot be written.
        BackendError: there is no apptainer, or it has failed.
    """
    text = _read(definition)
    runner, target = program(), Path(os.path.abspath(out))
    _check_target(target, force=force)
    folder = Path(os.path.abspath(definition)).parent
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    options = [*(["--fakeroot"] if fakeroot else []), *([] if target.suffix == ".sif" else ["--sandbox"])]
    started = _now()
    with _removed(part), _scratch() as scratch:
        command = [runner, "build", *options, str(part), os.path.abspath(definition)]
        _run(command, folder, {**open_environment(), "APPTAINER_TMPDIR": scratch, "SINGULARITY_TMPDIR": scratch})
        if not part.exists():
            raise BackendError(f"{runner} says that all went well, and has written no image")
        record = _record(text, definition, folder, part, runner, started)
        if target.is_dir() and not target.is_symlink():
            _remove(target)
        os.replace(part, target)
    beside = f"{target}.json"
    with replacing(beside) as file:
        file.write(json.dumps({"image": target.name, **record}, indent=2).encode() + b"\n")
    return Built(str(target), beside, record["sha256"], record["bytes"])


def _read(definition: str) -> str:
    try:
        return Path(definition).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        told = getattr(error, "strerror", None) or error
        raise FormatError(
            f"{definition}: cannot be read: {told}; `hqml container render` writes definitions"
        ) from error


def _check_target(target: Path, *, force: bool) -> None:
    if os.path.lexists(target) and not force:
        raise FormatError(f"{target} is there already; name another file, or replace it with --force")
    if not target.parent.is_dir():
        raise FormatError(f"cannot write {target}: there is no folder {target.parent}; make it first")
    if not os.access(target.parent, os.W_OK):
        raise FormatError(f"cannot write {target}: you may not write to {target.parent}; choose another folder")


def _run(command: Sequence[str], folder: Path, environment: dict[str, str]) -> None:
    """Run apptainer to its end, or end it and all that it has started: it would let the lines of %post run on."""
    process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, process_group=0)
    try:
        status = process.wait()
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE)
        with suppress(ProcessLookupError):  # nobody of the group is left
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if status:
        name = Path(command[0]).name
        raise BackendError(f"{name} has failed with status {status}; what it said stands above. Nothing was written")


@contextmanager
def _removed(path: Path) -> Iterator[None]:
    """Leave nothing under this name, however the block ends."""
    try:
        yield
    finally:
        _remove(path)


@contextmanager
def _scratch() -> Iterator[str]:
    """A folder for apptainer's own files, which it leaves behind where it is stopped."""
    given = os.environ.get("APPTAINER_TMPDIR") or os.environ.get("SINGULARITY_TMPDIR")
    folder = tempfile.mkdtemp(prefix="hqml-container-", dir=given or None)
    try:
        yield folder
    finally:
        _remove(Path(folder))


def _remove(path: Path) -> None:
    """Remove a file or a folder; images have folders that even their owner may not write to."""
    if not os.path.lexists(path):
        return
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, onerror=_opened)
    else:
        path.unlink()


def _opened(remove: Callable[..., Any], path: str, _: Any) -> None:
    """Try once more with the right to."""
    for one in (os.path.dirname(path), path):
        if os.path.isdir(one) and not os.path.islink(one):
            os.chmod(one, stat.S_IRWXU)
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def _record(text: str, definition: str, folder: Path, image: Path, runner: str, started: str) -> dict[str, Any]:
    """What an image was built from, and by what."""
    is_file = image.is_file()
    return {
        "sha256": digest_of(image) if is_file else None,
        "bytes": image.stat().st_size if is_file else None,
        "definition": {
            "path": os.path.abspath(definition),
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
            "text": text.splitlines(),
        },
        "files": {source: digest_of(folder / source) for source in _sources(text) if (folder / source).is_file()},
        "built_by": _version(runner),
        "host": socket.gethostname(),
        "hqml": version(),
        "started": started,
        "ended": _now(),
    }


def _sources(text: str) -> Iterator[str]:
    """Files of this host that the %files sections copy; those from another stage apart."""
    inside = False
    for line in text.splitlines():
        if line.startswith("%"):
            inside = line.split() == ["%files"]
        elif inside and line.strip() and not line.strip().startswith("#"):
            yield line.split()[0]


def _version(runner: str) -> str:
    try:
        ended = subprocess.run([runner, "--version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return Path(runner).name
    return ended.stdout.strip() or Path(runner).name


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
