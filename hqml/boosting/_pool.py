"""The pool of weak learners: scikit-learn classifiers, each trained on a draw of the samples of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import dimod
import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.tree import DecisionTreeClassifier

from hqml.errors import ParameterError
from hqml.qubo import Floats

_DEPTH = 3
"""Of the default trees. Depth 1, 2, 3 with 100 learners and 3 rounds, accuracy on held-out 30 %, mean of 4 splits:
breast cancer .953 .955 .963, Landsat 4 v 7 .835 .873 .872, sonar .786 .798 .817, ionosphere .861 .915 .920."""


@dataclass(frozen=True)
class Strong:
    """A strong classifier in the making: one class against the rest, at one lam.

    Attributes:
        signs: (samples,), -1 or +1.
        lam: price of a vote.
        learners: the pool.
        outputs: (samples, learners), -1 or +1, what they say of the training samples.
        weights: (learners,), from 0 (not selected) to 1.
        energy: of the weights; infinity before any are chosen.
        samples: what the weights were found among, where it is kept.
    """

    signs: Floats
    lam: float
    learners: tuple[Any, ...]
    outputs: Floats
    weights: Floats
    energy: float = np.inf
    samples: dimod.SampleSet | None = None

    @property
    def chosen(self) -> Any:
        """(selected,), places in the pool."""
        return np.flatnonzero(self.weights)

    def scores(self) -> Floats:
        """Sum of the weighted votes for each training sample: (samples,)."""
        return np.asarray(self.outputs @ self.weights)


def templates(estimators: Any) -> list[Any]:
    """The classifiers that learners are copies of, in turn.

    Raises:
        ParameterError: it is no classifier of scikit-learn, nor a list of them.
    """
    if estimators is None:
        return [DecisionTreeClassifier(max_depth=_DEPTH, max_features="sqrt")]
    given = list(estimators) if isinstance(estimators, list | tuple) else [estimators]
    for one in given:
        if isinstance(one, type) or not (hasattr(one, "get_params") and is_classifier(one)):
            raise ParameterError(
                f"estimators must be None, a scikit-learn classifier or a list of them, found {one!r}; "
                "e.g. DecisionTreeClassifier(max_depth=1). The size of the pool is n_estimators"
            )
    if not given:
        raise ParameterError("estimators must hold at least one classifier, found an empty list")
    return given


def first_pool(models: Sequence[Any], size: int, X: Floats, signs: Floats, rng: np.random.Generator) -> Strong:
    """A pool of learners on bootstrap samples, nothing chosen yet."""
    learners = _grown(models, size, X, signs, np.ones(len(X)), rng)
    return Strong(signs, 0.0, tuple(learners), said(learners, X), np.zeros(size))


def refilled(models: Sequence[Any], strong: Strong, X: Floats, rng: np.random.Generator) -> Strong:
    """Keep the chosen learners, and put new ones in place of the others.

    The new ones draw samples by how badly the vote does on them: exp(-2 y F) with F the mean vote, from -1 to +1. That
    the pool is refilled from reweighted samples is Neven et al.'s (2012); the weight is ours.
    """
    mean_vote = strong.scores() / max(strong.weights.sum(), 1e-12)
    weights = np.exp(-2 * strong.signs * mean_vote)
    kept = strong.chosen
    learners = _grown(models, len(strong.learners) - len(kept), X, strong.signs, weights, rng)
    return replace(
        strong,
        learners=(*(strong.learners[i] for i in kept), *learners),
        outputs=np.hstack([strong.outputs[:, kept], said(learners, X)]),
        weights=np.concatenate([strong.weights[kept], np.zeros(len(learners))]),
    )


def said(learners: Sequence[Any], X: Floats) -> Floats:
    """What each learner says of each sample: (samples, learners), -1 or +1."""
    columns = [2.0 * np.asarray(learner.predict(X), dtype=np.float64) - 1 for learner in learners]
    return np.stack(columns, axis=1) if columns else np.empty((len(X), 0))


def _grown(
    models: Sequence[Any], count: int, X: Floats, signs: Floats, weights: Floats, rng: np.random.Generator
) -> list[Any]:
    learners = []
    for number in range(count):
        rows = _bootstrap(signs, weights, rng)
        learner = _seeded(models[number % len(models)], rng)
        learners.append(learner.fit(X[rows], (signs[rows] > 0).astype(np.intp)))
    return learners


def _bootstrap(signs: Floats, weights: Floats, rng: np.random.Generator) -> Any:
    """As many rows as there are, drawn with replacement by weight; one of each class first, since most classifiers
    refuse to learn a single one."""
    first = [rng.choice(side, p=_shares(weights[side])) for side in map(np.flatnonzero, (signs > 0, signs < 0))]
    rest = rng.choice(len(signs), max(len(signs) - 2, 0), p=_shares(weights))
    return np.concatenate([first, rest]).astype(np.intp)


def _shares(weights: Floats) -> Floats:
    return np.asarray(weights / weights.sum())


def _seeded(model: Any, rng: np.random.Generator) -> Any:
    """A copy, whose own choices are fixed as well."""
    copy = clone(model)
    names = [name for name in sorted(copy.get_params()) if name.split("__")[-1] == "random_state"]
    return copy.set_params(**{name: int(rng.integers(2**31 - 1)) for name in names})
