"""Target: what hqml itself has left on disk and reads again, as `hqml job resume`, `compare`, `train` and the node do.

The first byte of an input chooses who reads the rest.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from fuzzing import archives
from fuzzing.mutators import as_json, trees
from fuzzing.target import Run

Readers = tuple[Callable[[bytes], object], ...]


def make(work: Path) -> Run:
    readers: Readers = (
        *_comparisons(work),
        *_runs(work),
        *_trainings(work),
        *_samples(work),
        *_services(work),
    )

    def run(data: bytes) -> None:
        if data:
            readers[data[0] % len(readers)](data[1:])

    return run


def _comparisons(work: Path) -> Readers:
    from hqml.compare.claims import _read
    from hqml.compare.comparison import Comparison
    from hqml.compare.outcome import Outcome
    from hqml.compare.problems import qubo_problem
    from hqml.compare.store import Store
    from hqml.compare.study import Solver, Study

    (work / "g.mc").write_text("3 2\n1 2 1\n2 3 1\n")
    study = Study((qubo_problem(str(work / "g.mc")),), (Solver("cpu"),), (0,))
    store, cell = Store(work / "store"), next(iter(study.cells()))

    def comparison(data: bytes) -> None:
        (work / "found.json").write_bytes(data)
        Comparison.load(work / "found.json").summary_rows()

    def stored(data: bytes) -> None:
        (work / "store" / "cells" / f"{cell.key}.json").write_bytes(data)
        store.load(cell)

    def described(data: bytes) -> None:
        (work / "store" / "study.json").write_bytes(data)
        store.description()

    def claim(data: bytes) -> None:
        (work / "claim").write_bytes(data)
        _read(work / "claim")

    return comparison, stored, described, claim, lambda data: Outcome.from_json(data.decode(errors="replace"))


def _runs(work: Path) -> Readers:
    from hqml.hpc.run import read_jobs, read_manifest, write_json
    from hqml.hpc.runs.claim import CLAIM, holder
    from hqml.hpc.runs.folder import asked_for
    from hqml.hpc.runs.local_status import statuses_by_files
    from hqml.hpc.runs.resume import again

    folder = work / "run"
    for place in (folder, folder / "state"):
        place.mkdir(exist_ok=True)
    good = _manifest()

    def stands() -> None:
        manifest = read_manifest(folder)
        if sum(one.tasks for one in manifest.jobs) > 1000:
            return  # an array of a million tasks is no mistake
        read_jobs(folder)
        again(manifest, {one.step: one for one in statuses_by_files(manifest, folder, alive=False)})
        asked_for(manifest)

    def manifest(data: bytes) -> None:
        (folder / "manifest.json").write_bytes(data)
        (folder / "jobs.json").unlink(missing_ok=True)
        stands()

    def jobs(data: bytes) -> None:
        write_json(good, folder)
        (folder / "jobs.json").write_bytes(data)
        stands()

    def state(data: bytes) -> None:
        write_json(good, folder)
        (folder / "state" / "train").write_bytes(data)
        stands()

    def claim(data: bytes) -> None:
        (folder / CLAIM).write_bytes(data)
        holder(folder)

    return manifest, jobs, state, claim


def _manifest() -> Any:
    from hqml.hpc.run import Job, Manifest, Part

    part = Part("train", "cluster", "cluster", None, 1, 1, 0)
    return Manifest("w", "local", "none", "/tmp", "d", "0.1.0", (Job("train", "1-train.sh", (), 60.0, (part,)),))


def _trainings(work: Path) -> Readers:
    from hqml.dl.spec_file import read_task
    from hqml.dl.tracking.memory import Memory
    from hqml.dl.training.state import read_state
    from hqml.tuning.journal import Journal
    from hqml.tuning.space import space_of

    (work / "t.yaml").write_text("model: {family: mlp, hidden: [2]}\ndata: digits\nepochs: 1\n")
    task = read_task(work / "t.yaml")
    (work / "tracked").mkdir(exist_ok=True)
    memory = Memory(work / "tracked")
    space = space_of({"C": [1, 2]})

    def checkpoint(data: bytes) -> None:
        (work / "checkpoint.pt").write_bytes(archives.closed(data))
        read_state(work / "checkpoint.pt", task)

    def search(data: bytes) -> None:
        (work / "journal").write_bytes(data)
        Journal(work / "journal", space, {"data": "x"}, 0, own_seed=False).close()

    def tracked(data: bytes) -> None:
        (work / "tracked" / "tracking.json").write_bytes(data)
        (work / "tracked" / "tracking_waiting.jsonl").write_bytes(data)
        memory.events()
        memory.run()

    return checkpoint, search, tracked


def _samples(work: Path) -> Readers:
    import hqml
    from hqml_mpi.checkpoint import Checkpoint
    from hqml_ocean.cloud.kept import Kept

    model = hqml.DenseQubo(np.eye(3))
    slices, kept = Checkpoint(work / "slices"), Kept(work, 0)

    def by_cpu(data: bytes) -> None:
        (work / "run.npz").write_bytes(archives.closed(data))
        hqml.sample(model, "cpu", reads=2, num_sweeps=2, seed=0, checkpoint=work / "run.npz")

    def by_ranks(data: bytes) -> None:
        (work / "slices" / "key.npz").write_bytes(archives.closed(data))
        slices.load("key")

    def by_cloud(data: bytes) -> None:
        kept._file(0, "npz").write_bytes(archives.closed(data))
        kept.answer(0)
        kept._file(0, "json").write_bytes(data)
        kept.sent(0)

    return by_cpu, by_ranks, by_cloud


def _services(work: Path) -> Readers:
    from hqml_ocean.node.faults import faults_from
    from hqml_ocean.node.tokens import Tokens

    def tokens(data: bytes) -> None:
        (work / "tokens").write_bytes(data)
        Tokens(work / "tokens").account("a token")

    return tokens, lambda data: faults_from(data.decode(errors="surrogateescape"))


def seeds(work: Path) -> Mapping[str, bytes]:
    found: dict[str, bytes] = {}
    outcome = {"format": 1, "key": "k", "problem": "g", "solver": "cpu", "backend": "cpu", "seed": 0, "reads": 10}
    outcome |= {"kind": "qubo", "reference": False, "parameters": {}, "energies": [-1.0], "timing": {"total": 1.0}}
    whole = {"format": 1, "description": {}, "outcomes": [outcome]}
    texts = (
        whole,
        outcome,
        {"format": "hqml study 1", "name": "x"},
        {"place": "h", "pid": 1, "mark": "m", "qpu": 0.0, "spent": None, "born": 0},
        outcome,
        asdict(_manifest()),
        {"host": None, "folder": "/tmp", "identifiers": {"train": ["12", "13_1"]}, "cancelled": []},
        "0 10 20",
        {"pid": 1, "host": "h", "boot": "b", "born": 0},
    )
    for place, content in enumerate(texts):
        found[f"{place}"] = bytes([place]) + (content.encode() if isinstance(content, str) else as_json(content))
    stream = io.BytesIO()
    np.savez(stream, about=np.array(json.dumps({"hqml": "0.1.0"})), **{"0/states": np.zeros((2, 3), np.int8)})
    archive = archives.opened(stream.getvalue())
    journal = b'{"format": "hqml search journal 1", "identity": {"data": "x"}, "seed": 1}\n{"qpu": 1.0}\n'
    journal += b'{"params": [["C", 1]], "folds": [{"score": 1.0, "seconds": 1.0}]}\n'
    run = {"tool": "mlflow", "uri": None, "experiment": "e", "title": "t", "offline": False, "run": "r"}
    found |= {"11": b"\x0b" + as_json(run), "9": b"\x09" + _checkpoint(work), "10": b"\x0a" + journal}
    found |= {str(place): bytes([place]) + archive for place in (12, 13, 14)}
    faults = as_json([{"where": "job", "times": 1, "status": 500}])
    return found | {
        "15": b"\x0fabc 10\n# d\n",
        "16": b"\x10" + faults,
        "json": b"\x0e" + as_json({"label": "a", "job": "b"}),
    }


def _checkpoint(work: Path) -> bytes:
    """Of a training that has begun."""
    import hqml.dl

    (work / "t.yaml").write_text("model: {family: mlp, hidden: [2]}\ndata: digits\nepochs: 1\n")
    hqml.dl.train(hqml.dl.read_task(work / "t.yaml"), work / "begun", resume=False)
    return archives.opened((work / "begun" / "checkpoint.pt").read_bytes())


def _load(data: bytes) -> list[Any]:
    return [data[0], json.loads(data[1:])]


json_mutate = trees(_load, lambda tree: bytes([int(tree[0]) % 256]) + as_json(tree[1]), raw=0.5)
