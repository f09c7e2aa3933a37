"""The seam: what a backend is, what it says of itself, what it expects to spend."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from secrets import randbits
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import dimod

from hqml.errors import ParameterError
from hqml.qubo import Form, Qubo

Kind: TypeAlias = Literal["cpu", "gpu", "mpi", "qpu", "hybrid"]

WRITTEN_OUT: frozenset[Form] = frozenset({"dense", "sparse"})
"""Forms of a backend that reads single couplings; the Gram form is written out for it."""


@dataclass(frozen=True)
class Capabilities:
    """What a backend can take.

    Attributes:
        kind: what it runs on.
        forms: forms of a Qubo it takes as they are; dispatch converts others.
        max_variables: largest model it can take, None where memory alone decides.
        seedable: the same seed gives the same samples.
        metered: its time is paid for; it runs only when named, and only within `max_qpu_seconds`.
    """

    kind: Kind
    forms: frozenset[Form] = WRITTEN_OUT
    max_variables: int | None = None
    seedable: bool = False
    metered: bool = False


@dataclass(frozen=True)
class Usage:
    """What a call is expected to take.

    Attributes:
        seconds: time on the clock; NaN where the backend cannot know.
        qpu_seconds: metered access time, 0 where nothing is metered.
    """

    seconds: float
    qpu_seconds: float = 0.0


@runtime_checkable
class Backend(Protocol):
    """An accelerator behind the seam. `hqml.testing.BackendConformance` checks an implementation."""

    @property
    def capabilities(self) -> Capabilities: ...

    def sample(
        self,
        qubos: Sequence[Qubo],
        *,
        reads: int = 100,
        seed: int | None = None,
        time_limit: float | None = None,
        **options: Any,
    ) -> list[dimod.SampleSet]:
        """Look for low energies of each model of a batch.

        Args:
            qubos: models in one of `capabilities.forms`.
            reads: samples wanted of each model. Fewer may come back when time runs out, never none.
            seed: makes the run repeatable where `capabilities.seedable`.
            time_limit: seconds for the whole batch.
            options: the backend's own, as keyword arguments in its signature.

        Returns:
            One SampleSet a model, in order, built by `hqml.samples.to_sampleset`.
        """
        ...

    def estimate(self, qubos: Sequence[Qubo], *, reads: int = 100, **options: Any) -> Usage:
        """What `sample` of the same arguments is expected to take; spends nothing that is metered."""
        ...

    def close(self) -> None:
        """Give back what the backend holds. May be called twice."""
        ...


def drawn_seed(seed: int | None) -> int:
    """The given seed, or a new one that can be reported and given again."""
    return randbits(63) if seed is None else seed


def whole_number(name: str, value: Any, *, least: int = 1) -> int:
    """The value of an option that counts something.

    Raises:
        ParameterError: it is not a whole number, or below `least`.
    """
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < least:
        raise ParameterError(f"{name} must be a whole number of at least {least}, found {value!r}")
    return int(value)
