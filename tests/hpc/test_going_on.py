"""Steps that are warned before the end of their time, save their state, are queued again and go on."""

from __future__ import annotations

from pathlib import Path

import pytest
from miniature.runs import Run

pytestmark = pytest.mark.slurm

COUNTING = """
import sys, time
from hqml.hpc.checkpoint import Checkpoint

with Checkpoint() as checkpoint:
    state = checkpoint.folder / "state"
    done = int(state.read_text()) if state.exists() else 0
    print("begins at", done, flush=True)
    for step in range(done, 60):
        with open("steps.txt", "a") as file:
            print(step, file=file)
        if checkpoint.asked:
            state.write_text(str(step + 1))
            checkpoint.stop()
        time.sleep(0.05 if done else 0.5)
"""


def _counted(folder: Path) -> list[int]:
    file = folder / "steps.txt"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def _go_on(run: Run, job: str) -> None:
    """Slurm lets a job that was queued again wait for two minutes; not here."""
    run.wait(lambda: run.queue().get(job) == "PENDING")
    run.system.asked("scontrol", "update", f"jobid={job}", "StartTime=now")


def test_a_signal_lets_a_step_save_its_state_and_go_on_there(run: Run) -> None:
    run.write(
        """
        count: {on: cluster, time: 5m, checkpoint: {before: 1m, requeues: 2}, run: python count.py}
        after: {after: count, on: cluster, time: 2m, run: wc -l steps.txt}
        """,
        count_py=COUNTING,
    )
    job = run.submit()["count"]
    run.wait(lambda: len(_counted(run.folder)) > 2)
    run.system.asked("scancel", "--signal=USR1", "--batch", job)
    run.wait(lambda: run.queue().get(job) == "PENDING")
    status = run.status()
    assert status["count"]["state"] == "queued"
    assert status["after"]["state"] == "waiting"
    _go_on(run, job)
    run.wait()
    status = run.status()
    assert (status["count"]["state"], status["after"]["state"]) == ("done", "done"), run.logs
    assert status["count"]["requeues"] == 1
    assert _counted(run.folder) == list(range(60))


def test_the_scheduler_gives_the_signal_by_itself_and_requeues_have_an_end(run: Run) -> None:
    """Slurm looks at times twice a minute, and may give the signal up to a minute early."""
    run.write(
        "count: {on: cluster, time: 90s, checkpoint: {before: 85s, requeues: 0}, run: python count.py}",
        count_py=COUNTING,
    )
    run.submit()
    run.wait()
    count = run.status()["count"]
    assert (count["state"], count["tasks"][0]["status"]) == ("failed", 75)
    assert "has more to do" in run.logs
    assert 0 < len(_counted(run.folder)) < 60


def test_the_workers_of_torchrun_save_their_state_and_go_on_there(run: Run) -> None:
    run.write(
        "train: {on: booster, gpus: 2, time: 5m, needs: torch, launch: torchrun, checkpoint: true, run: train.py}",
        train_py="""
        import os, time
        from hqml.hpc.checkpoint import Checkpoint
        rank = os.environ["RANK"]
        with Checkpoint() as checkpoint:
            kept = checkpoint.folder / rank
            done = int(kept.read_text()) if kept.exists() else 0
            print("rank", rank, "begins at", done, flush=True)
            for epoch in range(done, 60):
                time.sleep(0 if done else 0.5)
                if checkpoint.asked:
                    kept.write_text(str(epoch + 1))
                    checkpoint.stop()
        """,
    )
    job = run.submit()["train"]
    run.wait(lambda: run.logs.count("begins at 0") == 2)
    run.system.asked("scancel", "--signal=USR1", "--batch", job)
    _go_on(run, job)
    run.wait()
    train = run.status()["train"]
    assert (train["state"], train["requeues"]) == ("done", 1), run.logs
    assert run.logs.count("begins at 0") == 2
    assert run.logs.count("begins at") == 4
