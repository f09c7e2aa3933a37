"""Simulated annealing of dwave-samplers as a backend."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import dimod
import numpy as np

from hqml.backend import Capabilities, Usage, drawn_seed
from hqml.options import inverse_temperatures, whole_number
from hqml.qubo import Qubo
from hqml_ocean.annealing import SMALLEST_GAP, Batch, ScheduleType, checked_type

DEFAULT_SWEEPS = 1000
"""Sweeps of a read: the default of dwave-samplers."""


@dataclass(frozen=True)
class Schedule:
    """How a read cools down.

    Attributes:
        num_sweeps: passes over all variables.
        beta_range: inverse temperatures (hot, cold), in units of 1/energy; None takes the default of dwave-samplers.
        kind: how beta goes from hot to cold.
    """

    num_sweeps: int
    beta_range: tuple[float, float] | None
    kind: ScheduleType

    @property
    def info(self) -> Mapping[str, Any]:
        return {"beta_range": self.beta_range}

    def fitted(self, spins: dimod.BinaryQuadraticModel, seed: int) -> Schedule:
        """This schedule with the range that suits a model of vartype SPIN."""
        return self if self.beta_range is not None else replace(self, beta_range=default_beta_range(spins))

    def shortened(self, num_sweeps: int) -> Schedule:
        return replace(self, num_sweeps=num_sweeps)

    def run(
        self, spins: dimod.BinaryQuadraticModel, reads: int, seed: int, stop: Callable[[], bool]
    ) -> dimod.SampleSet:
        from dwave.samplers import SimulatedAnnealingSampler

        sampler: Any = SimulatedAnnealingSampler()  # type: ignore[no-untyped-call]
        return sampler.sample(  # type: ignore[no-any-return]
            spins,
            num_reads=reads,
            seed=seed,
            num_sweeps=self.num_sweeps,
            beta_range=self.beta_range,
            beta_schedule_type=self.kind,
            interrupt_function=stop,
        )


class NealBackend:
    """`dwave.samplers.SimulatedAnnealingSampler` behind the seam.

    With a time limit each model gets an equal share of what is left. A few sweeps are timed first; if not even one
    read fits, its sweeps are reduced: `info` then has `num_sweeps` below `num_sweeps_wanted`, and the run is
    repeatable by seed only with that number of sweeps. A model that time or Ctrl-C left no turn comes back with one
    random state and `num_sweeps` 0.
    """

    capabilities = Capabilities(kind="cpu", seedable=True)

    def sample(
        self,
        qubos: Sequence[Qubo],
        *,
        reads: int = 100,
        seed: int | None = None,
        time_limit: float | None = None,
        num_sweeps: int | None = None,
        beta_range: tuple[float, float] | None = None,
        beta_schedule_type: ScheduleType = "geometric",
        progress: Callable[[float], None] | None = None,
    ) -> list[dimod.SampleSet]:
        """Anneal each model `reads` times.

        Args:
            qubos: dense or sparse models.
            reads: anneals of each model.
            seed: makes the run repeatable, unless a time limit cuts it.
            time_limit: seconds for the batch. It is looked at between reads; building a model is not cut short.
            num_sweeps: passes over all variables in a read; none is 1000.
            beta_range: inverse temperatures (hot, cold); none is the default of dwave-samplers (`default_beta_range`).
            beta_schedule_type: how beta goes from hot to cold.
            progress: called with the share done.

        Returns:
            One SampleSet a model. After Ctrl-C, what was found so far, with info["interrupted"] True.

        Raises:
            ParameterError: an option is out of its range.
            UnsupportedModel: the energies of a model may overflow.
        """
        schedule = _schedule(num_sweeps, beta_range, beta_schedule_type)
        return Batch("neal", qubos, schedule, reads).sample(drawn_seed(seed), time_limit, progress)

    def estimate(self, qubos: Sequence[Qubo], *, reads: int = 100, **options: Any) -> Usage:
        """Time a few sweeps of each model and scale up."""
        wanted = {name: options.get(name) for name in ("num_sweeps", "beta_range")}
        schedule = _schedule(**wanted, beta_schedule_type=options.get("beta_schedule_type", "geometric"))
        return Batch("neal", qubos, schedule, reads).estimate()

    def close(self) -> None:
        """Nothing is held."""


def _schedule(num_sweeps: Any, beta_range: Any, beta_schedule_type: Any) -> Schedule:
    """Check the options.

    Raises:
        ParameterError: one is out of its range.
    """
    sweeps = DEFAULT_SWEEPS if num_sweeps is None else whole_number("num_sweeps", num_sweeps, least=1)
    kind = checked_type(beta_schedule_type)
    return Schedule(sweeps, None if beta_range is None else inverse_temperatures(beta_range), kind)


def default_beta_range(spins: dimod.BinaryQuadraticModel) -> tuple[float, float]:
    """The range (hot, cold) that dwave-samplers takes by itself, computed with arrays: its own loop over the couplings
    takes seconds on a dense model of 3000 variables.

    Hot: the stiffest spin, all its couplings aligned, flips with probability 1/2. Cold: one expected excitation in a
    hundred anneals, if only the spins with the smallest bias or coupling can be excited.

    Source: `_default_ising_beta_range` in dwave-samplers 1.8, of which this is a restatement.
    """
    vectors: Any = spins.to_numpy_vectors()
    bias, (row, column, coupling), _ = vectors
    bias, coupling = np.abs(bias), np.abs(coupling)
    strength, least = bias.copy(), np.where(bias > 0, bias, np.inf)
    present = coupling > 0
    for ends in (row, column):
        strength += np.bincount(ends, weights=coupling, minlength=len(bias))
        np.minimum.at(least, ends[present], coupling[present])
    if not strength.any():
        return 0.1, 1.0
    gap = max(least.min(), SMALLEST_GAP)
    number_of_gaps = np.count_nonzero(least <= gap)
    hot = math.log(2) / (2 * max(strength.max(), SMALLEST_GAP))
    return float(hot), float(math.log(number_of_gaps / 0.01) / (2 * gap))
