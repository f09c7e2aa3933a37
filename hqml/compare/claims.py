"""Who runs which cell: files that processes on several hosts create in one folder.

The n-th attempt at a cell is the file KEY.n. Creating it exclusively is the claim: of many one wins, on NFS and Lustre
as well. KEY.n+1 may be created once attempt n was given back, or its process is lost, so that no two live processes
have a claim to one cell. No file is ever removed, hence no number used twice; they are the account of metered time too.

A process is lost when it is gone from the host that it shares with who asks. Of another host its claim tells: while it
is held a thread touches it, and when that was long ago, by the clock of the storage, the process is lost.
"""

from __future__ import annotations

import itertools
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hqml.errors import FormatError
from hqml.files import keep
from hqml.processes import is_alive, is_seen, this_process
from hqml.untrusted import read_json

BEAT = 5.0
"""Seconds between two touches of a claim."""

LOST_AFTER = 60.0
"""Seconds without one after which a process of another host is lost: a few times what a busy file system takes."""

_held: set[str] = set()
"""Marks of the claims that this process holds, in all its threads; others of its number were left by Ctrl-C."""


@dataclass(frozen=True)
class Claim:
    """A cell is this process's to run.

    Attributes:
        key: of the cell.
        path: the file.
        record: its content.
    """

    key: str
    path: Path
    record: Mapping[str, Any]


@dataclass(frozen=True)
class Account:
    """Metered seconds of a store.

    Attributes:
        spent: by attempts that were given back; of lost ones what they had reserved, since nobody knows better.
        reserved: by live claims.
    """

    spent: float
    reserved: float


class Claims:
    """The claims of one run. Use `with Claims(folder) as claims`: what is still held at its end is given back,
    its metered time as spent: what was interrupted may have been submitted.

    Args:
        folder: shared by all processes.
        beat: see `BEAT`.
        lost_after: see `LOST_AFTER`.
    """

    def __init__(self, folder: Path, *, beat: float = BEAT, lost_after: float = LOST_AFTER) -> None:
        self._folder, self._beat, self._lost_after = folder, beat, lost_after
        self._mine: dict[str, Claim] = {}
        self._given_back: dict[str, float] = {}
        self._ended = threading.Event()
        self._heart = threading.Thread(target=self._touch_all, name="hqml claims", daemon=True)

    def __enter__(self) -> Claims:
        self._heart.start()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            for claim in list(self._mine.values()):
                self.give_back(claim, claim.record["qpu"])
        finally:
            # What a second Ctrl-C or a full disk has left is lost, also to who asks in this process.
            _held.difference_update(claim.record["mark"] for claim in self._mine.values())
            self._ended.set()
            self._heart.join()

    def take(self, key: str, qpu: float = 0.0) -> Claim | None:
        """Claim a cell; None where a live process has.

        Args:
            key: of the cell.
            qpu: metered seconds reserved for it.

        Raises:
            FormatError: nothing can be written here.
        """
        record = {**this_process(), "mark": secrets.token_hex(8), "since": time.time(), "qpu": qpu, "spent": None}
        for number in itertools.count():
            path = self._folder / f"{key}.{number}"
            claim = Claim(key, path, record)
            if self._created(claim):
                return claim
            if self._is_live(path):
                return None
        raise AssertionError  # the count has no end

    def give_back(self, claim: Claim, spent: float = 0.0) -> None:
        """End an attempt: the cell is done, or anybody's.

        Args:
            claim: taken here.
            spent: metered seconds that it took.
        """
        keep(claim.path, json.dumps({**claim.record, "spent": spent}).encode())
        self._mine.pop(claim.path.name, None)
        _held.discard(claim.record["mark"])

    def account(self, *, besides: Claim | None = None) -> Account:
        """Metered seconds of all attempts in the folder but one."""
        spent = reserved = 0.0
        with os.scandir(self._folder) as entries:
            names = [entry.name for entry in entries if entry.is_file() and not entry.name.startswith(".")]
        for name in names:
            if besides is not None and name == besides.path.name:
                continue
            if name not in self._given_back:
                record, _ = _read(self._folder / name)
                if record is None:
                    continue
                if record["spent"] is None:
                    live = self._is_live(self._folder / name)
                    spent, reserved = spent + (not live) * record["qpu"], reserved + live * record["qpu"]
                    continue
                self._given_back[name] = record["spent"]
            spent += self._given_back[name]
        return Account(spent, reserved)

    def _created(self, claim: Claim) -> bool:
        _held.add(claim.record["mark"])  # first: another thread may read the file at once
        try:
            file = os.open(claim.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except OSError as error:
            _held.discard(claim.record["mark"])
            if isinstance(error, FileExistsError):
                return False
            raise FormatError(f"cannot write {claim.path}: {error.strerror}; name a store you may write to") from error
        self._mine[claim.path.name] = claim
        with os.fdopen(file, "wb") as stream:
            stream.write(json.dumps(claim.record).encode())
            stream.flush()
            os.fsync(stream.fileno())  # what it reserves is owed, though the power fails
        return True

    def _is_live(self, path: Path) -> bool:
        """Whether who created a claim is at work."""
        record, touched = _read(path)
        if record is not None and record["spent"] is not None:
            return False
        if record is not None and is_seen(record):
            if record["pid"] == os.getpid() and is_alive(record):
                return record["mark"] in _held
            return is_alive(record)
        return self._now() - touched <= self._lost_after  # also of a file that is being written, or was cut off

    def _now(self) -> float:
        """By the clock of the storage, which alone knows when a claim was touched."""
        clock = self._folder / f".clock.{socket.gethostname()}"
        clock.touch()
        return clock.stat().st_mtime

    def _touch_all(self) -> None:
        while not self._ended.wait(self._beat):
            for claim in list(self._mine.values()):
                with suppress(OSError):  # the next beat may do better
                    os.utime(claim.path)


def _read(path: Path) -> tuple[dict[str, Any] | None, float]:
    """The record of a claim, None where it is not whole, and when it was touched.

    Opened rather than asked for its time: NFS then asks the server.
    """
    with open(path, "rb") as stream:
        content, touched = stream.read(), os.fstat(stream.fileno()).st_mtime
    try:
        record = read_json(content)
        whole = {"place": str, "pid": int, "mark": str, "qpu": int | float, "spent": int | float | None}
        if all(isinstance(record[name], kind) for name, kind in whole.items()) and "born" in record:
            return record, touched
    except (ValueError, KeyError, TypeError):
        pass
    return None, touched
