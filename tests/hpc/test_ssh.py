"""Real sshds on loopback: one login for all, jump hosts, broken connections, files, and tunnels to a quantum node."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ssh_servers import SSHD, Servers, free_port, wait_for

from hqml.errors import HostError
from hqml.hpc.remote import rsync, staging
from hqml.hpc.remote.ssh import SshHost, hold, ssh_command
from hqml.hpc.remote.tunnel import tunnel
from hqml.hpc.site import Module, Quantum, Site

missing = [name for name in ("ssh", "ssh-keygen", "rsync") if shutil.which(name) is None]
missing += [] if SSHD else ["sshd"]
pytestmark = pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")

SITE = Site("here", "Here", "slurm", (Module("annealer", "quantum", "Annealer", quantum=Quantum("s")),), {})


@pytest.fixture(scope="module")
def all_servers():
    servers = Servers()
    try:
        servers.start("login")
        servers.start("jump", "LogLevel DEBUG1")
        servers.start("behind", jump="jump")
        yield servers
    finally:
        servers.stop()


@pytest.fixture
def servers(all_servers, monkeypatch) -> Iterator:
    """The servers, without open connections: sockets are in a new folder, whose path is short."""
    with tempfile.TemporaryDirectory(prefix="hq", dir="/tmp") as runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        monkeypatch.setenv("HQML_SSH", f"ssh -F {all_servers.config}")
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        yield all_servers
        for server in all_servers.running:
            server.break_connections()
            shutil.rmtree(server.home)
            (server.home / "bin").mkdir(parents=True)


def at(servers, name: str):
    return next(one for one in servers.running if one.name == name)


def waited(what, seconds: float = 20.0) -> None:
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends, "it does not happen"
        time.sleep(0.02)


# Connections


def test_many_commands_and_files_are_one_login(servers, tmp_path):
    (tmp_path / "a").write_text("a")
    host, before = SshHost("login"), at(servers, "login").logins
    for number in range(3):
        assert host.run(["echo", str(number)]).out == f"{number}\n"
    remote = staging.make_folder(host, None, "one")
    staging.stage(tmp_path, host, remote)
    assert SshHost("login").read(f"{remote}/a") == "a"
    assert at(servers, "login").logins == before + 1


def test_a_machine_behind_a_jump_host_is_one_login_at_each(servers, tmp_path):
    (tmp_path / "a b").write_text("a")
    host, before = SshHost("behind"), [at(servers, name).logins for name in ("jump", "behind")]
    remote = staging.make_folder(host, "$HOME/it's", "one")
    staging.stage(tmp_path, host, remote)
    assert host.run(["ls"], folder=remote).out == "a b\n"
    assert [at(servers, name).logins for name in ("jump", "behind")] == [one + 1 for one in before]


def test_the_user_s_own_sharing_of_connections_holds(servers):
    socket = servers.folder / "mine"
    port = at(servers, "login").port
    servers.host("shared", port, "ControlMaster auto", f"ControlPath {socket}", "ControlPersist 30")
    before = at(servers, "login").logins
    assert SshHost("shared").run(["true"]).status == 0
    assert SshHost("shared").run(["true"]).status == 0
    assert socket.is_socket()
    assert at(servers, "login").logins == before + 1
    assert not (Path(os.environ["XDG_RUNTIME_DIR"]) / "hqml-ssh").exists()


def test_forwardings_and_commands_of_the_configuration_are_not_in_the_way(servers):
    port = at(servers, "login").port
    servers.host("busy", port, f"LocalForward {port} localhost:1", "ExitOnForwardFailure yes", "RemoteCommand top")
    assert SshHost("busy").run(["echo", "1"]).out == "1\n"


def test_what_the_other_side_prints_at_a_login_is_no_output(servers):
    home = at(servers, "login").home
    (home / ".bashrc").write_text("echo from bashrc; echo more >&2\n")
    (home / ".profile").write_text("echo from profile; . ~/.bashrc\n")
    (home / ".bash_logout").write_text("echo bye\n")
    host = SshHost("login")
    assert host.run(["printf", "%s.", "it's", 'a "b"', "$HOME", "é\n"]).out == 'it\'s.a "b".$HOME.é\n.'
    assert host.run(["bash", "-c", "exit 255"]).status == 255


def test_a_command_has_the_path_of_a_login_on_the_other_side(servers):
    home = at(servers, "login").home
    (home / "slurm").mkdir()
    (home / "slurm" / "sbatch").write_text("#!/bin/sh\necho 17\n")
    (home / "slurm" / "sbatch").chmod(0o755)
    (home / ".profile").write_text("PATH=$HOME/slurm:$PATH\n")
    assert SshHost("login").run(["sbatch", "--parsable"]).out == "17\n"


@pytest.mark.parametrize("shell", ["tcsh", "fish", "zsh", "dash"])
def test_the_login_shell_does_not_matter(servers, shell, tmp_path):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    server = servers.start(f"with-{shell}", f'ForceCommand {shell} -c "$SSH_ORIGINAL_COMMAND"')
    (tmp_path / "it's $HOME!").write_text("x")
    try:
        host = SshHost(server.name)
        assert host.run(["printf", "%s", "it's \\ !x $HOME\n`id`"]).out == "it's \\ !x $HOME\n`id`"
        staging.stage(tmp_path, host, staging.make_folder(host, None, "one"))
        assert (server.home / "hqml-runs" / "one" / "it's $HOME!").exists()
    finally:
        server.break_connections()
        server.process.terminate()


# What goes wrong


def test_a_connection_that_breaks_while_a_command_runs_is_told_and_made_anew(servers):
    server, host = at(servers, "login"), SshHost("login")
    began = server.home / "began"

    def breaks() -> None:
        waited(began.exists)
        server.break_connections()

    thread = threading.Thread(target=breaks)
    thread.start()
    with pytest.raises(HostError, match=r"login: the connection broke.*was under way, and may have done its work"):
        host.run(["bash", "-c", "touch began; sleep 20"])
    thread.join()
    assert host.run(["echo", "again"]).out == "again\n"


def test_sending_goes_on_where_the_connection_broke(servers, tmp_path, monkeypatch):
    (tmp_path / "large").write_bytes(os.urandom(6_000_000))
    server, host = at(servers, "login"), SshHost("login")
    remote = staging.make_folder(host, None, "broken")
    with monkeypatch.context() as slow:
        slow.setattr(rsync, "_OPTIONS", (*rsync._OPTIONS, "--bwlimit=1000"))

        def breaks() -> None:
            waited(lambda: any(one.stat().st_size > 500_000 for one in Path(remote).glob(".large.*")))
            server.break_connections()

        thread = threading.Thread(target=breaks)
        thread.start()
        with pytest.raises(HostError, match="login: the connection broke"):
            staging.stage(tmp_path, host, remote)
        thread.join()
    assert not (Path(remote) / "large").exists()
    assert staging.stage(tmp_path, host, remote).files == 1
    assert (Path(remote) / "large").read_bytes() == (tmp_path / "large").read_bytes()


def test_a_key_that_the_other_side_does_not_know_is_told(servers):
    servers.key("other")
    servers.host("stranger", at(servers, "login").port, key="other")
    with pytest.raises(HostError, match=r"stranger: it does not let you in \(.*Permission denied \(publickey\)"):
        SshHost("stranger").run(["true"])


def test_a_host_key_that_has_changed_is_told(servers):
    port = at(servers, "login").port
    public = (servers.folder / "jump.key.pub").read_text().split()
    (servers.folder / "changed").write_text(f"[127.0.0.1]:{port} {public[0]} {public[1]}\n")
    servers.host("changed", port, known="changed")
    with pytest.raises(HostError, match=r"not the one that this machine knows \(Offending .*/changed:1\)"):
        SshHost("changed").run(["true"])


def test_a_host_that_nobody_has_seen_is_told(servers):
    servers.host("new", at(servers, "login").port, known="none")
    with pytest.raises(HostError, match=r"new: this machine does not know its host key yet; run `ssh new true`"):
        SshHost("new").run(["true"])


def test_a_port_where_nothing_listens_is_told(servers):
    servers.host("closed", free_port())
    with pytest.raises(HostError, match=r"closed: it cannot be reached \(.*Connection refused\)"):
        SshHost("closed").run(["true"])


def test_a_jump_host_that_reaches_nothing_is_told(servers):
    servers.host("lost", free_port(), "ProxyJump jump")
    with pytest.raises(HostError, match=r"lost: (it cannot be reached|the jump host does not pass)"):
        SshHost("lost").run(["true"])


def test_a_bashrc_that_prints_keeps_rsync_from_working_and_is_told(servers, tmp_path):
    (tmp_path / "a").write_text("a")
    host = SshHost("login")
    remote = staging.make_folder(host, None, "noisy")
    (at(servers, "login").home / ".bashrc").write_text("echo Welcome, welcome to this large machine\n")
    with pytest.raises(HostError, match=r"login: its ~/\.bashrc .*prints something for every command"):
        staging.stage(tmp_path, host, remote)


# Questions


def asked(servers, name: str, question: bytes, answer: bytes) -> str:
    """What a command of a host prints when somebody answers what ssh asks on the terminal."""
    code = f"from hqml.hpc.remote.ssh import SshHost; print(SshHost({name!r}).run(['echo', 'let', 'in']).out)"
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-c", code])
    said, answered, ends = b"", False, time.monotonic() + 30
    while time.monotonic() < ends:
        ready, _, _ = select.select([terminal], [], [], 1)
        try:
            said += os.read(terminal, 1000) if ready else b""
        except OSError:  # the terminal is gone with the last process
            break
        if question in said and not answered:
            os.write(terminal, answer + b"\n")
            answered = True
    os.waitpid(child, 0)
    os.close(terminal)
    return said.decode()


def test_somebody_at_a_terminal_may_accept_a_host_key(servers):
    servers.host("first", at(servers, "login").port, known="first")
    assert "let in" in asked(servers, "first", b"continue connecting", b"yes")
    assert SshHost("first").run(["true"]).status == 0


def test_somebody_at_a_terminal_may_type_a_pass_phrase(servers):
    path = servers.folder / "locked"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "open it", "-f", path], check=True)
    with (servers.folder / "user.pub").open("a") as keys:
        keys.write(path.with_suffix(".pub").read_text())
    servers.host("locked", at(servers, "login").port, key="locked")
    with pytest.raises(HostError, match="does not let you in"):
        SshHost("locked").run(["true"])
    assert "let in" in asked(servers, "locked", b"Enter passphrase", b"open it")
    assert SshHost("locked").run(["true"]).status == 0  # the connection stays open


# Files


def test_files_arrive_whatever_they_are_called(servers, tmp_path):
    names = ["a b", "it's", 'the "q"', "é ü", "new\nline", "*[x]?", "-n", "$HOME", "back\\slash", "sub dir/~", "x:y"]
    for name in names:
        (tmp_path / "src" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "src" / name).write_text(name)
    (tmp_path / "src" / "a [token]*").write_text("DEV-0123456789")
    (tmp_path / "src" / "a [token]*").chmod(0o600)
    host = SshHost("behind")
    remote = staging.make_folder(host, "~/my 'runs' é/$HOME-1", "one")
    moved = staging.stage(tmp_path / "src", host, remote)
    assert moved.files == len(names)
    there = {path.relative_to(remote).as_posix() for path in Path(remote).rglob("*") if path.is_file()}
    assert there == set(names)
    assert "a [token]*" in moved.notes[0]
    back = staging.fetch(host, remote, tmp_path / "back", ["it's", "sub dir", "-n", "x:y"])
    assert (tmp_path / "back" / "sub dir" / "~").read_text() == "sub dir/~"
    assert (back.files, back.notes) == (4, ())


# Tunnels


@pytest.fixture
def node(tmp_path, no_other_service):
    """A quantum node on this machine, and the port that it listens at."""
    pytest.importorskip("starlette")
    pytest.importorskip("dwave.cloud")
    tokens = tmp_path / "tokens"
    tokens.write_text("a-long-random-token 60\n")
    tokens.chmod(0o600)
    command = [sys.executable, "-m", "hqml.cli", "node", "serve", "--port", "0", "--tokens", str(tokens), "--json"]
    serving = subprocess.Popen([*command, "--journal", ":memory:", "--shape", "2"], stdout=subprocess.PIPE, text=True)
    try:
        assert serving.stdout is not None
        endpoint = json.loads(serving.stdout.readline())["endpoint"]
        yield int(endpoint.split(":")[2].split("/")[0])
    finally:
        serving.terminate()
        serving.wait()
        assert serving.stdout is not None
        serving.stdout.close()


def status(**environment: str) -> dict[str, object]:
    """What the node says through a tunnel."""
    known = {**os.environ, "DWAVE_API_TOKEN": "a-long-random-token", **environment}
    command = [sys.executable, "-m", "hqml.cli", "node", "status", "--json"]
    ended = subprocess.run(command, env=known, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, object] = json.loads(ended.stdout)
    return found


def opened(made, seconds: float = 20.0) -> subprocess.Popen[bytes]:
    """The tunnel's command, once its port listens."""
    process = subprocess.Popen([*ssh_command(), *made.command[1:]], stdin=subprocess.DEVNULL)
    port = int(made.command[-2].split(":")[1])
    wait_for(port)
    return process


def test_a_request_goes_through_a_forwarded_port(servers, node):
    made = tunnel(SITE, "jump", to=f"127.0.0.1:{node}", port=free_port())
    process = opened(made)
    try:
        assert status(**made.environment)["account"]
    finally:
        process.terminate()
        process.wait()
    assert f"target 127.0.0.1 port {node}" in at(servers, "jump").log.read_text()


def test_a_problem_is_solved_through_a_socks_proxy(servers, node, tmp_path):
    import numpy as np

    np.save(tmp_path / "model.npy", np.diag([1.0, -2.0, 3.0]))
    made = tunnel(SITE, "jump", port=free_port())
    process = opened(made)
    known = {
        **{name: value for name, value in os.environ.items() if name.lower() != "no_proxy"},
        **made.environment,
        "DWAVE_API_TOKEN": "a-long-random-token",
        "DWAVE_API_ENDPOINT": f"http://localhost:{node}/sapi/v2/",
        "HQML_CACHE_DIR": str(tmp_path / "caches"),
    }
    words = ["solve", str(tmp_path / "model.npy"), "--backend", "qpu", "--max-qpu-seconds", "1", "--json"]
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "hqml.cli", *words],
            env=known,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
    finally:
        process.terminate()
        process.wait()
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["energy"] == -2.0
    assert f"target localhost port {node}" in at(servers, "jump").log.read_text()


def in_a_job(servers, tmp_path: Path, script: str, then: str, **environment: str) -> str:
    """What a job prints that sources the script; its ssh has the servers' configuration."""
    (tmp_path / "tunnel.sh").write_text(script)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {servers.config} "$@"\n')
    (tmp_path / "bin" / "ssh").chmod(0o755)
    known = {**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "SLURM_SUBMIT_HOST": "jump", **environment}
    job = f"set -euo pipefail\nsource {tmp_path}/tunnel.sh\n{then}\n"
    ended = subprocess.run(["bash", "-c", job], env=known, capture_output=True, text=True, timeout=90, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


STATUS = f"{sys.executable} -m hqml.cli node status --json"


def test_a_job_reaches_a_gateway_of_the_site(servers, node, tmp_path):
    made = tunnel(SITE, to=f"127.0.0.1:{node}", host="jump")
    said = in_a_job(servers, tmp_path, made.script, STATUS, DWAVE_API_TOKEN="a-long-random-token")
    assert json.loads(said)["account"]


def test_a_job_reaches_the_gateway_of_somebody_s_own_machine(servers, node, tmp_path):
    port = free_port()
    made = tunnel(SITE, "jump", road="back", to=f"127.0.0.1:{node}", port=port)
    process = opened(made)
    try:
        said = in_a_job(servers, tmp_path, made.script, STATUS, DWAVE_API_TOKEN="a-long-random-token")
    finally:
        process.terminate()
        process.wait()
    assert json.loads(said)["account"]


def test_a_job_takes_its_tunnel_with_it(servers, tmp_path):
    made = tunnel(SITE, "jump")
    said = in_a_job(servers, tmp_path, made.script, 'echo "$hqml_port $hqml_ssh"')
    pid = int(said.split()[1])
    waited(lambda: not Path(f"/proc/{pid}").exists())


def test_a_port_that_is_taken_is_told(servers):
    port = at(servers, "login").port
    made = tunnel(SITE, "jump", port=port)
    with pytest.raises(HostError, match=r"the port of the tunnel is taken \(.*Address already in use\)"):
        hold("jump", made.command)


# Jobs


WORKFLOW = """
site: {site}
name: far
account: training
steps:
  write:
    on: cluster
    time: 2m
    run: sh make.sh
  read:
    after: write
    on: cluster
    time: 2m
    run: cat "made there.txt"
"""


@pytest.fixture
def project(tmp_path):
    """A workflow's folder on this machine."""
    folder = tmp_path / "it's mine"
    folder.mkdir()
    (folder / "make.sh").write_text("echo made on the other side > 'made there.txt'\n")
    (folder / "token").write_text("DEV-0123456789\n")
    (folder / "token").chmod(0o600)
    return folder


def job(project: Path, *words: str, status: int = 0) -> str:
    """What `hqml job` prints in the workflow's folder."""
    ended = subprocess.run(
        [sys.executable, "-m", "hqml.cli", "job", *words],
        cwd=project, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert ended.returncode == status, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


SLURM = {
    "sbatch": 'echo "$@" >> ~/sbatch; n=$(wc -l < ~/sbatch); [ -f "${@: -1}" ] && echo $((40 + n))',
    "squeue": "exit 0",
    "sacct": "exit 1",
}


def test_a_workflow_goes_to_the_slurm_of_another_machine(servers, project, monkeypatch):
    monkeypatch.setenv("DWAVE_API_TOKEN", "DEV-9876543210")
    home, before = at(servers, "login").home, at(servers, "login").logins
    for name, text in SLURM.items():
        (home / "bin" / name).write_text(f"#!/bin/bash\n{text}\n")
        (home / "bin" / name).chmod(0o755)
    (home / ".profile").write_text("echo Welcome\nPATH=$HOME/bin:$PATH\n")
    (project / "far.yaml").write_text(WORKFLOW.format(site="deep"))
    said = job(project, "submit", "far.yaml", "--host", "login")
    assert "write: job 41" in said
    assert "read: job 42" in said
    assert "token" in said  # is not sent, and said so
    there = home / "hqml-runs" / "far"
    assert (there / "make.sh").exists()
    assert not (there / "token").exists()
    first, second = (home / "sbatch").read_text().splitlines()
    assert f"--chdir={there}" in first
    assert "--dependency=afterok:41" in second
    everything = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert b"DEV-" not in everything
    assert at(servers, "login").logins == before + 1
    assert "nothing to submit" in job(project, "submit", "far.yaml", "--host", "login")
    assert len((home / "sbatch").read_text().splitlines()) == 2


@pytest.mark.slurm
def test_a_workflow_runs_on_the_slurm_of_another_machine(system, project, monkeypatch):
    servers = Servers()
    try:
        server = servers.start("far-away", environment=system.environment)
        monkeypatch.setenv("HQML_SSH", f"ssh -F {servers.config}")
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(servers.folder))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(system.layout.home / ".config"))
        (project / "far.yaml").write_text(WORKFLOW.format(site="miniature"))
        job(project, "submit", "far.yaml", "--host", "far-away")
        job(project, "status", "--watch")
        assert "made on the other side" in job(project, "logs", "read")
        job(project, "fetch", "far.run", "made there.txt")
        assert (project / "made there.txt").read_text() == "made on the other side\n"
        assert server.logins == 1
    finally:
        servers.stop()
