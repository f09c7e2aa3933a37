"""Exact enumeration: every state of a small model is looked at, so the lowest energy is proven."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import dimod
import numpy as np
import numpy.typing as npt

from hqml.backend import Capabilities, Usage
from hqml.errors import UnsupportedModel
from hqml.options import whole_number
from hqml.qubo import Floats, Qubo, States
from hqml.samples import to_sampleset

MAX_VARIABLES = 32
"""2**24 states take 0.02 s, 2**30 1.4 s and 2**32 5.6 s on one core of a 2026 server; each variable more doubles it."""

MAX_SOLUTIONS = 1000
"""Minima listed where `max_solutions` is not given: a model without couplings or biases has 2**n."""

TIE = 1e-9
"""States are equally low when their energies differ by less than this share of sum |linear| + sum |couplings|.

Rounding of an energy is about 1e-14 of that sum."""

BLOCK_VARIABLES = 12
"""Variables of a block: the two tables of 2**12 energies fill 64 KiB of the cache; 11 to 13 measure within 10 %."""

BLOCKS_AT_ONCE = 1 << 12
"""Blocks between two looks at the clock and at Ctrl-C: 2**24 states, 0.02 s."""


class ExactBackend:
    """Enumerate all states of each model.

    All minima come back, up to `max_solutions`, and where `reads` is larger than their number the next-lowest states
    up to `reads`. `info` says `complete` (True: every state was looked at, the result is proven), `minima` (how many
    there are) and `cut` (True: more than are listed). The result is the same whatever the seed.
    """

    capabilities = Capabilities(
        kind="cpu", forms=frozenset({"dense", "sparse", "gram"}), max_variables=MAX_VARIABLES, seedable=True
    )

    def sample(
        self,
        qubos: Sequence[Qubo],
        *,
        reads: int = 100,
        seed: int | None = None,
        time_limit: float | None = None,
        max_solutions: int = MAX_SOLUTIONS,
        progress: Callable[[float], None] | None = None,
    ) -> list[dimod.SampleSet]:
        """Find the minima and, if `reads` leaves room, the next-lowest states of each model.

        Args:
            qubos: models of at most 32 variables, in any form.
            reads: states wanted of each model; more come back where there are more minima.
            seed: has no effect; it is reported.
            time_limit: seconds for the batch, divided equally between the models. When it runs out the best of the
                states looked at come back, with info["complete"] False. Ctrl-C does the same.
            max_solutions: minima listed, where `reads` is not larger.
            progress: called with the share done.

        Raises:
            ParameterError: max_solutions is not a whole number of at least 1.
            UnsupportedModel: a model has more than 32 variables, or energies that may overflow.
        """
        whole_number("max_solutions", max_solutions)
        _refuse_large(qubos)
        clock = _Clock(time_limit, len(qubos))
        results = []
        for index, qubo in enumerate(qubos):
            started = perf_counter()
            clock.next_model()
            show = _part_of(progress, index, len(qubos))
            walk = _Walk(qubo, keep=max(reads, max_solutions), clock=clock, show=show)
            walk.run()
            states, minima = walk.lowest(reads)
            listed = min(minima, walk.keep)
            result = to_sampleset(
                qubo,
                states,
                backend="exact",
                seed=seed,
                timing={"solve": perf_counter() - started},
                complete=walk.complete,
                minima=minima,
                cut=listed < minima,
                interrupted=clock.interrupted,
            )
            results.append(result)
        return results

    def estimate(self, qubos: Sequence[Qubo], *, reads: int = 100, **options: Any) -> Usage:
        """Time a small part of each enumeration and scale up by the number of states."""
        _refuse_large(qubos)
        seconds = 0.0
        for qubo in qubos:
            walk = _Walk(qubo, keep=reads, clock=_Clock(None, 1), show=_silent)
            walk.scan(walk.blocks[:1])  # compiles, if nothing has yet
            part = walk.blocks[:64]
            started = perf_counter()
            walk.scan(part)
            seconds += (perf_counter() - started) * len(walk.blocks) / len(part)
        return Usage(seconds=seconds)

    def close(self) -> None:
        """Nothing is held."""


class _Clock:
    """Divides a time limit equally between the models of a batch; Ctrl-C ends it for all of them."""

    def __init__(self, time_limit: float | None, models: int) -> None:
        self.interrupted = False
        self._end = math.inf if time_limit is None else perf_counter() + time_limit
        self._models_left = models
        self._own_end = self._end

    def next_model(self) -> None:
        now = perf_counter()
        self._own_end = now + (self._end - now) / self._models_left
        self._models_left -= 1

    def over(self) -> bool:
        return self.interrupted or perf_counter() >= self._own_end


class _Walk:
    """One way through all states of a model, in two passes.

    The first pass notes the lowest energy of each block. It gives the minimum, and a bound on the `keep` lowest
    energies: the `keep`-th lowest block. The second pass collects states, only from blocks that reach below the bound.

    Args:
        qubo: of n variables, at most 32.
        keep: states to keep.
        clock: when to stop.
        show: called with the share of the first pass done.

    Raises:
        UnsupportedModel: energies may overflow.
    """

    def __init__(self, qubo: Qubo, *, keep: int, clock: _Clock, show: Callable[[float], None]) -> None:
        from hqml_cpu.enumeration import pair_table

        self._show, self._clock = show, clock
        self.num_variables = qubo.num_variables
        self.keep = min(keep, 2**self.num_variables)
        self._low = min(self.num_variables, BLOCK_VARIABLES)
        couplings, linear, scale = _coefficients(qubo)
        self._arrays = (couplings, linear, pair_table(couplings, self._low), self._low)
        self._tie = TIE * scale
        self.blocks = np.arange(2 ** (self.num_variables - self._low))
        self._minima = np.full(len(self.blocks), np.inf)
        self._numbers: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._energies: Floats = np.empty(0)
        self._ties = 0
        self.complete = False

    def run(self) -> None:
        """Both passes; Ctrl-C and the end of time cut them, but not before one state is found."""
        try:
            scanned = self.scan(self.blocks)
            self.complete = self.collect() and scanned
        except KeyboardInterrupt:
            self._clock.interrupted = True
            if not np.isfinite(self._minima).any():
                self.scan(self.blocks)
            if not len(self._numbers):
                self.collect()

    def scan(self, blocks: npt.NDArray[np.int64]) -> bool:
        """Note the lowest energy of each block; False if time ran out before the last of them."""
        from hqml_cpu.enumeration import block_minima

        for first in range(0, len(blocks), BLOCKS_AT_ONCE):
            last = min(first + BLOCKS_AT_ONCE, len(blocks))
            block_minima(first, last, *self._arrays, self._minima)
            self._show(last / len(self.blocks))
            if self._clock.over():
                return last == len(blocks)
        return True

    def collect(self) -> bool:
        """Collect the lowest states and count the minima; False if time ran out before the last block."""
        from hqml_cpu.enumeration import states_below

        tie = float(self._minima.min()) + self._tie
        bound = max(self._bound_from_blocks(), tie)
        blocks = self.blocks[np.isfinite(self._minima) & (self._minima <= bound)]
        blocks = blocks[np.argsort(self._minima[blocks], kind="stable")]
        place = 4 * self.keep + (1 << self._low)
        numbers, energies = np.empty(place, dtype=np.int64), np.empty(place)
        while len(blocks):
            part = blocks[:BLOCKS_AT_ONCE]
            done, count, ties = states_below(part, *self._arrays, bound, tie, numbers, energies)
            self._ties += ties
            bound = self._merge(numbers[:count], energies[:count], bound, tie)
            blocks = blocks[done:]
            blocks = blocks[self._minima[blocks] <= max(bound, tie)]
            if self._clock.over():
                break
        return not len(blocks)

    def _bound_from_blocks(self) -> float:
        """An energy that at least `keep` states do not exceed, infinite where the blocks do not tell."""
        if self.keep > len(self._minima):
            return math.inf
        return float(np.partition(self._minima, self.keep - 1)[self.keep - 1])

    def _merge(self, numbers: npt.NDArray[np.int64], energies: Floats, bound: float, tie: float) -> float:
        """Keep the lowest of old and new states. Returns the energy up to which more are wanted."""
        numbers, energies = np.append(self._numbers, numbers), np.append(self._energies, energies)
        order = np.lexsort((numbers, energies))[: self.keep]
        self._numbers, self._energies = numbers[order], energies[order]
        if len(order) < self.keep:
            return bound
        highest = float(self._energies[-1])
        return -math.inf if highest <= tie else math.nextafter(highest, -math.inf)

    def lowest(self, reads: int) -> tuple[States, int]:
        """The minima, filled up to `reads` with the next-lowest states: (rows, n); and how many minima there are."""
        rows = max(min(self._ties, self.keep), min(reads, len(self._numbers)))
        digits = np.arange(self.num_variables)
        return (self._numbers[:rows, None] >> digits & 1).astype(np.int8), self._ties


def _coefficients(qubo: Qubo) -> tuple[Floats, Floats, float]:
    """Couplings (n, n), linear terms (n,), and the sum of the sizes of all of them.

    Raises:
        UnsupportedModel: that sum overflows, and so may energies.
    """
    dense = qubo.to_dense()
    matrix = dense.matrix.astype(np.float64)
    with np.errstate(over="ignore"):
        couplings = matrix + matrix.T  # in float64 even where the model is in float32, as its energies are
        np.fill_diagonal(couplings, 0.0)
        linear = np.array(dense.linear, dtype=np.float64)
        scale = float(np.abs(linear).sum() + np.abs(couplings).sum() / 2)
    if not math.isfinite(scale):
        raise UnsupportedModel("the coefficients add up to more than float64 can hold; divide the model by a constant")
    return couplings, linear, scale


def _refuse_large(qubos: Sequence[Qubo]) -> None:
    for qubo in qubos:
        if qubo.num_variables > MAX_VARIABLES:
            raise UnsupportedModel(
                f"enumeration takes at most {MAX_VARIABLES} variables, the model has {qubo.num_variables}; "
                "use a heuristic backend such as `cpu`"
            )


def _part_of(progress: Callable[[float], None] | None, index: int, models: int) -> Callable[[float], None]:
    """Report the share done of one model as a share of the batch."""
    if progress is None:
        return _silent
    return lambda share: progress((index + share) / models)


def _silent(share: float) -> None:
    """Report nothing."""
