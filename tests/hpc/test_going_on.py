"""Steps that are warned before the end of their time, save their state, are queued again and go on."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from miniature.runs import Run
from miniature.system import Miniature

pytestmark = pytest.mark.slurm

STEPS = """
count: {on: cluster, time: 5m, checkpoint: {before: 1m, requeues: 2}, run: python count.py}
after: {after: count, on: cluster, time: 2m, run: wc -l count.0}
train: {on: booster, gpus: 2, time: 5m, needs: torch, launch: torchrun, checkpoint: true, run: count.py train}
short: {on: cluster, time: 90s, checkpoint: {before: 85s, requeues: 0}, run: python count.py short}
"""

COUNT = """
import os, sys, time
from hqml.hpc.checkpoint import Checkpoint

name, rank = sys.argv[1] if sys.argv[1:] else "count", os.environ.get("RANK", "0")
with Checkpoint() as checkpoint:
    state = checkpoint.folder / rank
    done = int(state.read_text()) if state.exists() else 0
    print(f"begins at {done}\\n", end="", flush=True)  # at once: workers share the log
    for step in range(done, 60):
        with open(f"{name}.{rank}", "a") as file:
            print(step, file=file)
        if checkpoint.asked:
            state.write_text(str(step + 1))
            checkpoint.stop()
        time.sleep(0.02 if done else 0.5)
"""


class Ended:
    """A run of these steps, of which two were given the signal."""

    def __init__(self, run: Run) -> None:
        self.run = run
        run.write(STEPS, count_py=COUNT)
        jobs = run.submit()
        given = [jobs["count"], jobs["train"]]
        run.wait(lambda: min(len(self.counted(name)) for name in ("count.0", "train.0", "train.1")) > 2)
        for job in given:
            run.system.asked("scancel", "--signal=USR1", "--batch", job)
        run.wait(lambda: all(run.queue().get(job) == "PENDING" for job in given))
        self.between = run.status()
        # Slurm lets what is queued again wait for two minutes. Two seconds must pass, or it is refused: its credential
        # would be of the second in which the old one was revoked ("Job credential revoked").
        time.sleep(2)
        for job in given:
            run.system.asked("scontrol", "update", f"jobid={job}", "StartTime=now")
        run.wait()
        self.status = run.status()

    def counted(self, name: str) -> list[int]:
        file = self.run.folder / name
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def state(self, step: str) -> tuple[str, int]:
        """One word, and how often it was queued again."""
        found: dict[str, Any] = self.status[step]
        return found["state"], found["requeues"]

    def log(self, step: str) -> str:
        return self.run.hqml("job", "logs", step).stdout


@pytest.fixture(scope="module")
def ended(system: Miniature, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    return Ended(Run(system, tmp_path_factory.mktemp("going-on")))


def test_a_step_that_gets_the_signal_saves_its_state_and_is_queued_again(ended: Ended) -> None:
    assert ended.between["count"]["state"] == "queued"
    assert ended.between["after"]["state"] == "waiting"


def test_it_goes_on_where_it_was_and_what_comes_after_it_then_runs(ended: Ended) -> None:
    assert ended.state("count") == ("done", 1), ended.run.logs
    assert ended.state("after") == ("done", 0)
    assert ended.counted("count.0") == list(range(60))
    assert "60 count.0" in ended.log("after")


def test_so_do_the_workers_of_torchrun(ended: Ended) -> None:
    assert ended.state("train") == ("done", 1), ended.run.logs
    begun = [int(found) for found in re.findall(r"begins at (\d+)", ended.log("train"))]
    assert begun.count(0) == 2
    assert len(begun) == 4
    assert ended.counted("train.0") == ended.counted("train.1") == list(range(60))


def test_the_scheduler_gives_the_signal_by_itself_and_requeues_have_an_end(ended: Ended) -> None:
    """Slurm looks at times twice a minute, and may give the signal up to a minute early."""
    assert ended.state("short") == ("failed", 0)
    assert ended.status["short"]["tasks"][0]["status"] == 75
    assert "has more to do" in ended.log("short")
    assert 0 < len(ended.counted("short.0")) < 60
