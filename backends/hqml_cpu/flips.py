"""Annealing by single flips: kernels for dense and for sparse models.

Both keep d_i = 1 - 2 x_i and the field f_i = dE/dx_i of every spin, so that a flip costs d_i f_i and is decided by one
comparison; an accepted flip updates the fields of its neighbours.

* Dense: for each block of spins the replicas take turns, so that a row of couplings is read from memory once for all;
  sixteen spins are tested at a time, and only where one of them flips does anything else happen.
* Sparse: many replicas lie side by side and are flipped and updated as one vector, in 8-bit integers where the
  couplings allow it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from hqml.qubo import DenseQubo, Floats, Qubo, SparseQubo, States
from hqml_cpu import noise

DENSE_REPLICAS = 16
"""Replicas of a block of dense annealing: their fields stay in the second-level cache up to n = 10,000."""

LANES = {np.dtype(np.int8): 64, np.dtype(np.int16): 32, np.dtype(np.float32): 32, np.dtype(np.float64): 16}
"""Replicas side by side in sparse annealing, one or two vector registers of each type."""

FLOAT32_RANGE = 1e6
"""Largest ratio of field to small coefficients that float32 fields can carry; above it float64 is used."""


_LOOKED_AT = 10_000
"""Coefficients that are sorted to find their unit; all others are only compared with it."""


@dataclass(frozen=True)
class DenseModel:
    """A dense model as the kernel reads it, in units of `unit` so that whole numbers stay whole.

    Whole couplings that fit are kept in 8 bits and fields in 16: a row is a quarter of what it is in float32, and twice
    as many of its entries are added at once.
    """

    couplings: Any
    linear: Any
    unit: float

    replicas_at_once = DENSE_REPLICAS

    @classmethod
    def of(cls, qubo: DenseQubo) -> DenseModel:
        couplings, linear = qubo.couplings, qubo.linear
        up, down = np.maximum(couplings, 0).sum(axis=1), np.minimum(couplings, 0).sum(axis=1)
        field = float(np.maximum(np.abs(linear + up), np.abs(linear + down)).max())
        dtype, unit = _narrowest(field, (couplings, linear), (np.int16,))
        narrow = dtype.kind == "i" and np.abs(couplings).max() <= np.iinfo(np.int8).max * unit
        return cls(
            _in_units(couplings, unit, np.dtype(np.int8) if narrow else dtype), _in_units(linear, unit, dtype), unit
        )

    def largest_change(self) -> float:
        return float((np.abs(self.linear) + np.abs(self.couplings).sum(axis=1, dtype=np.float64)).max()) * self.unit

    def start(self, replicas: int, seeds: np.random.SeedSequence) -> DenseBlock:
        rng = np.random.default_rng(seeds.spawn(1)[0])
        x = rng.integers(0, 2, (replicas, len(self.linear)), dtype=np.int8)
        field = np.stack([self.couplings[one.astype(bool)].sum(axis=0, dtype=np.float64) for one in x]) + self.linear
        sign = (1 - 2 * x).astype(self.linear.dtype)
        return DenseBlock(self, sign, field.astype(self.linear.dtype), noise.walker_seeds(seeds, replicas))


@dataclass
class DenseBlock:
    """Replicas of a dense model: sign and field are (replicas, n)."""

    model: DenseModel
    sign: Any
    field: Any
    walkers: noise.Seeds

    def sweep(self, temperatures: Floats) -> int:
        kernel = _dense_kernel(self.field.dtype)
        table, thresholds = _tables(self.field)
        return int(
            kernel(
                self.model.couplings,
                self.sign,
                self.field,
                temperatures / self.model.unit,
                table,
                thresholds,
                self.walkers,
            )
        )

    def states(self) -> States:
        return np.asarray(self.sign < 0, dtype=np.int8)

    def settle(self) -> None:
        """A local minimum of single flips is all that is promised."""

    def barriers(self) -> Floats:
        """What each flip would cost: (replicas * n,)."""
        return _costs(self.sign, self.field, self.model.unit)


_SPINS = 64
"""Spins of a dense block, whose rows are read once for all replicas."""


@cache
def _dense_kernel(dtype: np.dtype[Any]) -> Callable[..., int]:
    """The dense kernel for one type of field."""
    number: Any = numba.from_dtype(dtype)
    fill_thresholds = _threshold_kernel(dtype)
    tested = 64 // dtype.itemsize  # spins whose costs fill one vector register

    @numba.njit(nogil=True, cache=True)
    def sweeps(couplings, sign, field, temperatures, noise_table, thresholds, walkers):  # type: ignore[no-untyped-def]
        replicas, n = sign.shape
        flips = 0
        for temperature in temperatures:
            fill_thresholds(temperature, noise_table, thresholds)
            for first in range(0, n, _SPINS):
                last = min(n, first + _SPINS)
                for replica in range(replicas):
                    walkers[replica] = noise.step(walkers[replica])
                    offset = noise.place(walkers[replica], noise_table.size - _SPINS) - first
                    d, f = sign[replica], field[replica]
                    for begin in range(first, last, tested):
                        end = min(last, begin + tested)
                        hits = 0
                        for i in range(begin, end):
                            hits += number(d[i] * f[i]) < thresholds[offset + i]
                        if hits == 0:
                            continue
                        for i in range(begin, end):
                            change = d[i]
                            if number(change * f[i]) < thresholds[offset + i]:
                                row = couplings[i]
                                if change > 0:
                                    for j in range(n):
                                        f[j] = number(f[j] + row[j])
                                else:
                                    for j in range(n):
                                        f[j] = number(f[j] - row[j])
                                d[i] = number(-change)
                                flips += 1
        return flips

    return sweeps


@dataclass(frozen=True)
class SparseModel:
    """A sparse model as the kernel reads it, in units of `unit` so that whole numbers stay whole."""

    indptr: npt.NDArray[np.int32]
    indices: npt.NDArray[np.int32]
    couplings: Any
    linear: Any
    unit: float

    @classmethod
    def of(cls, qubo: SparseQubo) -> SparseModel:
        csr = qubo.couplings
        dtype, unit = _sparse_type(qubo)
        return cls(
            csr.indptr.astype(np.int32),
            csr.indices.astype(np.int32),
            _in_units(csr.data, unit, dtype),
            _in_units(qubo.linear, unit, dtype),
            unit,
        )

    @property
    def replicas_at_once(self) -> int:
        return LANES[self.linear.dtype]

    def largest_change(self) -> float:
        rows = np.repeat(np.arange(len(self.linear)), np.diff(self.indptr))
        coupled = np.bincount(rows, np.abs(self.couplings.astype(np.float64)), len(self.linear))
        return float((np.abs(self.linear.astype(np.float64)) + coupled).max()) * self.unit

    def start(self, replicas: int, seeds: np.random.SeedSequence) -> SparseBlock:
        import scipy.sparse

        n, lanes = len(self.linear), self.replicas_at_once
        x = np.random.default_rng(seeds.spawn(1)[0]).integers(0, 2, (n, lanes), dtype=np.int8)
        csr = scipy.sparse.csr_array((self.couplings.astype(np.float64), self.indices, self.indptr), shape=(n, n))
        field = csr @ x.astype(np.float64) + self.linear.astype(np.float64)[:, None]
        sign = (1 - 2 * x).astype(self.linear.dtype)
        return SparseBlock(self, replicas, sign, field.astype(self.linear.dtype), noise.walker_seeds(seeds, 1))


@dataclass
class SparseBlock:
    """Replicas of a sparse model side by side: sign and field are (n, lanes), of which `replicas` are wanted."""

    model: SparseModel
    replicas: int
    sign: Any
    field: Any
    walkers: noise.Seeds

    def sweep(self, temperatures: Floats) -> int:
        kernel = _lanes_kernel(self.field.dtype)
        model = self.model
        table, thresholds = _tables(self.field)
        return int(
            kernel(
                model.indptr,
                model.indices,
                model.couplings,
                self.sign,
                self.field,
                temperatures / model.unit,
                table,
                thresholds,
                self.walkers,
            )
        )

    def states(self) -> States:
        return np.ascontiguousarray((self.sign[:, : self.replicas] < 0).T).astype(np.int8)

    def settle(self) -> None:
        """A local minimum of single flips is all that is promised."""

    def barriers(self) -> Floats:
        """What each flip would cost: (lanes * n,)."""
        return _costs(self.sign, self.field, self.model.unit)


@cache
def _lanes_kernel(dtype: np.dtype[Any]) -> Callable[..., int]:
    """The sparse kernel for one type of field; casts and lanes must be constants, or it would not vectorise."""
    number: Any = numba.from_dtype(dtype)
    lanes = LANES[dtype]
    fill_thresholds = _threshold_kernel(dtype)

    @numba.njit(nogil=True, cache=True)
    def sweeps(indptr, indices, couplings, sign, field, temperatures, noise_table, thresholds, walkers):  # type: ignore[no-untyped-def]
        state = walkers[0]
        change = np.zeros(lanes, field.dtype)
        flips = 0
        for temperature in temperatures:
            fill_thresholds(temperature, noise_table, thresholds)
            for i in range(sign.shape[0]):
                state = noise.step(state)
                offset = noise.place(state, noise_table.size - lanes)
                hits = 0
                for lane in range(lanes):
                    d = sign[i, lane]
                    flip = number(d * field[i, lane]) < thresholds[offset + lane]
                    change[lane] = d if flip else number(0)
                    sign[i, lane] = number(-d) if flip else d
                    hits += flip
                if hits == 0:
                    continue
                flips += hits
                for p in range(indptr[i], indptr[i + 1]):
                    neighbour, coupling = indices[p], couplings[p]
                    for lane in range(lanes):
                        field[neighbour, lane] = number(field[neighbour, lane] + number(coupling * change[lane]))
        walkers[0] = state
        return flips

    return sweeps


def _tables(field: Any) -> tuple[Floats, Any]:
    """Noise, and room for the thresholds made of it at each sweep: for a small block the small table, or filling it
    would take longer than the sweep."""
    entries = noise.TABLE if field.size > 2 * noise.SMALL_TABLE else noise.SMALL_TABLE
    return noise.exponential(entries), np.empty(entries, field.dtype)


@cache
def _threshold_kernel(dtype: np.dtype[Any]) -> Callable[..., None]:
    """Fill a table with what a change of energy must stay below, in one type of field."""
    number: Any = numba.from_dtype(dtype)
    whole = dtype.kind == "i"
    highest = float(np.iinfo(dtype).max) if whole else np.inf

    @numba.njit(nogil=True, cache=True)
    def fill(temperature, noise_table, thresholds):  # type: ignore[no-untyped-def]
        # A whole change dE passes dE <= T e just if dE < floor(T e) + 1; at T = 0 only what lowers the energy.
        for k in range(noise_table.size):
            limit = temperature * noise_table[k]
            if whole and temperature > 0:
                limit = np.floor(limit) + 1
            thresholds[k] = number(min(limit, highest))

    return fill


def _in_units(values: Floats, unit: float, dtype: np.dtype[Any]) -> Any:
    scaled = values / unit if unit != 1 else values
    return np.ascontiguousarray(np.rint(scaled) if dtype.kind == "i" else scaled, dtype=dtype)


def _costs(sign: Any, field: Any, unit: float) -> Floats:
    return np.asarray((sign.astype(np.float64) * field.astype(np.float64) * unit).ravel())


def _sparse_type(qubo: SparseQubo) -> tuple[np.dtype[Any], float]:
    """The narrowest type whose range holds every field, and the unit in which coefficients are whole (else 1)."""
    values = qubo.couplings.data
    rows = np.repeat(np.arange(qubo.num_variables), np.diff(qubo.couplings.indptr))
    up = np.bincount(rows, np.maximum(values, 0), qubo.num_variables)
    down = np.bincount(rows, np.minimum(values, 0), qubo.num_variables)
    field = float(np.maximum(np.abs(qubo.linear + up), np.abs(qubo.linear + down)).max())
    return _narrowest(field, (values, qubo.linear), (np.int8, np.int16))


def _narrowest(field: float, coefficients: Sequence[Floats], wholes: tuple[Any, ...]) -> tuple[np.dtype[Any], float]:
    """The first of `wholes` that holds every field in a unit of which all coefficients are multiples, else a float.

    Args:
        field: largest |field|.
        coefficients: all of them.
        wholes: types to try, narrowest first.
    """
    some = _sizes([part.ravel()[:: part.size // _LOOKED_AT + 1] for part in coefficients])
    unit = _unit(some)
    if unit is not None and not all(_are_multiples(part, unit) for part in coefficients):
        unit = _unit(_sizes(coefficients))
    if unit is not None:
        for whole in wholes:
            if field / unit < np.iinfo(whole).max:  # strictly: a threshold one above the field must exist
                return np.dtype(whole), unit
    # float32 unless it would lose the small coefficients beside the largest field.
    small = float(np.quantile(some, 0.01)) if len(some) else 1.0
    return np.dtype(np.float64 if field > FLOAT32_RANGE * small else np.float32), 1.0


def _are_multiples(values: Floats, unit: float) -> bool:
    return bool(np.array_equal(values / unit, np.rint(values / unit)))


def _sizes(coefficients: Sequence[Floats]) -> Floats:
    """Distinct sizes of the coefficients that are not zero, ascending."""
    sizes = [np.unique(np.abs(part)) for part in coefficients]
    distinct = np.unique(np.concatenate(sizes))
    return distinct[distinct > 0]


def _unit(sizes: Floats) -> float | None:
    """The largest number of which all sizes are whole multiples, None where there is none that is exact."""
    if not len(sizes):
        return 1.0
    ratios = sizes / sizes[0]
    if np.array_equal(ratios, np.rint(ratios)):
        return float(sizes[0])
    if sizes[-1] < 2**53 and np.array_equal(sizes, np.rint(sizes)):
        return float(np.gcd.reduce(sizes.astype(np.int64)))
    return None


def flip_model(qubo: Qubo) -> DenseModel | SparseModel:
    """The kernel's form of a dense or sparse model."""
    if isinstance(qubo, SparseQubo):
        return SparseModel.of(qubo)
    return DenseModel.of(qubo.to_dense())
