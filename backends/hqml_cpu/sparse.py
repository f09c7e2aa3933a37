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
    def of(cls, qubo: SparseQubo, reads: int = 1, least: int = 1) -> SparseModel:
        csr = qubo.couplings
        dtype, unit = _type_of(qubo)
        narrow = max(reads / 4, least) * dtype.itemsize <= _NARROW
        return cls(
            csr.indptr.astype(np.int32),
            csr.indices.astype(np.int32),
            in_units(csr.data, unit, dtype),
            in_units(qubo.linear, unit, dtype),
            unit,
            (_NARROW if narrow else _WIDE) // dtype.itemsize,
        )

    def largest_change(self) -> float:
        rows = np.repeat(np.arange(len(self.linear)), np.diff(self.indptr))
        coupled = np.bincount(rows, np.abs(self.couplings.astype(np.float64)), len(self.linear))
        return float((np.abs(self.linear.astype(np.float64)) + coupled).max()) * self.unit

    def start(self, replicas: int, seeds: np.random.SeedSequence) -> SparseBlock:
        shape = (self.replicas_at_once, len(self.linear))
        x = np.random.default_rng(seeds.spawn(1)[0]).integers(0, 2, shape, dtype=np.int8)
        return self.at(x, replicas, noise.walker_seeds(seeds, 1))

    def at(self, states: States, replicas: int, walkers: noise.Seeds) -> SparseBlock:
        """A block in given states (lanes, n)."""
        import scipy.sparse

        n, x = len(self.linear), np.ascontiguousarray(states.T)
        csr = scipy.sparse.csr_array((self.couplings.astype(np.float64), self.indices, self.indptr), shape=(n, n))
        field = csr @ x.astype(np.float64) + self.linear.astype(np.float64)[:, None]
        sign = (1 - 2 * x).astype(self.linear.dtype)
        return SparseBlock(self, replicas, sign, field.astype(self.linear.dtype), walkers)


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
        scaled = temperatures.reshape(len(temperatures), -1) / model.unit
        if scaled.shape[1] == 1:
            table = noise.exponential(noise.entries_for(self.field.size))
        else:
            table = noise.exponential_columns(scaled.shape[1]).ravel()
        thresholds = np.empty(table.size, self.field.dtype)
        return int(
            kernel(
                model.indptr,
                model.indices,
                model.couplings,
                self.sign,
                self.field,
                scaled,
                table,
                thresholds,
                self.walkers,
            )
        )

    def energies(self) -> Floats:
        """(lanes,), without the offset."""
        linear = self.model.linear.astype(np.float64)
        return np.asarray(_energies(self.sign, self.field, linear)) * self.model.unit

    def states(self) -> States:
        return self.walkers_states()[: self.replicas]

    def walkers_states(self) -> States:
        """States of all lanes, wanted or not: (lanes, n)."""
        return np.ascontiguousarray((self.sign < 0).T).astype(np.int8)

    def moved_to(self, states: States) -> SparseBlock:
        """The same block in other states (lanes, n)."""
        return self.model.at(states, self.replicas, self.walkers)

    def settle(self) -> None:
        """A local minimum of single flips is all that is promised."""

    def barriers(self) -> Floats:
        """What each flip would cost: (lanes * n,)."""
        return np.asarray((self.sign.astype(np.float64) * self.field * self.model.unit).ravel())


@cache
def _kernel(dtype: np.dtype[Any], lanes: int) -> Callable[..., int]:
    """The kernel for one type of field and number of lanes."""
    highest = noise.highest(dtype)

    @numba.njit(nogil=True, cache=True)
    def sweeps(indptr, indices, couplings, sign, field, temperatures, noise_table, thresholds, walkers):  # type: ignore[no-untyped-def]
        state = walkers[0]
        change = np.zeros(lanes, field.dtype)
        stride = temperatures.shape[1]  # 1: one temperature for all lanes; else one each, and each its own noise
        places = (noise_table.size - lanes) // stride + 1
        flips = 0
        for sweep in range(len(temperatures)):
            if stride == 1:
                noise.fill_thresholds(temperatures[sweep, 0], noise_table, thresholds, highest)
            else:
                for lane in range(lanes):
                    if sweep == 0 or temperatures[sweep, lane] != temperatures[sweep - 1, lane]:
                        noise.fill_thresholds(
                            temperatures[sweep, lane], noise_table[lane::lanes], thresholds[lane::lanes], highest
                        )
            for i in range(sign.shape[0]):
                state = noise.step(state)
                place = noise.place(state, places) * stride
                flipped = flip_lanes(sign, field, i * lanes, thresholds, place, change, lanes)
                if flipped == 0:
                    continue
                flips += flipped
                for p in range(indptr[i], indptr[i + 1]):
                    add_scaled(field, np.intp(indices[p]) * lanes, change, couplings[p], lanes)
        walkers[0] = state
        return flips

    return sweeps


@numba.njit(nogil=True, cache=True)
def _energies(sign, field, linear):  # type: ignore[no-untyped-def]
    """sum_i x_i (linear_i + field_i) / 2 of each lane."""
    energies = np.zeros(sign.shape[1])
    for i in range(len(linear)):
        for lane in range(sign.shape[1]):
            energies[lane] += (linear[i] + field[i, lane]) / 2 if sign[i, lane] < 0 else 0.0
    return energies


def _type_of(qubo: SparseQubo) -> tuple[np.dtype[Any], float]:
    """The narrowest type whose range holds every field, and the unit in which coefficients are whole (else 1)."""
    values = qubo.couplings.data
    rows = np.repeat(np.arange(qubo.num_variables), np.diff(qubo.couplings.indptr))
    up = np.bincount(rows, np.maximum(values, 0), qubo.num_variables)
    down = np.bincount(rows, np.minimum(values, 0), qubo.num_variables)
    field = float(np.maximum(np.abs(qubo.linear + up), np.abs(qubo.linear + down)).max())
    return narrowest(field, (values, qubo.linear), (np.int8, np.int16))
