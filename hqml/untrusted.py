"""Read what others have written, where the library that reads it says too little of what can go wrong.

Found by `tests/hard_day/fuzz.py`.
"""

from __future__ import annotations

import io
import json
import struct
import tokenize
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

from hqml.display import first_line

if TYPE_CHECKING:
    import dimod
    import numpy.typing as npt

NUMPY_FAILS = (
    ValueError,
    TypeError,
    EOFError,
    OSError,
    LookupError,
    AttributeError,
    RuntimeError,
    MemoryError,
    SyntaxError,
    SystemError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What `numpy.load`, and zipfile below it, raise on files that are cut short, damaged or not theirs."""


def check_text(array: npt.NDArray[Any]) -> None:
    """Find out whether the text in an array is some: a damaged file may have numbers in it that are no letters.

    Raises:
        ValueError: it is not.
    """
    if array.dtype.kind != "U" or not array.nbytes:
        return
    import numpy as np

    letters = np.ascontiguousarray(array).view(np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))
    if ((letters > 0x10FFFF) | ((letters >= 0xD800) & (letters < 0xE000))).any():
        raise ValueError("text with numbers that are no letters")


def read_json(text: str | bytes) -> Any:
    """What a JSON document says.

    Raises:
        ValueError: it is none, nested so deeply that Python gives up (which json tells by a RecursionError), or has
            halves of letters in its text (`"\\ud800"`), which can be written nowhere.
    """
    raw = text.encode() if isinstance(text, str) else text
    try:
        found = json.loads(raw.decode("utf-8-sig"))
        if rb"\ud" in raw.lower():
            json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("lists or objects are nested too deeply") from None
    return found


def read_bqm(content: bytes) -> dimod.BinaryQuadraticModel:
    """The model of a file that dimod's `BinaryQuadraticModel.to_file` has written.

    Raises:
        ValueError: it is damaged. dimod itself follows indices wherever they point, and the interpreter crashes.
    """
    import dimod

    try:
        _check_bqm(content)
        model: dimod.BinaryQuadraticModel = dimod.BinaryQuadraticModel.from_file(content)
        return model
    except Exception as error:  # dimod checks little: a damaged file raises whatever its parts do
        raise ValueError(first_line(error)) from error


def _check_bqm(content: bytes) -> None:
    """Source of the layout: dimod's `BinaryQuadraticModel.to_file`, versions 1 and 2."""
    import numpy as np
    from dimod.serialization.fileview import read_header

    stream = io.BytesIO(content)
    header = read_header(stream, b"DIMODBQM").data
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
