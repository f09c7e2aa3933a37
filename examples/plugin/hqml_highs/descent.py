"""States without a solver: what a search falls back on where time or Ctrl-C has left HiGHS no turn."""

from __future__ import annotations

from time import perf_counter

import numpy as np
from hqml.qubo import SparseQubo, States

STARTS = 10
"""Random states to descend from. They are cheap beside branch and bound, and only a fallback."""


def descended(model: SparseQubo, state: States) -> States:
    """Flip the variable that lowers the energy most until none does: a local minimum (n,), not above `state` (n,)."""
    x = state.astype(np.int8)
    field = model.field(x)[0].copy()
    starts, columns, values = model.couplings.indptr, model.couplings.indices, model.couplings.data
    for _ in range(10 * len(x)):  # n flips are enough in practice; rounding must not turn a flat model in circles
        change = (1 - 2 * x) * field
        flip = int(change.argmin())
        if change[flip] >= 0:
            break
        row = slice(starts[flip], starts[flip + 1])
        field[columns[row]] += (1 - 2 * x[flip]) * values[row]
        x[flip] ^= 1
    return x


def local_minima(model: SparseQubo, rng: np.random.Generator, end: float) -> States:
    """Descents from random states (k, n), 1 <= k <= STARTS: fewer where the clock reaches `end`."""
    found: list[States] = []
    while not found or (len(found) < STARTS and perf_counter() < end):
        found.append(descended(model, rng.integers(0, 2, size=model.num_variables, dtype=np.int8)))
    return np.array(found)
