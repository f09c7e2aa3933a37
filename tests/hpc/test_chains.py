"""Steps after steps, on a real Slurm: what fails, what is held back, what runs again."""

from __future__ import annotations

import pytest
from miniature.runs import Run

pytestmark = pytest.mark.slurm


def test_steps_run_after_those_that_they_name_each_on_its_module(run: Run) -> None:
    run.write(
        """
        prepare: {on: cluster, time: 2m, run: "sleep 0.5; echo $SLURMD_NODENAME > data"}
        train:
          after: prepare
          on: booster
          gpus: 2
          time: 2m
          run: cat data; echo $SLURMD_NODENAME $CUDA_VISIBLE_DEVICES
        compare: {after: [prepare, train], on: cluster, time: 2m, run: "grep -r jb0 work.run/logs"}
        """
    )
    jobs = run.submit()
    assert set(jobs) == {"prepare", "train", "compare"}
    run.wait()
    assert run.states() == {"prepare": "done", "train": "done", "compare": "done"}, run.logs
    node, told = run.hqml("job", "logs", "train").stdout.split("\n", 1)
    assert node.startswith("dc0")
    assert told.split() == ["jb01", "0,1"]


def test_a_second_submission_submits_nothing(run: Run) -> None:
    run.write("one: {on: cluster, time: 2m, run: echo once}")
    assert len(run.submit()) == 1
    assert run.submit() == {}
    run.wait()
    assert run.logs.count("once") == 1


def test_what_comes_after_a_failed_step_is_cancelled_and_resume_runs_only_the_rest(run: Run) -> None:
    run.write(
        """
        good: {on: cluster, time: 2m, run: echo good >> ran}
        bad: {after: good, on: cluster, time: 2m, run: echo bad >> ran; test -e mended}
        child: {after: bad, on: booster, gpus: 1, time: 2m, run: echo child >> ran}
        grandchild: {after: child, on: cluster, time: 2m, run: echo grandchild >> ran}
        """
    )
    run.submit()
    run.wait()
    assert run.states() == {"good": "done", "bad": "failed", "child": "held back", "grandchild": "held back"}
    watched = run.hqml("job", "status", "--watch", status=1)
    assert "bad has failed" in watched.stderr
    (run.folder / "mended").touch()
    assert set(run.resume()) == {"bad", "child", "grandchild"}
    run.wait()
    assert set(run.states().values()) == {"done"}
    assert (run.folder / "ran").read_text().split() == ["good", "bad", "bad", "child", "grandchild"]


def test_a_sweep_is_an_array_whose_failed_tasks_alone_run_again(run: Run) -> None:
    run.write(
        """
        sweep:
          on: cluster
          time: 2m
          sweep: {slice: [10, 20], kernel: [rbf, linear]}
          at_once: 2
          run: echo $slice $kernel >> ran.$slice.$kernel; [ $slice$kernel != 20rbf ] || [ -e mended ]
        after: {after: sweep, on: cluster, time: 2m, run: "cat ran.*"}
        """
    )
    run.submit()
    run.wait()
    sweep = run.status()["sweep"]
    assert (sweep["state"], sweep["counts"]) == ("failed", {"done": 3, "failed": 1})
    (run.folder / "mended").touch()
    assert set(run.resume()) == {"sweep", "after"}
    run.wait()
    assert run.states() == {"sweep": "done", "after": "done"}
    told = sorted(run.hqml("job", "logs", "after").stdout.splitlines())
    assert told == ["10 linear", "10 rbf", "20 linear", "20 rbf", "20 rbf"]


def test_cancel_ends_what_runs_and_what_waits(run: Run) -> None:
    run.write(
        """
        long: {on: cluster, time: 10m, run: "touch began; sleep 100; touch ended"}
        after: {after: long, on: cluster, time: 2m, run: "true"}
        """
    )
    run.submit()
    run.wait((run.folder / "began").exists)
    cancelled = run.hqml("job", "cancel").stdout
    assert "long" in cancelled
    run.wait(seconds=30)
    assert run.states() == {"long": "cancelled", "after": "held back"}
    assert not (run.folder / "ended").exists()


def test_one_step_can_be_cancelled_alone(run: Run) -> None:
    run.write(
        """
        long: {on: cluster, time: 10m, run: sleep 100}
        other: {on: booster, gpus: 1, time: 2m, run: sleep 2}
        """
    )
    run.submit()
    run.hqml("job", "cancel", "work.run", "long")
    run.wait(seconds=30)
    assert run.states() == {"long": "cancelled", "other": "done"}
