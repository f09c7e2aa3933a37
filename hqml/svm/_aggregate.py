"""Make one solution of the several an annealer finds: weights over the lowest distinct ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hqml.errors import ParameterError
from hqml.options import finite_number
from hqml.qubo import Floats

RULES = ("mean", "best", "boltzmann", "validation")


def mean_weights(energies: Floats) -> Floats:
    """All count the same: (solutions,), sum 1. The rule of Willsch et al., doi:10.1016/j.cpc.2019.107006."""
    return np.full(len(energies), 1.0 / len(energies))


def best_weights(energies: Floats) -> Floats:
    """Only the lowest counts: (solutions,)."""
    weights = np.zeros(len(energies))
    weights[np.argmin(energies)] = 1.0
    return weights


def boltzmann_weights(energies: Floats, temperature: float | None = None) -> Floats:
    """Weigh by exp(-(E - E0) / T): (solutions,), sum 1.

    Args:
        energies: (solutions,).
        temperature: T in units of the energy. None takes the mean of E - E0 over the solutions: the T under which
            their excess energies are likeliest if these follow an exponential law. It scales with kernel and C, so the
            weights do not depend on the units of either. T = 0 keeps the lowest only.

    Source: He & Xiao, arXiv:2503.16363 (2025); the choice of T is ours.
    """
    excess = energies - energies.min()
    scale = float(excess.mean()) if temperature is None else temperature
    if scale <= 0:
        weights: Floats = (excess == 0).astype(np.float64)
    else:
        with np.errstate(over="ignore"):  # a T near zero: the ratio may reach infinity, its weight is 0
            weights = np.exp(-excess / scale)
    return np.asarray(weights / weights.sum())


def validation_weights(accuracies: Floats) -> Floats:
    """Those with the best accuracy on held-out points count the same, all others not: (solutions,), sum 1."""
    best = (accuracies >= accuracies.max() - 1e-12).astype(np.float64)
    return np.asarray(best / best.sum())


def weights(rule: str, energies: Floats, accuracies: Callable[[], Floats]) -> Floats:
    """What each solution counts by one of RULES: (solutions,), sum 1.

    Args:
        rule: one of RULES.
        energies: (solutions,).
        accuracies: called for "validation" only: (solutions,), accuracy of each on held-out points.
    """
    if rule == "best":
        return best_weights(energies)
    if rule == "boltzmann":
        return boltzmann_weights(energies)
    if rule == "validation":
        return validation_weights(accuracies())
    return mean_weights(energies)


def held_out_share(validation_fraction: Any) -> float:
    """Check the share that is held out.

    Raises:
        ParameterError: it does not lie between 0 and 1.
    """
    share = finite_number("validation_fraction", validation_fraction, above=0)
    if share >= 1:
        raise ParameterError(f"validation_fraction must be below 1, found {share!r}")
    return share
