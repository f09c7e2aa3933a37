"""Epochs over files four times as large as the memory they may take, against reading the same bytes plainly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from common import Table

LIMIT_MB = 64
SHAPE = (4, 64, 64)  # bands and pixels, as of a multispectral patch
SAMPLES = 4 * LIMIT_MB * 10**6 // (4 * 4 * 64 * 64)
BATCH = 64
REPEATS = 5

KINDS = {
    "npy": ("x.npy", {}),
    "HDF5, in one piece": ("x.h5", {}),
    "HDF5, chunks of 16": ("x.h5", {"chunks": (16, *SHAPE)}),
    "HDF5, chunks of 16, gzip 1": ("x.h5", {"chunks": (16, *SHAPE), "compression": "gzip", "compression_opts": 1}),
    "Zarr, chunks of 64": ("x.zarr", {"chunks": (64, *SHAPE), "compressors": None}),
    "Zarr, chunks of 64, zstd": ("x.zarr", {"chunks": (64, *SHAPE)}),
    "GeoTIFF, tiles of 64": ("x.tif", {}),
}


def write(path: Path, options: dict[str, Any]) -> None:
    """Numbers with 12 bits, as sensors give them, in float32."""
    random = np.random.default_rng(0)
    pieces = (random.integers(0, 4096, (SAMPLES // 32, *SHAPE)).astype(np.float32) for _ in range(32))
    if path.suffix == ".npy":
        array = np.lib.format.open_memmap(path, "w+", np.float32, (SAMPLES // 32 * 32, *SHAPE))
        _fill(array, pieces)
        array.flush()
    elif path.suffix == ".h5":
        import h5py

        with h5py.File(path, "w") as file:
            _fill(file.create_dataset("x", (SAMPLES // 32 * 32, *SHAPE), np.float32, **options), pieces)
    elif path.suffix == ".zarr":
        import zarr

        group = zarr.open_group(path, mode="w")
        _fill(group.create_array("x", shape=(SAMPLES // 32 * 32, *SHAPE), dtype="float32", **options), pieces)
    else:
        _write_raster(path, pieces)


def _fill(array: Any, pieces: Iterator[np.ndarray]) -> None:
    for number, piece in enumerate(pieces):
        array[number * len(piece) : (number + 1) * len(piece)] = piece


def _write_raster(path: Path, pieces: Iterator[np.ndarray]) -> None:
    import rasterio
    from rasterio.windows import Window

    across, down = SAMPLES // 32, 32
    form = {"driver": "GTiff", "dtype": "float32", "count": SHAPE[0], "tiled": True, "blockxsize": 64, "blockysize": 64}
    grid = {"transform": rasterio.Affine(30, 0, 0, 0, -30, 0), "width": across * 64, "height": down * 64}
    with rasterio.open(path, "w", interleave="pixel", **form, **grid) as file:
        for row, piece in enumerate(pieces):
            strip = piece.transpose(1, 2, 0, 3).reshape(SHAPE[0], 64, across * 64)
            file.write(strip, window=Window(0, row * 64, across * 64, 64))


def plainly(path: Path) -> Callable[[], int]:
    """A loop over the samples in their order, batch by batch, with what the format's library offers; gives bytes."""
    if path.suffix == ".npy":
        return lambda: _read_raw(path)
    if path.suffix == ".h5":
        import h5py

        array: Any = h5py.File(path)["x"]
    elif path.suffix == ".zarr":
        import zarr

        array = zarr.open(path, mode="r")["x"]
    else:
        return lambda: _read_raster(path)
    return lambda: sum(array[start : start + BATCH].nbytes for start in range(0, array.shape[0], BATCH))


def _read_raw(path: Path) -> int:
    nbytes = 0
    with open(path, "rb") as file:
        file.seek(128)
        while len(batch := np.fromfile(file, np.float32, BATCH * 4 * 64 * 64)):
            nbytes += batch.nbytes
    return nbytes


def _read_raster(path: Path) -> int:
    import rasterio

    nbytes = 0
    with rasterio.open(path) as file:
        for row in range(file.height // 64):
            for left in range(0, file.width, 64):
                nbytes += file.read(window=((row * 64, row * 64 + 64), (left, left + 64))).nbytes
    return nbytes


def forget(path: Path) -> None:
    """Let the system drop what it has of files in memory."""
    os.sync()
    for file in [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else [path]:
        handle = os.open(file, os.O_RDONLY)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def measure_one(path: Path) -> dict[str, float]:
    """In a process of its own, whose memory is measured: megabytes a second, and megabytes."""
    from hqml.dl.data import open_splits
    from hqml.dl.data.loader import Loader
    from hqml.dl.spec import DataSpec

    spec = DataSpec(file=path.name, targets=None, test=0, validation=0, limit_mb=LIMIT_MB, batch=BATCH, stage=False)
    train = open_splits(spec, path.parent).train
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew, proc(5)
    epochs = iter(range(1000))

    def ours() -> int:
        return sum(batch["x"].nbytes for batch in Loader(train, BATCH).epoch(next(epochs)))

    assert ours() == SAMPLES // 32 * 32 * 4 * 4 * 64 * 64
    peak = _memory("VmHWM") - before
    plain = plainly(path)
    result = {"peak": peak}
    for state in ("cold", "warm"):
        spent: dict[str, list[float]] = {"plain": [], "ours": []}
        for _ in range(REPEATS):
            for name, work in (("plain", plain), ("ours", ours)):
                if state == "cold":
                    forget(path)
                started = perf_counter()
                nbytes = work()
                spent[name].append(nbytes / 1e6 / (perf_counter() - started))
        result |= {f"{state}_{name}": max(values) for name, values in spent.items()}
    return result


def _memory(key: str) -> float:
    [line] = [one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith(key)]
    return int(line.split()[1]) / 1000


def measure() -> Table:
    rows = []
    for kind, (name, options) in KINDS.items():
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder) / name, options)
            found = subprocess.run(
                [sys.executable, __file__, str(Path(folder) / name)], check=True, capture_output=True, text=True
            )
        got = json.loads(found.stdout)
        ratios = [got[f"{state}_ours"] / got[f"{state}_plain"] for state in ("cold", "warm")]
        speeds = [got[f"{state}_{name}"] for state in ("cold", "warm") for name in ("plain", "ours")]
        rows.append([kind, *map(round, speeds[:2]), ratios[0], *map(round, speeds[2:]), ratios[1], round(got["peak"])])
    columns = [
        "file",
        "plain, MB/s",
        "shuffled, MB/s",
        "ratio",
        "plain, cached",
        "shuffled, cached",
        "ratio",
        "peak, MB",
    ]
    return Table(
        "data_throughput",
        f"An epoch over a file of {4 * LIMIT_MB} MB with limit_mb: {LIMIT_MB}",
        columns,
        rows,
        f"Best of {REPEATS} epochs on the clock, plain and shuffled in turn; batches of {BATCH} samples of 64 KiB. "
        "First with the file dropped from the system's memory, then with the file in it, where nothing waits for a "
        "disk and copying is all there is. Peak: of the process, over what it had before.",
    )


if __name__ == "__main__":
    if sys.argv[1:]:
        print(json.dumps(measure_one(Path(sys.argv[1]))))
    else:
        table = measure()
        table.save()
        print(table.markdown())
