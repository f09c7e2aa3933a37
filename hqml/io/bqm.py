"""dimod's own files."""

from __future__ import annotations

from typing import IO, Any

from hqml.errors import FormatError
from hqml.io.model import LoadedModel, Put
from hqml.qubo import as_qubo
from hqml.untrusted import read_bqm as model_of

_BQM_MAGIC = b"DIMODBQM"


def read_bqm(stream: IO[bytes], name: str) -> LoadedModel:
    content = stream.read()
    if not content.startswith(_BQM_MAGIC):
        raise FormatError(f"{name}: expected a file written by BinaryQuadraticModel.to_file, found {content[:8]!r}")
    try:
        bqm = model_of(content)
    except ValueError as error:
        raise FormatError(f"{name}: the BQM file is damaged or cut short: {error}") from error
    return LoadedModel(as_qubo(bqm))


def write_bqm(model: Any, name: str) -> Put:
    with as_qubo(model).to_bqm().to_file() as file:
        content = file.read()
    return lambda stream: stream.write(content)
