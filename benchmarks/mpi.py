"""The mpi backend on one and two ranks against the cpu backend in one process: a batch of slices, a tempering run.

A rank has one thread, as mpiexec binds it to one core. Loading and compiling are done by a run that does not count.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

import hqml
from common import SHARED, Table, landsat_kernel
from hqml import Qubo
from hqml.io import read
from hqml.problems.svm_dual import svm_dual

SLICES, POINTS, DIGITS = 40, 200, 3
REPEATS = 5

BATCH = f"{SLICES} Gram models of {POINTS} points, {DIGITS} digits, 32 reads"
TEMPERING = "tempering of G22, 64 reads, 2000 sweeps"


def batch() -> tuple[Sequence[Qubo], dict[str, Any]]:
    kernel, labels, _ = landsat_kernel(1000)
    rng = np.random.default_rng(0)
    picks = [rng.choice(len(labels), POINTS, replace=False) for _ in range(SLICES)]
    models = [svm_dual(kernel[np.ix_(pick, pick)], labels[pick], n_bits=DIGITS) for pick in picks]
    return models, {"reads": 32}


def tempering() -> tuple[Sequence[Qubo], dict[str, Any]]:
    graph = read(SHARED / "qubo" / "G22.mc.gz").qubo
    return [graph], {"reads": 64, "method": "tempering", "num_sweeps": 2000}


WORKS: dict[str, Callable[[], tuple[Sequence[Qubo], dict[str, Any]]]] = {BATCH: batch, TEMPERING: tempering}


def measure() -> Table:
    rows = []
    for name in WORKS:
        direct = _launched(name, "cpu", 1)
        rows.append([name, "cpu", "-", direct["replicas"], direct["wall"], direct["cpu"], "-", 1.0, direct["energy"]])
        alone = _launched(name, "mpi", 1)
        for ranks, spent in ((1, alone), (2, _launched(name, "mpi", 2))):
            speed_up, over = _pace(spent) / _pace(alone), _pace(direct) / _pace(spent)
            replicas = spent["replicas"]
            rows.append([name, "mpi", ranks, replicas, spent["wall"], spent["cpu"], speed_up, over, spent["energy"]])
    columns = ["work", "backend", "ranks", "replicas", "wall s", "CPU s", "speed-up", "time / cpu's", "mean energy"]
    notes = (
        f"Medians of {REPEATS} runs; CPU seconds are those of all ranks. In tempering every rank brings replicas "
        "of its own; speed-up over one rank, and time as a multiple of that of cpu, are for the same number of "
        "replicas. Energy is the mean over all reads, the lowest of the replicas."
    )
    return Table("mpi", "The mpi backend on one and two ranks", columns, rows, notes)


def _pace(spent: dict[str, Any]) -> float:
    """Replicas a second."""
    return float(spent["replicas"] / spent["wall"])


def _launched(name: str, backend: str, ranks: int) -> dict[str, Any]:
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    mpiexec = Path(sys.executable).with_name("mpiexec")
    command = [mpiexec, "-n", str(ranks), sys.executable, __file__, name, backend]
    done = subprocess.run(command, env=os.environ | root, capture_output=True, text=True, check=True)
    spent: dict[str, Any] = json.loads(done.stdout)
    return spent


def _as_rank(name: str, backend: str) -> None:
    """One rank's part; rank 0 prints what was spent."""
    from mpi4py import MPI

    models, options = WORKS[name]()
    solver = hqml.load_backend(backend, threads=1)
    solver.sample(models, seed=0, **options)
    walls, cpus, energy, replicas = [], [], 0.0, 0
    for _ in range(REPEATS):
        MPI.COMM_WORLD.barrier()
        wall, cpu = perf_counter(), process_time()
        found = solver.sample(models, seed=0, **options)
        walls.append(perf_counter() - wall)
        cpus.append(MPI.COMM_WORLD.allreduce(process_time() - cpu))
        energy = float(np.mean([one.record.energy.mean() for one in found]))
        replicas = sum(one.info.get("replicas", len(one)) for one in found)
    if MPI.COMM_WORLD.rank == 0:
        spent = {"wall": statistics.median(walls), "cpu": statistics.median(cpus)}
        print(json.dumps({**spent, "energy": energy, "replicas": replicas}))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _as_rank(*sys.argv[1:])
    else:
        print(measure().markdown())
