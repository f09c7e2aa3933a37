"""The faults of requests, as ASGI middleware around the node's application."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hqml_ocean.node.faults import Fault, Faults, route_of

SETTLING = 0.05
"""Seconds after breaking a connection: the server needs a turn of its loop to see that it is broken."""


class Injection:
    """Lets requests go wrong.

    Args:
        app: what answers them.
        faults: what is to go wrong.
        drop: breaks the connection of a client, (host, port).
    """

    def __init__(self, app: ASGIApp, faults: Faults, drop: Callable[[tuple[str, int]], None]) -> None:
        self._app, self._faults, self._drop = app, faults, drop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = None
        if scope["type"] == "http":
            fault = self._faults.take(route_of(scope["method"], scope["path"], scope["query_string"].decode()))
        if fault is None:
            await self._app(scope, receive, send)
            return
        await asyncio.sleep(fault.delay)
        if fault.status is not None or fault.drop == "before" or fault.item_error is not None:
            body = await _drained(receive)
        if fault.drop == "before":
            await self._break(scope)
        elif fault.status is not None:
            error = json.dumps({"error_code": fault.status, "error_msg": fault.message}).encode()
            text = error if fault.body is None else fault.body.encode()
            await _answer(send, fault.status, {"Content-Type": "application/json", **fault.headers}, text)
        elif fault.item_error is not None:
            kind = "application/vnd.dwave.sapi.problems+json; version=3.0.0"
            jobs = _inflated(body, Headers(scope=scope).get("content-encoding"))
            await _answer(send, 200, {"Content-Type": kind}, fault.changed(jobs))
        else:
            await self._changed(fault, scope, receive, send)

    async def _changed(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        """Do what was asked, and answer something else."""
        status, headers, content = 500, MutableHeaders(), b""

        async def keep(message: Message) -> None:
            nonlocal status, headers, content
            if message["type"] == "http.response.start":
                status, headers = message["status"], MutableHeaders(raw=list(message["headers"]))
            elif message["type"] == "http.response.body":
                content += message.get("body", b"")

        await self._app(scope, receive, keep)
        if fault.drop == "after":
            await self._break(scope)
            return
        if status < 300:
            content = fault.changed(content)
            if fault.content_type is not None:
                headers["Content-Type"] = fault.content_type
        del headers["Content-Length"]
        await _answer(send, status, {**dict(headers), **fault.headers}, content)

    async def _break(self, scope: Scope) -> None:
        host, port = scope["client"]
        self._drop((host, port))
        await asyncio.sleep(SETTLING)


async def _drained(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


async def _answer(send: Send, status: int, headers: dict[str, str], content: bytes) -> None:
    length = {"Content-Length": str(len(content))} if status != 304 else {}
    raw: Any = [(name.lower().encode(), value.encode()) for name, value in {**headers, **length}.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": content})


def _inflated(body: bytes, encoding: str | None) -> bytes:
    import zlib

    return zlib.decompress(body) if encoding == "deflate" else body
