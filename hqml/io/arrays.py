"""numpy's files: `.npz` and `.npy`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse

from hqml.display import first_line
from hqml.errors import FormatError
from hqml.io.model import MOST_VARIABLES, LoadedModel, Put, label_array, only_coefficients
from hqml.qubo import DenseQubo, GramQubo, Qubo, SparseQubo, as_qubo
from hqml.untrusted import NUMPY_FAILS, check_text


def read_numpy(stream: IO[bytes], name: str) -> LoadedModel:
    try:
        found = np.load(stream, allow_pickle=False)
        arrays = {"": found} if isinstance(found, np.ndarray) else dict(found.items())
        for array in arrays.values():
            check_text(array)
    except NUMPY_FAILS as error:
        raise FormatError(f"{name}: expected numpy arrays without Python objects: {first_line(error)}") from error
    if "form" in arrays:
        return LoadedModel(_from_arrays(arrays, name))
    if {"format", "shape", "data"} <= set(arrays):
        return LoadedModel(SparseQubo(_scipy_sparse(stream, name)))
    if len(arrays) != 1:
        raise FormatError(f"{name}: expected a model of hqml or one square array, found arrays {sorted(arrays)}")
    [matrix] = arrays.values()
    return LoadedModel(DenseQubo(matrix))


def _scipy_sparse(stream: IO[bytes], name: str) -> Any:
    stream.seek(0)
    try:
        matrix = scipy.sparse.load_npz(stream)
        if max(matrix.shape) > MOST_VARIABLES:
            raise ValueError(f"its shape is {matrix.shape}, at most {MOST_VARIABLES} variables are read")
        if hasattr(matrix, "check_format"):  # of its compressed forms scipy follows the indices unchecked
            matrix.check_format(full_check=True)
        return matrix
    except NUMPY_FAILS as error:
        raise FormatError(f"{name}: expected a matrix by scipy.sparse.save_npz: {first_line(error)}") from error


_NEEDED = {
    "dense": ("matrix", "linear", "offset"),
    "sparse": ("row", "column", "value", "linear", "offset"),
    "gram": ("gram", "weights", "linear", "scale", "shift", "offset"),
}
"""Arrays of each form in an .npz file, besides `form` and, where they are not 0..n-1, `labels`."""


def _from_arrays(arrays: Mapping[str, npt.NDArray[Any]], name: str) -> Qubo:
    form = str(arrays["form"])
    if form not in _NEEDED:
        raise FormatError(f"{name}: expected the form {', '.join(_NEEDED)}, found {form!r}")
    if missing := sorted(set(_NEEDED[form]) - set(arrays)):
        raise FormatError(f"{name}: a {form} model needs the arrays {', '.join(_NEEDED[form])}, not found: {missing}")
    terms: dict[str, Any] = {key: arrays[key] for key in _NEEDED[form]}
    if "labels" in arrays:
        terms["labels"] = np.atleast_1d(arrays["labels"]).tolist()
    if form == "dense":
        return DenseQubo(**terms)
    if form == "gram":
        return GramQubo(**terms)
    row, column, value = terms.pop("row"), terms.pop("column"), terms.pop("value")
    n = np.size(terms["linear"])
    try:
        return SparseQubo(scipy.sparse.coo_array((value, (row, column)), shape=(n, n)), **terms)
    except (ValueError, TypeError) as error:
        raise FormatError(f"{name}: row, column and value do not make a matrix of {n} rows: {error}") from error


def write_npz(model: Any, name: str) -> Put:
    qubo = as_qubo(model)
    arrays: dict[str, Any] = {"form": qubo.form, "offset": qubo.offset}
    if isinstance(qubo, GramQubo):
        arrays |= {key: getattr(qubo, key) for key in _NEEDED["gram"]}
    elif isinstance(qubo, DenseQubo):
        arrays |= {"matrix": qubo.matrix, "linear": qubo.linear - qubo.matrix.diagonal()}
    else:
        sparse = qubo.to_sparse()
        upper = scipy.sparse.coo_array(scipy.sparse.triu(sparse.couplings, 1))
        arrays |= {
            "form": "sparse",
            "row": upper.row,
            "column": upper.col,
            "value": upper.data,
            "linear": sparse.linear,
        }
    if not isinstance(qubo.labels, range):
        arrays["labels"] = label_array(qubo.labels)
        if arrays["labels"] is None:
            raise FormatError(f"{name}: labels in an .npz file are all whole numbers or all strings; write .bqm")
    return lambda stream: np.savez(stream, allow_pickle=False, **arrays)


def write_npy(model: Any, name: str) -> Put:
    qubo = as_qubo(model).to_dense()
    only_coefficients(qubo, name)
    matrix = qubo.matrix.copy()
    np.fill_diagonal(matrix, qubo.linear)
    return lambda stream: np.save(stream, matrix, allow_pickle=False)
