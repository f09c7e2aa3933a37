"""Arrays on disk, samples along their first axis."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hqml.dl.source import Rows
from hqml.errors import FormatError

READ = 1 << 20
"""Bytes that are read at a time where a file has no chunks: enough for disks and parallel file systems to be fast."""

_OPEN = 16
"""Files of a pattern that are open at a time."""


class Stored(Protocol):
    """An array that is read piece by piece.

    Attributes:
        shape: (samples, *sample).
        dtype: as it is stored.
        unit: samples that are read well together: of whole chunks.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    @property
    def unit(self) -> int: ...

    def fill(self, out: npt.NDArray[Any], start: int) -> None:
        """Read samples from `start` on into all of `out`, which is contiguous and of the stored type."""
        ...

    def expect(self, start: int, count: int) -> None:
        """These samples will be read soon."""
        ...

    def close(self) -> None:
        """Let go of files; `fill` opens them again."""
        ...


def sample_bytes(stored: Stored) -> int:
    """Bytes of a sample as it is stored; at least 1."""
    return max(stored.dtype.itemsize * int(np.prod(stored.shape[1:], dtype=np.int64)), 1)


def unit_of(chunk: int, sample: int) -> int:
    """Samples of as many whole chunks as are worth a read.

    Args:
        chunk: samples of a chunk.
        sample: bytes of a sample.
    """
    return chunk * max(READ // (chunk * sample), 1)


class RawFile:
    """A file whose bytes are read at places of it, past any library; other threads go on meanwhile."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def read(self, out: npt.NDArray[Any], place: int) -> None:
        """Read all bytes of a contiguous array.

        Raises:
            FormatError: the file has fewer.
        """
        file = self._opened()
        rest = memoryview(out.reshape(-1).view(np.uint8).data)
        while rest:
            got = os.preadv(file, [rest], place)
            if not got:
                raise FormatError(f"{self.path} has become shorter while it was read; keep it as it is")
            rest, place = rest[got:], place + got

    def expect(self, place: int, nbytes: int) -> None:
        """Let the system fetch bytes that will be read: one piece after the other would leave the storage waiting."""
        if hasattr(os, "posix_fadvise"):  # not on a Mac
            os.posix_fadvise(self._opened(), place, nbytes, os.POSIX_FADV_WILLNEED)

    def _opened(self) -> int:
        if self._file is None:
            self._file = os.open(self.path, os.O_RDONLY)
        return self._file

    def close(self) -> None:
        """Let go of the file; `read` opens it again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


class RawArray:
    """An array whose bytes lie in a file one after the other, from an offset on."""

    def __init__(self, path: Path, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.file, self.offset, self.shape, self.dtype = RawFile(path), offset, shape, dtype
        self.unit = unit_of(1, sample_bytes(self))
        end = offset + sample_bytes(self) * shape[0]
        if path.stat().st_size < end:
            raise FormatError(f"{path} is cut off: it has {path.stat().st_size} bytes of {end}; copy it again")

    def fill(self, out: npt.NDArray[Any], start: int) -> None:
        """Read samples from `start` on."""
        self.file.read(out, self.offset + start * sample_bytes(self))

    def expect(self, start: int, count: int) -> None:
        """Have these samples fetched."""
        self.file.expect(self.offset + start * sample_bytes(self), count * sample_bytes(self))

    def close(self) -> None:
        """Let go of the file."""
        self.file.close()


class RawChunks:
    """An array whose bytes lie in a file in chunks of whole samples.

    Args:
        places: (chunks,) where each begins.
        chunk: samples of a chunk; the last one has as many as there are left, and is as long in the file.
    """

    def __init__(self, path: Path, places: Rows, chunk: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.file, self.places, self.chunk, self.shape, self.dtype = RawFile(path), places, chunk, shape, dtype
        self.unit = unit_of(chunk, sample_bytes(self))

    def fill(self, out: npt.NDArray[Any], start: int) -> None:
        """Read samples from `start` on."""
        while len(out):
            number, first = divmod(start, self.chunk)
            count = min(len(out), self.chunk - first)
            self.file.read(out[:count], int(self.places[number]) + first * sample_bytes(self))
            out, start = out[count:], start + count

    def expect(self, start: int, count: int) -> None:
        """Have the chunks of these samples fetched."""
        for number in range(start // self.chunk, -(-(start + count) // self.chunk)):
            self.file.expect(int(self.places[number]), self.chunk * sample_bytes(self))

    def close(self) -> None:
        """Let go of the file."""
        self.file.close()


class Memory:
    """An array in memory."""

    def __init__(self, array: npt.NDArray[Any]) -> None:
        self.array = array
        self.shape, self.dtype = array.shape, array.dtype
        self.unit = unit_of(1, sample_bytes(self))

    def fill(self, out: npt.NDArray[Any], start: int) -> None:
        """Copy samples from `start` on."""
        out[...] = self.array[start : start + len(out)]

    def expect(self, start: int, count: int) -> None:
        """They are here."""

    def close(self) -> None:
        """Nothing is open."""


class Joined:
    """The arrays of several files, one after the other.

    Raises:
        FormatError: they are not of one kind.
    """

    def __init__(self, parts: Sequence[Stored], names: Sequence[str]) -> None:
        first = parts[0]
        for part, name in zip(parts, names, strict=True):
            if part.shape[1:] != first.shape[1:] or part.dtype != first.dtype:
                raise FormatError(
                    f"{name} holds samples of shape {part.shape[1:]} and type {part.dtype}, {names[0]} of "
                    f"{first.shape[1:]} and {first.dtype}; files of one pattern must be alike"
                )
        self.parts = parts
        self.bounds: Rows = np.cumsum([0, *(part.shape[0] for part in parts)], dtype=np.int64)
        self.shape: tuple[int, ...] = (int(self.bounds[-1]), *first.shape[1:])
        self.dtype = first.dtype
        self.unit = max(part.unit for part in parts)
        self._open: list[Stored] = []

    def fill(self, out: npt.NDArray[Any], start: int) -> None:
        """Read samples from `start` on, of whatever files."""
        number = int(np.searchsorted(self.bounds, start, side="right")) - 1
        while len(out):
            count = min(len(out), int(self.bounds[number + 1]) - start)
            if count:
                self._opened(self.parts[number]).fill(out[:count], start - int(self.bounds[number]))
            out, start, number = out[count:], start + count, number + 1

    def expect(self, start: int, count: int) -> None:
        """Tell the file that has the first of these samples."""
        number = int(np.searchsorted(self.bounds, start, side="right")) - 1
        count = min(count, int(self.bounds[number + 1]) - start)
        self._opened(self.parts[number]).expect(start - int(self.bounds[number]), count)

    def _opened(self, part: Stored) -> Stored:
        """The part that was used longest ago is closed for it."""
        if part in self._open:
            self._open.remove(part)
        self._open.append(part)
        if len(self._open) > _OPEN:
            self._open.pop(0).close()
        return part

    def close(self) -> None:
        """Let go of all files."""
        for part in self._open:
            part.close()
        self._open.clear()


def read_all(stored: Stored) -> npt.NDArray[Any]:
    """The whole array, read piece by piece into its place."""
    array = np.empty(stored.shape, stored.dtype)
    for start in range(0, len(array), max(stored.unit, 1)):
        stored.fill(array[start : start + stored.unit], start)
    return array
