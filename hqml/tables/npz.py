"""npz files: an array of features, an array of labels."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hqml.errors import FormatError
from hqml.tables.table import Table, as_labels, check_finite, listed
from hqml.untrusted import NUMPY_FAILS, check_text


def read_npz(name: str, content: bytes, label: str | None, features: Sequence[str] | None) -> Table:
    """Read the arrays as a table; see `hqml.tables.read_table`."""
    arrays = _arrays(name, content)
    target = label or "y"
    if wanted := [key for key in ("X", label) if key and key not in arrays]:
        raise FormatError(f"{name}: has no array {wanted[0]!r}; it holds: {listed(sorted(arrays)) or 'nothing'}")
    X, y = arrays["X"], arrays.get(target)
    if X.ndim != 2 or X.dtype.kind not in "fiub" or not X.size:
        raise FormatError(f"{name}: X must be real numbers (n, features), found {X.dtype} of shape {X.shape}")
    if y is not None and y.size != len(X):
        raise FormatError(f"{name}: X has {len(X)} rows, {target} has shape {y.shape}; give one label a row")
    if features is not None and len(features) != X.shape[1]:
        raise FormatError(f"{name}: X has {X.shape[1]} columns, the model takes {len(features)}; give exactly those")
    X = X.astype(np.float64)
    y = None if y is None else y.reshape(-1)
    try:
        check_text(np.zeros(0) if y is None else y)
    except ValueError as error:
        raise FormatError(f"{name}: {target} is damaged: {error}; write it again") from error
    check_finite(name, X, np.zeros(0) if y is None else y)
    names = [str(n + 1) for n in range(X.shape[1])] if features is None else features
    return Table(X, None if y is None else as_labels(y), tuple(names), None if y is None else target)


def _arrays(name: str, content: bytes) -> dict[str, npt.NDArray[Any]]:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except ValueError as error:
        raise FormatError(
            f"{name}: an array holds Python objects, or is damaged ({error}); save plain numbers and text"
        ) from error
    except NUMPY_FAILS as error:
        raise FormatError(f"{name}: the npz file is broken or cut short ({error}); write it again") from error
    if foreign := [key for key, array in arrays.items() if not isinstance(array, np.ndarray)]:
        raise FormatError(
            f"{name}: is a zip with {foreign[0]!r} in it, not an npz; save with numpy.savez(file, X=..., y=...)"
        )
    return arrays
