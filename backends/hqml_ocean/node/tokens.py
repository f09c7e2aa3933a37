"""Who may use the node: tokens from a file, each with its budget, known everywhere else by a short digest."""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
import os
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path

from hqml.errors import FormatError

_log = logging.getLogger("hqml_ocean.node")

NAME_LENGTH = 12
"""Digits of the digest that name an account: 48 bits, enough to tell the users of one node apart."""


@dataclass(frozen=True)
class Account:
    """A user of the node.

    Attributes:
        name: first digits of the token's SHA-256. The token cannot be found from them.
        budget: QPU seconds granted in all; infinite where none were named.
    """

    name: str
    budget: float = math.inf


class Tokens:
    """The tokens of a file, read again when the file changes.

    Args:
        path: one token a line, optionally followed by its budget in QPU seconds; `#` starts a comment.

    Raises:
        FormatError: the file cannot be read or holds no token, or a line is malformed. A message names the line,
            never what is on it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._version = self._seen()
        self._accounts = _read(self._path)
        self._warn_of_readers()

    def account(self, token: str) -> Account | None:
        """Whose token it is. Takes the same time for every wrong token."""
        self._refresh()
        wanted = _digest(token)
        found = None
        for digest, account in self._accounts.items():
            if hmac.compare_digest(digest, wanted):
                found = account
        return found

    def _refresh(self) -> None:
        """A token that was taken out of the file is refused from now on. A broken file changes nothing."""
        version = self._seen()
        if version == self._version:
            return
        self._version = version
        try:
            self._accounts = _read(self._path)
            _log.info("the tokens were read again: %d", len(self._accounts))
        except FormatError as error:
            _log.warning("the tokens stay as they were: %s", error)

    def _seen(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _warn_of_readers(self) -> None:
        if stat.S_IMODE(self._path.stat().st_mode) & 0o077:
            warnings.warn(f"others may read the tokens in {self._path}; run: chmod 600 {self._path}", stacklevel=3)


def _read(path: Path) -> dict[str, Account]:
    """Accounts by the digest of their token."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        hint = f"write a token a line, and behind it its QPU seconds, then chmod 600 {path}"
        raise FormatError(f"cannot read the tokens in {path}: No such file or directory; {hint}") from None
    except OSError as error:
        raise FormatError(f"cannot read the tokens in {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise FormatError(f"cannot read the tokens in {path}: it is no text file") from None
    accounts: dict[str, Account] = {}
    for number, line in enumerate(lines, start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        digest = _digest(words[0])
        if digest in accounts:
            raise FormatError(f"{path}, line {number}: the token is on an earlier line too; give each one line")
        accounts[digest] = Account(digest[:NAME_LENGTH], _budget(words[1:], f"{path}, line {number}"))
    if not accounts:
        raise FormatError(f"{path} holds no token; write one a line, optionally followed by its QPU seconds")
    return accounts


def _budget(words: list[str], where: str) -> float:
    if not words:
        return math.inf
    try:
        [word] = words
        budget = float(word)
    except ValueError:
        budget = math.nan
    if not 0.0 <= budget < math.inf:
        # What stands there is not repeated: it may be a second token.
        raise FormatError(f"{where}: after the token comes nothing, or its budget as one number of QPU seconds")
    return budget


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
