"""The text formats: `.mc`, `.qubo` and `.coo`. What they hold is told in `hqml.io`."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any, NoReturn

import numpy as np
import numpy.typing as npt
import scipy.sparse

from hqml.errors import FormatError
from hqml.io.model import MOST_VARIABLES, LoadedModel, Put, label_array, only_coefficients
from hqml.problems.max_cut import MaxCut
from hqml.qubo import DENSE_LIMIT, SPARSE_BELOW, DenseQubo, Floats, Qubo, SparseQubo, as_qubo

_GZIP_MAGIC = b"\x1f\x8b"
_VARTYPE = re.compile(r"^[ \t\f]*#.*?vartype[:=][ \t]*([-_.a-zA-Z0-9]+)", re.MULTILINE)
"""Where dimod looks for the kind of the variables (dimod.serialization.coo)."""


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


def read_mc(stream: IO[bytes], name: str) -> LoadedModel:
    graph = MaxCut(_one_based(_Text.of(stream, name), "i j weight", loops=False))
    return LoadedModel(graph.to_qubo(), graph)


def read_or_library(stream: IO[bytes], name: str) -> LoadedModel:
    return LoadedModel(_qubo(_one_based(_Text.of(stream, name), "i j value", loops=True)))


def read_coo(stream: IO[bytes], name: str) -> LoadedModel:
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


def write_mc(model: Any, name: str) -> Put:
    graph = model.graph if isinstance(model, LoadedModel) else model
    if not isinstance(graph, MaxCut):
        raise FormatError(f"{name}: a .mc file holds a graph, found {type(model).__name__}; write .qubo or .npz")
    upper = scipy.sparse.coo_array(scipy.sparse.triu(scipy.sparse.csr_array(graph.weights), 1))
    return _lines([f"{upper.shape[0]} {upper.nnz}"], upper.row + 1, upper.col + 1, upper.data)


def write_or_library(model: Any, name: str) -> Put:
    qubo = as_qubo(model).to_sparse()
    only_coefficients(qubo, name)
    upper = scipy.sparse.coo_array(scipy.sparse.triu(qubo.couplings / 2 + scipy.sparse.diags_array(qubo.linear)))
    upper.eliminate_zeros()
    return _lines([f"{upper.shape[0]} {upper.nnz}"], upper.row + 1, upper.col + 1, upper.data)


def write_coo(model: Any, name: str) -> Put:
    qubo = as_qubo(model).to_sparse()
    only_coefficients(qubo, name, labels=True)
    labels = label_array(qubo.labels)
    if labels is None or labels.dtype.kind != "i" or labels.min() < 0:
        raise FormatError(f"{name}: labels in a .coo file are whole numbers from 0; write .bqm or .npz")
    upper = scipy.sparse.coo_array(scipy.sparse.triu(qubo.couplings, 1))
    # Each variable has its line, if only of 0: a variable that does not occur would be lost.
    rows, columns = np.concatenate([labels, labels[upper.row]]), np.concatenate([labels, labels[upper.col]])
    return _lines(["# vartype=BINARY"], rows, columns, np.concatenate([qubo.linear, upper.data]))


def _lines(head: list[str], i: Any, j: Any, values: Floats) -> Put:
    # Written without an exponent: dimod reads none. The digits are the fewest that give the same float64 back.
    numbers = (np.format_float_positional(value, trim="-") for value in values)
    body = [f"{a} {b} {value}" for a, b, value in zip(i.tolist(), j.tolist(), numbers, strict=True)]
    content = ("\n".join(head + body) + "\n").encode()
    return lambda stream: stream.write(content)
