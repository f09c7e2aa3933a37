"""No token is where others can read it: not in files of Slurm or of a run, not in what commands show of jobs."""

from __future__ import annotations

import dataclasses
import secrets
from pathlib import Path

import pytest
import yaml
from miniature.runs import Run

pytestmark = pytest.mark.slurm

STEPS = """
anneal:
  on: quantum
  time: 5m
  quantum: {seconds: 1}
  run: |
    python -c 'import os, hashlib; print(hashlib.sha256(os.environ["DWAVE_API_TOKEN"].encode()).hexdigest())'
    touch began; while [ ! -e end ]; do sleep 0.1; done
    hqml node status
both:
  after: anneal
  time: 5m
  together:
    annealer: {on: quantum, quantum: {seconds: 1}, run: "test -n \\"$DWAVE_API_TOKEN\\""}
    other: {on: cluster, run: "env > other.txt; test -z \\"${DWAVE_API_TOKEN:-}\\""}
"""


def _holding(folder: Path, text: str) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and text.encode() in file.read_bytes()]


def test_a_token_is_in_no_file_and_in_nothing_that_slurm_shows(run: Run) -> None:
    decoy = secrets.token_hex(16)  # of the terminal that submits; jobs are not to get it
    environment = {
        **run.system.environment,
        "DWAVE_API_TOKEN": decoy,
        "MY_PASSWORD": decoy,
        "PLAIN": "plain" + decoy[::-1],
    }
    run = dataclasses.replace(run, system=dataclasses.replace(run.system, environment=environment))
    run.write(STEPS)
    job = run.submit()["anneal"]
    run.wait((run.folder / "began").exists)
    shown = [
        run.system.asked("scontrol", "show", "job", "--details"),
        run.system.asked("squeue", "--json"),
        run.system.asked("scontrol", "write", "batch_script", job, "-"),
        run.system.asked("ps", "axww", "-o", "args"),
    ]
    run.system.asked("scontrol", "reconfigure")  # which writes its state
    home = run.system.layout.home / ".config" / "hqml" / "token"
    known = {run.system.layout.folder / "tokens", home}
    files = {
        text: _holding(run.system.layout.folder, text) + _holding(run.folder, text)
        for text in (run.system.token, decoy, environment["PLAIN"])
    }
    (run.folder / "end").touch()
    assert not [text for text in shown if run.system.token in text or decoy in text]
    assert set(files[run.system.token]) == known
    assert files[decoy] == []
    assert files[environment["PLAIN"]], "what is not secret goes with the job; else this test would find nothing"
    run.wait()
    assert set(run.states().values()) == {"done"}, run.logs
    assert not _holding(run.folder, run.system.token)
    assert not _holding(run.system.layout.folder / "logs", run.system.token)


def test_a_token_file_that_will_not_do_is_one_clear_line(run: Run) -> None:
    empty, open_to_all = run.folder / "empty", run.folder / "open"
    empty.touch(0o600)
    open_to_all.write_text("secret-token")
    open_to_all.chmod(0o644)
    told = {"empty": "has no token", "open": "run chmod 600", "gone": "is missing"}
    step = "{name}: {{on: quantum, time: 5m, quantum: {{seconds: 1, token_file: {name}}}, run: touch began}}"
    run.write("\n".join(step.format(name=name) for name in told))
    run.submit()
    run.wait()
    assert run.states() == dict.fromkeys(told, "failed")
    for name, words in told.items():
        [line] = run.hqml("job", "logs", name).stdout.splitlines()
        assert words in line
        assert "secret-token" not in line
    assert not (run.folder / "began").exists()


def test_a_site_can_have_a_store_of_secrets(run: Run) -> None:
    known = run.system.layout.home / ".config" / "hqml"
    site = yaml.safe_load((known / "sites" / "miniature.yaml").read_text())
    store = run.folder / "store"
    store.write_text(f"#!/bin/sh\ncat {known / 'token'}\n")
    store.chmod(0o700)
    site["access"]["token_command"] = str(store)
    (run.folder / "other.yaml").write_text(yaml.safe_dump(site))
    run.write(
        "anneal: {on: quantum, time: 5m, quantum: {seconds: 1}, run: hqml node status --json}",
        site=str(run.folder / "other.yaml"),
    )
    run.submit()
    run.wait()
    assert run.states() == {"anneal": "done"}, run.logs
    assert '"solvers"' in run.logs
    assert not _holding(run.folder, run.system.token)
