"""A Gram model too large for one rank: each holds the rows of its own points."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import numba
import numpy as np
import numpy.typing as npt

from hqml.errors import ModelError, UnsupportedModel
from hqml.options import whole_number
from hqml.qubo import DenseQubo, Floats, GramQubo, SparseQubo
from hqml_mpi.ranks import Ranks, world

Rows: TypeAlias = "Callable[[int, int], npt.ArrayLike] | npt.ArrayLike"

BLOCK = 64
"""Points of a block of the heat bath. The points of a rank are whole blocks, so the blocks are those of one rank."""

_ROWS_AT_ONCE = 256
_PROBES = 64


class DistributedGram:
    """A GramQubo whose matrix is never in one place; otherwise the same model.

    Every rank makes it with the same arguments (but for `rows`, of which it is asked for its own alone), and holds
    points / ranks rows in float32. `energies` is computed by all ranks together, so all must call it. Backend `mpi`
    alone samples it; to_dense, to_sparse and to_bqm raise UnsupportedModel.

    Args:
        rows: `rows(first, last)` gives rows first..last-1 of the symmetric Gram matrix, (last - first, points); or a
            matrix (points, points) that can be sliced, such as `np.load(path, mmap_mode="r")`. It is asked for rows
            of `own_rows(points)` alone, a few hundred at a time, and again when a rank was lost.
        points: N.
        weights, linear, scale, shift, offset, labels: as of hqml.GramQubo.
        comm: an mpi4py communicator to use instead of all ranks.

    Raises:
        ModelError: the matrix is not symmetric (its entries are probed), or an argument is malformed.
    """

    form: Literal["gram"] = "gram"

    def __init__(
        self,
        rows: Rows,
        points: int,
        weights: npt.ArrayLike,
        *,
        linear: npt.ArrayLike | None = None,
        scale: npt.ArrayLike | None = None,
        shift: float = 0.0,
        offset: float = 0.0,
        labels: Sequence[Hashable] | None = None,
        comm: Any = None,
    ) -> None:
        self.rows, self.comm, self.points = rows, comm, whole_number("points", points)
        # A model of one point checks what does not depend on the matrix.
        checked = GramQubo(np.zeros((1, 1)), weights, shift=shift, offset=offset)
        self.weights, self.shift, self.offset = checked.weights, checked.shift, checked.offset
        self.num_digits = len(self.weights)
        self.num_variables = self.points * self.num_digits
        self.linear = _vector(linear, self.num_variables, "linear", 0.0).reshape(self.points, self.num_digits)
        self.scale = _vector(scale, self.points, "scale", 1.0)
        self.labels: Sequence[Hashable] = range(self.num_variables) if labels is None else labels
        if len(self.labels) != self.num_variables or len(set(self.labels)) != self.num_variables:
            raise ModelError(f"labels must be {self.num_variables} distinct names, one a variable")
        self._held: Share | None = None

    def share(self, ranks: Ranks) -> Share:
        """The part of the matrix that this rank holds; read at the first call, and anew when the ranks have changed."""
        if self._held is None or self._held.place != (ranks.rank, ranks.size):
            self._held = Share.read(self.rows, self.points, ranks)
        return self._held

    def energies(self, states: npt.ArrayLike) -> Floats:
        """Energy of each state: (reads,), float64, of the matrix in float32. All ranks call this."""
        x = np.atleast_2d(np.asarray(states, dtype=np.float64))
        a = x.reshape(len(x), self.points, self.num_digits) @ self.weights
        product = self.product(a * self.scale)
        return np.asarray((a * product).sum(axis=1) / 2 + x @ np.ravel(self.linear) + self.offset)

    def field(self, states: npt.ArrayLike) -> Floats:
        """Single-flip field dE/dx: (reads, n). All ranks call this."""
        x = np.atleast_2d(np.asarray(states, dtype=np.float64))
        digits = x.reshape(len(x), self.points, self.num_digits)
        ranks = self._ranks()
        share = self.share(ranks)
        diagonal = np.concatenate(ranks.everyone(share.diagonal.astype(np.float64)))
        own = (self.scale**2 * (diagonal + self.shift))[:, None] * self.weights**2
        through = self.product((digits @ self.weights) * self.scale)[:, :, None] * self.weights
        return np.asarray(through + own * (0.5 - digits) + self.linear).reshape(len(x), -1)

    def product(self, scaled: Floats) -> Floats:
        """scale * (gram + shift) @ scaled for rows (reads, N), in float64. All ranks call this."""
        ranks = self._ranks()
        own = self.share(ranks).product(scaled, np.float64)
        whole = np.concatenate(ranks.everyone(own), axis=1)
        return np.asarray((whole + self.shift * scaled.sum(axis=1, keepdims=True)) * self.scale)

    def to_dense(self, *, limit: int = 0) -> DenseQubo:
        raise self._never()

    def to_sparse(self) -> SparseQubo:
        raise self._never()

    def to_bqm(self) -> Any:
        raise self._never()

    def _never(self) -> UnsupportedModel:
        return UnsupportedModel(
            "a DistributedGram is sampled by backend 'mpi' alone, around an inner backend that takes Gram models "
            f"(plain 'mpi' does); its {self.num_variables} variables are never written out"
        )

    def _ranks(self) -> Ranks:
        return world() if self.comm is None else Ranks(self.comm)

    def __repr__(self) -> str:
        return f"DistributedGram({self.points} points x {self.num_digits} digits)"


@dataclass(frozen=True)
class Share:
    """The rows of one rank, by symmetry kept as columns: row n of `columns` is what a change of point n acts on here.

    Attributes:
        columns: (N, own points), float32.
        first: the first own point.
        place: rank and number of ranks.
    """

    columns: Floats
    first: int
    place: tuple[int, int]

    @classmethod
    def read(cls, rows: Rows, points: int, ranks: Ranks) -> Share:
        first, last = bounds(points, ranks.size)[ranks.rank]
        columns = np.empty((points, last - first), np.float32)

        def read() -> None:
            for start in range(first, last, _ROWS_AT_ONCE):
                stop = min(last, start + _ROWS_AT_ONCE)
                columns[:, start - first : stop - first] = _read(rows, start, stop, points).T

        ranks.together(read)
        share = cls(columns, first, (ranks.rank, ranks.size))
        share._probe_symmetry(points, ranks)
        return share

    @property
    def points(self) -> range:
        return range(self.first, self.first + self.columns.shape[1])

    @property
    def diagonal(self) -> Floats:
        """(own points,)."""
        own = np.arange(self.columns.shape[1])
        return np.asarray(self.columns[self.first + own, own])

    def product(self, scaled: Floats, dtype: npt.DTypeLike) -> Floats:
        """The own columns of `scaled @ gram`, for scaled (replicas, N), summed in the order of the points."""
        out = np.zeros((len(scaled), self.columns.shape[1]), dtype)
        add_rows(out, self.columns, np.ascontiguousarray(scaled, dtype=dtype))
        return out

    def _probe_symmetry(self, points: int, ranks: Ranks) -> None:
        """Compare entries (n, m) with (m, n) that lie on different ranks.

        Raises:
            ModelError: on every rank, where two of them differ.
        """
        rng = np.random.default_rng(points)
        n, m = rng.integers(points, size=(2, _PROBES))
        values = np.zeros(2 * _PROBES)
        at, of = np.concatenate([n, m]), np.concatenate([m, n])  # row `at` of the column that point `of` owns
        here = (of >= self.first) & (of < self.first + self.columns.shape[1])
        values[here] = self.columns[at[here], of[here] - self.first]
        whole = np.sum(ranks.everyone(values), axis=0)
        gap = np.abs(whole[:_PROBES] - whole[_PROBES:])
        if np.any(gap > 1e-5 * np.abs(whole).max()):
            k = int(gap.argmax())
            raise ModelError(
                f"the rows are not those of a symmetric matrix: entry ({m[k]}, {n[k]}) is {whole[k]:g}, "
                f"entry ({n[k]}, {m[k]}) is {whole[_PROBES + k]:g}"
            )


def bounds(points: int, size: int) -> list[tuple[int, int]]:
    """First and last + 1 of the points of each rank: whole blocks, as even as they go."""
    blocks = -(-points // BLOCK)
    edges = [min(points, BLOCK * (blocks * rank // size)) for rank in range(size + 1)]
    return list(pairwise(edges))


def own_rows(points: int, comm: Any = None) -> slice:
    """The rows of a DistributedGram of so many points that this rank will be asked for."""
    ranks = world() if comm is None else Ranks(comm)
    return slice(*bounds(points, ranks.size)[ranks.rank])


@numba.njit(nogil=True, cache=True)
def add_rows(out, rows, factors):  # type: ignore[no-untyped-def]
    """out += factors @ rows, row after row, so that sums do not depend on how the columns are cut. Zeros are free."""
    replicas, columns = out.shape
    for n in range(rows.shape[0]):
        for r in range(replicas):
            factor = factors[r, n]
            if factor != 0:
                for j in range(columns):
                    out[r, j] += factor * rows[n, j]


def _read(rows: Any, start: int, stop: int, points: int) -> Floats:
    read = np.asarray(rows(start, stop) if callable(rows) else rows[start:stop])
    if read.shape != (stop - start, points):
        raise ModelError(f"rows {start} to {stop - 1} must have shape {(stop - start, points)}, found {read.shape}")
    if not np.isfinite(read).all():
        raise ModelError(f"rows {start} to {stop - 1} are not finite")
    return read


def _vector(values: npt.ArrayLike | None, length: int, name: str, default: float) -> Floats:
    if values is None:
        return np.full(length, default)
    array = np.asarray(values, dtype=np.float64).ravel()
    if array.shape != (length,) or not np.isfinite(array).all():
        raise ModelError(f"{name} must be {length} finite numbers, found shape {np.shape(values)}")
    return array
