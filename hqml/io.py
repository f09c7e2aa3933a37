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
import io
import os
import re
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, Literal, NoReturn

import dimod
import numpy as np
import numpy.typing as npt
import scipy.sparse
from dimod.serialization.fileview import read_header

from hqml.errors import FormatError, ModelError, ModelTooLarge, ParameterError, ProblemError
from hqml.problems.max_cut import MaxCut, cut_sizes
from hqml.qubo import DENSE_LIMIT, SPARSE_BELOW, DenseQubo, Floats, GramQubo, Qubo, SparseQubo, as_qubo

MOST_VARIABLES = 10_000_000
"""Largest n that the first line of a text file may announce; a slip there must not take all memory."""

_BQM_MAGIC = b"DIMODBQM"
_GZIP_MAGIC = b"\x1f\x8b"
_VARTYPE = re.compile(r"^[ \t\f]*#.*?vartype[:=][ \t]*([-_.a-zA-Z0-9]+)", re.MULTILINE)
"""Where dimod looks for the kind of the variables (dimod.serialization.coo)."""

_DAMAGED = (
    ValueError,
    EOFError,
    OSError,
    KeyError,
    RuntimeError,
    MemoryError,
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What numpy and zipfile raise on files that are cut short, damaged or not theirs."""


@dataclass(frozen=True)
class LoadedModel:
    """A model from a file. Its energies are those of the file's own convention; of a graph they are minus the cut.

    Attributes:
        qubo: what is to be minimised.
        graph: the problem, where the file is a graph for maximum cut.
    """

    qubo: Qubo
    graph: MaxCut | None = None

    @property
    def kind(self) -> Literal["max-cut", "qubo"]:
        return "qubo" if self.graph is None else "max-cut"

    def to_qubo(self) -> Qubo:
        return self.qubo

    def cut(self, states: npt.ArrayLike) -> Floats:
        """Weight of the cut edges: (reads,) for states (reads, n), zeros and ones.

        Raises:
            ParameterError: the file is no graph.
        """
        if self.graph is None:
            raise ParameterError("only a graph (.mc) has cuts; this model has energies: use .qubo.energies(states)")
        return cut_sizes(self.graph.weights, np.asarray(states, dtype=np.float64))


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
    try:
        with _opener(path)(path, "wb") as stream:
            put(stream)
    except OSError as error:
        raise FormatError(f"{os.fspath(path)}: cannot be written: {error.strerror or error}") from error


# --- Text ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Text:
    """The text of a file. It is parsed at once by numpy; only to name a bad line is it gone through line by line."""

    name: str
    text: str

    @classmethod
    def of(cls, stream: IO[bytes], name: str) -> _Text:
        content = stream.read()
        if content.startswith(_GZIP_MAGIC):
            raise FormatError(f"{name}: expected text, found compressed data; its name should end in .gz")
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise FormatError(f"{name}: expected text, found byte {content[error.start]:#04x}, not UTF-8") from error
        if not text.strip():
            raise FormatError(f"{name}: the file is empty")
        return cls(name, text)

    def stream(self) -> io.StringIO:
        return io.StringIO(self.text, newline=None)

    def lines(self) -> Iterator[tuple[int, str]]:
        """Number and content of each line that says something."""
        for number, line in enumerate(self.stream(), 1):
            if content := line.split("#", 1)[0].strip():
                yield number, content

    def fault(self, number: int, expected: str, found: str) -> FormatError:
        shown = found if len(found) <= 60 else found[:57] + "..."
        return FormatError(f"{self.name}:{number}: expected {expected}, found {shown!r}")

    def header(self) -> tuple[int, int, int]:
        """The first line: number of variables, number of entries; and the number of that line."""
        number, content = next(self.lines(), (1, ""))
        fields = content.split()
        if len(fields) != 2 or not all(re.fullmatch(r"[+-]?\d{1,18}", field) for field in fields):
            raise self.fault(number, "'n m' (variables and entries)", content)
        n, m = map(int, fields)
        if not 1 <= n <= MOST_VARIABLES or m < 0:
            raise self.fault(number, f"1 to {MOST_VARIABLES} variables and at least 0 entries", content)
        return n, m, number

    def entries(self, after: int, shape: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Floats]:
        """Columns i, j and value (m,) of the lines that follow line `after`."""
        if next(islice(self.lines(), 1 if after else 0, None), None) is None:
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
        try:
            table = np.loadtxt(self.stream(), skiprows=after, ndmin=2)
        except ValueError as error:
            self._fail(after, shape, error)
        if table.shape[1] != 3:
            self._fail(after, shape, f"lines of {table.shape[1]} numbers")
        i, j, values = np.ascontiguousarray(table.T)
        # Above 2**53 a float64 no longer tells whole numbers apart.
        whole = (i == np.floor(i)) & (j == np.floor(j)) & (abs(i) < 2**53) & (abs(j) < 2**53)
        self.refuse(~whole, after, f"{shape} with whole numbers i and j")
        self.refuse(~np.isfinite(values), after, f"{shape} with a finite value")
        return i.astype(np.int64), j.astype(np.int64), values

    def refuse(self, bad: npt.NDArray[np.bool_], after: int, expected: str) -> None:
        """Name the line of the first entry that is bad."""
        if bad.any():
            number, content = next(islice(self.lines(), int(np.argmax(bad)) + bool(after), None))
            raise self.fault(number, expected, content)

    def _fail(self, after: int, shape: str, reason: object) -> NoReturn:
        for number, content in self.lines():
            if number > after and not _is_entry(content):
                raise self.fault(number, repr(shape), content)
        raise FormatError(f"{self.name}: expected lines {shape!r}: {reason}")


def _is_entry(content: str) -> bool:
    try:
        numbers = [float(field) for field in content.split()]
    except ValueError:
        return False
    return len(numbers) == 3 and "_" not in content  # Python reads 1_000, numpy does not


def _one_based(text: _Text, shape: str, *, loops: bool) -> npt.NDArray[Any] | scipy.sparse.csr_array:
    """The symmetric matrix of a file `n m`, `i j value`: dense or sparse, whichever suits."""
    n, m, after = text.header()
    i, j, values = text.entries(after, shape)
    outside = (np.minimum(i, j) < 1) | (np.maximum(i, j) > n)
    text.refuse(outside, after, f"{shape} with i and j from 1 to {n}")
    if not loops:
        text.refuse(i == j, after, f"{shape} with two different vertices")
    text.refuse(_repeated(np.minimum(i, j) * (n + 1) + np.maximum(i, j)), after, f"{shape} once for each pair")
    if len(values) != m:
        raise FormatError(f"{text.name}: expected {m} lines {shape!r} as line {after} says, found {len(values)}")
    off = i != j
    row, column = np.concatenate([i, j[off]]) - 1, np.concatenate([j, i[off]]) - 1
    return _dense_or_sparse(n, row, column, np.concatenate([values, values[off]]))


def _repeated(keys: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """True where a key has come before."""
    repeated = np.ones(len(keys), dtype=np.bool_)
    repeated[np.unique(keys, return_index=True)[1]] = False
    return repeated


def _dense_or_sparse(n: int, row: Any, column: Any, values: Floats) -> npt.NDArray[Any] | scipy.sparse.csr_array:
    """Entries as a matrix (n, n), repeated ones added up."""
    matrix = scipy.sparse.csr_array((values, (row, column)), shape=(n, n))
    return matrix if n > DENSE_LIMIT or len(values) < SPARSE_BELOW * n * n else matrix.toarray()


def _qubo(matrix: Any, **terms: Any) -> Qubo:
    return DenseQubo(matrix, **terms) if isinstance(matrix, np.ndarray) else SparseQubo(matrix, **terms)


def _read_mc(stream: IO[bytes], name: str) -> LoadedModel:
    graph = MaxCut(_one_based(_Text.of(stream, name), "i j weight", loops=False))
    return LoadedModel(graph.to_qubo(), graph)


def _read_or_library(stream: IO[bytes], name: str) -> LoadedModel:
    return LoadedModel(_qubo(_one_based(_Text.of(stream, name), "i j value", loops=True)))


def _read_coo(stream: IO[bytes], name: str) -> LoadedModel:
    text = _Text.of(stream, name)
    kinds = {match[1] for match in _VARTYPE.finditer(text.text)} or {"BINARY"}
    if kinds not in ({"BINARY"}, {"SPIN"}):
        raise FormatError(f"{name}: expected '# vartype=BINARY' or '# vartype=SPIN', found {', '.join(sorted(kinds))}")
    i, j, values = text.entries(0, "i j value")
    if not len(values):
        raise FormatError(f"{name}: the file is empty: no line 'i j value'")
    text.refuse(np.minimum(i, j) < 0, 0, "i j value with i and j from 0")
    # As in dimod, the variables are those that occur: a label of a billion costs no memory.
    labels, at = np.unique(np.concatenate([i, j]), return_inverse=True)
    row, column = at[: len(i)], at[len(i) :]
    terms = {"labels": labels.tolist()}
    if kinds == {"BINARY"}:
        return LoadedModel(_qubo(_dense_or_sparse(len(labels), row, column, values), **terms))
    return LoadedModel(_of_spins(len(labels), row, column, values, **terms))


def _of_spins(n: int, row: Any, column: Any, values: Floats, **terms: Any) -> Qubo:
    """E(s) = sum_i h_i s_i + sum_ij J_ij s_i s_j with s = 2 x - 1; an entry (i, i) is h_i."""
    own = row == column
    h = np.bincount(row[own], values[own], minlength=n)
    row, column, J = row[~own], column[~own], values[~own]
    linear = 2 * h - 2 * np.bincount(row, J, minlength=n) - 2 * np.bincount(column, J, minlength=n)
    return _qubo(_dense_or_sparse(n, row, column, 4 * J), linear=linear, offset=J.sum() - h.sum(), **terms)


def _write_mc(model: Any, name: str) -> _Put:
    graph = model.graph if isinstance(model, LoadedModel) else model
    if not isinstance(graph, MaxCut):
        raise FormatError(f"{name}: a .mc file holds a graph, found {type(model).__name__}; write .qubo or .npz")
    upper = scipy.sparse.coo_array(scipy.sparse.triu(scipy.sparse.csr_array(graph.weights), 1))
    return _lines([f"{upper.shape[0]} {upper.nnz}"], upper.row + 1, upper.col + 1, upper.data)


def _write_or_library(model: Any, name: str) -> _Put:
    qubo = as_qubo(model).to_sparse()
    _only_coefficients(qubo, name)
    upper = scipy.sparse.coo_array(scipy.sparse.triu(qubo.couplings / 2 + scipy.sparse.diags_array(qubo.linear)))
    upper.eliminate_zeros()
    return _lines([f"{upper.shape[0]} {upper.nnz}"], upper.row + 1, upper.col + 1, upper.data)


def _write_coo(model: Any, name: str) -> _Put:
    qubo = as_qubo(model).to_sparse()
    _only_coefficients(qubo, name, labels=True)
    labels = _label_array(qubo.labels)
    if labels is None or labels.dtype.kind != "i" or labels.min() < 0:
        raise FormatError(f"{name}: labels in a .coo file are whole numbers from 0; write .bqm or .npz")
    upper = scipy.sparse.coo_array(scipy.sparse.triu(qubo.couplings, 1))
    # Each variable has its line, if only of 0: a variable that does not occur would be lost.
    rows, columns = np.concatenate([labels, labels[upper.row]]), np.concatenate([labels, labels[upper.col]])
    return _lines(["# vartype=BINARY"], rows, columns, np.concatenate([qubo.linear, upper.data]))


def _only_coefficients(qubo: Qubo, name: str, *, labels: bool = False) -> None:
    """Refuse what a format without an offset, or without labels, would lose."""
    kind = Path(name.removesuffix(".gz")).suffix
    if qubo.offset:
        raise FormatError(f"{name}: a {kind} file holds no offset, found {qubo.offset:g}; write .npz or .bqm")
    if not labels and not isinstance(qubo.labels, range):
        raise FormatError(f"{name}: a {kind} file holds no labels, found {qubo.labels[0]!r}...; write .npz or .bqm")


def _label_array(labels: Sequence[Hashable]) -> npt.NDArray[Any] | None:
    """Labels as an array, where they are all whole numbers or all strings and numpy keeps them as they are."""
    if not any(all(isinstance(label, kind) for label in labels) for kind in (int | np.integer, str)):
        return None
    array = np.asarray(labels)
    return array if array.dtype.kind in "iU" and array.tolist() == list(labels) else None


def _lines(head: list[str], i: Any, j: Any, values: Floats) -> _Put:
    # Written without an exponent: dimod reads none. The digits are the fewest that give the same float64 back.
    numbers = (np.format_float_positional(value, trim="-") for value in values)
    body = [f"{a} {b} {value}" for a, b, value in zip(i.tolist(), j.tolist(), numbers, strict=True)]
    content = ("\n".join(head + body) + "\n").encode()
    return lambda stream: stream.write(content)


# --- dimod and numpy ----------------------------------------------------------------------------------------------


def _read_bqm(stream: IO[bytes], name: str) -> LoadedModel:
    content = stream.read()
    if not content.startswith(_BQM_MAGIC):
        raise FormatError(f"{name}: expected a file written by BinaryQuadraticModel.to_file, found {content[:8]!r}")
    try:
        _check_indices(content)
        bqm = dimod.BinaryQuadraticModel.from_file(content)
    except Exception as error:  # dimod checks little: a damaged file raises whatever its parts do
        raise FormatError(f"{name}: the BQM file is damaged or cut short: {_reason(error)}") from error
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


def _write_bqm(model: Any, name: str) -> _Put:
    with as_qubo(model).to_bqm().to_file() as file:
        content = file.read()
    return lambda stream: stream.write(content)


def _read_numpy(stream: IO[bytes], name: str) -> LoadedModel:
    try:
        found = np.load(stream, allow_pickle=False)
        arrays = {"": found} if isinstance(found, np.ndarray) else dict(found.items())
    except _DAMAGED as error:
        raise FormatError(f"{name}: expected numpy arrays without Python objects: {_reason(error)}") from error
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
        return scipy.sparse.load_npz(stream)
    except (*_DAMAGED, TypeError, IndexError, AttributeError) as error:
        raise FormatError(f"{name}: expected a matrix by scipy.sparse.save_npz: {_reason(error)}") from error


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


def _write_npz(model: Any, name: str) -> _Put:
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
        arrays["labels"] = _label_array(qubo.labels)
        if arrays["labels"] is None:
            raise FormatError(f"{name}: labels in an .npz file are all whole numbers or all strings; write .bqm")
    return lambda stream: np.savez(stream, allow_pickle=False, **arrays)


def _write_npy(model: Any, name: str) -> _Put:
    qubo = as_qubo(model).to_dense()
    _only_coefficients(qubo, name)
    matrix = qubo.matrix.copy()
    np.fill_diagonal(matrix, qubo.linear)
    return lambda stream: np.save(stream, matrix, allow_pickle=False)


# --- Files --------------------------------------------------------------------------------------------------------

_Put = Callable[[IO[bytes]], object]
"""Puts a model, already checked, into an open file."""


@dataclass(frozen=True)
class _Format:
    read: Callable[[IO[bytes], str], LoadedModel]
    write: Callable[[Any, str], _Put]


_FORMATS = {
    ".bqm": _Format(_read_bqm, _write_bqm),
    ".coo": _Format(_read_coo, _write_coo),
    ".mc": _Format(_read_mc, _write_mc),
    ".npy": _Format(_read_numpy, _write_npy),
    ".npz": _Format(_read_numpy, _write_npz),
    ".qubo": _Format(_read_or_library, _write_or_library),
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
        raise FormatError(f"{name}: there is no such file") from error
    except IsADirectoryError as error:
        raise FormatError(f"{name}: expected a file, found a folder") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FormatError(f"{name}: the compressed data is damaged or cut short: {_reason(error)}") from error
    except OSError as error:
        raise FormatError(f"{name}: cannot be read: {error.strerror or error}") from error


def _reason(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
