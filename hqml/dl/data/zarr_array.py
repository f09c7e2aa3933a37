"""Arrays of Zarr stores: a folder, or a .zip of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hqml.dl.data.stored import sample_bytes, unit_of
from hqml.errors import FormatError
from hqml.libraries import library
from hqml.options import unlike


class ZarrArray:
    """An array in chunks.

    Args:
        name: in the store's group; a store that is an array itself has no names.

    Raises:
        FormatError: it cannot be opened, there is no such array, or reading it would run code of the file.
        LibraryMissing: zarr is not installed.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self._array: Any = None
        array = self._opened()
        self.shape: tuple[int, ...] = tuple(array.shape)
        self.dtype: np.dtype[Any] = np.dtype(array.dtype)
        if not self.shape:
            raise FormatError(f"{path}: {name} holds a single value; samples are wanted along the first axis")
        self.unit = unit_of((array.shards or array.chunks)[0], sample_bytes(self))

    def _opened(self) -> Any:
        if self._array is None:
            zarr = library("zarr", "reading Zarr", "dl")
            try:
                root = zarr.open(self.path, mode="r")
                found = root if isinstance(root, zarr.Array) else root.get(self.name)
                names = [] if isinstance(found, zarr.Array) else [name for name, _ in root.arrays()]
            except Exception as error:  # zarr raises what its stores and codecs do
                raise FormatError(f"{self.path} cannot be read as Zarr: {error}") from error
            if not isinstance(found, zarr.Array):
                raise FormatError(f"{self.path} has no array {self.name!r}{unlike(self.name, names)}")
            if _is_pickled(found):
                raise FormatError(
                    f"{self.path}: {self.name} is packed by pickle, which runs code when it is read; "
                    "write it as numbers or text, without that filter"
                )
            self._array = found
        return self._array

    def fill(self, out: npt.NDArray[Any], start: int) -> None:
        """Read samples from `start` on.

        Raises:
            FormatError: a chunk is damaged.
        """
        room = library("zarr.buffer.cpu", "reading Zarr", "dl").NDBuffer.from_ndarray_like(out)
        try:
            self._opened().get_basic_selection(slice(start, start + len(out)), out=room)
        except FormatError:
            raise
        except Exception as error:  # zarr raises what its stores and codecs do
            last = start + len(out) - 1
            raise FormatError(f"{self.path}: {self.name} is damaged at samples {start} to {last}: {error}") from error

    def expect(self, start: int, count: int) -> None:
        """Zarr takes no hints."""

    def close(self) -> None:
        """Let go of the store."""
        self._array = None


def _is_pickled(array: Any) -> bool:
    """Whether one of its codecs is pickle, as Zarr's format 2 allows.

    numcodecs 0.16.6 refuses it by itself, but not where a variable of the environment allows it, nor need older ones.
    """
    codecs = [*(getattr(array.metadata, "filters", None) or ()), getattr(array.metadata, "compressor", None)]
    return any(getattr(one, "codec_id", None) == "pickle" for one in codecs)
