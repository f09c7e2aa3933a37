"""Real sshds on loopback, each with a home, a key and a log of its own, and the configuration of a user."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


@dataclass
class Server:
    """One sshd: the account of this user, with a home of its own."""

    name: str
    port: int
    home: Path
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def logins(self) -> int:
        """Connections that were let in so far."""
        return len(re.findall(r"Accepted publickey", self.log.read_text()))

    def break_connections(self) -> None:
        """Kill what serves the connections that are open, as a network does that goes away."""
        for child in _children(self.process.pid):
            for one in (*_children(child), child):
                with suppress(ProcessLookupError):
                    os.kill(one, signal.SIGKILL)


class Servers:
    """Servers, and a folder with the user's configuration: `ssh -F FOLDER/config NAME`."""

    def __init__(self) -> None:
        # A control socket's path must be short, and pytest's folders are not.
        self.folder = Path(tempfile.mkdtemp(prefix="hq", dir="/tmp"))
        self.config = self.folder / "config"
        self.config.write_text("")
        self.running: list[Server] = []
        self.key("user")

    def key(self, name: str) -> Path:
        """A new key."""
        path = self.folder / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
        return path

    def start(
        self, name: str, *lines: str, jump: str | None = None, environment: Mapping[str, str] | None = None
    ) -> Server:
        """Start an sshd, and write it into the configuration.

        Args:
            name: of the host.
            lines: more of its configuration.
            jump: host on the way to it.
            environment: of its logins; by default a home of its own.
        """
        home = self.folder / name
        (home / "bin").mkdir(parents=True)
        known = environment or {"HOME": str(home), "PATH": f"{home}/bin:{os.environ['PATH']}"}
        host_key = self.key(f"{name}.key")
        port, log = free_port(), self.folder / f"{name}.log"
        config = self.folder / f"{name}.sshd"
        config.write_text(
            "".join(f"{line}\n" for line in lines)
            + f"Port {port}\nListenAddress 127.0.0.1\nHostKey {host_key}\nPidFile none\nUsePAM no\nStrictModes no\n"
            f"AuthorizedKeysFile {self.folder}/user.pub\nPermitRootLogin yes\nLogLevel VERBOSE\n"
            f"PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            "SetEnv " + " ".join(f'"{variable}={value}"' for variable, value in known.items()) + "\n"
        )
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd of root separates its privileges there
        process = subprocess.Popen([str(SSHD), "-D", "-f", config, "-E", log], stdin=subprocess.DEVNULL)
        server = Server(name, port, home, log, process)
        self.running.append(server)
        kind, public = (self.folder / f"{name}.key.pub").read_text().split()[:2]
        with (self.folder / "known").open("a") as known:
            known.write(f"[127.0.0.1]:{port} {kind} {public}\n")
        self.host(name, port, *([f"ProxyJump {jump}"] if jump else []))
        wait_for(port)
        return server

    def host(self, name: str, port: int, *lines: str, key: str = "user", known: str = "known") -> None:
        """Write a host into the configuration."""
        with self.config.open("a") as config:
            config.write(
                f"Host {name}\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {self.folder / key}\n"
                f"  IdentitiesOnly yes\n  IdentityAgent none\n  UserKnownHostsFile {self.folder / known}\n"
                + "".join(f"  {line}\n" for line in lines)
            )

    def stop(self) -> None:
        """End all that was started, the connections in the background as well."""
        for server in self.running:
            server.break_connections()  # first: they are found as its children
            server.process.terminate()
            server.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def free_port() -> int:
    """A port at which nothing listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_for(port: int) -> None:
    """Return when something listens at a port."""
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens at {port}")
