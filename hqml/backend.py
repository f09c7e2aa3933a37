"""The seam: what a backend is, what it says of itself, what it expects to spend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from secrets import randbits
from typing import Literal, Protocol, TypeAlias, get_args, runtime_checkable

import dimod

from hqml.errors import ParameterError
from hqml.qubo import Floats, Form, Qubo, States

Kind: TypeAlias = Literal["cpu", "gpu", "mpi", "qpu", "hybrid"]

WRITTEN_OUT: frozenset[Form] = frozenset({"dense", "sparse"})
"""Forms of a backend that reads single couplings; the Gram form is written out for it."""


@dataclass(frozen=True)
class Capabilities:
    """What a backend can take.

    Attributes:
        kind: what it runs on.
        forms: forms of a Qubo it takes as they are; dispatch converts others.
        max_variables: largest model it can take, whatever its couplings; None where memory alone decides.
        max_sparse_variables: most variables of a model in sparse form, where that is more: of an annealer's chip the
            couplings decide what fits. None where form makes no difference.
        seedable: the same seed gives the same samples.
        metered: its time is paid for; it runs only when named, and only within `max_qpu_seconds`.

    Raises:
        ParameterError: a kind or a form that hqml does not know.
    """

    kind: Kind
    forms: frozenset[Form] = WRITTEN_OUT
    max_variables: int | None = None
    max_sparse_variables: int | None = None
    seedable: bool = False
    metered: bool = False

    def __post_init__(self) -> None:
        kinds, forms = get_args(Kind), get_args(Form)
        if self.kind not in kinds:
            raise ParameterError(
                f"Capabilities: kind must be one of {', '.join(map(repr, kinds))}, found {self.kind!r}"
            )
        object.__setattr__(self, "forms", frozenset([self.forms] if isinstance(self.forms, str) else self.forms))
        if not self.forms or not self.forms <= set(forms):
            found = sorted(map(str, self.forms)) or "none"
            raise ParameterError(f"Capabilities: forms must be some of {', '.join(map(repr, forms))}, found {found}")


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
    ) -> list[dimod.SampleSet]:
        """Look for low energies of each model of a batch.

        A backend's own options are further keyword arguments of its signature (not declared here, so that any will do).
        Two of them are dispatch's: `progress`, called with the share done, and, of a metered backend,
        `max_qpu_seconds`, the time granted: with it a batch that takes longer than estimated can be ended in time.

        Args:
            qubos: models in one of `capabilities.forms`.
            reads: samples wanted of each model. Fewer may come back when time runs out, never none.
            seed: makes the run repeatable where `capabilities.seedable`.
            time_limit: seconds for the whole batch.

        Returns:
            One SampleSet a model, in order, built by `hqml.samples.to_sampleset`.
        """
        ...

    def estimate(self, qubos: Sequence[Qubo], *, reads: int = 100) -> Usage:
        """What `sample` with the same arguments and options is expected to take; spends nothing that is metered."""
        ...

    def close(self) -> None:
        """Give back what the backend holds. May be called twice."""
        ...


class Replicas(Protocol):
    """Replicas of one model that the caller sweeps at temperatures of its choice: what tempering is made of."""

    def temperature_range(self) -> tuple[float, float]:
        """(hot, cold), in units of the energy: from where replicas move freely to where they are all but frozen."""
        ...

    def sweep(self, temperatures: Floats, sweeps: int) -> None:
        """So many sweeps of each replica at its own temperature, (replicas,), in units of the energy."""
        ...

    def energies(self) -> Floats:
        """(replicas,), but for a constant of the model. What is lowest whenever this is called is remembered."""
        ...

    def lowest(self) -> States:
        """The lowest state that each replica was in when energies were asked for, descended: (replicas, n).

        The replicas are there now.
        """
        ...


@runtime_checkable
class ReplicaBackend(Backend, Protocol):
    """A backend that can do more: lend replicas, which another one tempers (`mpi:cpu`, method="tempering")."""

    def replicas(self, qubo: Qubo, count: int, *, seed: int) -> Replicas:
        """Replicas of one model, in random states.

        Args:
            qubo: in one of `capabilities.forms`.
            count: least that are wanted. There are more where these cost no more, as many for any seed.
            seed: makes them repeatable where `capabilities.seedable`.
        """
        ...


def drawn_seed(seed: int | None) -> int:
    """The given seed, or a new one that can be reported and given again."""
    return randbits(63) if seed is None else int(seed)
