"""Ocean's client, made when first needed, once per process, closed at exit."""

from __future__ import annotations

import atexit
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hqml.errors import HqmlError, ServiceError
from hqml_ocean.cloud.access import Access, is_loopback
from hqml_ocean.cloud.faults import what_went_wrong
from hqml_ocean.cloud.secrets import guard

T = TypeVar("T")

POLL_SECONDS = 10
"""How long the service may hold a question after an answer: every so often a lost one is asked again."""

PAUSE_SECONDS = 0.2
"""Between two such questions. Ocean's client repeats one that fails at once, 750 times a second, and logs a warning."""

READ_SECONDS = 30.0
"""How long a single request may take: longer than a question is held."""

CONNECT_SECONDS = 10.0

RETRIES = {"http_retry_total": 5, "http_retry_backoff_factor": 0.1, "http_retry_backoff_max": 2.0}
"""Repeats of requests that are safe to repeat, and of connections that could not be made: 3 s, where Ocean's default
takes 10. What outlasts that is met by patience, job by job (`jobs.py`)."""

CLOSING_SECONDS = 2.0
"""How long closing a client may take at exit: its threads may be in the middle of a request."""


@dataclass
class Connection:
    """A client of one service in one name, and the solvers it has been asked for."""

    endpoint: str
    client: Any = field(repr=False)
    users: int = 0
    dropped: bool = False
    _solvers: dict[tuple[str, str | None], Any] = field(default_factory=dict, repr=False)

    def solver(self, kind: str, name: str | None) -> Any:
        """The solver of a name, or of none the one that suits most.

        Args:
            kind: "qpu" or "hybrid".
            name: as the service calls it.

        Raises:
            AccessDenied, ServiceError: there is none, or the service cannot be asked.
        """
        solver = self._solvers.get((kind, name))
        if solver is None:
            solver = self._solvers[kind, name] = self._found(kind, name)
        return solver

    def forget_solvers(self) -> None:
        """Ask for solvers anew when next needed: one that refuses work may have been recalibrated, or be gone."""
        self._solvers.clear()

    def job_with_label(self, label: str) -> str | None:
        """Identity of the job that the service has accepted under a label, None where there is none.

        Raises:
            AccessDenied, ServiceError: the service cannot be asked.
        """

        def ask() -> Any:
            with self._problems() as problems:
                return problems.list_problems(label=label, max_results=10)

        found = answered(ask, self.endpoint)
        return next((str(one.id) for one in found if one.label == label), None)

    def cancel(self, jobs: list[str]) -> None:
        """Ask the service to drop jobs that have not begun, and do not wait long for its word."""

        def drop_them() -> None:
            with self._problems() as problems:
                problems.cancel_problems(jobs)

        def ask() -> None:
            with suppress(HqmlError):
                answered(drop_them, self.endpoint)

        thread = threading.Thread(target=ask, name="hqml_ocean.cancel", daemon=True)
        thread.start()
        thread.join(CLOSING_SECONDS)

    def _problems(self) -> Any:
        from dwave.cloud.api import Problems

        problems = Problems.from_config(self.client.config)
        problems.session.trust_env = not is_loopback(self.endpoint)
        return problems

    def _found(self, kind: str, name: str | None) -> Any:
        if kind == "hybrid":
            wanted: dict[str, Any] = {"hybrid": True, "supported_problem_types__contains": "bqm"}
        else:
            preferred = {} if name else dict(self.client.config.solver or {})  # by the user's configuration file
            wanted = {"order_by": "-num_active_qubits", **preferred, "qpu": True}
        if name is not None:
            wanted["name"] = name
        found = answered(lambda: self.client.get_solvers(**wanted), self.endpoint)
        if not found:
            which = f"called {name!r} online" if name else "online for this token"
            raise ServiceError(f"the service at {self.endpoint} has no {kind} solver {which}; see `dwave solvers`")
        found[0].return_matrix = True
        return found[0]


def answered(ask: Callable[[], T], endpoint: str) -> T:
    """What the client answers, or our own error of why it does not.

    The error is raised outside of the handler: what the client raises holds the request, and with it the token.
    """
    failure: HqmlError
    try:
        return ask()
    except Exception as error:
        failure = what_went_wrong(error, endpoint, of_a_job=False)
    raise failure


_lock = threading.Lock()
_connections: dict[tuple[str, ...], Connection] = {}


def connection(access: Access) -> Connection:
    """The connection of this process to a service; made now if there is none.

    Raises:
        AccessDenied: there is no token.
        ParameterError: Ocean's configuration cannot be used.
        ServiceError: no address was given, and D-Wave's cannot be found out.
    """
    configuration = access.configuration()
    key = _key(configuration)
    with _lock:
        if key not in _connections:
            where = configuration.get("endpoint") or "the address of its region"
            _connections[key] = answered(lambda: _made(configuration), where)
        return _connections[key]


@contextmanager
def in_use(one: Connection) -> Iterator[None]:
    """Hold a connection: one that is dropped meanwhile is closed when nobody holds it any more."""
    with _lock:
        one.users += 1
    try:
        yield
    finally:
        with _lock:
            one.users -= 1
            last = one.dropped and one.users == 0
        if last:
            _close(one)


def drop(broken: Connection) -> None:
    """Give up a connection whose client no longer answers: the next call makes a new one."""
    with _lock:
        for key in [key for key, one in _connections.items() if one is broken]:
            del _connections[key]
        broken.dropped = True
        idle = broken.users == 0
    if idle:
        _close(broken)


def close_all() -> None:
    """Close every connection of this process. The next call makes a new one."""
    with _lock:
        held = list(_connections.values())
        _connections.clear()
    closing = [_close(one) for one in held]
    for thread in closing:
        thread.join(CLOSING_SECONDS)


def _key(configuration: dict[str, Any]) -> tuple[str, ...]:
    """What tells connections apart: a digest of all that a client is made of, so that the key may be seen."""
    return (hashlib.sha256(repr(sorted(configuration.items(), key=str)).encode()).hexdigest(),)


def _made(configuration: dict[str, Any]) -> Connection:
    from dwave.cloud import Client

    class LoopbackClient(Client):  # type: ignore[misc]
        """Ocean's client, which leaves the proxy aside where the service is on this machine."""

        def create_session(self) -> Any:
            session = super().create_session()
            session.trust_env = not is_loopback(self.config.endpoint)
            return session

        @property
        def solvers_session(self) -> Any:
            solvers = super().solvers_session
            solvers.session.trust_env = not is_loopback(self.config.endpoint)
            return solvers

    settings = {
        **RETRIES,
        **configuration,
        "poll_strategy": "long-polling",
        "poll_wait_time": POLL_SECONDS,
        "poll_pause": PAUSE_SECONDS,
        "request_timeout": (CONNECT_SECONDS, READ_SECONDS),
        # Definitions on disk outlive a revoked token and a chip's recalibration.
        "cache_enabled": False,
    }
    settings.pop("client", None)
    client = LoopbackClient(**settings)
    guard()  # the loggers that have come into being with the client
    return Connection(client.config.endpoint, client)


def _close(one: Connection) -> threading.Thread:
    """Close in a thread of its own, since a client waits for the requests that are under way."""
    thread = threading.Thread(target=lambda: one.client.close(wait=False), name="hqml_ocean.close", daemon=True)
    thread.start()
    return thread


def _after_fork() -> None:
    """The threads of a client stay in the parent, and with them all that a client can do."""
    global _lock
    _lock = threading.Lock()
    _abandoned.extend(_connections.values())
    _connections.clear()


_abandoned: list[Connection] = []
"""Of the parent process: kept, so that nothing closes sockets that the parent still uses."""

atexit.register(close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
