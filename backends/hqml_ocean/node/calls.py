"""A request as the node's services see it: who asks, for what, with which body; and the answers in SAPI's forms."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from hqml.untrusted import read_json
from hqml_ocean.node.refusals import Refusal, bad
from hqml_ocean.node.tokens import Account

LARGEST_BODY = 64 << 20
"""Bytes of a request, inflated or not: 20 problems of a whole chip of 5600 qubits take 10 MiB."""

PREFIX = "/sapi/v2"
"""Where D-Wave's service has its Solver API."""

LONGEST_POLL = 30.0
"""Seconds that a question after states is held; Ocean's client asks for no more."""

MOST_IDENTITIES = 1000
"""Problems of one question."""

_VERSION = "3.0.0"
"""Of the answers' forms; Ocean's client refuses others."""


@dataclass(frozen=True)
class Call:
    """A request of an account, its body read and inflated.

    Attributes:
        account: who asks.
        path: values in the path, by name.
        query: those after the question mark.
        headers: of the request. They hold the token: not to be logged or passed on.
        body: bytes.
    """

    account: Account
    path: Mapping[str, Any]
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body's content.

        Raises:
            Refusal: it is no JSON.
        """
        try:
            return read_json(self.body)
        except ValueError as error:
            raise bad(f"the body must be JSON: {error}") from error

    def object(self) -> dict[str, Any]:
        """The body's content, an object."""
        found = self.json()
        if not isinstance(found, dict):
            raise bad("the body must be a JSON object")
        return found

    def patience(self) -> float:
        """Seconds that the answer may be held until there is something new.

        Raises:
            Refusal: the query says no number.
        """
        try:
            wanted = float(self.query.get("timeout", 0))
        except ValueError:
            wanted = math.nan
        if math.isnan(wanted):
            raise bad("timeout must be a number of seconds")
        return min(max(wanted, 0.0), LONGEST_POLL)

    def part(self) -> int:
        """Number of the part of an upload that the path names.

        Raises:
            Refusal: it is none.
        """
        text = self.path["number"]
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise bad(f"the number of a part must be a whole number, found {text[:40]!r}")
        return int(text)

    def identities(self) -> list[str]:
        """The problems that the query names.

        Raises:
            Refusal: there are too many.
        """
        return _some([one for one in self.query["id"].split(",") if one])

    def listed_identities(self) -> list[str]:
        """The problems that the body names.

        Raises:
            Refusal: it is no list of them, or there are too many.
        """
        found = self.json()
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            raise bad("the body must be a list of ids")
        return _some(found)


def sapi(kind: str, value: Any, *, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in the form that SAPI calls "vnd.dwave.sapi.<kind>"."""
    # Answers of samples are large: no spaces.
    content = json.dumps(value, separators=(",", ":"))
    return Response(content, media_type=media_type(kind), headers=headers)


def media_type(kind: str) -> str:
    return f"application/vnd.dwave.sapi.{kind}+json; version={_VERSION}"


def plain(value: Any, status: int = 200) -> Response:
    """An answer in JSON of no particular form."""
    return Response(json.dumps(value), status, media_type="application/json")


def refused(refusal: Refusal) -> Response:
    return plain(refusal.as_json(), refusal.code)


def _some(identities: list[str]) -> list[str]:
    if len(identities) > MOST_IDENTITIES:
        raise bad(f"name at most {MOST_IDENTITIES} problems at once, found {len(identities)}")
    return identities


async def body_of(request: Request) -> bytes:
    """The whole body, inflated.

    Raises:
        Refusal: it is too large, or not compressed as it says.
    """
    body = bytearray()
    length = 0
    async for chunk in request.stream():
        length += len(chunk)
        if length <= LARGEST_BODY:
            body += chunk  # of one that is too large the rest is read, not kept: else the answer would not be seen
        elif length > 4 * LARGEST_BODY:
            break
    if length > LARGEST_BODY:
        raise Refusal(413, f"a request holds at most {LARGEST_BODY >> 20} MiB; split it")
    return _inflated(bytes(body), request.headers.get("content-encoding", "identity").strip().lower())


async def drain(request: Request) -> None:
    """Read a body that nobody wants, so that the sender sees the answer."""
    length = 0
    async for chunk in request.stream():
        length += len(chunk)
        if length > LARGEST_BODY:
            return


def _inflated(body: bytes, encoding: str) -> bytes:
    if encoding in ("identity", ""):
        return body
    # "deflate" is zlib's format by RFC 9110; 32 more bits of window let it find gzip's header too.
    windows = {"deflate": zlib.MAX_WBITS, "gzip": zlib.MAX_WBITS | 16}
    if encoding not in windows:
        raise Refusal(415, f"Content-Encoding must be deflate, gzip or identity, found {encoding[:40]!r}")
    decoder = zlib.decompressobj(windows[encoding])
    try:
        content = decoder.decompress(body, LARGEST_BODY + 1)
    except zlib.error as error:
        raise bad(f"the body is not compressed by {encoding}: {error}") from error
    if len(content) > LARGEST_BODY:
        raise Refusal(413, f"a request holds at most {LARGEST_BODY >> 20} MiB; split it")
    if not decoder.eof:
        raise bad("the body ends too early")
    return content
