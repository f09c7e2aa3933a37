"""NumPy's files: .npy, and the arrays of a .npz."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy_format

from hqml.dl.data.stored import READ, RawArray, Stored
from hqml.errors import FormatError
from hqml.options import unlike
from hqml.untrusted import NUMPY_FAILS

_LOCAL_HEADER = struct.Struct("<26xHH")
"""Of a zip file's member: lengths of the name and of the extra field that follow it (APPNOTE 4.3.7)."""

_HEADERS = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}


def open_npy(path: Path) -> Stored:
    """The array of a file, read in place.

    Raises:
        FormatError: it is not one of NumPy's files, or holds Python objects.
    """
    with open(path, "rb") as file:
        return _array(path, file, 0)


def open_npz(path: Path, name: str) -> Stored:
    """An array of a file: read in place where `numpy.savez` wrote it, else unpacked.

    Raises:
        FormatError: it is damaged, or has no such array.
    """
    try:
        with zipfile.ZipFile(path) as archive, open(path, "rb") as file:
            names = [one.removesuffix(".npy") for one in archive.namelist()]
            if name not in names:
                raise FormatError(f"{path} has no array {name!r}{unlike(name, names)}")
            member = archive.infolist()[names.index(name)]
            if member.compress_type == zipfile.ZIP_STORED:
                file.seek(member.header_offset)
                header = file.read(_LOCAL_HEADER.size)
                return _array(path, file, member.header_offset + _LOCAL_HEADER.size + sum(_LOCAL_HEADER.unpack(header)))
            with archive.open(member) as packed:
                return PackedArray(path, member.filename, *_header(path, packed))
    except FormatError:
        raise
    except NUMPY_FAILS as error:
        raise FormatError(f"{path} cannot be read as .npz: {error}") from error


class PackedArray:
    """An array that can be unpacked from its beginning only, and so is read in one piece."""

    def __init__(self, path: Path, member: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.path, self.member, self.shape, self.dtype = path, member, shape, dtype
        self.unit = max(shape[0], 1)

    def fill(self, out: npt.NDArray[Any], start: int) -> None:
        """Unpack samples from `start` on, past those before.

        Raises:
            FormatError: the file is damaged.
        """
        rest = memoryview(out.reshape(-1).view(np.uint8).data)
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as packed:
                _header(self.path, packed)
                before = start * out[:1].nbytes
                while before:
                    before -= _some(len(packed.read(min(before, READ))))
                while rest:
                    piece = packed.read(min(len(rest), READ))
                    rest[: len(piece)] = piece
                    rest = rest[_some(len(piece)) :]
        except NUMPY_FAILS as error:
            raise FormatError(f"{self.path} is damaged: {error}") from error

    def expect(self, start: int, count: int) -> None:
        """It is read in one piece."""

    def close(self) -> None:
        """Nothing is open."""


def _some(count: int) -> int:
    if not count:
        raise EOFError("it ends too early")
    return count


def _array(path: Path, file: BinaryIO, offset: int) -> Stored:
    file.seek(offset)
    shape, dtype = _header(path, file)
    return RawArray(path, file.tell(), shape, dtype)


def _header(path: Path, file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of what follows.

    Raises:
        FormatError: it is no array, or one that cannot be read piece by piece.
    """
    try:
        version = npy_format.read_magic(file)
        if version not in _HEADERS:
            raise ValueError(f"its version {version[0]}.{version[1]} is none of 1.0, 2.0")
        shape, fortran, dtype = _HEADERS[version](file)
    except NUMPY_FAILS as error:
        raise FormatError(f"{path} cannot be read as an array of NumPy: {error}") from error
    if dtype.hasobject:
        raise FormatError(f"{path} holds Python objects, which are code; save an array of numbers")
    if fortran and len(shape) > 1:
        raise FormatError(f"{path} is in Fortran's order, samples far apart; save numpy.ascontiguousarray of it")
    if not shape:
        raise FormatError(f"{path} holds a single number; samples are wanted along the first axis")
    return shape, dtype
