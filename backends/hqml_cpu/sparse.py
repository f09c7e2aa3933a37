"""Annealing of sparse models by single flips.

Many replicas lie side by side and are flipped and updated as one vector, in 8-bit integers where the couplings allow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from hqml.qubo import Floats, SparseQubo, States
from hqml_cpu import noise
from hqml_cpu.precision import in_units, narrowest
from hqml_cpu.vectors import add_scaled, flip_lanes

_NARROW, _WIDE = 64, 128
"""Bytes that replicas side by side fill. More are faster (G22: 1.4 times), but few reads would fill one block only, and
leave the other threads without work."""


@dataclass(frozen=True)
class SparseModel:
    """A sparse model as the kernel reads it, in units of `unit` so that whole numbers stay whole."""

    indptr: npt.NDArray[np.int32]
    indices: npt.NDArray[np.int32]
    couplings: Any
    linear: Any
    unit: float
    replicas_at_once: int

    @classmethod
    def of(cls, qubo: SparseQubo, reads: int = 1) -> SparseModel:
        csr = qubo.couplings
        dtype, unit = _type_of(qubo)
        return cls(
            csr.indptr.astype(np.int32),
            csr.indices.astype(np.int32),
            in_units(csr.data, unit, dtype),
            in_units(qubo.linear, unit, dtype),
            unit,
            (_WIDE if reads * dtype.itemsize > 4 * _NARROW else _NARROW) // dtype.itemsize,
        )

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
        kernel = _kernel(self.field.dtype, self.field.shape[1])
        model = self.model
        table, thresholds = noise.tables_for(self.field)
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
        return np.asarray((self.sign.astype(np.float64) * self.field * self.model.unit).ravel())


@cache
def _kernel(dtype: np.dtype[Any], lanes: int) -> Callable[..., int]:
    """The kernel for one type of field and number of lanes."""
    fill_thresholds = noise.threshold_kernel(dtype)

    @numba.njit(nogil=True, cache=True)
    def sweeps(indptr, indices, couplings, sign, field, temperatures, noise_table, thresholds, walkers):  # type: ignore[no-untyped-def]
        state = walkers[0]
        change = np.zeros(lanes, field.dtype)
        flips = 0
        for temperature in temperatures:
            fill_thresholds(temperature, noise_table, thresholds)
            for i in range(sign.shape[0]):
                state = noise.step(state)
                place = noise.place(state, noise_table.size - lanes)
                flipped = flip_lanes(sign, field, i * lanes, thresholds, place, change, lanes)
                if flipped == 0:
                    continue
                flips += flipped
                for p in range(indptr[i], indptr[i + 1]):
                    add_scaled(field, np.intp(indices[p]) * lanes, change, couplings[p], lanes)
        walkers[0] = state
        return flips

    return sweeps


def _type_of(qubo: SparseQubo) -> tuple[np.dtype[Any], float]:
    """The narrowest type whose range holds every field, and the unit in which coefficients are whole (else 1)."""
    values = qubo.couplings.data
    rows = np.repeat(np.arange(qubo.num_variables), np.diff(qubo.couplings.indptr))
    up = np.bincount(rows, np.maximum(values, 0), qubo.num_variables)
    down = np.bincount(rows, np.minimum(values, 0), qubo.num_variables)
    field = float(np.maximum(np.abs(qubo.linear + up), np.abs(qubo.linear + down)).max())
    return narrowest(field, (values, qubo.linear), (np.int8, np.int16))
