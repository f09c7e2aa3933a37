"""Files that hold arrays, by their suffix. Without pydantic, so that whoever only predicts can read them."""

from __future__ import annotations

from pathlib import Path

from hqml.dl.data.hdf5 import open_hdf5
from hqml.dl.data.npy import open_npy, open_npz
from hqml.dl.data.stored import Stored
from hqml.dl.data.zarr_array import ZarrArray

_HDF5 = (".h5", ".hdf5", ".he5", ".nc")

ARRAYS = (*_HDF5, ".zarr", ".npy", ".npz")
"""Suffixes."""


def open_array(path: Path, name: str) -> Stored:
    """Open an array of a file whose suffix is one of ARRAYS.

    Args:
        path: the file.
        name: of the array in it; .npy has one, without a name.

    Raises:
        FormatError: the file is damaged, or has no such array.
        LibraryMissing: what reads its format is not installed.
    """
    suffix = path.suffix.lower()
    if suffix in _HDF5:
        return open_hdf5(path, name)
    if suffix == ".zarr":
        return ZarrArray(path, name)
    return open_npy(path) if suffix == ".npy" else open_npz(path, name)
