"""A backend that is looked over its shoulder while an estimator uses it."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from time import perf_counter
from typing import Any, TypeVar

import dimod
import numpy as np

from hqml.backend import Backend, Capabilities, Usage
from hqml.compare.accounting import Call
from hqml.compare.study import Solver
from hqml.dispatch import opened
from hqml.qubo import Qubo

W = TypeVar("W", bound="Watched")


class Estimated(BaseException):
    """Ends a fit whose first batch has been estimated; no `except Exception` on the way is to stop it.

    Attributes:
        usage: of the batch.
        before: when the backend was asked, by `perf_counter`.
    """

    def __init__(self, usage: Usage, before: float) -> None:
        self.usage, self.before = usage, before


class Watched:
    """Passes everything on to a backend, whose options it takes, and remembers what each call gave and took.

    Args:
        backend: does the work.

    Attributes:
        calls: of `sample`, in order.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.calls: list[Call] = []
        self.sample = _alike(backend.sample, self._sample)
        self.estimate = _alike(backend.estimate, backend.estimate)

    @property
    def capabilities(self) -> Capabilities:
        return self.backend.capabilities

    def close(self) -> None:
        """Whoever opened the backend closes it."""

    def _sample(self, qubos: Sequence[Qubo], **arguments: Any) -> list[dimod.SampleSet]:
        started = perf_counter()
        found = self.backend.sample(qubos, **arguments)
        self.calls.append(call_of(found, perf_counter() - started))
        refuse_interrupted(found)
        return found


class Estimating(Watched):
    """Asks the backend what the first batch would take, and ends the fit. Nothing is sampled, so nothing is metered."""

    @property
    def capabilities(self) -> Capabilities:
        return replace(self.backend.capabilities, metered=False)

    def _sample(self, qubos: Sequence[Qubo], **arguments: Any) -> list[dimod.SampleSet]:
        asked = perf_counter()
        own = {name: value for name, value in arguments.items() if name not in ("progress", "max_qpu_seconds")}
        raise Estimated(expected(self.backend, qubos, **own), asked)


@contextmanager
def using(solver: Solver, options: Mapping[str, Any]) -> Iterator[tuple[Backend, dict[str, Any]]]:
    """A solver's backend, closed in the end where it was made here, and those options that are for its `sample`."""
    backend, own = opened(solver.backend, dict(options))
    try:
        yield backend, own
    finally:
        if isinstance(solver.backend, str):
            backend.close()


@contextmanager
def watching(kind: type[W], solver: Solver, options: Mapping[str, Any]) -> Iterator[tuple[W, dict[str, Any]]]:
    """As `using`, the backend watched."""
    # Messages call a backend that is an object by its class, so the class is called like the backend.
    named = type(solver.backend_name, (kind,), {})
    with using(solver, options) as (inner, own):
        yield named(inner), own


def call_of(samplesets: Sequence[dimod.SampleSet], seconds: float) -> Call:
    """A call by what it gave. `info` is kept as it is, since dispatch has yet to add its times."""
    energies = [np.repeat(found.record.energy, found.record.num_occurrences) for found in samplesets]
    return Call([found.info for found in samplesets], energies, [len(found.variables) for found in samplesets], seconds)


def expected(
    backend: Backend, qubos: Sequence[Qubo], *, reads: int, seed: int | None, time_limit: float | None, **options: Any
) -> Usage:
    """What a backend says beforehand that a call takes; with a time limit no more than that.

    Of ranks that work together it is not known: a rank that asked alone might wait for the others for ever.
    """
    if backend.capabilities.kind == "mpi":
        return Usage(seconds=math.nan)
    takes = inspect.signature(backend.estimate).parameters
    offered = {"seed": seed, "time_limit": time_limit}
    usage = backend.estimate(
        qubos, reads=reads, **{name: value for name, value in offered.items() if name in takes}, **options
    )
    if time_limit is None or "time_limit" in takes:
        return usage
    return replace(usage, seconds=float(np.fmin(usage.seconds, time_limit)))


def refuse_interrupted(samplesets: Sequence[dimod.SampleSet]) -> None:
    """Let Ctrl-C end the study, though a backend made the best of it.

    Raises:
        KeyboardInterrupt: a backend was stopped by it.
    """
    if any(found.info.get("interrupted") for found in samplesets):
        raise KeyboardInterrupt


def _alike(model: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with the signature of the model, by which dispatch knows what options a backend takes."""

    @wraps(model)
    def alike(*positional: Any, **named: Any) -> Any:
        return function(*positional, **named)

    return alike
