"""`hqml job` from end to end: on this machine, and on a Slurm that executables on PATH play."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hqml.cli import main
from hqml.hpc.host import Answer
from hqml.hpc.remote.ssh import SshHost
from hqml.hpc.remote.staging import Moved
from hqml.hpc.runs.claim import CLAIM
from hqml.hpc.runs.local import run_here
from hqml.hpc.runs.slurm import BETWEEN

pytest.importorskip("pydantic")

WORKFLOW = """\
site: local
steps:
  prepare:
    on: cluster
    time: 1m
    run: echo preparing; echo 7 > data.txt
  sweep:
    after: prepare
    on: cluster
    time: 1m
    sweep: {x: [1, 2, 3]}
    run: echo slice $x; test "$x" != 2 || test -e mended
  train:
    after: prepare
    on: booster
    gpus: 1
    time: 1m
    run: cat data.txt
  compare:
    after: [sweep, train]
    on: cluster
    time: 1m
    run: echo compared
"""

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
  - name: booster
    kind: booster
    title: booster
    source: test
    nodes: {node: {cores: 8, gpus: 4, gpu: A100}}
    partitions: [{name: gpus, nodes: 4, time: 1h, node: node}]
  - name: quantum
    kind: quantum
    title: annealer
    quantum: {source: test, host: cluster}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "w.yaml").write_text(WORKFLOW)
    (tmp_path / "machine.yaml").write_text(SITE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command; gives its exit status, standard output and error."""

    def asked(*words: str) -> tuple[int, str, str]:
        status = main(["job", *words])
        out, err = capsys.readouterr()
        return status, out, err

    return asked


def test_render_writes_scripts_and_their_manifest(folder: Path, ask: Any) -> None:
    status, out, _ = ask("render", "w.yaml", "--out", "scripts", "--json")
    assert status == 0
    found = json.loads(out)
    assert found["scripts"] == ["01-prepare.sh", "02-sweep.sh", "03-train.sh", "04-compare.sh"]
    assert json.loads((folder / "scripts" / "manifest.json").read_text())["site"] == "local"
    assert subprocess.run(["bash", "-n", "scripts/01-prepare.sh"], check=False).returncode == 0


def test_the_site_of_the_file_can_be_overridden(folder: Path, ask: Any) -> None:
    status, _, _ = ask("render", "w.yaml", "--site", "machine.yaml", "--out", "scripts")
    assert status == 0
    assert "#SBATCH --partition=gpus" in (folder / "scripts" / "03-train.sh").read_text()


def test_check_says_what_it_has_checked(folder: Path, ask: Any) -> None:
    status, out, err = ask("check", "w.yaml")
    assert (status, out, err) == (0, "w.yaml: 4 steps for This machine\n", "")
    assert ask("check", "w.yaml", "--json")[1].startswith('{"file": "w.yaml", "site": "local"')


def test_check_says_where_the_file_is_wrong(folder: Path, ask: Any) -> None:
    (folder / "w.yaml").write_text(WORKFLOW.replace("on: booster", "on: boster"))
    status, out, err = ask("check", "w.yaml")
    assert (status, out) == (2, "")
    assert err.startswith("hqml: w.yaml:15: steps.train.on:")
    assert err.count("\n") == 1


@pytest.mark.parametrize("site", ["nowhere", "missing.yaml"])
def test_an_unknown_site_is_one_line(site: str, folder: Path, ask: Any) -> None:
    status, _, err = ask("check", "w.yaml", "--site", site)
    assert status == 2
    assert err.count("\n") == 1
    (folder / "w.yaml").write_text(WORKFLOW.replace("site: local", f"site: {site}"))
    status, _, err = ask("check", "w.yaml")
    assert status == 2
    assert err.startswith("hqml: w.yaml:1: site:")


def test_a_dry_run_writes_nothing_and_says_what_it_may_take(folder: Path, ask: Any) -> None:
    before = sorted(folder.rglob("*"))
    status, out, _ = ask("submit", "w.yaml", "--site", "machine.yaml", "--dry-run", "--json")
    assert status == 0
    found = json.loads(out)
    assert [line[0] for line in found["commands"]] == ["sbatch"] * 4
    assert "--dependency=afterok:<sweep>:<train>" in found["commands"][3]
    assert found["asks_for"]["cluster"]["node_hours"] == pytest.approx((1 + 3 + 1) / 60)
    assert found["asks_for"]["booster"]["node_hours"] == pytest.approx(1 / 60)
    status, out, _ = ask("submit", "w.yaml", "--dry-run")
    assert f"bash {folder}/w.run/01-prepare.sh" in out
    assert "nothing was written or submitted" in out
    assert sorted(folder.rglob("*")) == before


def test_a_dry_run_counts_qpu_seconds(folder: Path, ask: Any) -> None:
    (folder / "q.yaml").write_text(
        "site: local\nsteps:\n  a: {on: quantum, time: 30m, quantum: {seconds: 1.5}, run: ls, sweep: {x: [1, 2]}}\n"
    )
    status, out, _ = ask("submit", "q.yaml", "--dry-run", "--json")
    assert status == 0
    assert json.loads(out)["asks_for"]["quantum"] == {"node_hours": 1.0, "qpu_seconds": 3.0}


def test_a_run_on_this_machine_from_submit_to_resume(folder: Path, ask: Any) -> None:
    status, out, err = ask("submit", "w.yaml")
    assert status == 1
    assert "w.run: 2 of 4 steps done" in out
    assert err.splitlines()[-1] == (
        "hqml: sweep.1 has failed; hqml job logs w.run sweep.1 shows why, "
        "and hqml job resume w.run goes on once it is mended"
    )
    status, out, _ = ask("status", "--json")
    found = {one["step"]: one for one in json.loads(out)}
    assert status == 0
    assert {step: one["state"] for step, one in found.items()} == {
        "prepare": "done", "sweep": "failed", "train": "done", "compare": "held back",
    }  # fmt: skip
    assert found["sweep"]["counts"] == {"failed": 1, "done": 2}
    assert found["sweep"]["tasks"][1]["status"] == 1
    status, out, _ = ask("status", "w.run")
    assert "2 of 3 done, 1 failed" in out
    assert "sweep has not ended well" in out
    assert ask("logs", "w.run", "sweep.1")[1] == "slice 2\n"
    assert ask("logs", "sweep")[1].startswith("==> sweep.0 <==\nslice 1\n==> sweep.1 <==\n")
    assert ask("logs", "train", "--follow")[1] == "7\n"
    (folder / "mended").touch()
    status, out, err = ask("resume")
    assert status == 0
    assert "w.run: 4 of 4 steps done" in out
    assert [line.split(":")[1].strip() for line in err.splitlines() if line.endswith("runs")] == ["sweep.1", "compare"]
    assert ask("status", "--watch")[0] == 0
    status, out, _ = ask("cancel")
    assert (status, out) == (0, "nothing to cancel: no step is queued or runs\n")


def test_a_rendered_folder_is_submitted_as_well(folder: Path, ask: Any) -> None:
    (folder / "mended").touch()
    assert ask("render", "w.yaml", "--out", "scripts")[0] == 0
    status, out, _ = ask("submit", "scripts", "--json")
    assert status == 0
    assert {one["state"] for one in json.loads(out)} == {"done"}
    status, _, err = ask("submit", "scripts", "--site", "juwels")
    assert (status, "drop --site" in err) == (2, True)


def test_a_failed_step_may_be_mended_in_the_file_but_none_that_is_done(folder: Path, ask: Any) -> None:
    assert ask("submit", "w.yaml")[0] == 1
    (folder / "w.yaml").write_text(WORKFLOW.replace("echo compared", "echo mended"))
    assert ask("submit", "w.yaml") == (
        0,
        "",
        "hqml: taken over as the workflow's file has it now: compare\nhqml: to go on with it: hqml job resume w.run\n",
    )
    (folder / "mended").touch()
    assert ask("resume", "w.run")[0] == 0
    assert ask("logs", "compare")[1] == "mended\n"
    (folder / "w.yaml").write_text(WORKFLOW.replace("echo preparing", "echo changed"))
    status, _, err = ask("submit", "w.yaml")
    assert status == 2
    assert "the step prepare has changed, and there it is done as it was; for a new run name another folder" in err
    assert ask("submit", "w.yaml", "--run", "second.run")[0] == 0
    status, _, err = ask("status")
    assert (status, "there are several here: second.run, w.run" in err) == (2, True)


def test_resume_takes_over_what_was_mended(folder: Path, ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask("submit", "w.yaml")[0] == 1
    assert "hqml job resume w.run submits again what did not finish\n" in ask("submit", "w.yaml", "--dry-run")[1]
    (folder / "w.yaml").write_text(WORKFLOW.replace('test "$x" != 2 || test -e mended', "echo mended"))
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    status, out, err = ask("resume", "../w.run")
    assert (status, "4 of 4 steps done" in out) == (0, True)
    assert err.startswith("hqml: taken over as the workflow's file has it now: sweep\n")
    assert "sweep.0" not in err  # is done, and stays
    assert ask("logs", "../w.run", "sweep.1")[1] == "slice 2\nmended\n"


def test_resume_takes_over_what_was_mended_on_the_site_of_before(slurm: Path, ask: Any) -> None:
    (slurm / "w.yaml").write_text(WORKFLOW)
    assert ask("submit", "w.yaml", "--site", "machine.yaml")[0] == 0
    write_queue(slurm, *ENDED)
    (slurm / "w.yaml").write_text(WORKFLOW.replace("cat data.txt", "cat data.txt || true"))
    status, out, err = ask("resume")
    assert (status, out) == (0, "train: job 5\ncompare: job 6\n")
    assert "taken over as the workflow's file has it now: train\n" in err
    text = (slurm / "w.run" / "03-train.sh").read_text()
    assert "cat data.txt || true" in text
    assert "#SBATCH --partition=gpus" in text


def test_resume_says_what_it_cannot_take_over(folder: Path, ask: Any) -> None:
    assert ask("submit", "w.yaml")[0] == 1
    (folder / "mended").touch()
    (folder / "w.yaml").write_text(WORKFLOW.replace("echo preparing", "echo x").replace("echo compared", "echo y"))
    status, _, err = ask("resume")
    assert status == 0
    assert "warning: the run goes on as it was" in err
    assert "the step prepare has changed, and there it is done as it was" in err
    assert ask("logs", "compare")[1] == "compared\n"


def test_resume_stops_at_a_mistake_in_the_file(folder: Path, ask: Any) -> None:
    assert ask("submit", "w.yaml")[0] == 1
    (folder / "w.yaml").write_text(WORKFLOW.replace("run: cat data.txt", "rum: cat data.txt"))
    status, _, err = ask("resume")
    assert status == 2
    assert "w.yaml:" in err


def test_resume_on_another_machine_asks_for_the_scripts(slurm: Path, ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask("render", "w.yaml", "--out", "w.run")[0] == 0
    monkeypatch.setattr(SshHost, "read_all", lambda host, path: {})
    (slurm / "w.run" / "jobs.json").write_text(json.dumps({"host": "far", "folder": "/far/w.run", "identifiers": {}}))
    (slurm / "w.yaml").write_text((slurm / "w.yaml").read_text().replace("echo compared", "echo mended"))
    status, _, err = ask("resume")
    assert status == 2
    assert "w.yaml has changed (compare); `hqml job submit` of it with --host far sends it, then resume" in err


def test_the_values_of_a_sweep_stay_while_some_of_its_tasks_are_done(folder: Path, ask: Any) -> None:
    assert ask("submit", "w.yaml")[0] == 1
    (folder / "w.yaml").write_text(WORKFLOW.replace("x: [1, 2, 3]", "x: [1, 5, 3]"))
    status, _, err = ask("submit", "w.yaml")
    assert status == 2
    assert "the step sweep has changed, and there it is done as it was" in err


def test_a_finished_run_has_nothing_left_to_submit(folder: Path, ask: Any) -> None:
    (folder / "mended").touch()
    assert ask("submit", "w.yaml")[0] == 0
    told = "hqml: nothing to do: all steps are done; hqml job submit FILE --run OTHER begins a new run\n"
    for words in (["submit", "w.yaml"], ["resume"]):
        status, _, err = ask(*words)
        assert (status, err) == (0, told)
    status, out, _ = ask("submit", "w.yaml", "--dry-run")
    assert status == 0
    assert "left out, since w.run has them: prepare is done, sweep is done, train is done, compare is done\n" in out
    assert "node hours" not in out
    found = json.loads(ask("submit", "w.yaml", "--dry-run", "--json")[1])
    assert (found["commands"], found["asks_for"], found["left_out"]["train"]) == ([], {}, "done")


def test_a_finished_run_of_slurm_has_nothing_left_to_submit(slurm: Path, ask: Any) -> None:
    assert ask("submit", "w.yaml")[0] == 0
    write_queue(slurm, *ENDED[:-1], *(f"{one}|COMPLETED|None|1|0:01|n1|0|0" for one in (3, 4)))
    status, out, err = ask("submit", "w.yaml")
    assert (status, out) == (0, "")
    assert "nothing to do: all steps are done" in err


def test_a_mended_step_of_slurm_is_told_and_how_to_go_on(slurm: Path, ask: Any) -> None:
    assert ask("submit", "w.yaml")[0] == 0
    write_queue(slurm, *ENDED)
    (slurm / "w.yaml").write_text((slurm / "w.yaml").read_text().replace("cat data.txt", "cat data.txt || true"))
    status, _, err = ask("submit", "w.yaml")
    assert status == 0
    assert "taken over as the workflow's file has it now: train\n" in err
    assert "to go on with train, compare: hqml job resume w.run\n" in err


def test_a_folder_is_the_run_of_one_workflow(folder: Path, ask: Any) -> None:
    (folder / "mended").touch()
    assert ask("render", "w.yaml", "--out", "w.run")[0] == 0
    (folder / "other").mkdir()
    (folder / "other" / "w.yaml").write_text(WORKFLOW)
    for words in (
        ["submit", "other/w.yaml", "--run", "w.run"],
        ["submit", "other/w.yaml", "--run", "w.run", "--dry-run"],
    ):
        status, _, err = ask(*words)
        assert status == 2
        assert f"w.run: is the run of {folder}/w.yaml, not of {folder}/other/w.yaml; name another folder" in err
    (folder / "w.yaml").rename(folder / "renamed.yaml")
    assert ask("submit", "renamed.yaml", "--run", "w.run")[0] == 0


def test_logs_of_a_run_alone_name_its_steps(folder: Path, ask: Any) -> None:
    assert ask("render", "w.yaml", "--out", "first.run")[0] == 0
    for run in ("first.run", f"{folder}/first.run"):
        status, _, err = ask("logs", run)
        assert status == 2
        assert f"name a step of {run} as well: prepare, sweep, train, compare" in err


def test_a_folder_may_have_the_name_of_a_step(folder: Path, ask: Any) -> None:
    (folder / "train").mkdir()
    assert ask("render", "w.yaml", "--out", "w.run")[0] == 0
    assert ask("cancel", "train")[0] == 0


def test_hints_come_with_check_alone_and_after_errors(slurm: Path, ask: Any) -> None:
    site = SITE.replace(
        "node: node}]", "node: node}, {name: devel, nodes: 4, time: 10m, purpose: tests, node: node}]", 1
    )
    (slurm / "machine.yaml").write_text(site)
    hint = "hqml: hint: prepare, sweep, compare: for a trial, partition: devel takes this too and may start it sooner\n"
    assert ask("check", "w.yaml")[2] == hint
    assert json.loads(ask("check", "w.yaml", "--json")[1])["hints"] == [hint[len("hqml: hint: ") : -1]]
    assert "hint" not in ask("submit", "w.yaml", "--dry-run")[2]
    (slurm / "refusal").write_text("allocation failure: Requested node configuration is not available\n")
    assert ask("check", "w.yaml", "--test-only")[2].count("\n") == 1


def test_a_folder_with_something_else_is_left_alone(folder: Path, ask: Any) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "thesis.tex").touch()
    status, _, err = ask("submit", "w.yaml", "--run", "mine")
    assert status == 2
    assert "mine" in err
    assert [path.name for path in (folder / "mine").iterdir()] == ["thesis.tex"]


WRONG = [
    (["status"], "name the folder of a run; there is no NAME.run here"),
    (["status", "w.yaml"], "is a workflow; name the folder of its run, e.g. w.run"),
    (["status", "nowhere.run"], "has no manifest.json"),
    (["check", "missing.yaml"], "missing.yaml"),
    (["check", "."], "is a folder; name a workflow"),
    (["submit", "missing.yaml"], "missing.yaml"),
    (["submit", "."], "has no manifest.json"),
    (["submit", "w.yaml", "--host", "login"], "--host needs a site with Slurm, and local has no scheduler"),
    (["check", "w.yaml", "--test-only"], "--test-only asks Slurm, which local has not"),
    (["logs", "a", "b", "c"], "name the run"),
    (["resume", "nowhere.run"], "has no manifest.json"),
    (["cancel", "prepare"], "there is no NAME.run here"),
]


@pytest.mark.parametrize(("words", "told"), WRONG, ids=[" ".join(words) for words, _ in WRONG])
def test_what_cannot_be_is_one_line_and_status_2(words: list[str], told: str, folder: Path, ask: Any) -> None:
    status, out, err = ask(*words)
    assert (status, out) == (2, "")
    assert told in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "command", ["render", "check", "submit", "status", "logs", "cancel", "resume", "fetch", "tunnel"]
)
def test_every_command_has_help(command: str, ask: Any) -> None:
    status, out, _ = ask(command, "--help")
    assert status == 0
    assert "Usage:" in out


def test_ctrl_c_ends_what_runs_and_says_how_to_go_on(folder: Path, ask: Any) -> None:
    (folder / "w.yaml").write_text(
        "site: local\nsteps:\n  a: {on: cluster, time: 1m, run: touch started; test -e mended || sleep 100}\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "hqml.cli", "job", "submit", "w.yaml"], stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not (folder / "started").exists() or json.loads(ask("status", "--json")[1])[0]["state"] != "running":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.splitlines()[-1] == ("hqml: interrupted: the steps that ran were ended; hqml job resume w.run goes on")
    assert json.loads(ask("status", "--json")[1])[0]["state"] == "cancelled"
    (folder / "mended").touch()
    assert ask("resume")[0] == 0


@pytest.fixture
def slurm(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Executables that answer as Slurm does; sbatch refuses what `refusal` says, and squeue prints `queue`."""
    programs = folder / "bin"
    programs.mkdir()
    scripts = {
        "sbatch": 'if [ "$1" = --test-only ]; then cat refusal >&2 2>/dev/null && exit 1; exit 0; fi\n'
        "if [ -e refusal ]; then cat refusal >&2; exit 1; fi\n"
        'echo "$@" >> lines; wc -l < lines | tr -d " "',
        "squeue": "cat queue 2>/dev/null; exit 0",
        "sinfo": "echo batch; echo gpus",
        "scancel": 'echo "$@" > cancelled',
        "sacct": "exit 1",
    }
    for name, text in scripts.items():
        (programs / name).write_text(f"#!/bin/bash\ncd {folder}\n{text}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    (folder / "w.yaml").write_text(WORKFLOW.replace("site: local", "site: machine.yaml"))
    return folder


ACCOUNT = "sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified\n"


def test_check_asks_slurm_where_it_is_the_sites(slurm: Path, ask: Any) -> None:
    status, out, _ = ask("check", "w.yaml")
    assert (status, out) == (0, "w.yaml: 4 steps for A machine, and Slurm would take them\n")
    (slurm / "refusal").write_text("allocation failure: Requested node configuration is not available\n")
    status, _, err = ask("check", "w.yaml")
    assert status == 2
    assert "prepare: Slurm would not take it: Requested node configuration is not available. What helps:" in err
    assert ask("check", "w.yaml", "--no-test-only")[0] == 0
    assert ask("check", "w.yaml", "--no-test-only")[1].endswith("for A machine; Slurm was not asked\n")
    (slurm / "bin" / "sinfo").write_text("#!/bin/sh\necho other\n")  # another machine's Slurm cannot judge
    status, out, _ = ask("check", "w.yaml")
    assert status == 0
    assert out.endswith("for A machine; Slurm was not asked, since this is no login node of the site\n")
    assert json.loads(ask("check", "w.yaml", "--json")[1])["slurm"] is None
    assert ask("check", "w.yaml", "--test-only")[0] == 2


def test_a_run_under_slurm_from_submit_to_cancel(slurm: Path, ask: Any) -> None:
    status, out, _ = ask("submit", "w.yaml", "--json")
    assert status == 0
    assert json.loads(out)["submitted"] == {"prepare": "1", "sweep": "2", "train": "3", "compare": "4"}
    waits = "PENDING|Dependency|N/A|0:00||0|0"
    write_queue(
        slurm,
        "1|RUNNING|None|1000|0:07|n1|0|0",
        *(f"{number}|{waits}" for number in ("2_0", "2_1", "2_2", "3", "4")),
    )
    status, out, _ = ask("status")
    assert "prepare   running" in out
    assert "0 of 3 done, 3 waiting" in out
    status, out, _ = ask("submit", "w.yaml")
    assert out == "nothing to submit: prepare is running, sweep is waiting, train is waiting, compare is waiting\n"
    status, out, _ = ask("cancel", "sweep", "train")
    assert (status, out) == (0, "cancelled sweep, train\n")
    assert (slurm / "cancelled").read_text() == "2 3\n"
    assert len((slurm / "lines").read_text().splitlines()) == 4


def test_a_refusal_can_be_mended_in_the_file(slurm: Path, ask: Any) -> None:
    (slurm / "refusal").write_text(ACCOUNT)
    status, _, err = ask("submit", "w.yaml")
    assert status == 2
    assert err.count("\n") == 1
    assert "prepare: Slurm says: Invalid account or account/partition combination specified" in err
    assert "`account:`" in err
    (slurm / "refusal").unlink()
    (slurm / "w.yaml").write_text("account: mine\n" + (slurm / "w.yaml").read_text())
    status, out, _ = ask("submit", "w.yaml")
    assert status == 0
    assert "--account=mine" in (slurm / "w.run" / "01-prepare.sh").read_text()
    assert out.startswith("prepare: job 1\n")


def write_queue(folder: Path, *lines: str) -> None:
    """What squeue answers, from lines without the last two fields."""
    text = "".join(f"{line}|(null)|/elsewhere/x.sh|\n" for line in lines)
    (folder / "queue").write_text(text.replace("|", BETWEEN))


ENDED = (
    "1|COMPLETED|None|1000|0:07|n1|0|0",
    *(f"2_{task}|COMPLETED|None|1|0:01|n1|0|0" for task in range(3)),
    "3|FAILED|NonZeroExitCode|1000|0:07|n1|0|768",
)

DOWN = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"


def test_a_slurm_that_does_not_answer_is_status_1(slurm: Path, ask: Any) -> None:
    (slurm / "refusal").write_text(
        "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"
    )
    status, _, err = ask("submit", "w.yaml")
    assert (status, err.count("\n")) == (1, 1)
    assert "prepare: Slurm says: Socket timed out" in err
    (slurm / "refusal").unlink()
    assert ask("submit", "w.yaml")[0] == 0
    (slurm / "bin" / "squeue").write_text(f"#!/bin/sh\necho '{DOWN}' >&2\nexit 1\n")
    for command in ("status", "resume", "cancel"):
        status, out, err = ask(command)
        assert (status, out) == (1, "")
        assert err == (
            "hqml: squeue: Unable to contact slurm controller (connect failure). What helps: Slurm does not answer; "
            "try again later\n"
        )


def test_watching_goes_on_when_slurm_is_away_for_a_while(
    slurm: Path, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hqml.cli.job_run._EVERY", 0.01)
    ask("submit", "w.yaml")
    waits = "PENDING|Dependency|N/A|0:00||0|0"
    write_queue(
        slurm, "1|RUNNING|None|1000|0:07|n1|0|0", *(f"{one}|{waits}" for one in ("2_0", "2_1", "2_2", "3", "4"))
    )
    os.rename(slurm / "queue", slurm / "first")
    write_queue(slurm, *ENDED)
    (slurm / "bin" / "squeue").write_text(
        f"#!/bin/bash\ncd {slurm}\necho >> asked\ncase $(wc -l < asked) in\n1) cat first ;;\n"
        f"2 | 3 | 4) echo '{DOWN}' >&2; exit 1 ;;\n*) cat queue ;;\nesac\n"
    )
    status, out, err = ask("status", "--watch")
    assert status == 1  # train has failed
    assert out.splitlines()[0].startswith("prepare: running")
    assert "train: failed" in out
    assert err.count("Unable to contact slurm controller") == 1


def test_a_first_question_that_is_not_answered_ends_the_watching(slurm: Path, ask: Any) -> None:
    ask("submit", "w.yaml")
    (slurm / "bin" / "squeue").write_text(f"#!/bin/sh\necho '{DOWN}' >&2\nexit 1\n")
    assert ask("status", "--watch")[0] == 1


def test_what_a_step_comes_after_may_be_changed_until_it_runs(folder: Path, ask: Any) -> None:
    (folder / "mended").touch()
    (folder / "w.yaml").write_text(CHAIN.format(after="[]"))
    assert ask("render", "w.yaml", "--out", "w.run")[0] == 0
    (folder / "w.yaml").write_text(CHAIN.format(after="slow"))
    assert ask("submit", "w.yaml")[0] == 0
    assert (folder / "order").read_text() == "slow\nfast\n"
    (folder / "w.yaml").write_text(CHAIN.format(after="[]"))
    status, _, err = ask("submit", "w.yaml")
    assert status == 2
    assert "the step fast has changed, and there it is done as it was" in err


def test_steps_that_have_not_run_yet_may_be_changed(folder: Path, ask: Any) -> None:
    (folder / "w.yaml").write_text(CHAIN.format(after="[]"))
    assert ask("render", "w.yaml", "--out", "w.run")[0] == 0
    run_here(folder / "w.run", only=["slow"])
    (folder / "w.yaml").write_text(CHAIN.format(after="slow"))
    assert ask("submit", "w.yaml")[0] == 0
    assert (folder / "order").read_text() == "slow\nfast\n"


CHAIN = """\
site: local
steps:
  slow: {{on: cluster, time: 1m, run: sleep 0.2; echo slow >> order}}
  fast: {{on: cluster, time: 1m, after: {after}, run: echo fast >> order}}
"""


def test_what_comes_after_may_be_changed_for_slurm_too(slurm: Path, ask: Any) -> None:
    (slurm / "refusal").write_text(ACCOUNT)
    assert ask("submit", "w.yaml")[0] == 2
    (slurm / "refusal").unlink()
    (slurm / "w.yaml").write_text((slurm / "w.yaml").read_text().replace("after: [sweep, train]", "after: train"))
    assert ask("submit", "w.yaml")[0] == 0
    [line] = [one for one in (slurm / "lines").read_text().splitlines() if one.endswith("04-compare.sh")]
    assert "--dependency=afterok:3 " in line


def test_a_run_whose_workflow_was_mended_is_the_same_run(folder: Path, ask: Any) -> None:
    assert ask("submit", "w.yaml")[0] == 1
    before = json.loads((folder / "w.run" / "manifest.json").read_text())
    (folder / "w.yaml").write_text(WORKFLOW.replace("echo compared", "echo compared; true"))
    assert ask("submit", "w.yaml")[0] == 0
    after = json.loads((folder / "w.run" / "manifest.json").read_text())
    assert (before["run"], before["digest"] == after["digest"]) == (after["run"], False)
    assert len(before["run"]) == 16


def test_at_once_alone_changes_the_manifest(folder: Path, ask: Any) -> None:
    assert ask("render", "w.yaml", "--out", "w.run")[0] == 0
    text = WORKFLOW.replace("sweep: {x: [1, 2, 3]}", "sweep: {x: [1, 2, 3]}\n    at_once: 1")
    (folder / "w.yaml").write_text(text)
    assert ask("render", "w.yaml", "--out", "w.run")[0] == 0
    assert json.loads((folder / "w.run" / "manifest.json").read_text())["jobs"][1]["at_once"] == 1


def test_a_run_goes_on_when_its_folder_was_moved(
    folder: Path, ask: Any, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask("submit", "w.yaml")[0] == 1
    place = tmp_path_factory.mktemp("elsewhere") / "moved"
    monkeypatch.chdir("/")
    folder.rename(place)
    monkeypatch.chdir(place)
    (place / "mended").touch()
    assert ask("submit", "w.yaml")[0] == 1  # sweep.1 has failed
    assert json.loads((place / "w.run" / "manifest.json").read_text())["folder"] == str(place)
    assert ask("resume")[0] == 0
    assert ask("logs", "compare")[1] == "compared\n"


def test_a_workflow_is_left_alone_while_it_runs(folder: Path, ask: Any) -> None:
    (folder / "w.yaml").write_text(LONG.format(before=""))
    process = subprocess.Popen(
        [sys.executable, "-m", "hqml.cli", "job", "submit", "w.yaml"], stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not (folder / "started").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    before = {path.name: path.read_bytes() for path in (folder / "w.run").glob("*.sh")}
    (folder / "w.yaml").write_text(LONG.format(before="  zero: {on: cluster, time: 1m, run: echo zero}\n"))
    for words in (["submit", "w.yaml"], ["render", "w.yaml", "--out", "w.run"]):
        status, _, err = ask(*words)
        assert status == 2
        assert "is at work on this run; wait for it" in err
    assert {path.name: path.read_bytes() for path in (folder / "w.run").glob("*.sh")} == before
    (folder / "go").touch()
    _, err = process.communicate(timeout=30)
    assert (process.returncode, "b: done" in err) == (0, True)
    assert ask("submit", "w.yaml")[0] == 0  # zero, which is new
    assert ask("logs", "zero")[1] == "zero\n"
    assert ask("logs", "b")[1] == "b\n"


LONG = """\
site: local
steps:
{before}  a: {{on: cluster, time: 1m, run: touch started; until test -e go; do sleep 0.02; done}}
  b: {{after: a, on: cluster, time: 1m, run: echo b}}
"""


def test_a_run_is_kept_by_one_process_while_it_is_sent(slurm: Path, ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bool] = []

    def stage(source: object, host: object, remote: str, **options: object) -> Moved:
        sent.append((slurm / "w.run" / CLAIM).exists())
        return Moved(remote, 1, 1, ())

    monkeypatch.setattr("hqml.hpc.remote.sending.stage", stage)
    monkeypatch.setattr("hqml.hpc.remote.sending.make_folder", lambda host, remote, name: f"/far/{name}")
    monkeypatch.setattr(SshHost, "run", lambda host, words, **options: Answer(0, "7\n" * (words[0] == "sbatch"), ""))
    monkeypatch.setattr(SshHost, "read_all", lambda host, path: {})
    (slurm / "w.run").mkdir()
    assert ask("render", "w.yaml", "--out", "w.run")[0] == 0
    (slurm / "w.run" / CLAIM).write_text(json.dumps({"host": "login7", "place": "far", "pid": 1, "born": "1"}))
    status, _, err = ask("submit", "w.yaml", "--host", "far")
    assert (status, sent) == (2, [])
    assert "process 1 on login7 is at work on this run; if it is gone, remove" in err
    (slurm / "w.run" / CLAIM).unlink()
    status, out, _ = ask("submit", "w.yaml", "--host", "far", "--json")
    assert status == 0
    assert json.loads(out)["folder"] == "/far/w/w.run"
    assert sent == [True, True]
    assert not (slurm / "w.run" / CLAIM).exists()
    assert json.loads((slurm / "w.run" / "manifest.json").read_text())["folder"] == "/far/w"


def test_watching_prints_changes_and_ends_with_the_steps(slurm: Path, ask: Any) -> None:
    ask("submit", "w.yaml")
    write_queue(slurm, *ENDED)
    status, out, err = ask("status", "--watch")
    assert status == 1
    assert out.splitlines() == ["prepare: done", "sweep: done (3 of 3 done)", "train: failed", "compare: held back"]
    assert "train has failed; hqml job logs w.run train shows why" in err


def test_a_tunnel_is_written_for_jobs(folder: Path, ask: Any) -> None:
    status, out, _ = ask("tunnel", "machine.yaml", "--host", "login", "--out", "tunnel.sh")
    assert status == 0
    assert out.startswith("ssh -N")
    assert subprocess.run(["bash", "-n", "tunnel.sh"], check=False).returncode == 0
