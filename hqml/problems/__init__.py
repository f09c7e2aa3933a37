"""Problems: each formula that becomes a QUBO, one a file."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Protocol, runtime_checkable

from hqml.qubo import Qubo


@runtime_checkable
class Problem(Protocol):
    """A question whose answer is a low energy of a QUBO."""

    def to_qubo(self) -> Qubo: ...

    def decode(self, sample: Mapping[Hashable, int]) -> Any:
        """Turn a sample {label: 0 or 1} into an answer in the problem's own terms."""
        ...
