"""Solvers that all ranks of a launcher have to call together: what is spread over them by MPI."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from hqml.compare.study import Cell, Solver, Study
from hqml.errors import BackendError
from hqml.registry import load_backend

T = TypeVar("T")


class Ranks(Protocol):
    """What the backend `mpi` says of the ranks that a launcher has started."""

    size: int

    @property
    def first(self) -> bool:
        """Whether this is rank 0."""
        ...

    def from_first(self, value: T) -> T:
        """The value that rank 0 gave; all ranks call it together."""
        ...


def is_collective(cell: Cell) -> bool:
    """Whether the ranks run a cell together."""
    return isinstance(cell.solver, Solver) and _spreads(cell.solver)


def ranks_of(study: Study) -> Ranks | None:
    """The ranks that run a study together; None where there is one, or no solver needs them together.

    All ranks call it, in any order with other calls of MPI.
    """
    if not any(_spreads(solver) for solver in study.solvers):
        return None
    try:
        backend: Any = load_backend("mpi")
        ranks: Ranks = backend.ranks
    except BackendError:  # its cells say why
        return None
    return ranks if ranks.size > 1 else None


def _spreads(solver: Solver) -> bool:
    if isinstance(solver.backend, str):
        return solver.backend.partition(":")[0] == "mpi"
    return getattr(getattr(solver.backend, "capabilities", None), "kind", None) == "mpi"
