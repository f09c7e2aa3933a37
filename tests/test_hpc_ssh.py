"""Commands and files of another machine, through an ssh that starts the other side's shell here."""

from __future__ import annotations

import io
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hqml.errors import HostError, ParameterError
from hqml.hpc.host import LocalHost
from hqml.hpc.remote import far_shell, rsync, ssh, staging
from hqml.hpc.remote import left_out as leaving
from hqml.hpc.remote.failures import failure
from hqml.hpc.remote.ssh import SshHost, hold
from hqml.hpc.workflow import Component, QuantumUse, Step, Workflow

FAKE = """#!/bin/sh
printf '%s\\n' "$*" >> "$FAKE_SSH/calls"
case " $* " in *" -G "*) cat "$FAKE_SSH/config"; exit 0;; esac
if [ -f "$FAKE_SSH/fails" ]; then cat "$FAKE_SSH/fails" >&2; exit "$(cat "$FAKE_SSH/status")"; fi
. "$FAKE_SSH/before"
case " $* " in *" exec sh "*) exec sh -c "exec sh";; esac
while [ "$1" != login ]; do shift; done
shift
exec sh -c "$*"
"""
"""Runs what it is to run over there; the last lines are what rsync calls."""

words = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=12) | st.text(
    "'\"\\$`!*?[]{}()<>|&;#~ \t\n\r=-é", max_size=8
)
names = st.text(
    st.characters(exclude_characters="\0/", exclude_categories=("Cs",)) | st.sampled_from("'\"\\$`!*?[] \n-"),
    min_size=1,
    max_size=12,
).filter(lambda name: name not in (".", ".."))
many = settings(max_examples=8)
needs_rsync = pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed")


@pytest.fixture
def other(tmp_path, monkeypatch):
    """The other side: `config` is what its ssh knows, `home` the home there."""
    folder = tmp_path / "other"
    (folder / "home").mkdir(parents=True)
    fake = folder / "ssh"
    fake.write_text(FAKE)
    fake.chmod(0o755)
    for name in ("config", "before", "calls"):
        (folder / name).write_text("")
    monkeypatch.setenv("FAKE_SSH", str(folder))
    monkeypatch.setenv("HQML_SSH", str(fake))
    monkeypatch.setenv("HOME", str(folder / "home"))
    monkeypatch.setattr(ssh, "_sockets", lambda: None)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    return folder


def fails(other: Path, printed: str, status: int = 255) -> None:
    (other / "fails").write_text(printed)
    (other / "status").write_text(str(status))


# Commands


@many
@given(arguments=st.lists(words, min_size=4, max_size=12))
def test_arguments_arrive_as_they_are(other, arguments):
    said = SshHost("login").run(["bash", "-c", 'printf "%s\\0" "$@" > "$0"', f"{other}/came", *arguments])
    assert (other / "came").read_bytes() == b"".join(one.encode() + b"\0" for one in arguments)
    assert (said.status, said.out, said.err) == (0, "", "")


@many
@given(name=names)
def test_a_command_runs_in_whatever_folder_is_named(other, name):
    folder = other / "folders" / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return  # too long for this file system
    SshHost("login").run(["touch", "here"], folder=str(folder))
    assert (folder / "here").exists()
    shutil.rmtree(other / "folders")


def test_without_a_folder_a_command_runs_at_home(other):
    assert SshHost("login").run(["pwd"]).out == f"{other}/home\n"


def test_output_and_status_are_those_of_the_command(other):
    said = SshHost("login").run(["bash", "-c", "echo out; echo err >&2; printf end; exit 3"])
    assert (said.status, said.out, said.err) == (3, "out\nend", "err\n")


def test_a_status_of_255_is_the_command_s_own(other):
    assert SshHost("login").run(["bash", "-c", "exit 255"]).status == 255


def test_what_profiles_print_is_no_output(other):
    (other / "before").write_text("echo MOTD; echo banner >&2\n")
    (other / "home" / ".bash_profile").write_text("echo hello; echo warning >&2; set -eu; alias ls=rm; CDPATH=/usr\n")
    (other / "home" / ".bash_logout").write_text("echo bye; echo bye >&2\n")
    said = SshHost("login").run(["echo", "12"], folder="/tmp")
    assert (said.status, said.out, said.err) == (0, "12\n", "")
    assert SshHost("login").run(["false"]).status == 1


def test_a_command_has_the_path_of_a_login(other):
    (other / "bin").mkdir()
    (other / "bin" / "sbatch").write_text("#!/bin/sh\necho 17\n")
    (other / "bin" / "sbatch").chmod(0o755)
    (other / "home" / ".bash_profile").write_text(f"PATH={other}/bin:$PATH\n")
    assert SshHost("login").run(["sbatch"]).out == "17\n"


def test_a_command_reads_nothing(other):
    assert SshHost("login").run(["cat"]).out == ""


def test_output_that_is_no_utf_8_has_marks_in_its_place(other):
    assert SshHost("login").run(["printf", r"\377\r\n"]).out == "�\n"


def test_the_secrets_of_this_process_stay_here(other, monkeypatch):
    monkeypatch.setenv("DWAVE_API_TOKEN", "DEV-0123456789")
    assert "DEV-0123456789" not in SshHost("login").run(["env"]).out


OF_SLURM = ("SLURM_JOB_ID", "SLURM_MEM_PER_NODE", "SBATCH_PARTITION", "SRUN_CPUS_PER_TASK", "SQUEUE_STATES")
SECRET = ("DWAVE_API_TOKEN", "SSHPASS", "MYSQL_PWD", "GITHUB_PAT", "my_password", "AWS_SECRET_ACCESS_KEY", "MY_API_KEY")
OPEN = ("SLURM_CONF", "TOKENIZERS_PARALLELISM", "PROJECT", "MY_PATH", "SLURMISH")


def test_commands_here_see_no_secrets_and_nothing_of_a_job_around(monkeypatch):
    for name in (*OF_SLURM, *SECRET, *OPEN):
        monkeypatch.setenv(name, "x1y2z3")
    names = {line.partition("=")[0] for line in LocalHost().run(["env"]).out.splitlines()}
    assert names & {*OF_SLURM, *SECRET} == set()
    assert names >= {*OPEN, "PWD", "PATH"}


@pytest.mark.parametrize("first", ["", "set -aeu\n", "IFS=_\n", "shopt -s nocasematch\n"])
def test_what_the_login_there_exports_no_command_sees(other, monkeypatch, first):
    for name in (*OF_SLURM, *SECRET, *OPEN):
        monkeypatch.delenv(name, raising=False)
    exports = "".join(f"export {name}='a b'\n" for name in (*OF_SLURM, *SECRET, *OPEN))
    (other / "home" / ".bash_profile").write_text(f"{first}{exports}readonly SSHPASS\n")
    said = SshHost("login").run(["env"])
    names = {line.partition("=")[0] for line in said.out.splitlines()}
    assert (said.status, said.err) == (0, "")
    assert names & {*OF_SLURM, *SECRET} == set()
    assert names >= {*OPEN, "PWD", "PATH", "HOME"}


def test_half_a_script_starts_nothing(other):
    proof = other / "proof"
    whole = far_shell.for_sh(f"touch {proof}", "bash", "it's", "mark").encode()
    (other / "home" / "it's").mkdir()
    for end in range(1, len(whole) - 5, 11):
        subprocess.run(["sh"], input=whole[:end], cwd=other / "home", capture_output=True, check=False)
        assert not proof.exists(), whole[:end]
    subprocess.run(["sh"], input=whole, cwd=other / "home", capture_output=True, check=False)
    assert proof.exists()


# What goes wrong


def test_a_command_that_is_not_there_is_named(other):
    with pytest.raises(HostError, match=r"^sbatch-nonesuch is not on login; is this the site's login node\?$"):
        SshHost("login").run(["sbatch-nonesuch"])


def test_a_function_of_the_shell_is_no_command(other):
    (other / "home" / ".bash_profile").write_text("nonesuch() { echo 1; }\n")
    with pytest.raises(HostError, match="nonesuch is not on login"):
        SshHost("login").run(["nonesuch"])


def test_a_folder_that_is_not_there_is_named(other):
    with pytest.raises(HostError, match=r"^login: there is no folder /nonesuch"):
        SshHost("login").run(["ls"], folder="/nonesuch")


@pytest.mark.parametrize("argument", ["\0", "x" * 200_000, "é" * 70_000])
def test_what_no_command_can_get_is_refused(other, argument):
    with pytest.raises(HostError, match="echo: its arguments have a character NUL, or are longer than"):
        SshHost("login").run(["echo", argument])


def test_a_long_command_arrives_whole(other):
    assert SshHost("login").run(["bash", "-c", 'echo "${#1}"', "-", "x" * 90_000]).out == "90000\n"
    many = ["é" * 40] * 10_000
    assert SshHost("login").run(["bash", "-c", 'echo "$# ${#1}"', "-", *many]).out == "10000 40\n"


def test_a_command_that_takes_too_long_is_named(other):
    with pytest.raises(HostError, match=r"sleep has not answered within 0\.3 s, and may go on there.*ssh login true"):
        SshHost("login").run(["sleep", "3"], timeout=0.3)


@pytest.mark.parametrize("profile", ["exit 0", "echo your account has expired; exit 1", "exec true"])
def test_a_profile_that_ends_the_shell_is_told(other, profile):
    (other / "home" / ".bash_profile").write_text(f"{profile}\n")
    with pytest.raises(HostError, match="login: what runs there at a login ends before a command can start") as told:
        SshHost("login").run(["true"])
    assert ("(your account has expired)" in str(told.value)) == ("expired" in profile)


def test_startup_files_that_read_the_script_are_told(other):
    (other / "before").write_text("cat >/dev/null\n")
    with pytest.raises(HostError, match="let interactive shells alone do so"):
        SshHost("login").run(["true"])


def test_a_connection_that_breaks_while_a_command_runs_may_have_done_its_work(other):
    (other / "home" / ".bash_profile").write_text("shell=$$\n")
    with pytest.raises(HostError, match="under way, and may have done its work"):
        SshHost("login").run(["bash", "-c", "echo 'client_loop: send disconnect: Broken pipe' >&2; kill -9 $PPID"])


RECORDED = {
    "unknown name": ("ssh: Could not resolve hostname juwelz: Name or service not known", "no such name"),
    "refused": ("ssh: connect to host 127.0.0.1 port 22: Connection refused", "cannot be reached"),
    "no answer": ("ssh: connect to host 10.255.255.1 port 22: Connection timed out", "a VPN"),
    "no road": ("ssh: connect to host 10.0.0.1 port 22: No route to host", "a VPN"),
    "wrong key": ("root@127.0.0.1: Permission denied (publickey).", r"does not let you in \(root@127"),
    "no password": (
        "Permission denied, please try again.\nmax@h: Permission denied (publickey,password).",
        "let you in",
    ),
    "many keys": (
        "Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures\n"
        "Disconnected from 10.0.0.1 port 22",
        "IdentitiesOnly yes",
    ),
    "open key": (
        "@@@@@@@@@\n@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @\n@@@@@@@@@\n"
        "Permissions 0644 for '/home/max/.ssh/id_ed25519' are too open.\n"
        "It is required that your private key files are NOT accessible by others.\n"
        'Load key "/home/max/.ssh/id_ed25519": bad permissions\nmax@h: Permission denied (publickey).',
        "chmod 600",
    ),
    "changed": (
        "@@@@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@@@@@@\n"
        "IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\nPlease contact your system administrator.\n"
        "Add correct host key in /home/max/.ssh/known_hosts to get rid of this message.\n"
        "Offending ED25519 key in /home/max/.ssh/known_hosts:3\n"
        "Host key for h has changed and you have requested strict checking.\nHost key verification failed.",
        "host key is not the one that this machine knows",
    ),
    "new": (
        "No ED25519 host key is known for [127.0.0.1]:2222 and you have requested strict checking.\n"
        "Host key verification failed.",
        "does not know its host key yet; run `ssh login true` in a terminal",
    ),
    "jump host refuses": (
        "channel 0: open failed: administratively prohibited: open failed\nstdio forwarding failed\n"
        "Connection closed by UNKNOWN port 65535",
        "the jump host does not pass the connection on",
    ),
    "jump host lets nobody in": (
        "max@jump: Permission denied (publickey).\nConnection closed by UNKNOWN port 65535",
        r"does not let you in \(max@jump",
    ),
    "old": (
        "Unable to negotiate with 10.0.0.1 port 22: no matching host key type found. Their offer: ssh-rsa",
        "no way of encryption in common",
    ),
    "closed": ("kex_exchange_identification: Connection closed by remote host", "the connection broke"),
    "network gone": ("Timeout, server 10.0.0.1 not responding.", "the connection broke"),
    "master gone": ("mux_client_read_packet: read header failed: Broken pipe", "the connection broke"),
    "bad configuration": (
        "/home/max/.ssh/config: line 3: Bad configuration option: hostnam\n"
        "/home/max/.ssh/config: terminating, 1 bad configuration options",
        "cannot use its configuration",
    ),
    "open configuration": ("Bad owner or permissions on /home/max/.ssh/config", "cannot use its configuration"),
    "something else": ("banner\nwhatever it is", r"ssh has given up \(whatever it is\)"),
    "nothing": ("", "without a word"),
}


@pytest.mark.parametrize("case", RECORDED)
def test_a_failure_of_ssh_is_one_line_that_says_what_to_do(other, case):
    printed, meaning = RECORDED[case]
    fails(other, f"*** Welcome to the machine ***\r\n{printed}\r\n" if printed else "")
    with pytest.raises(HostError, match=meaning) as told:
        SshHost("login").run(["true"])
    line = str(told.value)
    assert line.startswith("login: ")
    assert "\n" not in line
    assert line.count("ssh login true") == 1


def test_without_openssh_it_is_said_what_to_install(other, monkeypatch):
    monkeypatch.setenv("HQML_SSH", "/nonesuch/ssh -F config")
    with pytest.raises(HostError, match="/nonesuch/ssh cannot be started: No such file or directory; install OpenSSH"):
        SshHost("login").run(["true"])
    monkeypatch.setenv("HQML_SSH", "ssh 'x")
    with pytest.raises(HostError, match="HQML_SSH cannot be split"):
        SshHost("login").run(["true"])


@pytest.mark.parametrize(
    "name", ["", "-oProxyCommand=id", "a b", "a;id", "$(id)", "ssh://a:22", "a:22", "a/b", "a\nb", "'a'"]
)
def test_what_is_no_name_is_refused_before_anything_is_started(name):
    with pytest.raises(ParameterError, match=r"a host is a name of ~/\.ssh/config, or user@host, found"):
        SshHost(name)


# The user's configuration


def test_what_the_configuration_leaves_open_is_set(other, monkeypatch, tmp_path):
    monkeypatch.setattr(ssh, "_sockets", lambda: Path("/run/user/7/hqml-ssh"))
    words = SshHost("login").ssh()
    for option in ("ControlMaster=auto", "ControlPersist=60", "ControlPath=/run/user/7/hqml-ssh/%C", "BatchMode=yes"):
        assert option in words
    assert "ServerAliveInterval=15" in words
    assert "ConnectTimeout=20" in words
    assert not any("StrictHostKeyChecking" in word or "Identity" in word for word in words)


def test_what_the_configuration_says_holds(other, monkeypatch):
    monkeypatch.setattr(ssh, "_sockets", lambda: pytest.fail("no socket of our own is needed"))
    (other / "config").write_text("controlmaster auto\ncontrolpath /x/%C\nserveraliveinterval 5\nconnecttimeout 9\n")
    words = " ".join(SshHost("login").ssh())
    assert not any(name in words for name in ("Control", "ServerAlive", "ConnectTimeout"))


def test_on_a_terminal_ssh_may_ask(other, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    assert "BatchMode=yes" not in SshHost("login").ssh()
    monkeypatch.setattr(sys, "stdin", None)
    assert "BatchMode=yes" in SshHost("login").ssh()


def test_openssh_itself_takes_the_options(tmp_path, monkeypatch):
    if shutil.which("ssh") is None:
        pytest.skip("ssh is not installed")
    config = tmp_path / "config"
    config.write_text("Host login\n  HostName login.example.org\n  User max\n")
    monkeypatch.setenv("HQML_SSH", f"ssh -F '{config}'")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    words = SshHost("login").ssh()
    known = subprocess.run([*words, "-G", "login"], capture_output=True, text=True, check=True).stdout
    assert "hostname login.example.org" in known
    assert "controlpersist 60" in known


def test_sockets_are_in_a_folder_that_is_ours_alone(tmp_path, monkeypatch):
    short = Path("/tmp") / f"hq{os.getpid()}"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    short.mkdir()
    try:
        assert ssh._sockets() == short / "hqml-ssh"
        assert stat.S_IMODE((short / "hqml-ssh").stat().st_mode) == 0o700
        (short / "hqml-ssh").chmod(0o755)
        assert ssh._sockets() != short / "hqml-ssh"
        (short / "hqml-ssh").rmdir()
        (short / "hqml-ssh").symlink_to(tmp_path)
        assert ssh._sockets() != short / "hqml-ssh"
    finally:
        shutil.rmtree(short)


def test_a_long_path_is_no_place_for_sockets(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("x" * 40)))
    assert str(ssh._sockets()).startswith("/tmp/hqml-ssh-")


# Files


@many
@given(
    files=st.dictionaries(
        names,
        st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)))
        | st.sampled_from(["a\r\nb\r", "\n\n", ""]),
        max_size=4,
    )
)
def test_files_read_as_they_do_on_this_machine(other, files):
    folder = other / "read"
    folder.mkdir()
    (folder / "folder").mkdir()
    for name, text in files.items():
        if name != "folder" and len(name.encode()) < 200:
            (folder / name).write_text(text, newline="")
    try:
        host, here = SshHost("login"), LocalHost()
        assert host.read_all(str(folder)) == here.read_all(str(folder))
        for name in sorted(files)[:1]:
            if name != "folder":
                assert host.read(str(folder / name)) == here.read(str(folder / name))
    finally:
        shutil.rmtree(folder)


def test_what_is_not_there_is_none_or_empty(other):
    host = SshHost("login")
    assert host.read("/nonesuch/file") is None
    assert host.read_all("/nonesuch") == {}
    with pytest.raises(HostError, match="login: /etc cannot be read"):
        host.read("/etc")


def test_the_states_of_a_large_array_come_at_once(other):
    folder = other / "state"
    folder.mkdir()
    for task in range(500):
        (folder / f"sweep.{task}").write_text(f"0 {task} {task + 1}\n")
    found = SshHost("login").read_all(str(folder))
    assert len(found) == 500
    assert found["sweep.17"] == "0 17 18\n"
    assert (other / "calls").read_text().count("exec sh") == 1


# What is not sent


@pytest.fixture
def project(tmp_path):
    """A folder as people have it."""
    root = tmp_path / 'it\'s "my" project é'
    for name in (
        "a b.py",
        "data/*[x]?.npy",
        "data/xy.npy",
        "large",
        ".git/HEAD",
        "env/pyvenv.cfg",
        "env/lib/x.py",
        "sub/conda/conda-meta/x",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    for name in (
        "landsat.run/01-a.sh",
        "landsat.run/logs/a.out",
        "landsat.run/state/a",
        "landsat.run/checkpoints/a/x",
        "checkpoints/y",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "my [token]").write_text("DEV-0123456789")
    (root / "my [token]").chmod(0o600)
    (root / "go.sh").write_text("#!/bin/sh\n")
    (root / "go.sh").chmod(0o700)
    (root / "dwave.conf").write_text("[defaults]\n")
    (root / "large").write_bytes(bytes(20000))
    (root / "large").chmod(0o600)
    (root / "inner").symlink_to("data")
    (root / "outer").symlink_to("/etc")
    return root


def test_secrets_environments_and_links_are_told(project):
    notes = "\n".join(leaving.left_out(project).notes)
    assert "virtual environments (env, sub/conda)" in notes
    assert "only you may read them: my [token];" in notes
    assert "hold secrets by their names: dwave.conf;" in notes
    assert "checkpoints, which runs have made here" in notes
    assert "must be there as well: outer" in notes
    assert "go.sh" not in notes
    assert "large" not in notes


def test_where_all_files_are_private_names_tell(project):
    before = os.umask(0o077)
    try:
        for name in ("a b.py", "tokenizer.json", "token", "api.key", "my-token.txt"):
            (project / name).write_text("x")
            (project / name).chmod(0o600)
        patterns = leaving.left_out(project).patterns
    finally:
        os.umask(before)
    assert {"/token", "/api.key", "/my-token.txt"} <= set(patterns)
    assert not {"/a b.py", "/tokenizer.json"} & set(patterns)


def test_names_of_secrets_tell_whoever_may_read_them(project):
    secrets = ("tokens.txt", ".dwave_token", "credentials.json", "secrets.yaml", "server.key")
    others = ("tokenizer.json", "added_tokens.json", "special_tokens_map.json", "tokens.npy", "ca.pem", "keys.txt")
    for name in (*secrets, *others):
        (project / name).write_text("x")
        (project / name).chmod(0o644)
    patterns = leaving.left_out(project).patterns
    assert {f"/{name}" for name in secrets} <= set(patterns)
    assert not {f"/{name}" for name in others} & set(patterns)


def test_the_token_file_of_a_workflow_is_never_sent(tmp_path):
    uses = [QuantumUse(1, token_file=path) for path in ("mine/[t]", f"{tmp_path}/u", "~/.config/hqml/token", "/etc/t")]
    steps = [Step(f"s{at}", (Component("s", "quantum", "true", quantum=use),), 60) for at, use in enumerate(uses)]
    workflow = Workflow("w", "local", tuple(steps), path=str(tmp_path / "w.yaml"))
    assert leaving.token_files(workflow) == (r"/mine/\[t]", "/u")


def test_a_folder_without_anything_special_has_no_notes(tmp_path):
    (tmp_path / "a.py").write_text("")
    assert leaving.left_out(tmp_path).notes == ()


@needs_rsync
@many
@given(name=names)
def test_the_pattern_of_a_file_fits_it_and_no_other(tmp_path, name):
    folder = tmp_path / "all"
    folder.mkdir(exist_ok=True)
    others = {name.replace(one, "x") for one in "*?[]\\"} | {"other", f"{name}x", f"x{name}"}
    try:
        for one in {name, *others}:
            (folder / one).write_text("")
        rule = f"--filter=- /{leaving._exactly(name)}"
        subprocess.run(["rsync", "-r", rule, f"{folder}/", f"{tmp_path}/sent"], check=True, capture_output=True)
        assert set(os.listdir(tmp_path / "sent")) == set(os.listdir(folder)) - {name}
    except OSError:
        pass  # a name that is too long
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(tmp_path / "sent", ignore_errors=True)


def test_of_a_run_itself_logs_and_states_stay_here(project):
    (project / "landsat.run" / "manifest.json").write_text("{}")
    assert {"/logs/", "/state/", "/checkpoints/"} <= set(leaving.left_out(project / "landsat.run").patterns)
    assert leaving.left_out(project / "landsat.run").notes == ()
    assert "/logs/" not in leaving.left_out(project).patterns


# Sending


def sent(folder: Path) -> set[str]:
    return {os.path.relpath(os.path.join(top, one), folder) for top, _, files in os.walk(folder) for one in files}


@needs_rsync
def test_a_folder_is_sent_without_what_is_no_part_of_it(other, project):
    host, told = SshHost("login"), []
    remote = staging.make_folder(host, None, "landsat")
    assert remote == f"{other}/home/hqml-runs/landsat"
    moved = staging.stage(project, host, remote, exclude=["data/x*"], tell=told.append)
    assert sent(Path(remote)) == {"a b.py", "data/*[x]?.npy", "large", "go.sh", "landsat.run/01-a.sh"}
    assert (moved.folder, moved.files) == (remote, 5)
    assert told == [f"5 files, 19.6 KB, to login:{remote}/"]
    assert os.readlink(Path(remote) / "inner") == "data"
    assert os.access(Path(remote) / "go.sh", os.X_OK)


@needs_rsync
def test_only_what_changed_is_sent_again_and_nothing_is_deleted(other, project):
    host = SshHost("login")
    remote = staging.make_folder(host, "$HOME/else where/it's", "landsat")
    staging.stage(project, host, remote)
    (Path(remote) / "result.txt").write_text("made there")
    (project / "a b.py").write_text("changed here, and longer")
    told: list[str] = []
    assert staging.stage(project, host, remote, tell=told.append).files == 1
    assert told[0].startswith("1 file, 24 bytes, to login:")
    assert (Path(remote) / "result.txt").read_text() == "made there"
    assert (Path(remote) / "a b.py").read_text() == "changed here, and longer"
    told.clear()
    assert staging.stage(project, host, remote, tell=told.append).files == 0
    assert told == []


@needs_rsync
def test_a_file_that_is_newer_there_stays_and_is_told(other, project):
    host = SshHost("login")
    remote = staging.make_folder(host, None, "landsat")
    staging.stage(project, host, remote)
    made = Path(remote) / "data" / "xy.npy"
    made.write_text("what a job has made")
    os.utime(made, (4e9, 4e9))
    assert "kept, since they are newer on the other side: data/xy.npy" in staging.stage(project, host, remote).notes
    assert made.read_text() == "what a job has made"


@needs_rsync
def test_an_absurd_amount_is_refused_with_the_largest_files(other, project):
    host = SshHost("login")
    remote = staging.make_folder(host, None, "landsat")
    with pytest.raises(ParameterError, match=r"would go to login:.*, more than 1\.95 KB: large 19\.5 KB, .*`exclude:`"):
        staging.stage(project, host, remote, most_bytes=2000)
    assert os.listdir(remote) == []
    assert staging.stage(project, host, remote, most_bytes=None).files == 6


@needs_rsync
@pytest.mark.parametrize("pattern", ["!", "+ *", "- a", "merge,x"])
def test_a_pattern_of_the_user_is_a_pattern_whatever_it_looks_like(other, project, pattern):
    host = SshHost("login")
    remote = staging.make_folder(host, None, "landsat")
    staging.stage(project, host, remote, exclude=[pattern])
    assert "my [token]" not in sent(Path(remote))
    assert "a b.py" in sent(Path(remote))


@needs_rsync
def test_logs_states_and_results_come_back(other, tmp_path):
    host = SshHost("login")
    remote = Path(staging.make_folder(host, None, "landsat"))
    for name in ("logs/a b-1.out", "state/a", "out/é.html", "out/two.html", "secret"):
        (remote / name).parent.mkdir(exist_ok=True)
        (remote / name).write_text(name)
    moved = staging.fetch(host, str(remote), tmp_path / "run", ["logs", "state", "out/*.html", "none"])
    assert sent(tmp_path / "run") == {"logs/a b-1.out", "state/a", "out/é.html", "out/two.html"}
    assert moved.notes == ("not there: none",)
    for name in ("/etc/passwd", "../x", "a/../../x", ""):
        with pytest.raises(ParameterError, match="name what is below"):
            staging.fetch(host, str(remote), tmp_path / "run", [name])


@pytest.mark.parametrize("folder", ["~", "$HOME", "/", "."])
def test_a_home_is_no_folder_for_one_workflow(other, folder):
    with pytest.raises(HostError, match="name a folder that is there for this workflow alone"):
        staging.make_folder(SshHost("login"), folder, "landsat")


def test_a_variable_that_is_not_set_there_is_told(other):
    with pytest.raises(HostError, match=r"the folder \$NONESUCH/x cannot be made \(.*NONESUCH: unbound variable\)"):
        staging.make_folder(SshHost("login"), "$NONESUCH/x", "landsat")


def test_a_folder_that_is_not_here_cannot_be_sent(other, tmp_path):
    with pytest.raises(ParameterError, match="there is no folder"):
        staging.stage(tmp_path / "none", SshHost("login"), "/tmp/x")


@pytest.mark.parametrize(
    ("status", "complaints", "meaning"),
    [
        (
            2,
            "protocol version mismatch -- is your shell clean?\n(see the rsync manpage)\nrsync error: x",
            r"\.bashrc .*prints",
        ),
        (127, "bash: line 1: rsync: command not found\nrsync: connection unexpectedly closed", "there is no rsync"),
        (12, "sh: 1: rsync: not found\nrsync: connection unexpectedly closed", "there is no rsync"),
        (255, "max@h: Permission denied (publickey).\nrsync: connection unexpectedly closed", "does not let you in"),
        (11, 'rsync: [receiver] write failed on "/x": No space left on device (28)', "no room is left"),
        (11, 'rsync: [receiver] mkstemp "/x" failed: Disk quota exceeded (122)', "no room is left"),
        (12, "rsync: connection unexpectedly closed (0 bytes)\nrsync error: error in rsync protocol data", "broke"),
        (12, "", "the connection broke"),
        (
            23,
            'rsync: [sender] send_files failed to open "/x/y": Permission denied (13)\nrsync error: x',
            r"not all files .*/x/y",
        ),
    ],
)
def test_a_failure_of_rsync_is_one_line(status, complaints, meaning):
    line = rsync._told("login", status, complaints)
    assert line.startswith("login: ")
    assert "\n" not in line
    assert re.search(meaning, line), line


@pytest.mark.parametrize("version", ["rsync  version 2.6.9  protocol version 29", "openrsync: protocol version 29"])
def test_an_rsync_that_is_too_old_is_told(other, monkeypatch, version):
    (other / "rsync").write_text(f"#!/bin/sh\necho '{version}'\n")
    (other / "rsync").chmod(0o755)
    monkeypatch.setenv("PATH", f"{other}:{os.environ['PATH']}")
    with pytest.raises(HostError, match=r"needs rsync 3\.1 or newer, here is 'o?"):
        rsync.transfer(SshHost("login"), ["/x/"], "login:/y", dry=True)


# Tunnels


def test_a_tunnel_that_cannot_be_opened_is_one_line(other):
    fails(other, "bind [127.0.0.1]:1080: Address already in use\nCould not request local forwarding.")
    with pytest.raises(HostError, match="the port of the tunnel is taken"):
        hold("login", ["ssh", "-N", "-D", "1080", "login"])


def test_a_tunnel_is_what_hqml_ssh_opens(other):
    (other / "before").write_text("exit 0\n")
    hold("login", ["ssh", "-N", "-D", "1080", "login"])
    assert (other / "calls").read_text() == "-o BatchMode=yes -N -D 1080 login\n"


def test_a_failure_has_the_words_of_ssh_once():
    assert failure("login", "x: Permission denied (publickey).").count("Permission denied") == 1
