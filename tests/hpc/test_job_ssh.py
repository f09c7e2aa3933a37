"""`hqml job --host`, through a real sshd to a login node whose Slurm is played by executables."""

from __future__ import annotations

import io
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ssh_servers import SSHD, Server, Servers

from hqml.cli import main

missing = [name for name in ("ssh", "ssh-keygen", "rsync") if shutil.which(name) is None]
missing += [] if SSHD else ["sshd"]
pytestmark = pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")

SITE = """\
title: A machine
scheduler: slurm
sources:
  test: {title: a test, url: "https://example.org", date: 2026-01-01}
access: {source: test, account: optional}
modules:
  - name: cluster
    kind: cluster
    title: cluster
    source: test
    nodes: {node: {cores: 8}}
    partitions: [{name: batch, nodes: 4, time: 1h, node: node}]
"""

WORKFLOW = """\
site: machine.yaml
exclude: ["*.big"]
steps:
  prepare: {on: cluster, time: 1m, run: bash work.sh}
  compare: {after: prepare, on: cluster, time: 1m, run: "true"}
"""

SBATCH = """\
#!/bin/bash
# Runs the script at once.
for word; do
    case $word in
    --chdir=*) cd "${word#*=}" ;;
    --export=ALL,*) export "${word#--export=ALL,}" ;;
    esac
done
echo "$@" >> ~/lines
number=$(wc -l < ~/lines | tr -d ' ')
srun() { "$@"; }
export -f srun
bash "$word" > "$HQML_RUN/logs/w-$(basename "$word" .sh | cut -d- -f2)-$number.out" 2>&1
echo $number
"""


@pytest.fixture
def login(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    servers = Servers()
    with tempfile.TemporaryDirectory(prefix="hq", dir="/tmp") as runtime:
        try:
            monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
            monkeypatch.setenv("HQML_SSH", f"ssh -F {servers.config}")
            monkeypatch.setattr(sys, "stdin", io.StringIO())
            server = servers.start("login")
            programs = server.home / "bin"
            (programs / "sbatch").write_text(SBATCH)
            for name in ("squeue", "scancel", "sacct"):
                (programs / name).write_text("#!/bin/sh\nexit 0\n")
            for program in programs.iterdir():
                program.chmod(0o755)
            (server.home / ".bash_profile").write_text("export PATH=~/bin:$PATH\n")
            yield server
        finally:
            servers.stop()


def test_a_run_elsewhere_from_submit_to_results(
    login: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ask(*words: str) -> Any:
        assert main(["job", *words]) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DWAVE_API_TOKEN", "DEV-0123456789")
    (tmp_path / "machine.yaml").write_text(SITE)
    (tmp_path / "w.yaml").write_text(WORKFLOW)
    (tmp_path / "raw.big").write_text("large")
    (tmp_path / "work.sh").write_text("echo at work; echo result > result.txt; exit 3")
    there = login.home / "hqml-runs" / "w"

    sent = json.loads(ask("submit", "w.yaml", "--host", "login", "--json"))
    assert sent["submitted"] == {"prepare": "1"} | {"compare": "2"}
    assert sent["folder"] == str(there / "w.run")
    assert not (there / "raw.big").exists()
    assert not (there / "w.run" / "jobs.json").exists()
    assert not any("DEV-0123456789" in path.read_text() for path in there.rglob("*") if path.is_file())
    found = {one["step"]: one for one in json.loads(ask("status", "--json"))}
    assert found["prepare"]["state"] == "failed"
    assert found["prepare"]["tasks"][0]["status"] == 3
    assert ask("logs", "prepare") == "at work\n"

    (tmp_path / "work.sh").write_text("echo mended; echo result > result.txt")
    assert "nothing to submit" in ask("submit", "w.yaml", "--host", "login")  # but sends what has changed
    assert "prepare: job 3" in ask("resume")
    assert ask("logs", "w.run", "prepare", "--follow") == "mended\n"
    assert json.loads(ask("fetch", "w.run", "result.txt", "--json"))["files"] == 1
    assert (tmp_path / "result.txt").read_text() == "result\n"
