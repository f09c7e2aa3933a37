"""The QUBO in its three forms: dense, sparse, and Gram (a kernel matrix times digit weights, never written out).

All forms describe a quadratic function of binary variables x in {0, 1}^n,

    E(x) = offset + sum_i linear_i x_i + sum_{i<j} couplings_ij x_i x_j,

where `couplings` is symmetric with an empty diagonal. A model is immutable: its arrays are write-protected.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

import dimod
import numpy as np
import numpy.typing as npt

from hqml.display import memory
from hqml.errors import ModelError, ModelTooLarge
from hqml.model_display import digits_text, model_html, of_dense, of_gram, of_sparse

if TYPE_CHECKING:
    import scipy.sparse

Form: TypeAlias = Literal["dense", "sparse", "gram"]
Floats: TypeAlias = npt.NDArray[np.floating[Any]]
States: TypeAlias = npt.NDArray[np.int8]
_Array = TypeVar("_Array", bound=npt.NDArray[Any])

DENSE_LIMIT = 16_384
"""Variables up to which a model is written out as a matrix without being asked twice (2 GiB in float64)."""

SPARSE_BELOW = 0.3
"""Share of couplings present under which a model without a form of its own becomes sparse."""

_ROWS_AT_ONCE = 256
"""Rows of a Gram matrix that are converted or compared at a time, so that nothing of its size is made twice."""


@runtime_checkable
class Qubo(Protocol):
    """What every form can do. States are arrays (reads, n) of zeros and ones; one state may be (n,)."""

    @property
    def form(self) -> Form: ...
    @property
    def num_variables(self) -> int: ...
    @property
    def labels(self) -> Sequence[Hashable]:
        """The n variables' names, 0..n-1 unless given."""
        ...

    @property
    def offset(self) -> float: ...
    def energies(self, states: npt.ArrayLike) -> Floats:
        """Energy of each state: (reads,), float64."""
        ...

    def field(self, states: npt.ArrayLike) -> Floats:
        """Single-flip field dE/dx: (reads, n). Flipping x_i changes the energy by (1 - 2 x_i) * field_i."""
        ...

    def to_dense(self, *, limit: int = DENSE_LIMIT) -> DenseQubo:
        """The same model as a matrix.

        Raises:
            ModelTooLarge: it has more than `limit` variables.
        """
        ...

    def to_sparse(self) -> SparseQubo: ...
    def to_bqm(self) -> dimod.BinaryQuadraticModel: ...


class DenseQubo:
    """A QUBO as a matrix: E(x) = x' matrix x + linear' x + offset.

    Args:
        matrix: (n, n), symmetric or not: entries (i, j) and (j, i) add up. float32 is kept, all else becomes float64.
        linear: (n,), added to the diagonal of `matrix`; none is zero.
        offset: a constant, in units of the energy.
        labels: n distinct names of the variables; none is 0..n-1.

    Raises:
        ModelError: not square, empty, not real, not finite, or labels that repeat or do not count n.
    """

    form: Literal["dense"] = "dense"

    def __init__(
        self,
        matrix: npt.ArrayLike,
        *,
        linear: npt.ArrayLike | None = None,
        offset: float = 0.0,
        labels: Sequence[Hashable] | None = None,
    ) -> None:
        self.matrix = _square(_real(matrix, "matrix", copy=True), "matrix")
        self.num_variables = len(self.matrix)
        self.linear = _frozen(self.matrix.diagonal() + _vector(linear, self.num_variables, "linear"))
        self.offset = _number(offset, "offset")
        self.labels = _labels(labels, self.num_variables)
        _frozen(self.matrix)

    @classmethod
    def from_bqm(cls, bqm: dimod.BinaryQuadraticModel) -> DenseQubo:
        linear, row, column, values, offset, labels = _bqm_vectors(bqm)
        _refuse_above(DENSE_LIMIT, len(linear))
        matrix = np.zeros((len(linear), len(linear)))
        matrix[row, column] = values
        return cls(matrix, linear=linear, offset=offset, labels=labels)

    @cached_property
    def couplings(self) -> Floats:
        """(n, n), symmetric, diagonal zero: what x_i and x_j cost together."""
        with np.errstate(over="ignore"):  # who samples it refuses what is infinite
            both = self.matrix + self.matrix.T
        np.fill_diagonal(both, 0.0)
        return _frozen(both)

    def upper(self) -> Floats:
        """Each coefficient once: upper triangular (n, n), float64, with E(x) = x' upper x + offset."""
        matrix = self.matrix.astype(np.float64, copy=False)  # two halves of single precision add up in double
        with np.errstate(over="ignore"):  # as of `couplings`
            upper = np.triu(matrix, 1) + np.tril(matrix, -1).T
        np.fill_diagonal(upper, self.linear)
        return upper

    def energies(self, states: npt.ArrayLike) -> Floats:
        x = _states(states, self.num_variables)
        extra = self.linear - self.matrix.diagonal()
        return np.asarray(np.einsum("ri,ri->r", x @ self.matrix, x) + x @ extra + self.offset)

    def field(self, states: npt.ArrayLike) -> Floats:
        x = _states(states, self.num_variables)
        return np.asarray(x @ self.couplings + self.linear)

    def to_dense(self, *, limit: int = DENSE_LIMIT) -> DenseQubo:
        return self

    def to_sparse(self) -> SparseQubo:
        import scipy.sparse

        return SparseQubo(scipy.sparse.coo_array(self.upper()), offset=self.offset, labels=self.labels)

    def to_bqm(self) -> dimod.BinaryQuadraticModel:
        bqm = dimod.BinaryQuadraticModel(self.upper(), "BINARY")
        bqm.offset = self.offset
        return _relabelled(bqm, self.labels)

    def __repr__(self) -> str:
        return f"DenseQubo({self.num_variables} variables)"

    def _repr_html_(self) -> str:
        own = {"memory": memory(self.matrix.nbytes)}
        found = of_dense(self.matrix, self.linear)
        return model_html("DenseQubo", own, self.labels, self.offset, found, self.upper)


class SparseQubo:
    """A QUBO whose matrix is mostly empty: E(x) = x' matrix x + linear' x + offset.

    Args:
        matrix: scipy.sparse, (n, n), symmetric or not: entries (i, j) and (j, i), and repeated ones, add up.
        linear: (n,), added to the diagonal of `matrix`; none is zero.
        offset: a constant, in units of the energy.
        labels: n distinct names of the variables; none is 0..n-1.

    Raises:
        ModelError: not square, empty, not real, not finite, or labels that repeat or do not count n.
    """

    form: Literal["sparse"] = "sparse"

    def __init__(
        self,
        matrix: scipy.sparse.sparray | scipy.sparse.spmatrix,
        *,
        linear: npt.ArrayLike | None = None,
        offset: float = 0.0,
        labels: Sequence[Hashable] | None = None,
    ) -> None:
        import scipy.sparse

        if not scipy.sparse.issparse(matrix):
            raise ModelError(f"matrix must be scipy.sparse, found {type(matrix).__name__}; use DenseQubo for an array")
        given = scipy.sparse.coo_array(matrix)
        _real(given.data, "matrix")
        rows = _square_shape(given.shape, "matrix")
        given = given.astype(np.float64)
        with np.errstate(over="ignore"):  # of entries that are given twice; who samples it refuses what is infinite
            diagonal = given.diagonal()
        off_diagonal = given.row != given.col
        once = scipy.sparse.coo_array(
            (given.data[off_diagonal], (given.row[off_diagonal], given.col[off_diagonal])), shape=given.shape
        )
        couplings = scipy.sparse.csr_array(once + once.T)
        couplings.eliminate_zeros()
        couplings.sort_indices()
        self.num_variables = rows
        self.couplings: scipy.sparse.csr_array = couplings
        """(n, n), symmetric, diagonal empty: what x_i and x_j cost together."""
        self.linear = _frozen(diagonal + _vector(linear, rows, "linear"))
        self.offset = _number(offset, "offset")
        self.labels = _labels(labels, rows)
        _frozen(couplings.data), _frozen(couplings.indices), _frozen(couplings.indptr)

    @classmethod
    def from_bqm(cls, bqm: dimod.BinaryQuadraticModel) -> SparseQubo:
        import scipy.sparse

        linear, row, column, values, offset, labels = _bqm_vectors(bqm)
        upper = scipy.sparse.coo_array((values, (row, column)), shape=(len(linear), len(linear)))
        return cls(upper, linear=linear, offset=offset, labels=labels)

    def energies(self, states: npt.ArrayLike) -> Floats:
        x = _states(states, self.num_variables)
        pairs = np.einsum("ri,ri->r", (self.couplings @ x.T).T, x) / 2
        return np.asarray(pairs + x @ self.linear + self.offset)

    def field(self, states: npt.ArrayLike) -> Floats:
        x = _states(states, self.num_variables)
        return np.asarray((self.couplings @ x.T).T + self.linear)

    def to_dense(self, *, limit: int = DENSE_LIMIT) -> DenseQubo:
        import scipy.sparse

        _refuse_above(limit, self.num_variables)
        upper = scipy.sparse.triu(self.couplings, 1).toarray()
        return DenseQubo(upper, linear=self.linear, offset=self.offset, labels=self.labels)

    def to_sparse(self) -> SparseQubo:
        return self

    def to_bqm(self) -> dimod.BinaryQuadraticModel:
        import scipy.sparse

        upper = scipy.sparse.coo_array(scipy.sparse.triu(self.couplings, 1))
        bqm = dimod.BinaryQuadraticModel.from_numpy_vectors(
            self.linear, (upper.row, upper.col, upper.data), self.offset, dimod.BINARY
        )
        return _relabelled(bqm, self.labels)

    def __repr__(self) -> str:
        return f"SparseQubo({self.num_variables} variables, {self.couplings.nnz // 2} couplings)"

    def _repr_html_(self) -> str:
        found = of_sparse(self.couplings, self.linear)
        return model_html("SparseQubo", {}, self.labels, self.offset, found, lambda: self.to_dense().upper())


class GramQubo:
    """A QUBO of multipliers with digits, kept as a Gram matrix and its digit weights.

    Point n has the multiplier a_n = sum_k weights_k x_{n K + k}, and

        E(x) = 1/2 sum_{nm} a_n G_nm a_m + sum_{nk} linear_nk x_{n K + k} + offset,
        G_nm = scale_n scale_m (gram_nm + shift).

    The matrix of N K variables a side is never written out: memory is that of `gram`, which is not copied.

    Args:
        gram: (N, N), symmetric. float32 and float64 are kept as they are, all else becomes float64.
        weights: (K,), value of each binary digit of a multiplier.
        linear: (N, K) or (N K,), what each digit costs by itself; none is zero.
        scale: (N,), e.g. the labels -1 and +1 of a support vector machine; none is one.
        shift: added to every entry of `gram`; prices the balance (sum_n scale_n a_n)^2.
        offset: a constant, in units of the energy.
        labels: N K distinct names of the variables; none is 0..N K - 1.

    Raises:
        ModelError: not square, not symmetric, empty, not real, not finite, or labels that repeat or do not count N K.
    """

    form: Literal["gram"] = "gram"

    def __init__(
        self,
        gram: npt.ArrayLike,
        weights: npt.ArrayLike,
        *,
        linear: npt.ArrayLike | None = None,
        scale: npt.ArrayLike | None = None,
        shift: float = 0.0,
        offset: float = 0.0,
        labels: Sequence[Hashable] | None = None,
    ) -> None:
        self.gram = _symmetric(_square(_real(gram, "gram"), "gram"), "gram").view()
        self.weights = _frozen(np.array(_real(weights, "weights"), dtype=np.float64))
        if self.weights.ndim != 1 or not len(self.weights):
            raise ModelError(f"weights must be one value a digit, shape (K,), found shape {self.weights.shape}")
        self.num_points, self.num_digits = len(self.gram), len(self.weights)
        self.num_variables = self.num_points * self.num_digits
        self.linear = _frozen(_digitwise(linear, self.num_points, self.num_digits))
        ones = np.ones(self.num_points) if scale is None else scale
        self.scale = _frozen(_vector(ones, self.num_points, "scale"))
        self.shift, self.offset = _number(shift, "shift"), _number(offset, "offset")
        self.labels = _labels(labels, self.num_variables)
        _frozen(self.gram)

    def multipliers(self, states: npt.ArrayLike) -> Floats:
        """Decode states (reads, N K) into multipliers (reads, N)."""
        x = _states(states, self.num_variables)
        return np.asarray(x.reshape(len(x), self.num_points, self.num_digits) @ self.weights)

    def product(self, multipliers: Floats) -> Floats:
        """Multiply rows (reads, N) by G in float64, a few rows of `gram` at a time."""
        scaled = multipliers * self.scale
        out = np.empty_like(scaled)
        for start in range(0, self.num_points, _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            out[:, rows] = scaled @ self.gram[rows].T.astype(np.float64, copy=False)
        return np.asarray((out + self.shift * scaled.sum(axis=1, keepdims=True)) * self.scale)

    def energies(self, states: npt.ArrayLike) -> Floats:
        x = _states(states, self.num_variables)
        a = self.multipliers(x)
        return np.asarray(np.einsum("rn,rn->r", self.product(a), a) / 2 + x @ self.linear.reshape(-1) + self.offset)

    def field(self, states: npt.ArrayLike) -> Floats:
        x = _states(states, self.num_variables)
        through = self.product(self.multipliers(x))[:, :, None] * self.weights
        own = (self.scale**2 * (self.gram.diagonal() + self.shift))[:, None] * self.weights**2
        digits = x.reshape(len(x), self.num_points, self.num_digits)
        return np.asarray(through + own * (0.5 - digits) + self.linear).reshape(len(x), -1)

    def to_dense(self, *, limit: int = DENSE_LIMIT) -> DenseQubo:
        _refuse_above(limit, self.num_variables)
        full = self.scale[:, None] * self.scale * (self.gram.astype(np.float64) + self.shift)
        matrix = np.kron(full, np.outer(self.weights, self.weights) / 2)
        return DenseQubo(matrix, linear=self.linear.reshape(-1), offset=self.offset, labels=self.labels)

    def to_sparse(self) -> SparseQubo:
        return self.to_dense().to_sparse()

    def to_bqm(self) -> dimod.BinaryQuadraticModel:
        return self.to_dense().to_bqm()

    def __repr__(self) -> str:
        return f"GramQubo({self.num_points} points x {self.num_digits} digits)"

    def _repr_html_(self) -> str:
        own = {
            "points": self.num_points,
            "digits of each": digits_text(self.weights),
            "memory": f"{memory(self.gram.nbytes)} ({self.gram.dtype}); the matrix is not written out",
        }
        found = of_gram(self.gram, self.shift, self.scale, self.weights, self.linear)
        return model_html("GramQubo", own, self.labels, self.offset, found, lambda: self.to_dense().upper())


def as_qubo(model: Any) -> Qubo:
    """Take anything that says a model.

    Args:
        model: a Qubo, a dimod BQM, a square numpy array, a scipy.sparse matrix, a mapping {(i, j): value} as Ocean
            writes QUBOs, or a problem with `to_qubo()`.

    Raises:
        ModelError: it is none of these, or malformed.
    """
    if isinstance(model, DenseQubo | SparseQubo | GramQubo):
        return model
    if callable(getattr(model, "to_qubo", None)) and not isinstance(model, dimod.BinaryQuadraticModel):
        return as_qubo(model.to_qubo())
    if (scipy_sparse := sys.modules.get("scipy.sparse")) and scipy_sparse.issparse(model):
        return SparseQubo(model)
    if isinstance(model, Mapping):  # after scipy's: its DOK matrices are mappings as well
        model = _bqm_from_mapping(model)
    if isinstance(model, dimod.BinaryQuadraticModel):
        pairs = model.num_variables * (model.num_variables - 1) / 2
        sparse = model.num_interactions < SPARSE_BELOW * pairs
        return SparseQubo.from_bqm(model) if sparse else DenseQubo.from_bqm(model)
    if isinstance(model, np.ndarray):
        return DenseQubo(model)
    if isinstance(model, Qubo):
        return model
    if isinstance(model, str | os.PathLike):
        raise ModelError(f"found {type(model).__name__}, which says no QUBO; hqml.io.read(path) reads a file of one")
    raise ModelError(
        f"found {type(model).__name__}, which says no QUBO; give a Qubo, a dimod BQM, a square numpy array, "
        "a scipy.sparse matrix, a mapping {(i, j): value} or a problem"
    )


def _bqm_from_mapping(model: Mapping[Any, Any]) -> dimod.BinaryQuadraticModel:
    try:
        bqm: dimod.BinaryQuadraticModel = dimod.BinaryQuadraticModel.from_qubo(model)
    except (TypeError, ValueError) as error:
        raise ModelError(f"a mapping must be {{(i, j): value}} with real values: {error}") from error
    return bqm


def _bqm_vectors(bqm: dimod.BinaryQuadraticModel) -> tuple[Floats, Any, Any, Floats, float, list[Hashable]]:
    """Split a BQM into linear (n,), row, column, values (m,), offset and labels (n,)."""
    if bqm.num_variables == 0:
        raise ModelError("the model is empty: it has no variables")
    binary = bqm if bqm.vartype is dimod.BINARY else bqm.change_vartype(dimod.BINARY, inplace=False)
    labels = list(binary.variables)
    vectors = binary.to_numpy_vectors(variable_order=labels)
    row, column, values = vectors.quadratic
    linear = np.asarray(vectors.linear_biases, dtype=np.float64)
    return linear, row, column, np.asarray(values, dtype=np.float64), float(vectors.offset), labels


def _relabelled(bqm: dimod.BinaryQuadraticModel, labels: Sequence[Hashable]) -> dimod.BinaryQuadraticModel:
    if isinstance(labels, range):
        return bqm
    named: dimod.BinaryQuadraticModel = bqm.relabel_variables(dict(enumerate(labels)))
    return named


def _real(values: Any, name: str, *, copy: bool = False) -> Floats:
    """A finite float array; float32 and float64 are kept, whole numbers and bools become float64."""
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ModelError(f"{name} is not a rectangular array: {error}") from error
    if array.dtype.kind == "c":
        raise ModelError(f"{name} is complex; a QUBO has real coefficients: give its real part if that is meant")
    if array.dtype.kind not in "fiub":
        raise ModelError(f"{name} must hold real numbers, found dtype {array.dtype}")
    dtype = array.dtype if array.dtype in (np.float32, np.float64) else np.float64
    array = np.array(array, dtype=dtype, order="C", copy=True if copy else None)
    # A sum is one pass without a temporary; only where it overflows or is not finite does each entry count.
    with np.errstate(all="ignore"):
        suspicious = not np.isfinite(array.sum())
    if suspicious and not np.isfinite(array).all():
        found = "NaN" if np.isnan(array).any() else "infinity"
        count = int(array.size - np.isfinite(array).sum())
        raise ModelError(f"{name} holds {count} value(s) that are {found} or not finite; replace or drop them")
    return array


def _number(value: Any, name: str) -> float:
    array = _real(value, name)
    if array.ndim:
        raise ModelError(f"{name} must be one number, found shape {array.shape}")
    return float(array)


def _square_shape(shape: tuple[int, ...], name: str) -> int:
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ModelError(f"{name} must be square, (n, n), found shape {shape}")
    if shape[0] == 0:
        raise ModelError(f"{name} is empty: the model has no variables")
    return shape[0]


def _square(array: Floats, name: str) -> Floats:
    _square_shape(array.shape, name)
    return array


def _symmetric(array: Floats, name: str) -> Floats:
    """Compare with the transpose, a band of rows at a time; half the digits of the array's own dtype must agree."""
    slack = float(np.sqrt(np.finfo(array.dtype).eps)) * max(float(array.max()), -float(array.min()))
    for start in range(0, len(array), _ROWS_AT_ONCE):
        band, mirrored = array[start : start + _ROWS_AT_ONCE], array[:, start : start + _ROWS_AT_ONCE].T
        if np.abs(band - mirrored).max() > slack:
            raise ModelError(f"{name} must be symmetric; use ({name} + {name}.T) / 2 if its halves should be averaged")
    return array


def _vector(values: Any, n: int, name: str) -> Floats:
    if values is None:
        return np.zeros(n)
    array = _real(values, name).astype(np.float64)
    if array.shape != (n,):
        raise ModelError(f"{name} must have shape ({n},), found {array.shape}")
    return array


def _digitwise(linear: npt.ArrayLike | None, points: int, digits: int) -> Floats:
    """The linear terms (N, K) of a Gram form, given as (N, K) or (N K,)."""
    if linear is None:
        return np.zeros((points, digits))
    array = _real(linear, "linear").astype(np.float64)
    if array.shape not in ((points, digits), (points * digits,)):
        raise ModelError(f"linear must have shape ({points}, {digits}) or ({points * digits},), found {array.shape}")
    return array.reshape(points, digits)


def _labels(labels: Sequence[Hashable] | npt.NDArray[Any] | None, n: int) -> Sequence[Hashable]:
    if labels is None:
        return range(n)
    names = labels.tolist() if isinstance(labels, np.ndarray) else list(labels)
    if len(names) != n:
        raise ModelError(f"found {len(names)} labels for {n} variables; give one each")
    try:
        counts = Counter(names)
    except TypeError as error:
        raise ModelError(f"labels must be hashable, e.g. numbers, strings or tuples: {error}") from error
    if len(counts) < n:
        repeated = [name for name, count in counts.items() if count > 1]
        raise ModelError(f"labels must be distinct; repeated: {repeated[:3]}")
    return range(n) if names == list(range(n)) else names


def _states(states: npt.ArrayLike, n: int) -> Floats:
    array = _real(states, "states")
    if array.ndim == 1:
        array = array[None, :]
    if array.ndim != 2 or array.shape[1] != n:
        raise ModelError(f"states must have shape (reads, {n}), found {np.shape(states)}")
    if ((array != 0) & (array != 1)).any():
        raise ModelError("states must hold zeros and ones; of spins s, give (s + 1) / 2")
    return array.astype(np.float64, copy=False)


def _refuse_above(limit: int, n: int) -> None:
    if n > limit:
        raise ModelTooLarge(
            f"a matrix of {n} variables needs {8 * n * n / 2**30:.1f} GiB; the limit is {limit} variables. "
            "Use a backend that takes this form as it is (`cpu` does), or pass limit= to to_dense()"
        )


def _frozen(array: _Array) -> _Array:
    array.flags.writeable = False
    return array
