"""From settings to a server that runs: the parts put together, a socket, uvicorn, and a clean end."""

from __future__ import annotations

import ipaddress
import logging
import signal
import socket
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from hqml.errors import FormatError, ParameterError
from hqml_ocean.chip.chip import Chip
from hqml_ocean.chip.topologies import made_chip
from hqml_ocean.node.app import Service, made_app
from hqml_ocean.node.calls import PREFIX
from hqml_ocean.node.counter import Counter
from hqml_ocean.node.desk import Desk
from hqml_ocean.node.faults import Faults, faults_from
from hqml_ocean.node.hybrid_solver import HybridSolver
from hqml_ocean.node.injection import Injection
from hqml_ocean.node.journal import Journal
from hqml_ocean.node.qpu_solver import QpuSolver
from hqml_ocean.node.settings import Settings
from hqml_ocean.node.solvers import Solver
from hqml_ocean.node.tokens import Tokens
from hqml_ocean.node.uploads import Uploads

PATIENCE = 5.0
"""Seconds that the end of `serve` waits for jobs under way; what takes longer runs again in the next node."""

KEEP_ALIVE = 75.0
"""Seconds that an idle connection stays open. Closed sooner it might be closed at the moment a client submits by it,
and the client could not know whether the job was accepted."""


@dataclass
class Node:
    """The parts of a node. `desk` and `chip` are None of a gateway."""

    service: Service
    tokens: Tokens
    faults: Faults | None = None
    journal: Journal | None = None
    desk: Desk | None = None
    chip: Chip | None = None


def solving_node(
    settings: Settings, chip: Chip | None = None, faults: Faults | None = None, patience: float | None = PATIENCE
) -> Node:
    """A node that solves on this machine, its queues started.

    Args:
        settings: how.
        chip: instead of the one that the settings describe.
        faults: what is to go wrong.
        patience: seconds that its end waits for jobs under way, None is as long as they take.
    """
    tokens = Tokens(settings.tokens)
    if chip is None:
        size = {"shape": settings.shape, "qubit_yield": settings.qubit_yield, "seed": settings.seed}
        chip = made_chip(settings.topology, **size)  # type: ignore[arg-type]
    journal = Journal(settings.journal_path())
    uploads = Uploads(journal)
    solvers: list[Solver] = [QpuSolver(chip, settings.seed), HybridSolver(uploads, settings.seed)]
    desk = Desk(solvers, journal, keep_days=settings.keep_days, faults=faults)
    desk.start()
    return Node(Counter(desk, uploads, patience=patience), tokens, faults, journal, desk, chip)


class Server(uvicorn.Server):
    """Uvicorn, which lets the requests go that wait for a job, and ends with status 0 when asked to end.

    Args:
        node: what is served.
        settings: where.
        ready: called with the endpoint once requests are answered.
    """

    def __init__(self, node: Node, settings: Settings, ready: Callable[[str], None]) -> None:
        self._node, self._ready = node, ready
        self._socket = _listening(settings.host, settings.port)
        app: ASGIApp = made_app(node.service, node.tokens)
        if node.faults is not None:
            app = Injection(app, node.faults, self._break)
        super().__init__(_configuration(app, settings))
        scheme = "https" if settings.certfile else "http"
        self.endpoint = f"{scheme}://{_shown(settings.host)}:{self._socket.getsockname()[1]}{PREFIX}/"

    def run_until_stopped(self) -> None:
        self.run(sockets=[self._socket])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit and sig == signal.SIGINT:  # pressed twice
            self.force_exit = True
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready(self.endpoint)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._node.service.stop()
        await super().shutdown(sockets)

    def _break(self, client: tuple[str, int]) -> None:
        """Break a client's connection in the middle of a request."""
        for connection in list(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None and tuple(transport.get_extra_info("peername") or ())[:2] == client:
                transport.abort()


def serve(settings: Settings, ready: Callable[[str], None]) -> bool:
    """Serve until SIGINT or SIGTERM; `ready` is told the endpoint.

    Returns:
        Whether all is at rest: if not, threads of this process still solve a job, which the next node repeats.
    """
    _log_to_stderr()
    _warn_of_the_open(settings)
    faults = None if settings.faults is None else faults_from(settings.faults)
    if settings.forward:
        from hqml_ocean.node.forward import forwarding_node

        node = forwarding_node(settings, faults)
    else:
        node = solving_node(settings, faults=faults)
    Server(node, settings, ready).run_until_stopped()
    return node.desk is None or node.desk.at_rest


def _configuration(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    configuration = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        log_config=None,  # the handlers are ours
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=int(KEEP_ALIVE),
        timeout_graceful_shutdown=int(PATIENCE),
        ssl_certfile=settings.certfile,
        ssl_keyfile=settings.keyfile,
    )
    try:
        configuration.load()
    except OSError as error:  # ssl.SSLError is one
        raise FormatError(f"cannot use the certificate: {error.strerror or error}; give PEM files") from error
    return configuration


def _listening(host: str, port: int) -> socket.socket:
    """A socket that is bound, so that the port is known before anything else happens.

    Raises:
        ParameterError: the address cannot be used.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(128)
        except BaseException:
            listening.close()
            raise
    except OSError as error:
        raise ParameterError(f"cannot listen at {host}, port {port}: {error.strerror}; name others") from error
    return listening


def _shown(host: str) -> str:
    """A host as clients on this machine would write it."""
    if host in ("", "0.0.0.0", "::"):
        return "127.0.0.1" if host != "::" else "[::1]"
    return f"[{host}]" if ":" in host else host


def _warn_of_the_open(settings: Settings) -> None:
    try:
        inside = ipaddress.ip_address(settings.host).is_loopback
    except ValueError:
        inside = settings.host == "localhost"
    if not inside and settings.certfile is None:
        warnings.warn(
            f"tokens travel unencrypted to {settings.host}; give --certfile and --keyfile, or serve behind TLS",
            stacklevel=2,
        )


def _log_to_stderr() -> None:
    """What happens to jobs, on stderr: accounts by their digest, no tokens, no headers."""
    log = logging.getLogger("hqml_ocean.node")
    log.setLevel(logging.INFO)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name in ("hqml_ocean.node", "uvicorn"):
        logging.getLogger(name).addHandler(handler)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
