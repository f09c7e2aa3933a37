"""One call of `sample`, as all ranks have to agree on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hqml.errors import BackendError
from hqml.qubo import Floats, Qubo
from hqml_mpi.clock import Clock
from hqml_mpi.distributed import DistributedGram
from hqml_mpi.ranks import Ranks
from hqml_mpi.units import Found

_PROBES = 4
_ROUNDING = 1e-6
"""Relative; nodes of different kinds compute the same kernel matrix to about 1e-12, in float32 to 1e-7."""


@dataclass
class Call:
    """What one call is about, the same on every rank once they have met.

    Attributes:
        seed: that of rank 0 when they have met, since a rank that was given none has drawn one.
        what: all else that has to be the same, in words.
        mine: what this rank has found of a batch.
    """

    qubos: Sequence[Qubo]
    reads: int
    seed: int
    what: str
    clock: Clock
    report: Callable[[float], None] | None
    options: dict[str, Any]
    mine: dict[int, Found] = field(default_factory=dict)

    def meet(self, ranks: Ranks) -> dict[int, Found]:
        """Agree on the seed, and learn what has been found in an attempt that was lost.

        Raises:
            BackendError: the ranks were not called with the same thing.
        """
        met = ranks.everyone((self.what, self.seed, self.mine, self._probed(ranks)))
        if len(different := {what for what, *_ in met}) > 1:
            raise BackendError(
                "the ranks call 'mpi' with different things, though all must run the same program: "
                + " | ".join(sorted(different))
            )
        energies = np.array([probed for *_, probed in met])
        if np.ptp(energies, axis=0).max(initial=0.0) > _ROUNDING * np.abs(energies).max(initial=0.0):
            raise BackendError(
                "the ranks hold different models; give a seed (random_state=) to whatever draws data or slices"
            )
        self.seed = met[0][1]
        return {place: found for *_, mine, _ in met for place, found in mine.items()}

    def _probed(self, ranks: Ranks) -> Floats:
        """Energies of a few random states of each model, by which different models are told apart: (models * 4,)."""
        if ranks.size == 1:
            return np.zeros(0)
        rng = np.random.default_rng(0)
        whole = [qubo for qubo in self.qubos if not isinstance(qubo, DistributedGram)]
        probed = [qubo.energies(rng.integers(0, 2, (_PROBES, qubo.num_variables), np.int8)) for qubo in whole]
        return np.concatenate([np.zeros(0), *probed])
