"""What the samplers of dwave-samplers share here: seeds, and a clock over the batch, which Ctrl-C stops."""

from __future__ import annotations

import math
from collections.abc import Callable
from threading import Event
from time import perf_counter
from typing import Any

import dimod
import numpy as np

from hqml.errors import UnsupportedModel
from hqml.qubo import Qubo, States

LARGEST_SUM = 1e300
"""Largest sum of all |coefficients|: beyond it energies overflow within a few steps, and the tabu search of
dwave-samplers 1.8 then ends the process (segmentation fault)."""


class Clock:
    """Tells how long a batch may go on: until its deadline, or until Ctrl-C.

    Args:
        time_limit: seconds from now, None for as long as it takes.
    """

    def __init__(self, time_limit: float | None) -> None:
        self.deadline = math.inf if time_limit is None else perf_counter() + time_limit
        self._stop = Event()

    @property
    def limited(self) -> bool:
        return self.deadline < math.inf

    @property
    def interrupted(self) -> bool:
        return self._stop.is_set()

    def interrupt(self) -> None:
        self._stop.set()

    def left(self) -> float:
        """Seconds left, at least 0."""
        return 0.0 if self.interrupted else max(0.0, self.deadline - perf_counter())

    def share(self, models: int) -> Clock:
        """The clock of the first of `models` models that divide what is left between them."""
        own = Clock(self.left() / models if self.limited else None)
        own._stop = self._stop
        return own


class Progress:
    """Turns reads done into the share of a batch done.

    Args:
        report: takes the share, 0 to 1; None where nobody asked.
        models: number of models of the batch.
        reads: wanted of each.
    """

    def __init__(self, report: Callable[[float], None] | None, models: int, reads: int) -> None:
        self._report, self._models, self._reads = report, models, reads

    def __call__(self, model: int, reads: int) -> None:
        if self._report is not None:
            self._report((model + min(reads / self._reads, 1.0)) / self._models)


def written_out(qubo: Qubo) -> dimod.BinaryQuadraticModel:
    """The model as Ocean's samplers take it.

    Raises:
        UnsupportedModel: its energies may overflow.
    """
    with np.errstate(over="ignore"):
        bqm = qubo.to_bqm()
        vectors: Any = bqm.to_numpy_vectors()
        linear, (_, _, quadratic), _ = vectors
        total = np.abs(linear).sum() + np.abs(quadratic).sum()
    if not total <= LARGEST_SUM:
        raise UnsupportedModel(f"the coefficients add up to more than {LARGEST_SUM:g}; divide the model by a constant")
    return bqm


def model_seed(seed: int, *place: int) -> int:
    """A seed of 31 bits, which is what Ocean takes, for one place (model, or model and read) of a batch."""
    return int(np.random.SeedSequence([seed, *place]).generate_state(1)[0] >> 1)


def random_state(variables: int, seed: int) -> States:
    """One state (1, n) for a model that time or Ctrl-C left no turn."""
    return np.random.default_rng(seed).integers(0, 2, size=(1, variables), dtype=np.int8)
