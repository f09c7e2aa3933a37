"""dimod's own files."""

from __future__ import annotations

import io
from typing import IO, Any

import dimod
import numpy as np
from dimod.serialization.fileview import read_header

from hqml.errors import FormatError
from hqml.io.model import LoadedModel, Put, reason
from hqml.qubo import as_qubo

_BQM_MAGIC = b"DIMODBQM"


def read_bqm(stream: IO[bytes], name: str) -> LoadedModel:
    content = stream.read()
    if not content.startswith(_BQM_MAGIC):
        raise FormatError(f"{name}: expected a file written by BinaryQuadraticModel.to_file, found {content[:8]!r}")
    try:
        _check_indices(content)
        bqm = dimod.BinaryQuadraticModel.from_file(content)
    except Exception as error:  # dimod checks little: a damaged file raises whatever its parts do
        raise FormatError(f"{name}: the BQM file is damaged or cut short: {reason(error)}") from error
    return LoadedModel(as_qubo(bqm))


def _check_indices(content: bytes) -> None:
    """Refuse a BQM file whose indices point outside of the model: dimod follows them, and the interpreter crashes.

    Source of the layout: dimod's `BinaryQuadraticModel.to_file`, versions 1 and 2.
    """
    stream = io.BytesIO(content)
    header = read_header(stream, _BQM_MAGIC).data
    n, m = header["shape"]
    value, index, start = (np.dtype(header[key]) for key in ("dtype", "itype", "ntype"))
    if min(n, m) < 0 or value.kind != "f" or {index.kind, start.kind} - {"i", "u"}:
        raise ValueError(f"its header says {n} variables, {m} couplings, types {value}, {index} and {start}")
    offset = stream.tell() + value.itemsize
    linear = np.frombuffer(content, [("start", start), ("bias", value)], count=n, offset=offset)
    quadratic = np.frombuffer(content, [("to", index), ("bias", value)], count=2 * m, offset=offset + linear.nbytes)
    starts = np.concatenate([[0], linear["start"].astype(np.float64), [2 * m]])
    if (np.diff(starts) < 0).any() or ((quadratic["to"] < 0) | (quadratic["to"] >= n)).any():
        raise ValueError("its indices point outside of the model")


def write_bqm(model: Any, name: str) -> Put:
    with as_qubo(model).to_bqm().to_file() as file:
        content = file.read()
    return lambda stream: stream.write(content)
