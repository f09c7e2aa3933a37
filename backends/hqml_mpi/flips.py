"""Metropolis sweeps over single flips, each replica at a temperature and with random numbers of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from hqml.qubo import DenseQubo, Floats, GramQubo, Qubo, SparseQubo, States
from hqml_mpi.counters import Keys, uniform

_Ints = npt.NDArray[np.int64]


@dataclass
class Replicas:
    """Some replicas of a dense or sparse model.

    Attributes:
        state: (replicas, n), zeros and ones.
        field: (replicas, n), float64, dE/dx; kept up to date at every flip.
        energy: (replicas,), float64, up to date as well.
        best: (replicas, n), the lowest state that a sweep of each has ended in.
        lowest: (replicas,), its energy.
        keys: (replicas,), of their random numbers.
        age: (replicas,), sweeps made.
    """

    qubo: DenseQubo | SparseQubo
    state: States
    field: Floats
    energy: Floats
    best: States
    lowest: Floats
    keys: Keys
    age: _Ints

    @classmethod
    def start(cls, qubo: DenseQubo | SparseQubo, keys: Keys) -> Replicas:
        """Random states, those of a replica drawn from its key."""
        n = qubo.num_variables
        drawn = [np.random.default_rng(int(key)).integers(0, 2, size=n, dtype=np.int8) for key in keys]
        state = np.array(drawn, dtype=np.int8).reshape(len(keys), n)
        field = np.ascontiguousarray(qubo.field(state), dtype=np.float64) if len(keys) else np.zeros((0, n))
        energy = qubo.energies(state).astype(np.float64) if len(keys) else np.zeros(0)
        age = np.zeros(len(keys), np.int64)
        return cls(qubo, state, field, energy, state.copy(), energy.copy(), keys, age)

    def sweep(self, beta: Floats, sweeps: int = 1) -> int:
        """Sweep all replicas, each at its inverse temperature (replicas,), 1 / energy; count the flips."""
        own = (self.state, self.field, self.energy, self.best, self.lowest, self.keys, self.age)
        if isinstance(self.qubo, DenseQubo):
            return int(_dense(self.qubo.couplings, beta, sweeps, *own))
        c = self.qubo.couplings
        return int(_sparse(c.indptr, c.indices, c.data, beta, sweeps, *own))

    def descend(self, limit: int = 1000) -> None:
        """Sweep at temperature zero until nothing moves."""
        cold = np.full(len(self.keys), np.inf)
        for _ in range(limit):
            if not self.sweep(cold):
                return


def written_out(qubo: Qubo) -> DenseQubo | SparseQubo:
    """The model in a form whose couplings can be read one by one.

    Raises:
        ModelTooLarge: it is a Gram model of too many variables.
    """
    if isinstance(qubo, DenseQubo | SparseQubo):
        return qubo
    return qubo.to_dense() if isinstance(qubo, GramQubo) else qubo.to_sparse()


@numba.njit(nogil=True, cache=True)
def _dense(couplings, beta, sweeps, state, field, energy, best, lowest, keys, age):  # type: ignore[no-untyped-def]
    replicas, n = state.shape
    flips = 0
    for r in range(replicas):
        x, f = state[r], field[r]
        for _ in range(sweeps):
            for i in range(n):
                sign = 1 - 2 * x[i]
                change = sign * f[i]
                if _refused(change, beta[r], keys[r], age[r] * n + i):
                    continue
                x[i] += sign
                energy[r] += change
                row = couplings[i]
                for j in range(n):
                    f[j] += sign * row[j]
                flips += 1
            age[r] += 1
            if energy[r] < lowest[r]:
                lowest[r] = energy[r]
                best[r] = x
    return flips


@numba.njit(nogil=True, cache=True)
def _sparse(  # type: ignore[no-untyped-def]
    starts, columns, values, beta, sweeps, state, field, energy, best, lowest, keys, age
):
    replicas, n = state.shape
    flips = 0
    for r in range(replicas):
        x, f = state[r], field[r]
        for _ in range(sweeps):
            for i in range(n):
                sign = 1 - 2 * x[i]
                change = sign * f[i]
                if _refused(change, beta[r], keys[r], age[r] * n + i):
                    continue
                x[i] += sign
                energy[r] += change
                for k in range(starts[i], starts[i + 1]):
                    f[columns[k]] += sign * values[k]
                flips += 1
            age[r] += 1
            if energy[r] < lowest[r]:
                lowest[r] = energy[r]
                best[r] = x
    return flips


@numba.njit(nogil=True, cache=True, inline="always")
def _refused(change, beta, key, counter):  # type: ignore[no-untyped-def]
    if change < 0:
        return False
    if beta == np.inf:  # at temperature zero a flip that costs nothing would go on for ever
        return True
    cost = change * beta
    if cost > 40:
        return True
    u = uniform(key, counter)
    # exp(cost) is at least its first terms, which spares most of the moves tried the exponential.
    return u * (1 + cost * (1 + cost * (1 / 2 + cost / 6))) >= 1 or u >= np.exp(-cost)
