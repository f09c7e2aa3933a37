"""From samples to the best subset of exactly k."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dimod
import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning

from hqml.errors import ParameterError
from hqml.options import finite_number
from hqml.problems.exactly_k import repaired
from hqml.qubo import Floats, Qubo
from hqml.samples import states_of


class RepairWarning(ConvergenceWarning):  # type: ignore[misc]
    """No sample had the number of ones asked for; the best one was brought to it greedily."""


@dataclass(frozen=True)
class Subset:
    """What was chosen out of the samples of one or more models of the same objective.

    Attributes:
        members: (k,), in rising order.
        energies: (models,), the lowest energy that a model's samples with exactly k ones have, NaN where there are
            none.
        energy: of the members.
        repaired: whether no sample of any model had exactly k ones.
    """

    members: npt.NDArray[np.intp]
    energies: Floats
    energy: float
    repaired: bool


def best_subset(models: Sequence[Qubo], samplesets: Sequence[dimod.SampleSet], k: int) -> Subset:
    """The lowest of all samples with exactly k ones; where there are none, the lowest of each model, repaired."""
    states, energies = zip(*(_lowest(*one, k) for one in zip(models, samplesets, strict=True)), strict=True)
    known = np.array(energies)
    if none := bool(np.isnan(known).all()):
        states = tuple(repaired(model, state, k) for model, state in zip(models, states, strict=True))
        known = np.array([model.energies(state)[0] for model, state in zip(models, states, strict=True)])
    best = int(np.nanargmin(known))
    return Subset(np.flatnonzero(states[best]), np.array(energies), float(known[best]), none)


def tell(subsets: Sequence[Subset], k: Any, *, stacklevel: int = 3) -> None:
    """Warn, once, of subsets that had to be repaired."""
    count = sum(subset.repaired for subset in subsets)
    if count:
        warnings.warn(
            f"no sample had exactly {k} ones in {count} of {len(subsets)} problems; the best was repaired greedily. "
            "Raise reads or the backend's effort (num_sweeps), or give price_shares 1.0 or more",
            RepairWarning,
            stacklevel=stacklevel,
        )


def checked_shares(value: Any) -> tuple[float, ...]:
    """The parameter price_shares.

    Raises:
        ParameterError: not a sequence of numbers above 0.
    """
    if not isinstance(value, Sequence | np.ndarray) or isinstance(value, str) or not len(value):
        raise ParameterError(f"price_shares must be a sequence of numbers above 0, found {value!r}")
    return tuple(finite_number("each of price_shares", share, above=0) for share in value)


def _lowest(model: Qubo, samples: dimod.SampleSet, k: int) -> tuple[Any, float]:
    """The lowest state with exactly k ones and its energy; the lowest at all and NaN where there is none."""
    states, energies = states_of(samples, model), np.asarray(samples.record.energy)
    exact = np.flatnonzero(states.sum(axis=1, dtype=np.int64) == k)
    if not len(exact):
        return states[energies.argmin()], float("nan")
    best = exact[energies[exact].argmin()]
    return states[best], float(energies[best])
