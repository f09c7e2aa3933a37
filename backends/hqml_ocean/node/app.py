"""The node's routes: SAPI's, and one of its own for `hqml node status`. Who has no token gets no further than here."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from hqml_ocean.node.calls import PREFIX, Call, body_of, drain, plain, refused
from hqml_ocean.node.refusals import Refusal
from hqml_ocean.node.tokens import Tokens

_log = logging.getLogger("hqml_ocean.node")

_DENIED = Refusal(401, "Invalid token or access denied")


class Service(Protocol):
    """What answers the calls of accounts: this machine (`counter.Counter`) or the real cloud (`forward.Gateway`)."""

    async def solvers(self, call: Call) -> Response: ...
    async def solver(self, call: Call) -> Response: ...
    async def submit(self, call: Call) -> Response: ...
    async def problems(self, call: Call) -> Response: ...
    async def problem(self, call: Call) -> Response: ...
    async def detail(self, call: Call) -> Response: ...
    async def cancel(self, call: Call) -> Response: ...
    async def cancel_one(self, call: Call) -> Response: ...
    async def begin_upload(self, call: Call) -> Response: ...
    async def upload_status(self, call: Call) -> Response: ...
    async def upload_part(self, call: Call) -> Response: ...
    async def combine_upload(self, call: Call) -> Response: ...
    async def status(self, call: Call) -> Response: ...

    def stop(self) -> None:
        """The node is about to end: answer requests that wait."""
        ...

    async def close(self) -> None:
        """The node ends: give back what is held."""
        ...


def made_app(service: Service, tokens: Tokens) -> Starlette:
    """The application that speaks SAPI for a service."""
    answers = _routes(service)
    routes = [
        Route(PREFIX + path, _endpoint(method, answer, tokens), methods=[method]) for method, path, answer in answers
    ]

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await service.close()

    handlers = {HTTPException: _no_route, Exception: _broken}
    app = Starlette(routes=routes, exception_handlers=handlers, lifespan=lifespan)  # type: ignore[arg-type]
    app.router.redirect_slashes = False  # a redirected POST would lose its body
    return app


_Answer = Callable[[Call], Awaitable[Response]]


def _routes(service: Service) -> list[tuple[str, str, _Answer]]:
    """Method, path, and what answers. Ocean's client puts a slash at the end of some paths and not of others."""
    once = [
        ("GET", "/solvers/remote", service.solvers),
        ("GET", "/solvers/remote/{name}", service.solver),
        ("POST", "/problems", service.submit),
        ("GET", "/problems", service.problems),
        ("DELETE", "/problems", service.cancel),
        ("GET", "/problems/{id}", service.problem),
        ("DELETE", "/problems/{id}", service.cancel_one),
        ("GET", "/problems/{id}/{detail}", service.detail),
        ("POST", "/bqm/multipart", service.begin_upload),
        ("GET", "/bqm/multipart/{id}/status", service.upload_status),
        ("PUT", "/bqm/multipart/{id}/part/{number}", service.upload_part),
        ("POST", "/bqm/multipart/{id}/combine", service.combine_upload),
        ("GET", "/node/status", service.status),
    ]
    return [(method, path + slash, answer) for method, path, answer in once for slash in ("", "/")]


def _endpoint(method: str, answer: _Answer, tokens: Tokens) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        token = request.headers.get("x-auth-token", "")
        account = await run_in_threadpool(tokens.account, token) if token else None
        try:
            if account is None:
                await drain(request)
                return refused(_DENIED)
            body = await body_of(request)
            call = Call(account, request.path_params, request.query_params, request.headers, body)
            return await answer(call)
        except Refusal as refusal:
            return refused(refusal)
        except ClientDisconnect:  # in the middle of a body: nobody reads the answer
            return plain({}, 400)

    return endpoint


async def _no_route(request: Request, error: HTTPException) -> Response:
    await drain(request)
    return plain({"error_code": error.status_code, "error_msg": f"{error.detail}: {request.method} here"},
                 error.status_code)  # fmt: skip


async def _broken(request: Request, error: Exception) -> Response:
    # Starlette raises the error again for the server, whose log names it with its traceback.
    return plain({"error_code": 500, "error_msg": "the node failed; see its log"}, 500)
