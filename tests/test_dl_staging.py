"""Copies of data on the node: one a node, whole or none."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from hqml.dl.data import open_splits
from hqml.dl.data.staging import LOCAL, staged
from hqml.dl.spec import DataSpec
from hqml.errors import HostError

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in (*LOCAL, "SLURM_JOB_ID"):
        monkeypatch.delenv(variable, raising=False)
    folder = tmp_path / "nvme"
    folder.mkdir()
    monkeypatch.setenv("HQML_LOCAL", str(folder))
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.npz"
    np.savez(path, x=np.random.default_rng(0).random((1000, 20)), y=np.arange(1000.0))
    return path


def copies(local: Path) -> list[Path]:
    return sorted(one for one in local.rglob("*") if one.is_file() and one.suffix != ".lock")


def test_a_copy_is_read_and_found_again(local: Path, data: Path) -> None:
    said: list[str] = []
    first = staged({"x": (data,), "y": (data,)}, must=True, say=said.append)
    again = staged({"x": (data,)}, must=True, say=said.append)
    assert first["x"] == first["y"] == again["x"] != (data,)
    assert copies(local) == [*first["x"]]
    assert first["x"][0].read_bytes() == data.read_bytes()
    assert [one.split(":")[0] for one in said] == ["staged", "staged before"]


def test_the_copies_are_the_users_alone(local: Path, data: Path) -> None:
    [copy] = staged({"x": (data,)}, must=True)["x"]
    assert (local / f"hqml-data-{os.getuid()}").stat().st_mode & 0o077 == 0
    assert copy.is_relative_to(local / f"hqml-data-{os.getuid()}")


def test_a_file_that_changed_is_copied_anew(local: Path, data: Path) -> None:
    [first] = staged({"x": (data,)}, must=True)["x"]
    np.savez(data, x=np.zeros((3, 2)))
    [second] = staged({"x": (data,)}, must=True)["x"]
    assert first != second
    assert second.read_bytes() == data.read_bytes()


def test_folders_are_copied_whole(local: Path, tmp_path: Path) -> None:
    store = tmp_path / "data.zarr"
    (store / "x" / "c").mkdir(parents=True)
    (store / "x" / "c" / "0").write_bytes(b"chunk")
    [copy] = staged({"x": (store,)}, must=True)["x"]
    assert (copy / "x" / "c" / "0").read_bytes() == b"chunk"
    assert copy.suffix == ".zarr"


def _staged(path: Path, results: multiprocessing.Queue[list[str]]) -> None:
    said: list[str] = []
    staged({"x": (path,)}, must=True, say=said.append)
    results.put(said)


def test_of_the_processes_of_a_node_one_copies(local: Path, data: Path) -> None:
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    ranks = [context.Process(target=_staged, args=(data, results)) for _ in range(4)]
    for rank in ranks:
        rank.start()
    said = sorted(results.get(timeout=60)[0].split(":")[0] for _ in ranks)
    for rank in ranks:
        rank.join(60)
    assert said == ["staged", "staged before", "staged before", "staged before"]
    assert len(copies(local)) == 1


def test_what_a_killed_copier_left_is_no_copy(local: Path, data: Path) -> None:
    [copy] = staged({"x": (data,)}, must=True)["x"]
    part = copy.parent.with_name(f"{copy.parent.name}.part")
    copy.parent.rename(part)
    copy_of_part = part / copy.name
    copy_of_part.write_bytes(b"half")
    [again] = staged({"x": (data,)}, must=True)["x"]
    assert again.read_bytes() == data.read_bytes()
    assert not part.exists()


@pytest.mark.parametrize("must", [True, False])
def test_without_space_nothing_is_copied(must: bool, local: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**6, 10**6, 1000))
    said: list[str] = []
    if must:
        with pytest.raises(HostError, match=r"has 1e-06 GB free, the data need 0\.\d+ GB"):
            staged({"x": (data,)}, must=True)
    else:
        assert staged({"x": (data,)}, must=False, say=said.append) == {"x": (data,)}
        assert "read in place" in said[0]
    assert copies(local) == []


def test_a_copy_that_fails_leaves_nothing(local: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(HostError, match=r"data cannot be staged: .*No space left"):
        staged({"x": (data,)}, must=True)
    assert copies(local) == []


def test_data_that_change_while_they_are_copied_are_not_taken(
    local: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copyfile

    def slow(source: Path, target: Path) -> None:
        copy(source, target)
        with open(data, "ab") as file:
            file.write(b"more")

    monkeypatch.setattr(shutil, "copyfile", slow)
    with pytest.raises(HostError, match="changed while they were copied"):
        staged({"x": (data,)}, must=True)
    assert copies(local) == []


class TestPlace:
    def test_without_storage_of_the_node_files_are_read_where_they_are(
        self, local: Path, data: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("HQML_LOCAL")
        assert staged({"x": (data,)}, must=False) == {"x": (data,)}
        with pytest.raises(HostError, match="none of HQML_LOCAL, SLURM_TMPDIR, LOCAL_SCRATCH, TMPDIR names a folder"):
            staged({"x": (data,)}, must=True)

    @pytest.mark.parametrize(
        ("job", "must", "copied"), [(True, False, False), (False, False, False), (True, True, True)]
    )
    def test_a_folder_on_the_datas_own_storage_is_no_gain(
        self, job: bool, must: bool, copied: bool, local: Path, data: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("HQML_LOCAL")
        monkeypatch.setenv("TMPDIR", str(local))
        if job:
            monkeypatch.setenv("SLURM_JOB_ID", "1")
        assert (staged({"x": (data,)}, must=must) != {"x": (data,)}) == copied

    def test_a_folder_of_somebody_else_is_not_used(self, local: Path, data: Path, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        (local / f"hqml-data-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(HostError, match="is somebody else's"):
            staged({"x": (data,)}, must=True)


@pytest.mark.parametrize(
    ("stage", "limit", "copied"), [(None, 1000, 0), (None, 0.1, 1), (True, 1000, 1), (False, 0.1, 0)]
)
def test_unasked_only_what_does_not_fit_into_memory_is_staged(
    stage: bool | None, limit: float, copied: int, local: Path, data: Path
) -> None:
    spec = DataSpec(file=data.name, classes=False, stage=stage, limit_mb=limit, batch=10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hqml.dl.data.stored.READ", 1000)
        splits = open_splits(spec, data.parent)
    assert len(copies(local)) == copied
    assert len(splits.train) == 700
