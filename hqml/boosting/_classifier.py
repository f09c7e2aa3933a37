"""What a vote of selected weak learners is, whoever selects them."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from time import perf_counter
from typing import Any

import dimod
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, validate_data

from hqml.boosting._pool import Strong, said, templates
from hqml.boosting._training import BIASES, Settings, bias_of, boosted, learned_rows
from hqml.errors import ParameterError
from hqml.estimators.classifier import choices, labelled
from hqml.estimators.validation import data_errors, seed_of
from hqml.options import finite_number, one_of, whole_number
from hqml.qubo import Floats, GramQubo

LAMBDAS = (0.0, 0.05, 0.1, 0.2, 0.4)
"""Tried for lam="auto". At lam = 2 nothing is selected: (1 - u)^2 + 2 u >= 1 for any share u of the votes."""

AUTO_POOL = 100
"""Learners in the pool where the backend sets no limit; 300 instead gave no better accuracy on four sets."""

VOTES_OF_POOL = 0.2
"""Share of the pool that decides by itself for votes=None."""


class EmptySelectionWarning(ConvergenceWarning):  # type: ignore[misc]
    """No weak learner was selected: nothing was learned but the larger class."""


class BoostClassifier(ClassifierMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """Abstract: the sign of a weighted vote of weak learners; a subclass says how the weights are found."""

    estimators: Any
    n_estimators: int | None
    votes: float | None
    lam: float | str
    n_rounds: int
    bias: str
    validation_fraction: float
    random_state: Any

    classes_: Any
    n_features_in_: int

    @abstractmethod
    def _largest_pool(self) -> int:
        """Learners in the pool for n_estimators=None."""

    @abstractmethod
    def _solved(self, models: Sequence[GramQubo], seed: int) -> list[tuple[Floats, dimod.SampleSet | None]]:
        """Weights (learners,) for each model, found in one batch, and the samples they are from; adds its seconds to
        `timing_`."""

    def fit(self, X: Any, y: Any) -> BoostClassifier:
        """Train on X (samples, features) and y (samples,)."""
        started = perf_counter()
        settings = self._settings()
        seed = seed_of(self.random_state)
        X, self.classes_, codes = labelled(self, X, y)
        self.timing_: dict[str, float] = {}
        learned = learned_rows(codes, settings, seed)
        targets = [1] if len(self.classes_) == 2 else range(len(self.classes_))
        signs = [np.where(codes[learned] == code, 1.0, -1.0) for code in targets]
        made, self.n_rounds_ = boosted(X[learned], signs, settings, seed, self._solved, self.timing_)
        self.n_estimators_, self.votes_ = settings.size, settings.votes
        held = np.setdiff1d(np.arange(len(X)), learned)
        best = self._of_best_lam(made, X[held], codes[held], settings)
        self.energies_ = np.array([strong.energy for strong in best])
        if best[0].samples is not None:
            self.sampleset_ = best[0].samples if len(best) == 1 else [strong.samples for strong in best]
        self.lam_, self.seed_ = best[0].lam, seed
        self.timing_["total"] = perf_counter() - started
        _tell(best)
        return self

    def decision_function(self, X: Any) -> Floats:
        """Weighted votes over `votes_`, and the bias: (samples,) for two classes, positive for `classes_[1]`; else
        (samples, classes).

        Args:
            X: (samples, features).
        """
        check_is_fitted(self)
        with data_errors():
            X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        decisions = self._decisions(X)
        return decisions[:, 0] if len(self.classes_) == 2 else decisions

    def predict(self, X: Any) -> Any:
        """The class of each sample: (samples,).

        Args:
            X: (samples, features).
        """
        chosen = choices(self.decision_function(X))  # first: it tells whoever has not fitted
        return self.classes_[chosen]

    @property
    def feature_importances_(self) -> Floats:
        """(features,), mean over the selected learners by weight, sum 1 where any has splits.

        Raises:
            AttributeError: the weak learners have none; trees have.
        """
        check_is_fitted(self)
        each = [learner.feature_importances_ for learner in self.estimators_]
        total = self.estimator_weights_.sum(axis=0) @ np.reshape(each, (-1, self.n_features_in_))
        return np.asarray(total / total.sum() if total.any() else total)

    def _settings(self) -> Settings:
        """Check every parameter that does not hang on the data."""
        automatic = isinstance(self.lam, str) and self.lam == "auto"
        if isinstance(self.lam, str) and not automatic:
            raise ParameterError(f"lam must be a number of at least 0 or 'auto', found {self.lam!r}")
        fraction = finite_number("validation_fraction", self.validation_fraction, above=0)
        if fraction >= 1:
            raise ParameterError(f"validation_fraction must be below 1, found {fraction!r}")
        size = self._largest_pool() if self.n_estimators is None else whole_number("n_estimators", self.n_estimators)
        return Settings(
            templates=templates(self.estimators),
            size=size,
            votes=max(VOTES_OF_POOL * size, 1.0) if self.votes is None else finite_number("votes", self.votes, above=0),
            n_bits=self._digits(),
            rounds=whole_number("n_rounds", self.n_rounds),
            lambdas=LAMBDAS if automatic else (finite_number("lam", self.lam, least=0),),
            bias=one_of("bias", self.bias, BIASES),
            validation_fraction=fraction,
        )

    def _digits(self) -> int:
        return 1

    def _of_best_lam(self, made: Sequence[Strong], X: Floats, codes: Any, settings: Settings) -> list[Strong]:
        """Keep the machines of the lam that is right on most held-out samples, the largest of equal ones."""
        machines = len(made) // len(settings.lambdas)
        groups = [list(made[start : start + machines]) for start in range(0, len(made), machines)]
        right = []
        for group in groups:
            self._keep(group, settings)
            decisions = self._decisions(X) if len(groups) > 1 else np.empty((0, machines))
            right.append(np.sum(choices(decisions[:, 0] if machines == 1 else decisions) == codes))
        best = max(range(len(groups)), key=lambda number: (right[number], number))
        self._keep(groups[best], settings)
        return groups[best]

    def _keep(self, strongs: Sequence[Strong], settings: Settings) -> None:
        """Keep the selected learners of all machines in one list, with the weights each machine gives them."""
        self.estimators_ = [strong.learners[i] for strong in strongs for i in strong.chosen]
        owner = np.repeat(np.arange(len(strongs)), [len(strong.chosen) for strong in strongs])
        weights = np.concatenate([strong.weights[strong.chosen] for strong in strongs])
        self.estimator_weights_ = np.where(owner == np.arange(len(strongs))[:, None], weights, 0.0)
        self.selected_ = np.stack([strong.weights > 0 for strong in strongs])
        self.intercept_ = np.array([bias_of(strong, settings) for strong in strongs])

    def _decisions(self, X: Floats) -> Floats:
        """(samples, machines)."""
        return np.asarray(said(self.estimators_, X) @ self.estimator_weights_.T / self.votes_ + self.intercept_)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "seed_")  # set last: data may be checked and a fit then fail or be interrupted


def _tell(strongs: Sequence[Strong]) -> None:
    empty = sum(not len(strong.chosen) for strong in strongs)
    if empty:
        warnings.warn(
            f"no weak learner was selected in {empty} of {len(strongs)} binary machines, which then know nothing but "
            "the larger class: none is worth its price. Lower lam, lower votes (fewer learners then decide), or give "
            "stronger estimators",
            EmptySelectionWarning,
            stacklevel=3,
        )
