"""Zip files as inputs: the members and their contents alone, since a changed byte of a zip is only a wrong checksum.

An input begins with a letter: Z for members as below, else the rest are the bytes of the file.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator, Mapping

from fuzzing.mutators import trees

_HEAD = struct.Struct("<HI")
"""Of a member: lengths of its name and of its content."""


def opened(content: bytes) -> bytes:
    """The input of a zip file."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return b"Z" + b"".join(_packed(name, archive.read(name)) for name in archive.namelist())


def closed(data: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
    """The file of an input."""
    if not data.startswith(b"Z"):
        return data[1:]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in members(data[1:]).items():
            archive.writestr(zipfile.ZipInfo(name or "?"), content)
    return stream.getvalue()


def members(rest: bytes) -> Mapping[str, bytes]:
    """Names and contents; what is cut off is taken as far as it goes."""
    return dict(_members(rest))


def _members(rest: bytes) -> Iterator[tuple[str, bytes]]:
    while len(rest) >= _HEAD.size:
        name, size = _HEAD.unpack_from(rest)
        rest = rest[_HEAD.size :]
        yield rest[:name].decode("latin-1"), rest[name : name + size]
        rest = rest[name + size :]


def _packed(name: str, content: bytes) -> bytes:
    return _HEAD.pack(len(name), len(content)) + name.encode("latin-1", "replace") + content


def _tree(data: bytes) -> list[list[str]]:
    if not data.startswith(b"Z"):
        raise ValueError("no members")
    return [[name, content.decode("latin-1")] for name, content in _members(data[1:])]


def _bytes(tree: list[list[str]]) -> bytes:
    return b"Z" + b"".join(_packed(name, content.encode("latin-1", "replace")) for name, content in tree)


mutate = trees(_tree, _bytes, raw=0.6)
