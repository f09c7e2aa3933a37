"""Several ranks that train one model: DDP under torchrun, Horovod, and which of them is chosen."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install 'hqml[dl]'")

import numpy as np  # noqa: E402

from hqml.dl.data import signature_of  # noqa: E402
from hqml.dl.source import Arrays, ArraySource, Rows, Splits  # noqa: E402
from hqml.dl.spec import Task  # noqa: E402
from hqml.dl.training import fit, open_group  # noqa: E402
from hqml.dl.training.groups import opening  # noqa: E402
from hqml.dl.training.groups.lost import lost_ranks_told  # noqa: E402
from hqml.dl.training.groups.ranks import Place, first_host, place_in  # noqa: E402
from hqml.errors import DataError, HostError, ParameterError  # noqa: E402

CASES: dict[str, dict[str, Any]] = {
    "mlp": {"model": {"family": "mlp", "hidden": [16]}, "clip": 1.0},
    "accumulated": {"model": {"family": "mlp", "hidden": [16]}, "accumulate": 2},
    "scheduled": {"model": {"family": "mlp", "hidden": [16]}, "schedule": {"name": "one-cycle"}},
    "lbfgs": {"model": {"family": "mlp", "hidden": [8]}, "optimizer": {"name": "lbfgs", "max_iter": 3}},
}
"""What has to come out the same, whoever computes it. Float64, and nothing that draws numbers of its own."""


def task(case: str, **keys: Any) -> Task:
    shared = {"name": "t", "data": {"source": "digits", "batch": 25}, "epochs": 2, "precision": "float64"}
    return Task.model_validate({**shared, **CASES.get(case, {}), **keys})


def splits(train: int = 103) -> Splits:
    """Sizes that no number of ranks divides."""
    rng = np.random.default_rng(0)
    x = rng.normal(2, 3, (train + 74, 5)).astype(np.float32)
    y = (np.sin(x).sum(1) * 40).astype(np.float32)
    parts = slice(0, train), slice(train, train + 37), slice(train + 37, None)
    return Splits(*(ArraySource({"x": x[part], "y": y[part]}) for part in parts))


class Asking(ArraySource):
    """Asks rank 0 alone to stop, in the second step of the second epoch."""

    def __init__(self, arrays: Any, rank: int) -> None:
        super().__init__(arrays)
        object.__setattr__(self, "reads", 0 if rank == 0 else 1000)

    def read(self, rows: Rows) -> Arrays:
        object.__setattr__(self, "reads", self.reads + 1)  # type: ignore[attr-defined]
        if self.reads == 4 + 5 + 2:  # type: ignore[attr-defined]  # after those for the scale, and the first epoch
            os.kill(os.getpid(), signal.SIGUSR1)
        return super().read(rows)


class Leaving(ArraySource):
    """Ends its process in the second step, after four reads for the scale."""

    def read(self, rows: Rows) -> Arrays:
        object.__setattr__(self, "reads", getattr(self, "reads", 0) + 1)
        if self.reads == 4 + 2:  # type: ignore[attr-defined]
            os._exit(0)
        return super().read(rows)


def as_array(source: Any) -> ArraySource:
    assert isinstance(source, ArraySource)
    return source


def figures(case: str, data: ArraySource | None = None, **where: Any) -> dict[str, Any]:
    parts = splits()
    if data is not None:
        parts = replace(parts, train=data)
    found = fit(task(case), parts, signature_of(parts), **where)
    return {
        "curve": [[epoch.loss, *epoch.validation.values(), epoch.rate] for epoch in found.history],
        "test": list(found.test.values()),
        "best": found.best,
    }


def work(out: str) -> None:
    """What each rank does: every case, one of them stopped and started again."""
    group = open_group("auto")
    rank = group.rank
    results: dict[str, Any] = {"group": type(group).__name__, "size": group.size}
    results |= {case: figures(case, group=group) for case in CASES}
    folder = Path(out).with_suffix("")
    folder.mkdir(exist_ok=True)

    with pytest.raises(SystemExit) as ended:
        figures("mlp", data=Asking(as_array(splits().train).arrays, rank), group=group, folder=folder)
    results["ended"] = ended.value.code
    results["again"] = figures("mlp", group=group, folder=folder)
    adversarial = task("gan", model="wgan", precision="float32", epochs=1)
    parts = splits()
    images = [as_array(part).arrays["x"] for part in (parts.train, parts.validation, parts.test)]
    real = Splits(*(ArraySource({"x": x, "y": x}) for x in images))
    fitted = fit(adversarial, real, signature_of(real), group=group)
    weights = torch.cat([value.flatten().double() for value in fitted.model.state_dict().values()])
    results["apart"] = float((group.sum(weights) - group.size * weights).abs().max())
    if results["group"] == "Ddp":
        train = as_array(splits().train)
        with pytest.raises(HostError) as lost:
            figures("mlp", data=train if rank == 0 else Leaving(train.arrays), group=group)
        results["lost"] = str(lost.value)
    if rank == 0:
        Path(out).write_text(json.dumps(results))
    group.close()


PROGRAM = """
import sys
sys.path.insert(0, {tests!r})
import test_dl_ranks
test_dl_ranks.work({out!r})
"""


def started(command: list[str], out: Path) -> dict[str, Any]:
    program = out.with_suffix(".py")
    program.write_text(PROGRAM.format(tests=str(Path(__file__).parent), out=str(out)))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(
        [*command, str(program)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PATH": path},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-4000:]
    assert "FutureWarning" not in ended.stderr
    found: dict[str, Any] = json.loads(out.read_text())
    return found


@pytest.fixture(scope="module")
def alone() -> dict[str, Any]:
    return {case: figures(case) for case in CASES}


def check(found: dict[str, Any], alone: dict[str, Any]) -> None:
    for case in CASES:
        digits = 1e-6 if case == "lbfgs" else 1e-10  # its line search amplifies how sums are rounded
        assert np.allclose(found[case]["curve"], alone[case]["curve"], rtol=digits, atol=0), case
        assert np.allclose(found[case]["test"], alone[case]["test"], rtol=digits, atol=0), case
        assert found[case]["best"] == alone[case]["best"]
    assert found["ended"] == 75
    assert found["again"]["curve"] == found["mlp"]["curve"]
    assert found["apart"] == 0  # ranks end with the same weights, adversarial phases included


def test_two_ranks_of_ddp_train_what_one_does(
    tmp_path: Path, alone: dict[str, Any], free_port: Callable[[], int]
) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port"]
    found = started([*torchrun, str(free_port())], tmp_path / "by_ddp.json")
    assert (found["group"], found["size"]) == ("Ddp", 2)
    check(found, alone)
    assert found["lost"].startswith("another rank has failed")


def test_two_ranks_of_horovod_train_what_one_does(tmp_path: Path, alone: dict[str, Any]) -> None:
    pytest.importorskip("horovod.torch", reason="Horovod is not installed; docs/dl/training.md says how to build it")
    horovodrun = shutil.which("horovodrun", path=str(Path(sys.executable).parent))
    assert horovodrun
    found = started([horovodrun, "-np", "2", "--gloo", sys.executable], tmp_path / "by_horovod.json")
    assert (found["group"], found["size"]) == ("Horovod", 2)
    check(found, alone)


def test_only_the_loss_of_a_rank_is_told_as_one() -> None:
    with pytest.raises(HostError, match="another rank has failed, or cannot be reached"), lost_ranks_told():
        raise torch.distributed.DistBackendError("NCCL communicator was aborted on rank 1")
    with pytest.raises(RuntimeError, match="out of memory"), lost_ranks_told():
        raise RuntimeError("out of memory")


# --- who they are


def test_one_process_is_a_group_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "SLURM_PROCID", "HOROVOD_RANK"):
        monkeypatch.delenv(name, raising=False)
    for distribution in ("auto", "none", "ddp"):
        group = open_group(distribution)
        assert (group.rank, group.size, group.local_rank) == (0, 1, 0)


SRUN = {
    "SLURM_PROCID": "5",
    "SLURM_STEP_NUM_TASKS": "8",
    "SLURM_LOCALID": "1",
    "SLURM_STEP_NODELIST": "jwb[0021-0022]",
    "SLURM_JOB_ID": "4711",
    "SLURM_STEP_ID": "0",
}


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({}, Place()),
        (
            {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "MASTER_ADDR": "node1", "MASTER_PORT": "29500"},
            Place("torchrun", 3, 4, 1, "node1", 29500),
        ),
        ({"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}, Place("torchrun")),
        (SRUN, Place("srun", 5, 8, 1, "jwb0021", 20000 + 4711 * 7 % 10000)),
        ({**SRUN, "MASTER_ADDR": "ib0", "MASTER_PORT": "9"}, Place("srun", 5, 8, 1, "ib0", 9)),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "8"}, Place()),  # a batch script, before its srun
        ({"HOROVOD_RANK": "1", "HOROVOD_SIZE": "2", "HOROVOD_LOCAL_RANK": "1"}, Place("horovodrun", 1, 2, 1)),
    ],
)
def test_a_launcher_s_words_are_understood(environment: dict[str, str], place: Place) -> None:
    assert place_in(environment) == place


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}, "MASTER_ADDR or MASTER_PORT says not where they meet"),
        ({"RANK": "2", "WORLD_SIZE": "2"}, "RANK=2 and WORLD_SIZE=2 do not fit each other"),
        ({"RANK": "one", "WORLD_SIZE": "2"}, "RANK='one' is no whole number"),
    ],
)
def test_a_damaged_environment_is_told(environment: dict[str, str], message: str) -> None:
    with pytest.raises(HostError, match=message):
        place_in(environment)


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("login1", "login1"),
        ("a1,a2", "a1"),
        ("jwb[0003-0005,0009],login1", "jwb0003"),
        ("n[07]-ib,n8", "n07-ib"),
        ("", ""),
    ],
)
def test_slurm_s_short_lists_of_nodes_begin_with(nodes: str, first: str) -> None:
    assert first_host(nodes) == first


def test_a_task_for_one_is_not_started_several_times(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SRUN.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ParameterError, match="srun started 8 ranks of a task with distribution: none"):
        open_group("none")


def test_ranks_need_a_sample_each() -> None:
    class Many:
        rank, size, local_rank, device = 0, 4, 0, torch.device("cpu")

    few = splits(3)
    with pytest.raises(DataError, match="4 ranks cannot share 3 training samples"):
        fit(task("mlp"), few, signature_of(few), group=Many())  # type: ignore[arg-type]


# --- where there are GPUs, by a stand-in of what torch says


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[int]]:
    def there_are(count: int) -> list[int]:
        chosen: list[int] = []
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
        return chosen

    return there_are


def test_each_rank_of_a_node_has_a_gpu_of_its_own(gpus: Callable[[int], list[int]]) -> None:
    chosen = gpus(4)
    assert opening.device_for(Place("torchrun", 6, 8, 2)) == torch.device("cuda", 2)
    assert chosen == [2]
    with pytest.raises(HostError, match=r"number 4 of its node \(from 0\), which has 4 GPUs"):
        opening.device_for(Place("torchrun", 4, 8, 4))


def test_a_rank_that_is_shown_one_gpu_takes_it(gpus: Callable[[int], list[int]]) -> None:
    gpus(1)
    assert opening.device_for(Place("srun", 3, 4, 3)) == torch.device("cuda", 0)


@pytest.mark.parametrize(("count", "backend"), [(4, "nccl"), (0, "gloo")])
def test_gpus_speak_by_nccl_and_cpus_by_gloo(
    gpus: Callable[[int], list[int]], monkeypatch: pytest.MonkeyPatch, count: int, backend: str
) -> None:
    from torch import distributed

    asked: dict[str, Any] = {}
    if count:
        gpus(count)
    monkeypatch.setattr(distributed, "init_process_group", lambda name, **others: asked.update(others, name=name))
    for name, value in {**SRUN, "MASTER_ADDR": "jwb0021i", "MASTER_PORT": "6000"}.items():
        monkeypatch.setenv(name, value)
    group = open_group("ddp")
    assert (asked["name"], asked["rank"], asked["world_size"]) == (backend, 5, 8)
    assert asked["init_method"] == "tcp://jwb0021i:6000"
    assert group.device.type == ("cuda" if count else "cpu")
