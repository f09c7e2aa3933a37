"""What has been submitted and paid for, on disk, so that a call that failed can be repeated without paying twice.

A folder a call, named by a digest of all that was asked for. It holds what each submission was labelled, the identity
the service gave it, and its answer, and is removed when the call ends well. The same call then finds what an earlier
one has left: answers are taken as they are, and accepted submissions are asked for, not repeated.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from hqml.errors import FormatError
from hqml.files import replacing
from hqml.qubo import Qubo, States
from hqml.untrusted import NUMPY_FAILS, read_json
from hqml_ocean.caches import caches

MONTH = 30 * 86400.0
"""Seconds after which what a failed call has left is removed."""


@dataclass(frozen=True)
class Answer:
    """What the service answered to a submission.

    Attributes:
        states: (reads, variables), in the service's own values: -1 and +1 of a QPU, 0 and 1 of a hybrid solver.
        timing: microseconds, as the service calls them.
        job: the identity that the service gave.
        seconds: from submission to answer, on our clock.
    """

    states: States
    timing: dict[str, float]
    job: str
    seconds: float


@dataclass(frozen=True)
class Sent:
    """A submission that is on its way, or was when a call ended.

    Attributes:
        label: unique; by it the service tells whether it has accepted the submission.
        job: the identity the service gave, None as long as it is not known.
    """

    label: str
    job: str | None = None


@dataclass
class Kept:
    """The folder of a call. Use `with opened(...) as kept`."""

    folder: Path
    seed: int
    temporary: bool = False
    _lock: BinaryIO | None = field(default=None, repr=False)

    def __enter__(self) -> Kept:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def answer(self, number: int) -> Answer | None:
        """The answer to a submission that an earlier call has left."""
        try:
            with open(self._file(number, "npz"), "rb") as file, np.load(file, allow_pickle=False) as stored:
                about = read_json(str(stored["about"]))
                return Answer(stored["states"].astype(np.int8), about["timing"], about["job"], about["seconds"])
        except NUMPY_FAILS:
            return None  # missing, or spoiled by a crash

    def sent(self, number: int) -> Sent | None:
        """A submission that an earlier call has sent, and whose answer it did not see."""
        try:
            return Sent(**read_json(self._file(number, "json").read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def begin(self, number: int) -> Sent:
        """Note, before it happens, that a submission is sent."""
        sent = Sent(f"hqml {uuid.uuid4()}")
        self._note(number, sent)
        return sent

    def accepted(self, number: int, sent: Sent, job: str) -> Sent:
        """Note the identity that the service gave."""
        sent = replace(sent, job=job)
        self._note(number, sent)
        return sent

    def forget(self, number: int) -> None:
        """Note that a submission is known not to have been accepted, or not to have an answer."""
        self._file(number, "json").unlink(missing_ok=True)

    def keep(self, number: int, answer: Answer) -> None:
        about = json.dumps({"timing": answer.timing, "job": answer.job, "seconds": answer.seconds})
        with replacing(self._file(number, "npz")) as stream:
            np.savez_compressed(stream, states=answer.states, about=about)

    def done(self) -> None:
        """The call has ended well: nothing of it is needed any more."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.close()

    def close(self) -> None:
        """Give the folder back. What is in it stays, if there is anything that was sent, and can be found again."""
        if self.temporary or not any(self.folder.glob("0*")):
            shutil.rmtree(self.folder, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _note(self, number: int, sent: Sent) -> None:
        with replacing(self._file(number, "json")) as stream:
            stream.write(json.dumps({"label": sent.label, "job": sent.job}).encode())

    def _file(self, number: int, suffix: str) -> Path:
        return self.folder / f"{number:05d}.{suffix}"


def digest(qubos: Sequence[Qubo], *terms: Any) -> str:
    """Tells whether a call asks for the same as another one.

    Args:
        qubos: its models; their labels do not matter.
        terms: everything else that an answer hangs on; what they print as is compared.
    """
    found = hashlib.sha256(repr(terms).encode())
    for qubo in qubos:
        sparse = qubo.to_sparse()
        for part in (qubo.offset, sparse.linear, sparse.couplings.data, sparse.couplings.indices):
            found.update(np.ascontiguousarray(part).tobytes())
    return found.hexdigest()


def opened(digest: str, seed: int, folder: str | os.PathLike[str] | None = None) -> Kept:
    """The folder of a call: what an earlier one has left, or a new one.

    Args:
        digest: of all that was asked for, the seed included where one was given.
        seed: of this call, given or drawn. What an earlier one has left goes on with the seed that was drawn there.
        folder: where folders are kept; none is that of the user's caches.

    Raises:
        FormatError: the folder that was named cannot be written.
    """
    own = _folder(digest, folder)
    try:
        lock = _locked(own)
    except OSError as error:
        if folder is not None:
            raise FormatError(f"cannot keep answers in {folder}: {error.strerror}; name a folder of yours") from error
        return _private(seed)
    if lock is None:  # another process makes the same call at this moment
        return _private(seed)
    if folder is None:
        _remove_old(own)
    return Kept(own, _settled_seed(own, seed), _lock=lock)


def _locked(own: Path) -> BinaryIO | None:
    """Make a folder and hold it; None where another process holds it.

    Who ends well removes the folder with the lock in it, so that a lock counts only if it is still the one in the
    folder. Where the file system has no locks, equal calls at the same moment are not told apart.
    """
    while True:
        own.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            lock = open(own / "lock", "ab")  # noqa: SIM115 - held as long as the call
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return None
        except OSError:
            return lock
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock.fileno()), os.stat(own / "lock")):
                return lock
        lock.close()


def answered_before(digest: str, count: int, folder: str | os.PathLike[str] | None = None) -> set[int]:
    """Which of `count` submissions an earlier call has sent; the same call would not pay for them again."""
    left = Kept(_folder(digest, folder), 0)
    if not left.folder.is_dir():
        return set()
    return {number for number in range(count) if left.answer(number) is not None or left.sent(number) is not None}


def _folder(digest: str, folder: str | os.PathLike[str] | None) -> Path:
    return (Path(folder) if folder is not None else caches() / "submissions") / digest[:32]


def _private(seed: int) -> Kept:
    return Kept(Path(tempfile.mkdtemp(prefix="hqml-")), seed, temporary=True)


def _settled_seed(folder: Path, seed: int) -> int:
    """The seed of the call that made the folder."""
    file = folder / "call.json"
    try:
        found: Any = read_json(file.read_bytes())["seed"]
        return int(found)
    except (OSError, ValueError, KeyError, TypeError):
        with replacing(file) as stream:
            stream.write(json.dumps({"seed": seed}).encode())
        return seed


def _remove_old(own: Path) -> None:
    """Remove what calls of long ago have left in the user's caches; folders of other kinds are none of ours."""
    for folder in own.parent.iterdir():
        try:
            ours = re.fullmatch("[0-9a-f]{32}", folder.name) and (folder / "call.json").is_file()
            if ours and folder != own and time.time() - folder.stat().st_mtime > MONTH:
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue
