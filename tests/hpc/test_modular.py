"""Jobs over several modules, on a real Slurm: MPI across two of them, a quantum node beside, torchrun, licences."""

from __future__ import annotations

import json

import pytest
from miniature.runs import Run

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


def test_ranks_on_cluster_and_booster_train_slices_while_a_quantum_step_uses_the_node(run: Run) -> None:
    run.write(
        """
        ensemble:
          time: 5m
          together:
            ranks:
              on: cluster
              nodes: 2
              tasks: 2
              needs: python, mpi
              mpi: true
              run: python -m mpi4py slices.py mpi
            gpus:
              on: booster
              tasks: 2
              gpus: 2
              needs: python, mpi
              mpi: true
              run: python -m mpi4py slices.py mpi
            annealer:
              on: quantum
              needs: python
              quantum: {seconds: 3}
              run: python slices.py qpu $HQML_MAX_QPU_SECONDS
        """,
        slices_py=SLICES,
    )
    jobs = run.submit()
    assert set(jobs) == {"ensemble"}
    run.wait()
    assert run.states() == {"ensemble": "done"}, run.logs
    mpi, qpu = (json.loads((run.folder / f"{name}.json").read_text()) for name in ("mpi", "qpu"))
    assert sorted(mpi["nodes"]) == ["dc01", "dc02", "jb01", "jb01"]
    assert mpi["slices"] == qpu["slices"] > 20
    assert min(mpi["score"], qpu["score"]) > 0.9
    assert mpi["started"] < qpu["ended"]
    assert qpu["started"] < mpi["ended"]


def test_the_first_component_that_fails_ends_the_others(run: Run) -> None:
    run.write(
        """
        both:
          time: 5m
          together:
            long: {on: cluster, run: "sleep 200; touch ended"}
            short: {on: booster, gpus: 1, run: "sleep 1; exit 7"}
        """
    )
    run.submit()
    run.wait(seconds=30)
    step = run.status()["both"]
    assert (step["state"], step["tasks"][0]["status"]) == ("failed", 7), run.logs
    assert not (run.folder / "ended").exists()


def test_torchrun_meets_over_two_nodes(run: Run) -> None:
    run.write(
        """
        train:
          on: booster
          nodes: 2
          gpus: 2
          time: 5m
          needs: python, torch
          launch: torchrun
          run: meet.py --as train
        """,
        meet_py="""
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
        """,
    )
    run.submit()
    run.wait()
    assert run.states() == {"train": "done"}, run.logs
    assert "met train 6.0 jb01 jb01 jb02 jb02" in run.logs


def test_the_licence_lets_one_quantum_step_run_at_a_time(run: Run) -> None:
    timed = "date +%s.%N > $HQML_STEP; sleep 2; echo $HQML_STEP $(cat $HQML_STEP) $(date +%s.%N) >> spans.txt"
    steps = [
        f'{name}: {{on: quantum, time: 2m, quantum: {{seconds: 1}}, run: "HQML_STEP={name}; {timed}"}}'
        for name in ("one", "two")
    ]
    run.write("\n".join([*steps, f'other: {{on: cluster, time: 2m, run: "HQML_STEP=other; {timed}"}}']))
    run.submit()
    run.wait()
    assert set(run.states().values()) == {"done"}, run.logs
    spans = run.spans()
    first, second = sorted((spans["one"], spans["two"]))
    assert first[1] <= second[0]
    assert spans["other"][0] < first[1]
