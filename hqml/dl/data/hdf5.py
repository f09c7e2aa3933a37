"""Datasets of HDF5 files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hqml.dl.data.stored import RawArray, RawChunks, Stored, sample_bytes, unit_of
from hqml.errors import FormatError
from hqml.libraries import library
from hqml.options import unlike


def open_hdf5(path: Path, name: str) -> Stored:
    """A dataset; one that is neither packed nor filtered is read past HDF5, which stops other threads.

    Raises:
        FormatError: the file is damaged, or has no such dataset.
        LibraryMissing: h5py is not installed.
    """
    h5py = library("h5py", "reading HDF5", "dl")
    try:
        with h5py.File(path, "r") as file:
            found = file.get(name)
            if not isinstance(found, h5py.Dataset):
                raise FormatError(f"{path} has no dataset {name!r}{unlike(name, _datasets(file, h5py))}")
            if not found.shape:
                raise FormatError(f"{path}: {name} holds a single value; samples are wanted along the first axis")
            return _raw(path, file, found) or Hdf5Array(path, name, found)
    except FormatError:
        raise
    except Exception as error:  # of a damaged file any part may be what h5py stumbles over
        raise FormatError(f"{path} cannot be read as HDF5: {error}") from error


class Hdf5Array:
    """A dataset that HDF5 has to make of what the file holds.

    Args:
        dataset: of an open file, to look at.
    """

    def __init__(self, path: Path, name: str, dataset: Any) -> None:
        self.path, self.name = path, name
        self.shape: tuple[int, ...] = tuple(dataset.shape)
        self.dtype: np.dtype[Any] = dataset.dtype
        self.unit = unit_of(dataset.chunks[0] if dataset.chunks else 1, sample_bytes(self))
        self._dataset: Any = None

    def fill(self, out: npt.NDArray[Any], start: int) -> None:
        """Read samples from `start` on.

        Raises:
            FormatError: a chunk is damaged.
        """
        if self._dataset is None:
            # Chunks are read whole, once: HDF5's cache of them would be in vain.
            self._dataset = library("h5py", "reading HDF5", "dl").File(self.path, "r", rdcc_nbytes=0)[self.name]
        try:
            self._dataset.read_direct(out, np.s_[start : start + len(out)])
        except Exception as error:  # as above
            raise FormatError(
                f"{self.path}: {self.name} is damaged at samples {start} to {start + len(out) - 1}: {error}"
            ) from error

    def expect(self, start: int, count: int) -> None:
        """HDF5 takes no hints."""

    def close(self) -> None:
        """Let go of the file."""
        if self._dataset is not None:
            self._dataset.file.close()
            self._dataset = None


def _raw(path: Path, file: Any, dataset: Any) -> Stored | None:
    """A dataset whose bytes stand in this file as they are in memory."""
    elsewhere = dataset.external or dataset.is_virtual or file.userblock_size
    if elsewhere or dataset.dtype.kind not in "biuf" or 0 in dataset.shape:
        return None
    if dataset.chunks is None:
        offset = dataset.id.get_offset()
        return None if offset is None else RawArray(path, offset, dataset.shape, dataset.dtype)
    if dataset.id.get_create_plist().get_nfilters() or dataset.chunks[1:] != dataset.shape[1:]:
        return None
    chunk = dataset.chunks[0]
    places = np.full(-(-dataset.shape[0] // chunk), -1, np.int64)

    def note(found: Any) -> None:
        places[found.chunk_offset[0] // chunk] = found.byte_offset

    dataset.id.chunk_iter(note)
    written = (places >= 0).all()  # others hold the fill value, and are nowhere
    return RawChunks(path, places, chunk, dataset.shape, dataset.dtype) if written else None


def _datasets(file: Any, h5py: Any) -> list[str]:
    names: list[str] = []
    file.visititems(lambda name, found: names.append(name) if isinstance(found, h5py.Dataset) else None)
    return names
