"""The temperatures of an annealing run, sampled from the barriers around quenched states."""

from __future__ import annotations

from typing import Any

import dimod
import numpy as np
import numpy.typing as npt

from hqml.annealing import QUENCH, Rule
from hqml.qubo import Floats
from hqml_ocean.annealing import SMALLEST_GAP

TEMPERATURES = Rule(hot=0.25, cold=0.045)
"""Hot as `hqml.annealing.FLIPS`, colder at the end, because nothing descends afterwards: of 0.15, 0.045 and 0.015, over
11 models (see `path_schedule.TRANSVERSE_FIELD`), ground states in 27, 38 and 35 % of the reads."""

QUENCHED = 4
"""States that the barriers are read off."""


def sampled_range(spins: dimod.BinaryQuadraticModel, seed: int) -> tuple[float, float]:
    """Inverse temperatures (hot, cold), 1 / energy, from what the flips in a few quenched states would cost.

    dwave-samplers takes the smallest coefficient for the smallest barrier. In a model with real coefficients that is
    far too cold; one that is 1e-17 instead of 0 by rounding makes it 1e17 times too cold.
    """
    from dwave.samplers import SimulatedAnnealingSampler

    vectors: Any = spins.to_numpy_vectors(variable_order=list(spins.variables))
    bias, (row, column, coupling), _ = vectors
    highest = 2 * float((np.abs(bias) + _summed(row, column, np.abs(coupling), np.ones(len(bias)))).max())
    if highest < SMALLEST_GAP:
        return 1.0, 1.0
    sampler: Any = SimulatedAnnealingSampler()  # type: ignore[no-untyped-call]
    betas = 1 / (highest * QUENCH)
    found = sampler.sample(
        spins,
        num_reads=QUENCHED,
        seed=seed,
        num_sweeps=len(betas),
        beta_schedule_type="custom",
        beta_schedule=betas,
    )
    states = found.record.sample[:, [found.variables.index(variable) for variable in spins.variables]]
    barriers = [-2 * state * (bias + _summed(row, column, coupling, state)) for state in states]
    hot, cold = TEMPERATURES.span(np.concatenate(barriers), highest)
    return 1 / hot, min(1 / cold, 1 / SMALLEST_GAP)


def _summed(row: Any, column: Any, coupling: Floats, state: npt.NDArray[Any]) -> Floats:
    """Of each spin, the sum of its couplings times the spins they lead to: (n,)."""
    there = np.bincount(row, weights=coupling * state[column], minlength=len(state))
    back = np.bincount(column, weights=coupling * state[row], minlength=len(state))
    return np.asarray(there + back)
