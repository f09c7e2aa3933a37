"""Nodes for tests of clients: one in this process, with faults to inject, and one in a process of its own, to kill."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from hqml_ocean.chip.chip import Chip
from hqml_ocean.node.database import MEMORY
from hqml_ocean.node.desk import Desk
from hqml_ocean.node.faults import ENVIRONMENT, Faults
from hqml_ocean.node.journal import Job, Journal
from hqml_ocean.node.serving import Node, Server, solving_node
from hqml_ocean.node.settings import Settings

STARTING = 60.0
"""Seconds that a node may take to start on a busy machine."""


@dataclass
class RunningNode:
    """A node that answers in this process.

    Attributes:
        endpoint: for DWAVE_API_ENDPOINT or `endpoint=`.
        tokens: those it knows.
        faults: what is to go wrong; `faults.inject(...)`.
        tokens_file: which may be rewritten, to revoke a token.
    """

    endpoint: str
    tokens: list[str] = field(repr=False)
    faults: Faults
    tokens_file: Path
    _node: Node = field(repr=False)

    @property
    def token(self) -> str:
        """The first one it knows."""
        return self.tokens[0]

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to use it."""
        return environment_of(self.endpoint, self.token)

    @property
    def chip(self) -> Chip:
        assert self._node.chip is not None, "a gateway has no chip"
        return self._node.chip

    @property
    def journal(self) -> Journal:
        assert self._node.journal is not None
        return self._node.journal

    @property
    def jobs(self) -> list[Job]:
        """All jobs it has accepted, in order of arrival."""
        return self.journal.jobs()

    def pause(self) -> None:
        """Begin no further job; those that come stay PENDING."""
        for queue in self._desk.queues.values():
            queue.pause()

    def resume(self) -> None:
        for queue in self._desk.queues.values():
            queue.resume()

    def revoke(self, token: str) -> None:
        """Take a token out of the tokens file."""
        lines = self.tokens_file.read_text().splitlines()
        kept = [line for line in lines if not line.startswith(token)] or [secrets.token_hex(16)]
        self.tokens_file.write_text("\n".join(kept) + "\n")

    @property
    def _desk(self) -> Desk:
        assert self._node.desk is not None, "a gateway has no queue"
        return self._node.desk


@contextmanager
def running_node(
    topology: str = "pegasus",
    shape: tuple[int, ...] | None = (3,),
    *,
    qubit_yield: float = 1.0,
    seed: int = 0,
    chip: Chip | None = None,
    tokens: Sequence[str] = (),
    budget: float | None = None,
    journal: str | os.PathLike[str] = MEMORY,
    keep_days: float = 30.0,
    port: int = 0,
) -> Iterator[RunningNode]:
    """A node on a free port of this machine, in a thread of this process.

    Args:
        topology: kind of the chip.
        shape: of its graph; P3 is small and quick.
        qubit_yield: share of its working qubits.
        seed: tells which do not work.
        chip: instead of them.
        tokens: that it knows; none makes one up.
        budget: QPU seconds of each; None is without a limit.
        journal: path, to start another node on later.
        keep_days: after so many days answers are removed.
        port: 0 takes a free one.
    """
    tokens = list(tokens) or [secrets.token_hex(16)]
    with tempfile.TemporaryDirectory(prefix="hqml-node-") as folder:
        file = tokens_file(folder, tokens, budget)
        settings = Settings(
            tokens=str(file),
            topology=topology,
            shape=shape,
            qubit_yield=qubit_yield,
            seed=seed,
            journal=os.fspath(journal),
            keep_days=keep_days,
            port=port,
        )
        faults = Faults()
        node = solving_node(settings, chip=chip, faults=faults, patience=None)
        with served(node, settings) as endpoint:
            yield RunningNode(endpoint, tokens, faults, file, node)


@contextmanager
def served(node: Node, settings: Settings) -> Iterator[str]:
    """Serve a node in a thread of this process; gives its endpoint."""
    started = threading.Event()
    server = Server(node, settings, lambda _: started.set())
    thread = threading.Thread(target=server.run_until_stopped, name="hqml_ocean.node server", daemon=True)
    thread.start()
    try:
        if not started.wait(STARTING):
            raise RuntimeError(f"the node did not start within {STARTING:g} s")
        yield server.endpoint
    finally:
        server.should_exit = True
        thread.join()


@dataclass
class NodeProcess:
    """A node in a process of its own.

    Attributes:
        endpoint: of the node.
        token: that it knows.
        process: which serves.
    """

    endpoint: str
    token: str = field(repr=False)
    process: subprocess.Popen[str]

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to use it."""
        return environment_of(self.endpoint, self.token)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to end; gives its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait()


@contextmanager
def node_process(
    *arguments: str,
    token: str,
    folder: str | os.PathLike[str],
    faults: Sequence[Mapping[str, Any]] = (),
    log: IO[str] | None = None,
) -> Iterator[NodeProcess]:
    """`hqml node serve` in a process of its own, killed at the end of the block if it has not ended by then.

    Args:
        arguments: further ones of the command, such as "--shape", "3", "--port", "8001".
        token: that it knows.
        folder: for its tokens file and its journal. The same folder again is the same node, started again.
        faults: to inject, arguments of `Faults.inject` by name.
        log: takes what it says of its jobs; none is this process's stderr.
    """
    file = tokens_file(folder, [token], None)
    journal = Path(folder) / "journal.sqlite"
    command = [sys.executable, "-m", "hqml.cli", "node", "serve", "--json", "--tokens", str(file)]
    command += ["--journal", str(journal), *arguments]
    environment = dict(os.environ)
    if faults:
        command.append("--inject-faults")
        environment[ENVIRONMENT] = json.dumps([dict(one) for one in faults])
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()  # empty where it has ended instead
        if not line:
            raise RuntimeError(f"the node did not start: status {process.wait()}")
        yield NodeProcess(json.loads(line)["endpoint"], token, process)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def tokens_file(folder: str | os.PathLike[str], tokens: Sequence[str], budget: float | None) -> Path:
    """A tokens file that its owner alone may read."""
    file = Path(folder) / "tokens"
    file.touch(mode=0o600)
    limit = "" if budget is None else f" {budget}"
    file.write_text("".join(f"{token}{limit}\n" for token in tokens))
    return file


def environment_of(endpoint: str, token: str) -> dict[str, str]:
    """Variables by which Ocean finds a node on this machine, whatever proxy is set."""
    return {
        "DWAVE_API_ENDPOINT": endpoint,
        "DWAVE_API_TOKEN": token,
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }
