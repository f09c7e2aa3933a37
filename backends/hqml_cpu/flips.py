"""Annealing by single flips: kernels for dense and for sparse models.

Both keep d_i = 1 - 2 x_i and the field f_i = dE/dx_i of every spin, so that a flip costs d_i f_i and is decided by one
comparison; an accepted flip updates the fields of its neighbours.

* Dense: for each block of spins the replicas take turns, so that a row of couplings is read from memory once for all;
  sixteen spins are tested at a time, and only where one of them flips does anything else happen.
* Sparse: many replicas lie side by side and are flipped and updated as one vector, in 8-bit integers where the
  couplings allow it.
"""

from __future__ import annotations

from collections.abc import Callable
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


@dataclass(frozen=True)
class DenseModel:
    """A dense model as the kernel reads it."""

    couplings: Floats
    linear: Floats

    replicas_at_once = DENSE_REPLICAS

    @classmethod
    def of(cls, qubo: DenseQubo) -> DenseModel:
        field = float((np.abs(qubo.linear) + np.abs(qubo.couplings).sum(axis=1)).max())
        dtype = _float_type(field, qubo.couplings[:: max(1, qubo.num_variables // 64)])
        return cls(np.ascontiguousarray(qubo.couplings, dtype=dtype), qubo.linear.astype(dtype))

    def largest_change(self) -> float:
        return float((np.abs(self.linear) + np.abs(self.couplings).sum(axis=1)).max())

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
    sign: Floats
    field: Floats
    walkers: noise.Seeds

    def sweep(self, temperatures: Floats) -> int:
        temperatures = temperatures.astype(self.field.dtype)
        return int(
            _dense_sweeps(self.model.couplings, self.sign, self.field, temperatures, noise.exponential(), self.walkers)
        )

    def states(self) -> States:
        return (self.sign < 0).astype(np.int8)

    def settle(self) -> None:
        """A local minimum of single flips is all that is promised."""

    def barriers(self) -> Floats:
        """What each flip would cost: (replicas * n,)."""
        return np.asarray(self.sign * self.field, dtype=np.float64).ravel()


_SPINS, _TESTED = 64, 16  # spins of a block, and of one test


@numba.njit(nogil=True, cache=True)
def _dense_sweeps(couplings, sign, field, temperatures, noise_table, walkers):  # type: ignore[no-untyped-def]
    replicas, n = sign.shape
    flips = 0
    for temperature in temperatures:
        for first in range(0, n, _SPINS):
            last = min(n, first + _SPINS)
            for replica in range(replicas):
                walkers[replica] = noise.step(walkers[replica])
                offset = noise.place(walkers[replica], noise_table.size - _SPINS) - first
                d, f = sign[replica], field[replica]
                for begin in range(first, last, _TESTED):
                    end = min(last, begin + _TESTED)
                    hits = 0
                    for i in range(begin, end):
                        hits += d[i] * f[i] < temperature * noise_table[offset + i]
                    if hits == 0:
                        continue
                    for i in range(begin, end):
                        change = d[i]
                        if change * f[i] < temperature * noise_table[offset + i]:
                            row = couplings[i]
                            for j in range(n):
                                f[j] += change * row[j]
                            d[i] = -change
                            flips += 1
    return flips


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
            (csr.data / unit).astype(dtype),
            (qubo.linear / unit).astype(dtype),
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
        scaled = (temperatures / model.unit).astype(np.float64)
        thresholds = np.empty(noise.TABLE, self.field.dtype)
        return int(
            kernel(
                model.indptr,
                model.indices,
                model.couplings,
                self.sign,
                self.field,
                scaled,
                noise.exponential(),
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
        costs = self.sign.astype(np.float64) * self.field.astype(np.float64) * self.model.unit
        return np.asarray(costs.ravel())


@cache
def _lanes_kernel(dtype: np.dtype[Any]) -> Callable[..., int]:
    """The sparse kernel for one type of field; casts and lanes must be constants, or it would not vectorise."""
    number: Any = numba.from_dtype(dtype)
    lanes = LANES[dtype]
    whole = dtype.kind == "i"
    highest = float(np.iinfo(dtype).max) if whole else np.inf

    @numba.njit(nogil=True, cache=True)
    def sweeps(indptr, indices, couplings, sign, field, temperatures, noise_table, thresholds, walkers):  # type: ignore[no-untyped-def]
        state = walkers[0]
        change = np.zeros(lanes, field.dtype)
        flips = 0
        for temperature in temperatures:
            # A whole change dE passes dE <= T e just if dE < floor(T e) + 1; at T = 0 only what lowers the energy.
            for k in range(noise_table.size):
                limit = temperature * noise_table[k]
                if whole and temperature > 0:
                    limit = np.floor(limit) + 1
                thresholds[k] = number(min(limit, highest))
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


def _float_type(field: float, values: Floats) -> np.dtype[Any]:
    """float32 unless it would lose the small coefficients (their 1 % quantile) beside the largest field."""
    sizes = np.abs(values[values != 0])
    small = float(np.quantile(sizes, 0.01)) if len(sizes) else 1.0
    return np.dtype(np.float64 if field > FLOAT32_RANGE * small else np.float32)


def _sparse_type(qubo: SparseQubo) -> tuple[np.dtype[Any], float]:
    """The narrowest type whose range holds every field, and the unit in which coefficients are whole (else 1)."""
    values = np.concatenate([qubo.couplings.data, qubo.linear])
    rows = np.repeat(np.arange(qubo.num_variables), np.diff(qubo.couplings.indptr))
    up = np.bincount(rows, np.maximum(qubo.couplings.data, 0), qubo.num_variables)
    down = np.bincount(rows, np.minimum(qubo.couplings.data, 0), qubo.num_variables)
    field = float(np.maximum(np.abs(qubo.linear + up), np.abs(qubo.linear + down)).max())
    unit = _unit(values)
    if unit is not None:
        for whole in (np.int8, np.int16):
            if field / unit < np.iinfo(whole).max:  # strictly: a threshold one above the field must exist
                return np.dtype(whole), unit
    return _float_type(field, values), 1.0


def _unit(values: Floats) -> float | None:
    """The largest number of which all values are whole multiples, None where there is none that is exact."""
    sizes = np.unique(np.abs(values[values != 0]))
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
