"""A search's memory in a file: a line for each evaluated configuration, on disk before the next begins.

A batch that used metered time has a line as well, {"qpu": seconds}: what a search is granted holds for all its parts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hqml.errors import FormatError, ParameterError
from hqml.tuning.records import Fold, Memory, Outcome
from hqml.tuning.space import Configuration, Space
from hqml.untrusted import read_json

_FORMAT = "hqml search journal 1"
_START = json.dumps({"format": _FORMAT})[:-1].encode()


class Journal(Memory):
    """Lines of JSON: first what the search is, then what it found. Whoever opens it goes on where it ends.

    Args:
        path: of the file; it is made if it is not there.
        space: of the configurations.
        identity: what results depend on, in words: {part: digest}.
        seed: of the search, if the file is new or `own_seed`.
        own_seed: whether the caller insists on the seed; else that of the file is taken.

    Raises:
        FormatError: the file cannot be written, is no journal, or is damaged in its middle.
        ParameterError: it belongs to another search, or another process has it open.
    """

    def __init__(
        self, path: str | os.PathLike[str], space: Space, identity: Mapping[str, str], seed: int, *, own_seed: bool
    ) -> None:
        super().__init__(seed)
        self._path, self._space = Path(path), space
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        except OSError as error:
            raise FormatError(
                f"cannot write the journal {path}: {error.strerror}; name a file you may write"
            ) from error
        try:
            self._lock()
            self._resume(identity, own_seed)
        except BaseException:
            self.close()
            raise

    def keep(self, configuration: Configuration, outcome: Outcome) -> None:
        super().keep(configuration, outcome)
        folds = [fold.as_json() for fold in outcome]
        self._append({"params": self._space.key(configuration), "folds": folds})

    def spend(self, seconds: float) -> None:
        super().spend(seconds)
        self._append({"qpu": seconds})

    def close(self) -> None:
        os.close(self._file)

    def _lock(self) -> None:
        import fcntl

        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ParameterError(
                f"another process searches with the journal {self._path}; let several processes share storage= instead"
            ) from error

    def _resume(self, identity: Mapping[str, str], own_seed: bool) -> None:
        content = b"".join(iter(lambda: os.read(self._file, 1 << 20), b""))
        if content and not content.startswith(_START):
            raise FormatError(f"{self._path} is no journal of a search; name another file")
        whole = content[: content.rfind(b"\n") + 1]
        header, *lines = whole.splitlines() or [b""]
        if header:
            self._check(self._parsed(header, 1), identity, own_seed)
        # A last line without an end was being written when its process died. Only in a file of this search is it cut.
        if len(whole) < len(content):
            os.ftruncate(self._file, len(whole))
        if not header:
            self._append({"format": _FORMAT, "identity": dict(identity), "seed": self.seed})
        for number, line in enumerate(lines, start=2):
            self._restore(self._parsed(line, number), number)

    def _check(self, header: Mapping[str, Any], identity: Mapping[str, str], own_seed: bool) -> None:
        try:
            found, seed = header["identity"], header["seed"]
        except KeyError as error:
            raise self._damaged(1) from error
        if found != dict(identity):
            raise ParameterError(other_search(f"the journal {self._path}", found, identity))
        if not own_seed:
            self.seed = seed

    def _restore(self, entry: Any, number: int) -> None:
        try:
            if "qpu" in entry:
                self.qpu += entry["qpu"]
            else:
                outcome = [Fold(**fold) for fold in entry["folds"]]
                self.outcomes[self._space.of_key(entry["params"])] = outcome
        except (KeyError, TypeError) as error:
            raise self._damaged(number) from error

    def _parsed(self, line: bytes, number: int) -> Any:
        try:
            return read_json(line)
        except ValueError as error:
            raise self._damaged(number) from error

    def _damaged(self, number: int) -> FormatError:
        remedy = "that line, or the file" if number > 1 else "the file"
        return FormatError(f"line {number} of the journal {self._path} is damaged; remove {remedy}")

    def _append(self, entry: Mapping[str, Any]) -> None:
        line = json.dumps(entry).encode() + b"\n"
        while line:
            line = line[os.write(self._file, line) :]
        os.fsync(self._file)


def other_search(what: str, found: Mapping[str, str], identity: Mapping[str, str]) -> str:
    """Say in which parts two searches differ."""
    parts: Sequence[str] = sorted(part for part in {*found, *identity} if found.get(part) != identity.get(part))
    return (
        f"{what} is of another search: it differs in {', '.join(parts)}; "
        "name another one, or search as it was begun (a fixed random_state makes cv give the same folds)"
    )
