"""Jobs over several modules, on a real Slurm: MPI across two of them, a quantum node beside, torchrun, licences."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from miniature.runs import Run
from miniature.system import Miniature

pytestmark = pytest.mark.slurm

SLICES = '''
"""Train an ensemble of QUBO-based SVMs; ranks of MPI do it together."""
import json, os, sys, time
from sklearn.datasets import load_breast_cancer
from hqml.svm import QuboSVC, QuboSVCEnsemble

backend, budget = sys.argv[1], float(sys.argv[2]) if sys.argv[2:] else None
started = time.time()
X, y = load_breast_cancer(return_X_y=True)
X = (X - X.mean(0)) / X.std(0)
slices = QuboSVC(backend=backend, reads=20, max_qpu_seconds=budget)
model = QuboSVCEnsemble(slices, slice_size=20, random_state=0).fit(X, y)
told = {"score": model.score(X, y), "slices": len(model.slices_), "started": started, "ended": time.time()}
if backend == "mpi":
    from mpi4py import MPI
    told["nodes"] = MPI.COMM_WORLD.gather(os.environ["SLURMD_NODENAME"])
    if MPI.COMM_WORLD.rank:
        sys.exit()
open(backend + ".json", "w").write(json.dumps(told))
'''


MEET = """
import os, sys
import torch
import torch.distributed as dist

dist.init_process_group("gloo")
total = torch.tensor([float(dist.get_rank())])
dist.all_reduce(total)
where = [None] * dist.get_world_size()
dist.all_gather_object(where, os.environ["SLURMD_NODENAME"])
if dist.get_rank() == 0:
    print("met", sys.argv[2], total.item(), *sorted(where))
dist.destroy_process_group()
"""

STEPS = """
ensemble:
  time: 5m
  together:
    ranks: {on: cluster, nodes: 2, tasks: 2, needs: "python, mpi", mpi: true, run: python -m mpi4py slices.py mpi}
    gpus: {on: booster, tasks: 2, gpus: 2, needs: "python, mpi", mpi: true, run: python -m mpi4py slices.py mpi}
    annealer: {on: quantum, needs: python, quantum: {seconds: 3}, run: python slices.py qpu $HQML_MAX_QPU_SECONDS}
fails:
  time: 5m
  together:
    long: {on: cluster, run: "sleep 200; touch ended"}
    short: {on: booster, gpus: 1, run: "sleep 1; exit 7"}
train: {on: booster, nodes: 2, gpus: 2, time: 5m, needs: torch, launch: torchrun, run: meet.py --as train}
one: {on: quantum, time: 2m, quantum: {seconds: 1}, run: bash timed.sh one}
two: {on: quantum, time: 2m, quantum: {seconds: 1}, run: bash timed.sh two}
"""

TIMED = "begun=$(date +%s.%N); sleep 1.5; echo $1 $begun $(date +%s.%N) >> spans.txt"


@pytest.fixture(scope="module")
def ended(system: Miniature, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of all of them at the same time."""
    run = Run(system, tmp_path_factory.mktemp("modular"))
    run.write(STEPS, slices_py=SLICES, meet_py=MEET, timed_sh=TIMED)
    run.submit()
    run.wait()
    return run


@pytest.fixture(scope="module")
def status(ended: Run) -> dict[str, dict[str, Any]]:
    return ended.status()


def test_ranks_on_cluster_and_booster_train_slices_while_a_quantum_step_uses_the_node(
    ended: Run, status: dict[str, dict[str, Any]]
) -> None:
    assert status["ensemble"]["state"] == "done", ended.logs
    mpi, qpu = (json.loads((ended.folder / f"{name}.json").read_text()) for name in ("mpi", "qpu"))
    assert sorted(mpi["nodes"]) == ["dc01", "dc02", "jb01", "jb01"]
    assert mpi["slices"] == qpu["slices"] > 20
    assert min(mpi["score"], qpu["score"]) > 0.9
    assert mpi["started"] < qpu["ended"]
    assert qpu["started"] < mpi["ended"]


def test_the_first_component_that_fails_ends_the_others(ended: Run, status: dict[str, dict[str, Any]]) -> None:
    [task] = status["fails"]["tasks"]
    assert (task["state"], task["status"]) == ("failed", 7), ended.logs
    assert task["seconds"] < 60
    assert not (ended.folder / "ended").exists()


def test_torchrun_meets_over_two_nodes(ended: Run, status: dict[str, dict[str, Any]]) -> None:
    assert status["train"]["state"] == "done", ended.logs
    assert "met train 6.0 jb01 jb01 jb02 jb02" in ended.hqml("job", "logs", "train").stdout


def test_the_licence_lets_one_quantum_step_run_at_a_time(ended: Run, status: dict[str, dict[str, Any]]) -> None:
    assert [status[step]["state"] for step in ("one", "two")] == ["done", "done"], ended.logs
    qpu = json.loads((ended.folder / "qpu.json").read_text())
    spans = sorted([*ended.spans().values(), (qpu["started"], qpu["ended"])])
    assert len(spans) == 3
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
