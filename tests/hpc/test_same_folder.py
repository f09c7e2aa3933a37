"""Which jobs of a real queue belong to a run: what its folder says, and what the queue says of it."""

from __future__ import annotations

import json
import shutil

import pytest
from miniature.runs import Run

pytestmark = pytest.mark.slurm


def test_what_was_submitted_but_not_written_down_is_not_submitted_again(run: Run) -> None:
    run.write(
        """
        first: {on: cluster, time: 2m, run: until test -e go; do sleep 0.2; done}
        sweep: {after: first, on: cluster, time: 2m, sweep: {x: [1, 2, 3]}, run: "true"}
        both:
          after: sweep
          time: 2m
          together:
            a: {on: cluster, run: "true"}
            b: {on: booster, gpus: 1, run: "true"}
        """
    )
    jobs = run.submit()
    file = run.folder / "work.run" / "jobs.json"
    written = json.loads(file.read_text())
    file.write_text(json.dumps(written | {"identifiers": {"first": [jobs["first"]]}}))  # as after a crash
    assert run.submit() == {"sweep": jobs["sweep"], "both": jobs["both"]}
    assert json.loads(file.read_text()) == written
    (run.folder / "go").touch()
    run.wait()
    assert set(run.states().values()) == {"done"}


def test_jobs_of_a_run_that_was_in_the_folder_before_are_told(run: Run) -> None:
    run.write("long: {on: cluster, time: 10m, run: touch began; sleep 100}")
    number = run.submit()["long"]
    run.wait((run.folder / "began").exists)
    shutil.rmtree(run.folder / "work.run")
    run.write("long: {on: cluster, time: 2m, run: echo other}")
    told = run.hqml("job", "submit", "work.yaml", status=2).stderr
    assert "jobs of another run that was in this folder, and they still write to it" in told
    assert f"(scancel {number})" in told
    run.system.asked("scancel", number)
    run.wait()
    shutil.rmtree(run.folder / "work.run")
    assert set(run.submit()) == {"long"}
    run.wait()
    assert run.hqml("job", "logs", "long").stdout == "other\n"


def test_a_log_is_followed_on_a_real_system(run: Run) -> None:
    run.write("slow: {on: cluster, time: 2m, run: for i in 1 2 3; do echo $i; sleep 0.5; done}")
    run.submit()
    assert run.hqml("job", "logs", "slow", "--follow").stdout == "1\n2\n3\n"
