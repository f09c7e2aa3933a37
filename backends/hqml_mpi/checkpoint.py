"""Finished slices on disk, one file each, so that a run that was ended goes on where it was.

A file is named by all that its content depends on: a hash of the model, the backend and the options; reads; the seed.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hqml.errors import ParameterError
from hqml.qubo import DenseQubo, GramQubo, Qubo
from hqml.untrusted import NUMPY_FAILS, read_json
from hqml_mpi.units import Found


class Checkpoint:
    """A folder of finished slices. Rank 0 alone uses it, so the nodes need not share a file system.

    Args:
        folder: made where it is missing.

    Raises:
        ParameterError: there is no such folder and it cannot be made, or it is not writable.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ParameterError(f"checkpoint must be a folder, found {str(folder)!r}: {error.strerror}") from error
        if not os.access(self.folder, os.W_OK):
            raise ParameterError(f"checkpoint must be a folder you may write to, found {str(folder)!r}")

    def save(self, key: str, found: Found) -> None:
        """Write a slice whole or not at all."""
        part = self.folder / f".{key}.{secrets.token_hex(4)}.part"
        try:
            with open(part, "xb") as file:
                about = json.dumps({"variables": found.variables, "info": found.info})
                np.savez(file, packed=found.packed, about=about)
            os.replace(part, self._path(key))
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def load(self, key: str) -> Found | None:
        """The slice of this key; None where it is not finished, or its file is damaged."""
        try:
            # Opened here, since np.load leaves a damaged file open.
            with open(self._path(key), "rb") as stream, np.load(stream, allow_pickle=False) as file:
                about = read_json(str(file["about"]))
                return Found(packed=file["packed"], variables=about["variables"], info=about["info"])
        except NUMPY_FAILS:
            return None

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.npz"


def key_of(qubo: Qubo, *what: Any) -> str:
    """A name for a model with all else that its samples depend on."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(repr((qubo.form, qubo.num_variables, qubo.offset, *what)).encode())
    for array in _arrays(qubo):
        digest.update(repr((array.dtype.str, array.shape)).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _arrays(qubo: Any) -> Iterator[np.ndarray[Any, Any]]:
    yield qubo.linear
    if isinstance(qubo, GramQubo):
        yield from (qubo.gram, qubo.weights, qubo.scale, np.float64(qubo.shift).reshape(1))
    elif isinstance(qubo, DenseQubo):
        yield qubo.couplings
    else:
        yield from (qubo.couplings.data, qubo.couplings.indices, qubo.couplings.indptr)
