"""Models that are too large for one request: sent in parts, each with its checksum, then put together."""

from __future__ import annotations

import base64
import hashlib
import uuid
from typing import Any

from hqml_ocean.node.journal import Journal, now
from hqml_ocean.node.refusals import Refusal, bad, missing

LARGEST = 1 << 30
"""Bytes of one model."""

LARGEST_PART = 5 << 20
"""Bytes of one part; Ocean's client cuts models into parts of this size."""

MOST_PARTS = 10_000


class Uploads:
    """Uploaded models, kept in the journal so that a job that was accepted finds its own after a restart."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def begin(self, account: str, size: Any) -> str:
        """Expect a model of so many bytes; returns its identity."""
        if not isinstance(size, int) or isinstance(size, bool) or not 0 < size <= LARGEST:
            raise bad(f"size must be a whole number of bytes, 1 to {LARGEST}")
        identity = str(uuid.uuid4())
        with self._journal.writing() as database:
            database.execute(
                "INSERT INTO uploads (id, account, size, created_on) VALUES (?, ?, ?, ?)",
                (identity, account, size, now()),
            )
        return identity

    def status(self, identity: str, account: str) -> dict[str, Any]:
        """SAPI's object: which parts are here."""
        _, complete = self._of(identity, account)
        parts = [{"part_number": number, "checksum": checksum} for number, checksum, _ in self._parts(identity)]
        return {"id": identity, "status": "UPLOAD_COMPLETED" if complete else "UPLOAD_IN_PROGRESS", "parts": parts}

    def put(self, identity: str, account: str, number: int, data: bytes, content_md5: str | None) -> None:
        """Take a part; the same number again replaces it.

        Args:
            identity: of the upload.
            account: which must have begun it.
            number: from 1.
            data: of the part.
            content_md5: the header by which the sender tells what it has sent, base64.
        """
        size, complete = self._of(identity, account)
        if complete:
            raise Refusal(409, "the upload is complete; begin another one")
        if not 1 <= number <= MOST_PARTS:
            raise bad(f"parts are numbered from 1 to {MOST_PARTS}, found {number}")
        if len(data) > LARGEST_PART:
            raise Refusal(413, f"a part holds at most {LARGEST_PART} bytes, found {len(data)}")
        others = sum(length for other, _, length in self._parts(identity) if other != number)
        if others + len(data) > size:
            raise Refusal(413, f"the parts hold more than the {size} bytes that were announced")
        digest = hashlib.md5(data, usedforsecurity=False)
        if content_md5 is not None and base64.b64encode(digest.digest()).decode() != content_md5.strip():
            raise bad(f"part {number} did not arrive as it was sent: Content-MD5 differs; send it again")
        with self._journal.writing() as database:
            database.execute(
                "INSERT OR REPLACE INTO parts (upload, number, checksum, data) VALUES (?, ?, ?, ?)",
                (identity, number, digest.hexdigest(), data),
            )

    def combine(self, identity: str, account: str, checksum: Any) -> None:
        """Put the parts together. May be repeated.

        Args:
            identity: of the upload.
            account: which must have begun it.
            checksum: MD5 of the parts' digests one after the other, in hexadecimal digits.
        """
        size, complete = self._of(identity, account)
        if complete:
            return
        parts = self._parts(identity)
        total = sum(length for _, _, length in parts)
        if [number for number, _, _ in parts] != list(range(1, len(parts) + 1)) or total != size:
            raise bad(f"the upload is not complete: {total} of {size} bytes are here")
        together = hashlib.md5(b"".join(bytes.fromhex(one) for _, one, _ in parts), usedforsecurity=False)
        if checksum != together.hexdigest():
            raise bad("checksum differs from that of the parts; send them again")
        with self._journal.writing() as database:
            database.execute("UPDATE uploads SET complete = 1 WHERE id = ?", (identity,))

    def content(self, identity: str, account: str) -> bytes:
        """The whole model."""
        _, complete = self._of(identity, account)
        if not complete:
            raise Refusal(409, "the model has not been uploaded completely")
        return b"".join(
            data
            for (data,) in self._journal.rows("SELECT data FROM parts WHERE upload = ? ORDER BY number", (identity,))
        )

    def _of(self, identity: str, account: str) -> tuple[int, bool]:
        found = self._journal.rows(
            "SELECT size, complete FROM uploads WHERE id = ? AND account = ?", (identity, account)
        )
        if not found:
            raise missing("uploaded model of this id")
        size, complete = found[0]
        return int(size), bool(complete)

    def _parts(self, identity: str) -> list[tuple[int, str, int]]:
        query = "SELECT number, checksum, length(data) FROM parts WHERE upload = ? ORDER BY number"
        return [(number, checksum, length) for number, checksum, length in self._journal.rows(query, (identity,))]
