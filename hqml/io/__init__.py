"""Read and write models. The name of a file says its format, its content is checked against it.

    .mc      Gset and Biq Mac graphs: `n m`, then m lines `i j weight`, vertices from 1, each edge once. Maximum cut.
    .qubo    OR-Library: `n m`, then m lines `i j value` of the symmetric matrix, from 1, each entry once. Minimise
             sum_i q_ii x_i + 2 sum_{i<j} q_ij x_i x_j.
    .coo     dimod's text: lines `i j value`, labels from 0, repeated entries add up; a comment `# vartype=SPIN` or
             `# vartype=BINARY` may come first, without it the variables are binary.
    .bqm     what dimod's `BinaryQuadraticModel.to_file` writes.
    .npz     any form with offset, linear terms and labels; also scipy.sparse.save_npz, or one square array.
    .npy     one square array.

The three text formats may be compressed (.mc.gz). In them, blank lines and what follows a # are skipped. An edge or
entry given twice in a .mc or .qubo file is refused: whether its values add up or replace each other is not laid down.
"""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from hqml.display import first_line
from hqml.errors import FormatError, ModelError, ModelTooLarge, ProblemError
from hqml.files import meant_instead, replacing
from hqml.io.arrays import read_numpy, write_npy, write_npz
from hqml.io.bqm import read_bqm, write_bqm
from hqml.io.model import LoadedModel as LoadedModel
from hqml.io.model import Put
from hqml.io.text import read_coo, read_mc, read_or_library, write_coo, write_mc, write_or_library

__all__ = ["LoadedModel", "read", "write"]


def read(path: str | os.PathLike[str]) -> LoadedModel:
    """Read a model; the formats are listed at the head of this module.

    Raises:
        FormatError: no such file, a suffix that is not known, or a content that is not what the suffix promises. The
            message names the file, for text also the line, what was expected and what was found.
        ModelTooLarge: a dense model of more variables than fit.
    """
    reader = _format_of(path).read
    try:
        with _reading(path) as stream:
            return reader(stream, os.fspath(path))
    except ModelTooLarge:
        raise
    except (ModelError, ProblemError) as error:
        raise FormatError(f"{os.fspath(path)}: {error}") from error


def write(path: str | os.PathLike[str], model: Any) -> None:
    """Write a model in the format that the suffix of `path` says.

    Args:
        path: the file; an existing one is replaced.
        model: a LoadedModel, or whatever `hqml.qubo.as_qubo` takes; a .mc file takes a MaxCut.

    Raises:
        FormatError: the suffix is not known, the format cannot hold the model, or the file cannot be written.
    """
    put = _format_of(path).write(model, os.fspath(path))
    with replacing(path) as file:
        if os.fspath(path).lower().endswith(".gz"):
            with gzip.GzipFile(fileobj=file, mode="wb") as stream:
                put(stream)  # type: ignore[arg-type]
        else:
            put(file)


@dataclass(frozen=True)
class _Format:
    read: Callable[[IO[bytes], str], LoadedModel]
    write: Callable[[Any, str], Put]


_FORMATS = {
    ".bqm": _Format(read_bqm, write_bqm),
    ".coo": _Format(read_coo, write_coo),
    ".mc": _Format(read_mc, write_mc),
    ".npy": _Format(read_numpy, write_npy),
    ".npz": _Format(read_numpy, write_npz),
    ".qubo": _Format(read_or_library, write_or_library),
}
_FORMATS |= {f"{text}.gz": _FORMATS[text] for text in (".coo", ".mc", ".qubo")}


def _format_of(path: str | os.PathLike[str]) -> _Format:
    name = os.fspath(path)
    ending = re.search(r"\.[^./\\]*(\.gz)?$", name.lower())
    if ending is None or ending[0] not in _FORMATS:
        found = repr(ending[0]) if ending else "none"
        raise FormatError(f"{name}: expected a suffix of {', '.join(sorted(_FORMATS))}, found {found}")
    return _FORMATS[ending[0]]


def _opener(path: str | os.PathLike[str]) -> Callable[..., Any]:
    return gzip.open if os.fspath(path).lower().endswith(".gz") else open


@contextmanager
def _reading(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    name = os.fspath(path)
    try:
        with _opener(path)(path, "rb") as stream:
            yield stream
    except FileNotFoundError as error:
        raise FormatError(f"{name}: there is no such file{meant_instead(path)}") from error
    except IsADirectoryError as error:
        raise FormatError(f"{name}: expected a file, found a folder") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FormatError(f"{name}: the compressed data is damaged or cut short: {first_line(error)}") from error
    except OSError as error:
        raise FormatError(f"{name}: cannot be read: {error.strerror or error}") from error
