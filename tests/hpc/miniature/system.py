"""Start the system, wait until it takes jobs, and stop it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from miniature.layout import GPUS_A_NODE, LMOD, NODES, Layout, gres_conf, slurm_conf
from miniature.site import site_yaml
from miniature.software import PYTHON_BIN, mpich_version, write_modules

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds that one part may take to start on a busy machine; idle, all take about three."""

CHIP = ("--topology", "pegasus", "--shape", "6", "--yield", "1")
"""Of the quantum node: takes complete graphs of 60 variables, and starts sooner than a whole chip."""


@dataclass(frozen=True)
class Miniature:
    """A system that runs.

    Attributes:
        layout: where its files are.
        environment: of the commands of a user who has logged in.
        endpoint: of the quantum node.
        token: of the quantum node; in two files of mode 600, the node's own and ~/.config/hqml/token.
    """

    layout: Layout
    environment: Mapping[str, str]
    endpoint: str
    token: str

    def run(
        self, *command: str, folder: Path | None = None, timeout: float = 120.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as its user would, and give what it says."""
        return subprocess.run(
            command,
            cwd=folder,
            env=dict(self.environment),
            timeout=timeout,
            capture_output=True,
            text=True,
            check=False,
        )

    def asked(self, *command: str) -> str:
        """What a command that must not fail says."""
        ended = self.run(*command)
        assert ended.returncode == 0, f"{' '.join(command)}: {ended.stderr}"
        return ended.stdout.strip()


def missing() -> str | None:
    """Why there cannot be a system here; None: there can."""
    for program, package in (
        ("sbatch", "slurm-client"),
        ("slurmctld", "slurmctld"),
        ("slurmd", "slurmd"),
        ("munged", "munge"),
    ):
        if shutil.which(program, path=_search()) is None:
            return f"{program} is missing: apt-get install --no-install-recommends slurm-wlm {package}"
    if os.geteuid() != 0:
        return "Slurm's daemons run jobs as their users and need root"
    if not LMOD.exists():
        return "Lmod is missing: apt-get install --no-install-recommends lmod"
    if mpich_version() is None:
        return "MPICH is missing: make build/mpich/bin/mpiexec"
    return None


@contextmanager
def miniature() -> Iterator[Miniature]:
    """A system, stopped at the end of the block or of this process, whatever ends it.

    Raises:
        RuntimeError: a part has not started; with the end of its log.
    """
    folder = Path(tempfile.mkdtemp(prefix="hqml-miniature-"))
    folder.chmod(0o755)  # munge takes no socket in a folder that others cannot enter
    keeper = subprocess.Popen(
        [sys.executable, "-I", str(Path(__file__).with_name("keeper.py")), str(folder)],
        stdin=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for this process, which then lets go
    )
    try:
        yield _started(Layout.of(folder), keeper)
    finally:
        assert keeper.stdin is not None
        keeper.stdin.close()
        keeper.wait()


def _started(layout: Layout, keeper: subprocess.Popen[str]) -> Miniature:
    token = secrets.token_hex(20)
    _write_files(layout, token)
    environment = _environment(layout)

    def start(name: str, *command: str) -> None:
        assert keeper.stdin is not None
        log = layout.logs / f"{name}.log"
        print(
            json.dumps({"command": command, "log": str(log), "environment": environment}), file=keeper.stdin, flush=True
        )

    tokens = str(layout.folder / "tokens")
    serve = ("-m", "hqml.cli", "node", "serve", "--json", "--port", "0", "--tokens", tokens, "--journal", ":memory:")
    start("node", sys.executable, *serve, *CHIP)
    munge = layout.munge_socket.parent
    start("munged", "munged", "--foreground", f"--socket={munge}/socket", f"--key-file={munge}/key",
          f"--pid-file={munge}/pid", f"--seed-file={munge}/seed", f"--log-file={munge}/log")  # fmt: skip
    _wait("munged", layout, layout.munge_socket.exists)
    start("slurmctld", "slurmctld", "-D", "-c")
    for node in NODES:
        start(f"slurmd.{node}", "slurmd", "-D", "-N", node)
    endpoint = _wait("node", layout, lambda: _endpoint(layout.logs / "node.log"))
    (layout.home / ".config" / "hqml" / "sites" / "miniature.yaml").write_text(site_yaml(layout, endpoint))
    _wait("slurmctld", layout, lambda: _idle(environment))
    return Miniature(layout, environment, endpoint, token)


def _write_files(layout: Layout, token: str) -> None:
    for folder in (layout.munge_socket.parent, layout.folder / "state", layout.logs, layout.modules):
        folder.mkdir()
    hqml = layout.home / ".config" / "hqml"
    (hqml / "sites").mkdir(parents=True)
    for file in (hqml / "token", layout.folder / "tokens"):
        file.touch(0o600)
        file.write_text(token + "\n")
    key = layout.munge_socket.parent / "key"
    key.touch(0o600)
    key.write_bytes(secrets.token_bytes(128))
    layout.slurm_conf.write_text(slurm_conf(layout))
    layout.slurm_conf.with_name("gres.conf").write_text(gres_conf(layout))
    for number in range(GPUS_A_NODE):  # Slurm takes character devices alone; this one is /dev/null
        os.mknod(layout.folder / f"gpu{number}", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    write_modules(layout.modules)
    (layout.home / "venvs").mkdir()
    for venv in ("hqml", "hqml-booster"):  # of the example: at sites they differ
        (layout.home / "venvs" / venv).symlink_to(PYTHON_BIN.parent)


def _environment(layout: Layout) -> dict[str, str]:
    """Of this process, without what is about another Slurm, another annealer or another user."""
    foreign = ("SLURM", "SBATCH", "DWAVE_", "HQML_", "LMOD", "MODULE", "XDG_CONFIG", "OMPI_", "PMI", "MPI4PY", "__LMOD")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")  # or matplotlib looks for all fonts again
    return kept | {
        "HOME": str(layout.home),
        "XDG_CACHE_HOME": cache,
        "PATH": f"{PYTHON_BIN}:{_search()}",
        "SLURM_CONF": str(layout.slurm_conf),
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "DWAVE_CONFIG_FILE": os.devnull,
    }


def _search() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def _endpoint(log: Path) -> str | None:
    for line in log.read_text().splitlines() if log.exists() else ():
        if line.startswith('{"endpoint"'):
            return str(json.loads(line)["endpoint"])
    return None


def _idle(environment: Mapping[str, str]) -> bool:
    command = ("sinfo", "--noheader", "--Node", "--format=%N %t")
    told = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False).stdout
    return dict(line.split() for line in told.splitlines()) == dict.fromkeys(NODES, "idle")


def _wait(name: str, layout: Layout, found: Callable[[], T | None]) -> T:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if value := found():
            return value
        time.sleep(0.05)
    log = layout.logs / f"{name}.log"
    said = log.read_text()[-2000:] if log.exists() else "(nothing)"
    raise RuntimeError(f"{name} has not started within {PATIENCE:g} s; it said:\n{said}")
