"""Backends that stand in for others in tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import dimod
import numpy as np

from hqml.backend import Backend, Capabilities, Usage, drawn_seed
from hqml.qubo import Qubo, States
from hqml.samples import to_sampleset

_READS_AT_ONCE = 32
"""Descents between two looks at the clock."""


@dataclass(frozen=True)
class Call:
    """What one call of `sample` was given."""

    qubos: tuple[Qubo, ...]
    reads: int
    seed: int | None
    time_limit: float | None
    options: Mapping[str, Any]


class RecordingBackend:
    """Pass everything on to another backend and remember the calls.

    Args:
        backend: does the work, and checks the options.
        max_variables: what it says of its largest model; none is what the other says.

    Attributes:
        calls: of `sample`, in order.
        estimates: how often `estimate` was called.
        closed: whether `close` was called.
    """

    def __init__(self, backend: Backend, *, max_variables: int | None = None) -> None:
        self.backend = backend
        self.max_variables = max_variables
        self.calls: list[Call] = []
        self.estimates = 0
        self.closed = False

    @property
    def capabilities(self) -> Capabilities:
        able = self.backend.capabilities
        return able if self.max_variables is None else replace(able, max_variables=self.max_variables)

    @property
    def batches(self) -> list[tuple[Qubo, ...]]:
        """The models of each call of `sample`, in order."""
        return [call.qubos for call in self.calls]

    def sample(
        self,
        qubos: Sequence[Qubo],
        *,
        reads: int = 100,
        seed: int | None = None,
        time_limit: float | None = None,
        **options: Any,
    ) -> list[dimod.SampleSet]:
        self.calls.append(Call(tuple(qubos), reads, seed, time_limit, options))
        return self.backend.sample(qubos, reads=reads, seed=seed, time_limit=time_limit, **options)

    def estimate(self, qubos: Sequence[Qubo], *, reads: int = 100, **options: Any) -> Usage:
        self.estimates += 1
        return self.backend.estimate(qubos, reads=reads, **options)

    def close(self) -> None:
        self.closed = True
        self.backend.close()


class MeteredBackend:
    """An annealer whose time is paid for, without the annealer: every read is a steepest descent from a random state.

    Args:
        seconds_per_read: metered seconds a read costs.
        seconds_per_model: metered seconds a model costs before its first read, as programming a chip does.
        max_variables: largest model it takes.

    Attributes:
        calls: what was submitted, in order.
        spent: metered seconds charged so far.
        closed: whether `close` was called.
    """

    def __init__(
        self, *, seconds_per_read: float = 2e-4, seconds_per_model: float = 0.015, max_variables: int = 100
    ) -> None:
        self.seconds_per_read, self.seconds_per_model = seconds_per_read, seconds_per_model
        self.capabilities = Capabilities(kind="qpu", max_variables=max_variables, seedable=True, metered=True)
        self.calls: list[Call] = []
        self.spent = 0.0
        self.closed = False

    def sample(
        self,
        qubos: Sequence[Qubo],
        *,
        reads: int = 100,
        seed: int | None = None,
        time_limit: float | None = None,
    ) -> list[dimod.SampleSet]:
        self.calls.append(Call(tuple(qubos), reads, seed, time_limit, {}))
        end = np.inf if time_limit is None else perf_counter() + time_limit
        seed = drawn_seed(seed)
        results = []
        for index, qubo in enumerate(qubos):
            started = perf_counter()
            states = _descents(qubo, reads, np.random.default_rng([seed, index]), end)
            charged = self._price(1, len(states))
            self.spent += charged
            timing = {"solve": perf_counter() - started, "qpu": charged}
            results.append(to_sampleset(qubo, states, backend="metered", seed=seed, timing=timing))
        return results

    def estimate(self, qubos: Sequence[Qubo], *, reads: int = 100) -> Usage:
        """The price list; charges nothing."""
        price = self._price(len(qubos), len(qubos) * reads)
        return Usage(seconds=price, qpu_seconds=price)

    def close(self) -> None:
        self.closed = True

    def _price(self, models: int, reads: int) -> float:
        return models * self.seconds_per_model + reads * self.seconds_per_read


def _descents(qubo: Qubo, reads: int, rng: np.random.Generator, end: float) -> States:
    """Local minima (k, n), 1 <= k <= reads: fewer where the clock reaches `end`."""
    found: list[States] = []
    for start in range(0, reads, _READS_AT_ONCE):
        if found and perf_counter() >= end:
            break
        size = (min(_READS_AT_ONCE, reads - start), qubo.num_variables)
        found.append(_descended(qubo, rng.integers(0, 2, size=size, dtype=np.int8)))
    return np.concatenate(found)


def _descended(qubo: Qubo, states: States) -> States:
    """Flip, in each state, the variable that lowers the energy most, until none does."""
    rows = np.arange(len(states))
    # n flips reach a local minimum in practice; the bound keeps flat models from turning in circles by rounding.
    for _ in range(10 * qubo.num_variables):
        change = (1 - 2 * states) * qubo.field(states)
        best = change.argmin(axis=1)
        lower = change[rows, best] < 0
        if not lower.any():
            break
        states[rows[lower], best[lower]] ^= 1
    return states
