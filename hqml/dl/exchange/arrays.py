"""Arrays as text, for what the graph of an ONNX file has no place for: an .npz in base64, without pickles."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from hqml.errors import FormatError
from hqml.untrusted import NUMPY_FAILS


def packed(arrays: Mapping[str, npt.ArrayLike]) -> str:
    """Arrays by name, as text."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as bundle:  # np.savez takes no array named "file"
        for name, array in arrays.items():
            with bundle.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)
    return base64.b64encode(stream.getvalue()).decode("ascii")


def unpacked(text: str, source: str) -> dict[str, npt.NDArray[Any]]:
    """The arrays of `packed`.

    Raises:
        FormatError: the text is damaged.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(text, validate=True))) as bundle:
            # Nothing here is compressed, so that no small file becomes a large one in memory.
            if any(member.compress_type != zipfile.ZIP_STORED for member in bundle.infolist()):
                raise ValueError("compressed")
            return {member.removesuffix(".npy"): _array(bundle, member) for member in bundle.namelist()}
    except NUMPY_FAILS as error:
        raise FormatError(f"{source}: arrays in its metadata are damaged ({error}); write or copy it again") from error


def _array(bundle: zipfile.ZipFile, member: str) -> npt.NDArray[Any]:
    with bundle.open(member) as stream:
        array: npt.NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
    return array
