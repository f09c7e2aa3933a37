"""Problems: each formula that becomes a QUBO, one a file."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Protocol, TypeVar, runtime_checkable

from hqml.qubo import Qubo

Answer_co = TypeVar("Answer_co", covariant=True)


@runtime_checkable
class Problem(Protocol):
    """A question whose answer is a low energy of a QUBO."""

    def to_qubo(self) -> Qubo: ...

    def decode(self, sample: Mapping[Hashable, int]) -> Any:
        """Turn a sample {label: 0 or 1} into an answer in the problem's own terms."""
        ...


class ProblemOf(Protocol[Answer_co]):
    """A Problem, for a type checker that is to know what it decodes to."""

    def to_qubo(self) -> Qubo: ...

    def decode(self, sample: Mapping[Hashable, int]) -> Answer_co: ...
