"""Random numbers of the kernels: tables drawn once, read from a random place.

A Metropolis step accepts a change dE if dE < -T ln(u); a heat bath takes the level with the lowest E - T g, g Gumbel.
Both logarithms are taken once, into tables; a kernel reads a run of entries from a random offset. The levels of a
table are evenly spaced in probability and shuffled, so that no entry is missing or doubled.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from hqml.qubo import Floats

Seeds = npt.NDArray[np.uint64]

TABLE = 1 << 16
SMALL_TABLE = 1 << 12
TINY_TABLE = 1 << 10


@cache
def exponential(entries: int = TABLE) -> Floats:
    """-ln(u): (entries,), float32."""
    return -np.log(_uniform(0, entries)).astype(np.float32)


@cache
def gumbel() -> Floats:
    """-ln(-ln(u)): (TABLE,), float32."""
    return -np.log(-np.log(_uniform(1, TABLE))).astype(np.float32)


@cache
def exponential_columns(columns: int) -> Floats:
    """-ln(u) for walkers of different temperatures side by side: (TABLE / columns, columns), float32.

    Each column holds its own evenly spaced levels.
    """
    return np.stack([-np.log(_uniform(2 + k, TABLE // columns)) for k in range(columns)], axis=1).astype(np.float32)


def _uniform(stream: int, entries: int) -> Floats:
    levels = (np.arange(entries) + 0.5) / entries
    return np.random.default_rng([20_06, stream]).permutation(levels)


def entries_for(size: int) -> int:
    """Entries of the table for a block of so many spins: the small table for a small block, or making thresholds of it
    would take longer than the sweep."""
    return TABLE if size > 2 * SMALL_TABLE else SMALL_TABLE


def highest(dtype: np.dtype[Any]) -> float:
    """What no threshold of a type of field may be above; infinity for real numbers."""
    return float(np.iinfo(dtype).max) if dtype.kind == "i" else np.inf


@numba.njit(nogil=True, cache=True)
def fill_thresholds(temperature, noise_table, thresholds, highest):  # type: ignore[no-untyped-def]
    """Fill a table with what a change of energy must stay below; `highest` is that of its type.

    It stands here, not within the kernels that are made for a type: numba finds a kernel on disk again by the values
    it closes over, and a compiled function among these is another one in each process.
    """
    # A whole change dE passes dE <= T e just if dE < floor(T e) + 1; at T = 0 only what lowers the energy.
    rounded = temperature > 0 and highest < np.inf
    for k in range(noise_table.size):
        limit = temperature * noise_table[k]
        if rounded:
            limit = np.floor(limit) + 1
        thresholds[k] = min(limit, highest)


def walker_seeds(sequence: np.random.SeedSequence, count: int) -> Seeds:
    """One non-zero state of `step` each: (count,)."""
    return np.asarray(sequence.generate_state(count, np.uint64)) | np.uint64(1)


@numba.njit(nogil=True, cache=True, inline="always")
def step(state):  # type: ignore[no-untyped-def]
    """Next state of a 64-bit xorshift generator (Marsaglia 2003, doi:10.18637/jss.v008.i14)."""
    state ^= state << np.uint64(13)
    state ^= state >> np.uint64(7)
    state ^= state << np.uint64(17)
    return state


@numba.njit(nogil=True, cache=True, inline="always")
def place(state, entries):  # type: ignore[no-untyped-def]
    """An offset from 0 to entries - 1, from the upper half of a state."""
    return np.int64(((state >> np.uint64(32)) * np.uint64(entries)) >> np.uint64(32))
