"""Runs on this machine, where no scheduler is: order, parallel steps, failures, Ctrl-C, going on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextvars import Context
from pathlib import Path
from typing import Any

import pytest

from hqml.errors import ParameterError
from hqml.hpc.host import LocalHost
from hqml.hpc.run import Job, Jobs, Manifest, Part, read_jobs, write_json
from hqml.hpc.runs.claim import claimed
from hqml.hpc.runs.local import cancel_here, run_here
from hqml.hpc.runs.local_status import PROCESSES, note
from hqml.hpc.runs.logs import logs_of
from hqml.hpc.runs.states import TaskStatus
from hqml.hpc.runs.status import statuses
from hqml.hpc.scripts.rendering import render, write
from hqml.hpc.site import Module, Node, Partition, Site
from hqml.hpc.workflow import Checkpoint, Component, Step, Workflow

ENDS = """\
start=$(date +%s)
ended() { echo "$? $start $(date +%s)" > "$HQML_RUN/state/NAME"; }
trap ended EXIT
trap 'exit 143' TERM
"""
"""What scripts of a run do besides their work; see `hqml.hpc.run`."""


def job(step: str, *after: str, tasks: int = 0, requeues: int = 0, at_once: int | None = None) -> Job:
    part = Part(step, "cluster", "cluster", None, 1, 1, 0)
    return Job(step, f"{step}.sh", after, 60, (part,), tasks, requeues, at_once)


def make_run(folder: Path, scripts: dict[Job, str]) -> Path:
    run = folder / "w.run"
    run.mkdir()
    for one, text in scripts.items():
        name = f"{one.step}.$SLURM_ARRAY_TASK_ID" if one.tasks else one.step
        (run / one.script).write_text(ENDS.replace("NAME", name) + text + "\n")
    write_json(Manifest("w", "local", "none", str(folder), "d", "0", tuple(scripts)), run)
    return run


def states(run: Path) -> dict[str, str]:
    return {one.step: one.state for one in statuses(run, LocalHost())}


def wait_until(holds: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.02)


def wait_for(path: Path) -> None:
    wait_until(path.exists, f"{path} does not come")


def ended(process: int) -> bool:
    """Whether it runs no more: gone, or an orphan whose exit status its new parent has not fetched yet."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_steps_run_behind_what_they_come_after_in_the_folder_of_the_workflow(tmp_path: Path) -> None:
    run = make_run(
        tmp_path,
        {job("a"): "echo a >> order", job("b", "a"): "echo b >> order", job("c", "b"): "pwd; echo c >> order"},
    )
    assert set(states(run).values()) == {"not submitted"}
    found = run_here(run)
    assert [one.state for one in found] == ["done", "done", "done"]
    assert (tmp_path / "order").read_text() == "a\nb\nc\n"
    [log] = logs_of(run, "c", LocalHost())
    assert Path(log.path).read_text() == f"{tmp_path}\n"
    assert not (run / "claim.json").exists()


def test_steps_that_do_not_wait_for_each_other_run_at_the_same_time(tmp_path: Path) -> None:
    meet = "touch {0}; for i in $(seq 200); do test -e {1} && exit 0; sleep 0.05; done; exit 1"
    run = make_run(tmp_path, {job("a"): meet.format("x", "y"), job("b"): meet.format("y", "x")})
    assert [one.state for one in run_here(run, at_once=2)] == ["done", "done"]


def test_no_more_run_at_a_time_than_was_said(tmp_path: Path) -> None:
    alone = "mkdir lock && sleep 0.1 && rmdir lock"
    run = make_run(tmp_path, {job(name): alone for name in "abc"})
    assert {one.state for one in run_here(run, at_once=1)} == {"done"}
    other = tmp_path / "other"
    other.mkdir()
    run = make_run(other, {job("a", tasks=3, at_once=1): alone})
    assert {one.state for one in run_here(run, at_once=3)} == {"done"}


def test_a_failed_step_holds_back_what_comes_after_it_and_resume_runs_the_rest(tmp_path: Path) -> None:
    run = make_run(
        tmp_path,
        {job("a"): "echo a >> ran", job("b", "a"): "echo b >> ran; test -e mended", job("c", "b"): "echo c >> ran"},
    )
    found = run_here(run)
    assert [(one.state, one.telling.status) for one in found] == [("done", 0), ("failed", 1), ("held back", None)]
    assert states(run) == {"a": "done", "b": "failed", "c": "held back"}
    assert [one.state for one in run_here(run)] == ["done", "failed", "held back"]  # nothing is run twice
    (tmp_path / "mended").touch()
    assert [one.state for one in run_here(run, resume=True)] == ["done", "done", "done"]
    assert (tmp_path / "ran").read_text() == "a\nb\nb\nc\n"


def test_of_an_array_resume_runs_the_tasks_that_failed(tmp_path: Path) -> None:
    script = "echo $SLURM_ARRAY_TASK_ID >> ran; test $SLURM_ARRAY_TASK_ID != 1 || test -e mended"
    run = make_run(tmp_path, {job("a", tasks=3): script, job("b", "a"): "true"})
    found = run_here(run, at_once=1)
    assert found[0].counts == {"failed": 1, "done": 2}
    (tmp_path / "mended").touch()
    assert [one.state for one in run_here(run, resume=True)] == ["done", "done"]
    assert (tmp_path / "ran").read_text().split() == ["0", "1", "2", "1"]
    assert len(logs_of(run, "a", LocalHost())) == 3


def test_a_step_that_has_more_to_do_is_started_again(tmp_path: Path) -> None:
    script = "echo $SLURM_RESTART_COUNT >> ran; test $SLURM_RESTART_COUNT = 2 || exit 75"
    run = make_run(tmp_path, {job("a", requeues=2): script})
    told: list[tuple[str, int]] = []
    [found] = run_here(run, tell=lambda step, task: told.append((task.state, task.requeues)))
    assert (found.state, found.requeues) == ("done", 2)
    assert told[:3] == [("running", 0), ("running", 1), ("running", 2)]
    assert (tmp_path / "ran").read_text() == "0\n1\n2\n"


def test_all_starts_of_a_step_write_one_log(tmp_path: Path) -> None:
    script = "echo start $SLURM_RESTART_COUNT; test $SLURM_RESTART_COUNT = 2 || exit 75"
    run = make_run(tmp_path, {job("a", requeues=2): script})
    run_here(run)
    [log] = (run / "logs").iterdir()
    assert log.read_text() == "start 0\nstart 1\nstart 2\n"
    assert [one.path for one in logs_of(run, "a", LocalHost())] == [str(log)]


def test_it_is_started_again_no_oftener_than_it_may(tmp_path: Path) -> None:
    run = make_run(tmp_path, {job("a", requeues=1): "echo x >> ran; exit 75"})
    [found] = run_here(run)
    assert (found.state, found.telling.status) == ("failed", 75)
    assert (tmp_path / "ran").read_text() == "x\nx\n"


def test_a_script_that_is_killed_has_failed_with_128_and_the_signal(tmp_path: Path) -> None:
    run = make_run(tmp_path, {job("a"): "kill -9 $$"})
    assert run_here(run)[0].telling.status == 128 + 9
    assert (run / "state" / "a").read_text().startswith("137 ")


def test_only_some_steps_can_be_run(tmp_path: Path) -> None:
    run = make_run(tmp_path, {job("a"): "true", job("b", "a"): "true"})
    assert [one.state for one in run_here(run, only=["a"])] == ["done", "not submitted"]
    with pytest.raises(ParameterError, match="no step 'x'"):
        run_here(run, only=["x"])


def test_two_processes_do_not_run_the_same(tmp_path: Path) -> None:
    run = make_run(tmp_path, {job("a"): "true"})
    with claimed(run), pytest.raises(ParameterError, match="is at work on this run"):
        Context().run(run_here, run)  # as another process or thread: here the claim is this test's own


def test_secrets_of_the_environment_do_not_reach_scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DWAVE_API_TOKEN", "DEV-0123456789")
    run = make_run(tmp_path, {job("a"): "env"})
    run_here(run)
    [log] = logs_of(run, "a", LocalHost())
    assert "HQML_RUN=" in Path(log.path).read_text()
    assert "DEV-0123456789" not in Path(log.path).read_text()


RUNNER = "import sys; from hqml.hpc.runs.local import run_here; run_here(sys.argv[1])"


def start(run: Path) -> subprocess.Popen[bytes]:
    """A process that runs it, as `hqml job submit` on another terminal."""
    return subprocess.Popen([sys.executable, "-c", RUNNER, str(run)], stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_ends_what_runs_and_resume_goes_on(number: signal.Signals, tmp_path: Path) -> None:
    script = "test -e mended && exit 0; sleep 100 & echo $! > child.part; mv child.part child; wait"
    run = make_run(tmp_path, {job("a"): script, job("b", "a"): "true"})
    process = start(run)
    wait_for(tmp_path / "child")
    wait_until(lambda: states(run) == {"a": "running", "b": "waiting"}, "a is not noted as running")
    process.send_signal(number)
    process.wait(30)
    assert states(run) == {"a": "cancelled", "b": "held back"}
    wait_until(lambda: ended(int((tmp_path / "child").read_text())), "what the step started runs on")
    (tmp_path / "mended").touch()
    assert [one.state for one in run_here(run, resume=True)] == ["done", "done"]


def test_another_terminal_cancels_a_step_or_all(tmp_path: Path) -> None:
    waits = "touch {0}; sleep 100"
    scripts = {job("a"): waits.format("a"), job("b"): waits.format("b"), job("c", "b"): "true"}
    run = make_run(tmp_path, scripts)
    assert cancel_here(run) == []
    process = start(run)
    wait_until(lambda: states(run) == {"a": "running", "b": "running", "c": "waiting"}, "they are not noted as running")
    for name in "ab":
        wait_for(tmp_path / name)
    assert cancel_here(run, ["a"]) == ["a"]
    wait_for(run / "state" / "a")
    assert process.poll() is None
    assert cancel_here(run) == ["b"]
    process.wait(30)
    assert states(run) == {"a": "cancelled", "b": "cancelled", "c": "held back"}


def test_a_script_whose_runner_was_killed_runs_on_and_can_be_cancelled(tmp_path: Path) -> None:
    run = make_run(tmp_path, {job("a"): "touch a; test -e mended || sleep 100 & wait"})
    process = start(run)
    wait_for(tmp_path / "a")
    wait_until(lambda: states(run)["a"] == "running", "a is not noted as running")
    process.kill()
    process.wait()
    assert states(run) == {"a": "running"}
    assert cancel_here(run) == ["a"]
    wait_for(run / "state" / "a")
    assert states(run) == {"a": "cancelled"}


@pytest.mark.parametrize("resume", [True, False])
def test_what_comes_after_a_script_whose_runner_was_killed_waits_for_it(resume: bool, tmp_path: Path) -> None:
    waits = "touch b; while ! [ -e go ]; do sleep 0.02; done; echo b >> order"
    run = make_run(tmp_path, {job("a"): "true", job("b", "a"): waits, job("c", "b"): "echo c >> order"})
    process = start(run)
    wait_for(tmp_path / "b")
    wait_until(lambda: states(run)["b"] == "running", "b is not noted as running")
    process.kill()
    process.wait()
    told: list[tuple[str, str]] = []

    def tell(step: str, task: TaskStatus) -> None:
        told.append((step, task.state))

    (tmp_path / "go").touch()
    assert [one.state for one in run_here(run, resume=resume, tell=tell)] == ["done", "done", "done"]
    assert (tmp_path / "order").read_text() == "b\nc\n"
    assert told[-2:] == [("c", "running"), ("c", "done")]


def test_ctrl_c_ends_a_script_whose_runner_was_killed_as_well(tmp_path: Path) -> None:
    run = make_run(tmp_path, {job("a"): "sleep 100 & touch a; wait"})
    process = start(run)
    wait_for(tmp_path / "a")
    wait_until(lambda: states(run)["a"] == "running", "a is not noted as running")
    process.kill()
    process.wait()
    other = start(run)
    wait_for(run / "claim.json")
    time.sleep(0.3)
    assert other.poll() is None
    other.send_signal(signal.SIGINT)
    other.wait(30)
    assert states(run) == {"a": "cancelled"}


def test_what_was_killed_with_its_runner_is_run_again(tmp_path: Path) -> None:
    run = make_run(tmp_path, {job("a"): "touch a; test -e mended || sleep 100"})
    process = start(run)
    wait_for(tmp_path / "a")
    wait_until(lambda: states(run)["a"] == "running", "a is not noted as running")
    process.kill()
    process.wait()
    identifiers = (read_jobs(run) or pytest.fail("no jobs")).identifiers
    os.killpg(int(identifiers["a"][0]), signal.SIGKILL)
    deadline = time.monotonic() + 30
    while states(run) == {"a": "running"}:
        assert time.monotonic() < deadline
    [found] = statuses(run, LocalHost())
    assert (found.state, found.telling.reason) == ("unknown", "it was killed, with what ran it")
    (tmp_path / "mended").touch()
    assert [one.state for one in run_here(run, resume=True)] == ["done"]


RUNNER_WITHOUT_PATIENCE = f"from hqml.hpc.runs import sessions; sessions.GRACE = 0.3; {RUNNER}"

DEAF = "trap '' TERM; touch {name}; echo $BASHPID >>pids; while :; do sleep 0.1; done"
"""A program that does not heed SIGTERM, nor does what it starts."""


def rendered(folder: Path, *components: Component, **others: Any) -> Path:
    """A run of one step, with the script that hqml writes for it."""
    node = Node(8)
    module = Module("here", "cluster", "Here", (Partition("all", 1, 86400, node, "s"),))
    site = Site("local", "Local", "none", (module,), {})
    steps = (Step("a", components, 600, **others),)
    write(render(Workflow("w", "local", steps, path=str(folder / "w.yaml")), site), folder / "w.run")
    return folder / "w.run"


def start_without_patience(run: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", RUNNER_WITHOUT_PATIENCE, str(run)], stderr=subprocess.DEVNULL)


def is_there(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc, by which all processes are found")
@pytest.mark.parametrize("how", ["ctrl-c", "cancel", "cancel a step"])
def test_programs_that_do_not_heed_sigterm_are_killed(how: str, tmp_path: Path) -> None:
    deaf = [Component(name, "cluster", DEAF.format(name=name)) for name in "xy"]
    run = rendered(tmp_path, *deaf)
    process = start_without_patience(run)
    for name in "xy":
        wait_for(tmp_path / name)
    if how == "ctrl-c":
        process.send_signal(signal.SIGINT)
    else:
        cancel_here(run, ["a"] if how == "cancel a step" else [])
    process.wait(30)
    pids = (tmp_path / "pids").read_text().split()
    assert len(pids) == 2
    assert not any(map(is_there, pids))
    assert states(run) == {"a": "cancelled"}


def test_what_a_script_has_left_behind_is_ended_and_asked_first(tmp_path: Path) -> None:
    leaves = "(trap 'touch asked; exit' TERM; touch on; while :; do sleep 0.02; done) & while ! [ -e on ]; do :; done"
    run = make_run(tmp_path, {job("a"): f"set -m; {leaves}"})
    assert [one.state for one in run_here(run)] == ["done"]
    assert (tmp_path / "asked").exists()


@pytest.mark.parametrize("number", ["its own", "taken by another"])
def test_a_stranger_is_not_taken_for_a_script(number: str, tmp_path: Path) -> None:
    """The runner and its script were killed, and the script's number is another process's now."""
    run = make_run(tmp_path, {job("a"): "true", job("b"): "true"})
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        write_json(Jobs(None, str(run), {"a": (str(stranger.pid),)}), run)
        if number == "taken by another":
            (run / PROCESSES).mkdir()
            note(run, "a", None, stranger.pid)
            path = run / PROCESSES / "a"
            content = json.loads(path.read_text())
            for one in content.values():
                one["born"] = "1"
            path.write_text(json.dumps(content))
            assert states(run) == {"a": "unknown", "b": "not submitted"}
        with claimed(run):
            cancel_here(run, ["a"])
        time.sleep(0.1)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_step_that_is_started_again_has_not_failed_meanwhile(tmp_path: Path) -> None:
    again = (
        'if [ -n "${SLURM_RESTART_COUNT#0}" ]; then touch on; while ! [ -e go ]; do sleep 0.02; done; else exit 75; fi'
    )
    run = rendered(tmp_path, Component("a", "cluster", again), checkpoint=Checkpoint(requeues=1))
    process = start(run)
    seen = []
    while not (tmp_path / "on").exists():
        seen += [states(run)["a"]]
        time.sleep(0.005)
    seen += [states(run)["a"]]
    (tmp_path / "go").touch()
    process.wait(30)
    assert set(seen) <= {"not submitted", "queued", "running"}
    assert seen[-1] == "running"
    assert states(run) == {"a": "done"}


def test_a_script_that_ends_well_at_ctrl_c_is_done(tmp_path: Path) -> None:
    run = make_run(tmp_path, {job("a"): "trap 'exit 0' TERM; touch a; sleep 100 & wait"})
    process = start(run)
    wait_for(tmp_path / "a")
    wait_until(lambda: states(run)["a"] == "running", "a is not noted as running")
    process.send_signal(signal.SIGINT)
    process.wait(30)
    assert states(run) == {"a": "done"}


def test_a_task_is_told_when_it_starts_and_ends(tmp_path: Path) -> None:
    told: list[tuple[str, TaskStatus]] = []
    run_here(make_run(tmp_path, {job("a"): "exit 3"}), tell=lambda step, task: told.append((step, task)))
    assert [(step, task.state, task.status) for step, task in told] == [("a", "running", None), ("a", "failed", 3)]
