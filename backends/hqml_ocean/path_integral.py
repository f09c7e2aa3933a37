"""Simulated quantum annealing of dwave-samplers, by path-integral Monte Carlo, as a backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import dimod
import numpy.typing as npt

from hqml.backend import Capabilities, Usage, drawn_seed
from hqml.qubo import Qubo
from hqml_ocean.annealing import Batch, ScheduleType
from hqml_ocean.path_schedule import wanted_schedule


class PathIntegralBackend:
    """`dwave.samplers.PathIntegralAnnealingSampler` behind the seam.

    A read follows the world lines of a transverse-field Ising model, whose density matrix is

        rho = exp(-Hp_field * E(sigma_z) + Hd_field * sum(sigma_x)),

    while its fields change, and is where they pass imaginary time 0 in the end. The time is continuous: 2**16 slices.
    By default both temperature and transverse field fall. It is here to be compared with a quantum annealer: where only
    low energies are wanted, `cpu` and `neal` find them sooner.

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
        num_sweeps_per_beta: int = 1,
        beta_range: tuple[float, float] | None = None,
        beta_schedule_type: ScheduleType = "geometric",
        Hp_field: npt.ArrayLike | None = None,
        Hd_field: npt.ArrayLike | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> list[dimod.SampleSet]:
        """Anneal each model `reads` times.

        Args:
            qubos: dense or sparse models.
            reads: anneals of each model.
            seed: makes the run repeatable, unless a time limit cuts it.
            time_limit: seconds for the batch. It is looked at between reads; building a model is not cut short.
            num_sweeps: updates of each variable in a read, on average, for their order is random; none is as many as
                the fields below are long, or 100. Some hundred variables and more want 1000.
            num_sweeps_per_beta: sweeps at each value of the fields; num_sweeps must be a multiple of it.
            beta_range: inverse temperatures (hot, cold), 1 / energy; none samples the model for them.
            beta_schedule_type: how beta goes from hot to cold.
            Hp_field: (betas,), instead of beta_range, inverse temperatures one by one, 1 / energy: what dwave-samplers
                calls a custom schedule.
            Hd_field: (betas,), the transverse field times the inverse temperature; none falls linearly from 2 to 0.
                Zeros make it a classical anneal. The time of a sweep grows with it.
            progress: called with the share done.

        Returns:
            One SampleSet a model; `info` adds num_sweeps, num_sweeps_wanted, and beta_range and Hd_range, the first and
            last values of the fields. After Ctrl-C, what was found so far, with info["interrupted"] True.

        Raises:
            ParameterError: an option is out of its range, or contradicts another.
            UnsupportedModel: the energies of a model may overflow.
        """
        wanted = wanted_schedule(num_sweeps, num_sweeps_per_beta, beta_range, beta_schedule_type, Hp_field, Hd_field)
        return Batch("path-integral", qubos, wanted, reads).sample(drawn_seed(seed), time_limit, progress)

    def estimate(self, qubos: Sequence[Qubo], *, reads: int = 100, **options: Any) -> Usage:
        """Time a few sweeps of each model and scale up."""
        return Batch("path-integral", qubos, wanted_schedule(**options), reads).estimate()

    def close(self) -> None:
        """Nothing is held."""
