"""The classical twin of QBoost: the same squared error, its weights any numbers between 0 and 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dimod
import numpy as np
import scipy.optimize

from hqml.boosting._classifier import AUTO_POOL, BoostClassifier
from hqml.boosting._training import clocked
from hqml.qubo import Floats, GramQubo

_NOTHING = 1e-6
"""Weights below are zero: the optimiser stops that near the bound."""


class RelaxedBoostClassifier(BoostClassifier):
    """A vote of weak learners with weights between 0 and 1 of least squared error: what QBoost has to be compared with.

    Pool, rounds, price and threshold are those of QBoostClassifier, by the same code. Its QUBO without the demand for
    whole digits is convex: L-BFGS-B finds its minimum, and no other weights of these learners have a lower energy.

    Args:
        estimators: as for QBoostClassifier.
        n_estimators: learners in the pool; None is 100.
        votes: as for QBoostClassifier.
        lam: as for QBoostClassifier.
        n_rounds: as for QBoostClassifier.
        bias: as for QBoostClassifier.
        validation_fraction: as for QBoostClassifier.
        random_state: int, RandomState or None: of the pool.

    Attributes:
        estimators_, estimator_weights_, intercept_, selected_, classes_, lam_, votes_, n_estimators_, n_rounds_,
        energies_, feature_importances_, timing_, seed_: as for QBoostClassifier.

    Raises (by `fit`):
        ParameterError: a parameter is out of its range.
        DataError: X or y cannot be trained on.
    """

    def __init__(
        self,
        estimators: Any = None,
        n_estimators: int | None = None,
        votes: float | None = None,
        lam: float | str = 0.0,
        n_rounds: int = 3,
        bias: str = "zero",
        validation_fraction: float = 0.2,
        random_state: Any = None,
    ) -> None:
        self.estimators = estimators
        self.n_estimators = n_estimators
        self.votes = votes
        self.lam = lam
        self.n_rounds = n_rounds
        self.bias = bias
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def _largest_pool(self) -> int:
        return AUTO_POOL

    def _solved(self, models: Sequence[GramQubo], seed: int) -> list[tuple[Floats, dimod.SampleSet | None]]:
        with clocked(self.timing_, "solve"):
            return [(relaxed(model), None) for model in models]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = not isinstance(self.random_state, int | np.integer)
        return tags


def relaxed(model: GramQubo) -> Floats:
    """Weights (learners,) of lowest energy, each anywhere between 0 and what all its digits come to."""
    linear = model.linear[:, 0] / model.weights[0]
    most = float(model.weights.sum())

    def energy_and_slope(weights: Floats) -> tuple[float, Floats]:
        pull = model.product(weights[None])[0]
        return float(weights @ pull / 2 + linear @ weights), pull + linear

    found = scipy.optimize.minimize(
        energy_and_slope,
        np.zeros(model.num_points),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, most)] * model.num_points,
        options={"maxiter": 10_000, "ftol": 1e-12, "gtol": 1e-8},
    )
    return np.where(found.x > _NOTHING * most, found.x, 0.0)
