"""A mark of what files hold, by which training that goes on notices that they have changed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from hqml.dl.data.staging import Paths
from hqml.errors import FormatError

_END = 1 << 16
"""Bytes of the beginning and the end of a file that are looked at: headers, indices, the first and last samples."""

_LOOKED_INTO = 32
"""Files of a folder whose ends are looked at: Zarr may have a hundred thousand, of which all sizes are."""


def digest_of(paths: Paths) -> str:
    """A mark of files that another content has to be lucky to get.

    It depends on no time and no place, since data are copied from one machine to the next. What it does not see are
    changes in the middle of a file that keeps its size.

    Args:
        paths: of files or folders, by field.

    Raises:
        FormatError: one cannot be read.
    """
    digest = hashlib.sha256()
    for field in sorted(paths):
        for source in paths[field]:
            files = sorted(one for one in source.rglob("*") if one.is_file()) if source.is_dir() else [source]
            stride = -(-len(files) // _LOOKED_INTO)
            for number, file in enumerate(files):
                name = os.fsencode(file.relative_to(source)) if file != source else b""
                digest.update(b"%s\0%s\0%d\0" % (field.encode(), name, file.stat().st_size))
                if number % stride == 0:
                    digest.update(_ends(file))
    return digest.hexdigest()[:16]


def _ends(file: Path) -> bytes:
    try:
        with open(file, "rb") as stream:
            first = stream.read(_END)
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(len(first), size - _END))
            return first + stream.read(_END)
    except OSError as error:
        raise FormatError(f"cannot read {file}: {error.strerror or error}") from error
