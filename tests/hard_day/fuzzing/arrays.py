"""Target: files of arrays for training: HDF5, Zarr, .npy, .npz, GeoTIFF, opened as `hqml train` opens them."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fuzzing import archives
from fuzzing.target import Run

SUFFIXES = (".h5", ".npy", ".npz", ".tif", ".zarr", ".zip.npz")
"""The first byte of an input chooses; the last one is a .npz whose members are compressed."""


def make(work: Path) -> Run:
    from hqml.dl.data import open_splits
    from hqml.dl.spec import DataSpec

    def run(data: bytes) -> None:
        if not data:
            return
        suffix = SUFFIXES[data[0] % len(SUFFIXES)]
        path = _put(work, suffix, data[1:])
        parameters = {"tile": 2} if suffix == ".tif" else {}
        targets = None if suffix in (".tif", ".npy") else "y"
        limit = 100.0 if data[0] < 128 else 0.001
        splits = open_splits(DataSpec(file=path.name, targets=targets, limit_mb=limit, parameters=parameters), work)
        try:
            for source in (splits.train, splits.validation, splits.test):
                source.read(np.arange(min(len(source), 4)))
        finally:
            for source in (splits.train, splits.validation, splits.test):
                source.close()

    return run


def _put(work: Path, suffix: str, content: bytes) -> Path:
    path = work / f"data{suffix.removeprefix('.zip')}"
    if suffix == ".zarr":
        shutil.rmtree(path, ignore_errors=True)
        for name, part in archives.members(content[1:]).items():
            place = path / name
            if ".." in name or "\0" in name or name.startswith("/") or len(name) > 100:
                continue
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(part)
            except OSError:
                continue
        return path
    if suffix.endswith(".npz"):
        content = archives.closed(content, zipfile.ZIP_DEFLATED if suffix.startswith(".zip") else zipfile.ZIP_STORED)
    path.write_bytes(content)
    return path


def seeds(work: Path) -> Mapping[str, bytes]:
    x, y = np.arange(24, dtype=np.float32).reshape(12, 2), np.arange(12) % 2
    found = {"npy": b"\1" + _bytes_of(lambda stream: np.save(stream, x))}
    npz = archives.opened(_bytes_of(lambda stream: np.savez(stream, x=x, y=y)))
    found |= {"npz": b"\2" + npz, "packed": b"\5" + npz, "names": b"\2" + archives.opened(_labelled(x))}
    return found | _hdf5(work, x, y) | _zarr(work, x, y) | _tif(work)


def _bytes_of(write) -> bytes:  # type: ignore[no-untyped-def]
    stream = io.BytesIO()
    write(stream)
    return stream.getvalue()


def _labelled(x: np.ndarray) -> bytes:
    return _bytes_of(lambda stream: np.savez(stream, x=x, y=np.array(["a", "b"] * 6)))


def _hdf5(work: Path, x: np.ndarray, y: np.ndarray) -> dict[str, bytes]:
    import h5py

    found = {}
    ways = {"plain": {}, "chunks": {"chunks": (4, 2)}, "packed": {"chunks": (4, 2), "compression": "gzip"}}
    for name, way in ways.items():
        with h5py.File(work / "seed.h5", "w") as file:
            file.create_dataset("x", data=x, **way)
            file.create_dataset("y", data=y)
        content = (work / "seed.h5").read_bytes()
        found |= {f"h5-{name}": b"\0" + content, f"h5-{name}-streamed": b"\xf0" + content}
    return found


def _zarr(work: Path, x: np.ndarray, y: np.ndarray) -> dict[str, bytes]:
    import zarr

    found = {}
    for version in (2, 3):
        place = work / f"seed{version}.zarr"
        shutil.rmtree(place, ignore_errors=True)
        group = zarr.open_group(place, mode="w", zarr_format=version)
        for name, values in (("x", x), ("y", y)):
            group.create_array(name, shape=values.shape, chunks=(4, *values.shape[1:]), dtype=values.dtype)[:] = values
        files = [path for path in place.rglob("*") if path.is_file()]
        parts = [archives._packed(str(path.relative_to(place)), path.read_bytes()) for path in files]
        found[f"zarr{version}"] = b"\4Z" + b"".join(parts)
    return found


def _tif(work: Path) -> dict[str, bytes]:
    import rasterio

    profile = {"driver": "GTiff", "width": 8, "height": 8, "count": 2, "dtype": "uint8", "nodata": 255}
    found = {}
    for name, way in {
        "plain": {},
        "tiled": {"tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "lzw"},
    }.items():
        with rasterio.open(work / "seed.tif", "w", **profile, **way) as raster:
            raster.write(np.arange(128, dtype=np.uint8).reshape(2, 8, 8))
        found[f"tif-{name}"] = b"\3" + (work / "seed.tif").read_bytes()
    return found


def mutate(data: bytes, most: int, seed: int) -> bytes:
    """Archives by their members, others by bytes; the first byte stays as it is."""
    if len(data) < 2:
        return data
    return data[:1] + (archives.mutate(data[1:], most - 1, seed) or data[1:])
