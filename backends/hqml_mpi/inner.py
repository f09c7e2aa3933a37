"""The backend inside: found by name, given its share of the node."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hqml.backend import Backend, ReplicaBackend
from hqml.errors import OptionError, UnsupportedModel
from hqml_mpi.ranks import Ranks

LEAST_READS = 32
"""Reads of a unit, at least, where the reads of a model are cut.

256 reads of G22 by `cpu` (64 replicas side by side there) cost 0.45 CPU s uncut, 0.50 in units of 64, 0.98 of 32, 1.96
of 16; of a Gram model of 500 points 0.23, 0.31, 0.34, 0.95. Smaller units keep more ranks busy.
"""

CUT_BELOW = 64
"""Models of a batch from which on no model's reads are cut: the batch alone gives ranks enough to do."""


@dataclass
class Inner:
    """A backend to run slices on.

    Attributes:
        given: its name, or itself.
        options: of its constructor, where it is given by name.
        backend: itself.
    """

    given: str | Backend
    options: Mapping[str, Any]
    backend: Backend

    @classmethod
    def of(cls, given: str | Backend, options: Mapping[str, Any]) -> Inner:
        """Load it where it is given by name.

        Raises:
            UnsupportedModel: it is metered; a slice that is run again after a rank was lost would be paid for twice.
            OptionError: it is spread over ranks itself.
            BackendError: as `hqml.load_backend` raises it.
        """
        backend = _loaded(given, options) if isinstance(given, str) else given
        if backend.capabilities.metered:
            raise UnsupportedModel(
                f"{given!r} is metered and must not run under 'mpi': a lost slice would be paid for twice"
            )
        return cls(given, options, backend)

    @property
    def name(self) -> str:
        return self.given if isinstance(self.given, str) else type(self.given).__name__

    def on_its_device(self, ranks: Ranks) -> Backend:
        """The backend for this rank; a GPU backend given by name is made anew on the device of the rank."""
        gpu = self.backend.capabilities.kind == "gpu" and isinstance(self.given, str)
        if not gpu or ranks.size == 1 or "device" in self.options:
            return self.backend
        device = device_of(ranks)
        return self.backend if device is None else _loaded(self.name, {**self.options, "device": device})

    def lending_replicas(self, ranks: Ranks) -> ReplicaBackend:
        """The backend for this rank, which has to be one that lends replicas.

        Raises:
            OptionError: it does not.
        """
        backend = self.on_its_device(ranks)
        if not isinstance(backend, ReplicaBackend):
            raise OptionError(
                f"method='tempering' needs an inner backend that lends replicas, as 'mpi:cpu' has; found {self.name!r}"
            )
        return backend

    def reads_at_once(self, models: int, reads: int) -> int:
        """Most reads of a unit; it does not depend on the number of ranks, so neither do the samples."""
        cut = self._independent and models < CUT_BELOW
        return -(-reads // max(1, reads // LEAST_READS)) if cut else reads

    def threads(self, ranks: Ranks, wanted: int | None) -> int | None:
        """Processors for this rank: as wanted, else its share of the node; None where the backend is not to be told."""
        if "threads" not in self._parameters:
            return None
        return wanted or getattr(self.backend, "threads", None) or _share_of_node(ranks)

    @property
    def takes_turns(self) -> bool:
        """Whether a rank with several threads gives one to each unit: units are small, and can be broken off."""
        return self._independent and {"threads", "progress"} <= set(self._parameters)

    def checked(self, options: Mapping[str, Any]) -> None:
        """Raise OptionError where the `sample` of the backend takes no such option."""
        free = any(parameter.kind is parameter.VAR_KEYWORD for parameter in self._parameters.values())
        if not free:
            own = set(self._parameters) - {"qubos", "reads", "seed", "time_limit", "progress"}
            check_options(f"mpi:{self.name}", options, own)

    @property
    def _independent(self) -> bool:
        """Whether each read is swept by itself, on the processor (a GPU would rather have them all)."""
        return "num_sweeps" in self._parameters and self.backend.capabilities.kind != "gpu"

    @cached_property
    def _parameters(self) -> Mapping[str, inspect.Parameter]:
        return inspect.signature(self.backend.sample).parameters


def check_options(what: str, options: Iterable[str], known: Iterable[str]) -> None:
    """Raise OptionError where an option is none of those known."""
    if unknown := sorted(set(options) - set(known)):
        own = ", ".join(sorted(known)) or "none"
        raise OptionError(f"backend {what!r} takes no option {', '.join(unknown)}; it takes: {own}")


def breaking_off(interrupted: Callable[[], bool]) -> Callable[[float], None]:
    """A progress callback that takes Ctrl-C, which the main thread alone notices, into a slice in another thread."""
    told = False

    def progress(_: float) -> None:
        nonlocal told
        if interrupted() and not told:
            told = True
            raise KeyboardInterrupt

    return progress


def _loaded(name: str, options: Mapping[str, Any]) -> Backend:
    # Late, and the one thing above the seam that a backend asks for: a composite meets its inner backend by name.
    from hqml.registry import load_backend

    if name.partition(":")[0] == "mpi":
        raise OptionError(f"'mpi:{name}' would spread over ranks twice; write {name!r}")
    return load_backend(name, **options)


def _share_of_node(ranks: Ranks) -> int:
    """Processors a rank, so that the ranks of a node keep out of each other's way. All ranks call this."""
    neighbours = ranks.neighbours()
    [mine] = [bound for rank, bound in neighbours if rank == ranks.rank]
    # A launcher that binds gives each rank processors of its own; one that does not gives all to all.
    sharing = sum(bool(bound & mine) for _, bound in neighbours)
    return max(1, len(mine) // sharing)


def device_of(ranks: Ranks) -> str | None:
    """The GPU of this rank, one a rank in turn; None where the default will do."""
    local = [rank for rank, _ in ranks.neighbours()].index(ranks.rank)
    import torch  # the inner backend has imported it already

    visible = torch.cuda.device_count()
    return f"cuda:{local % visible}" if visible > 1 else None
