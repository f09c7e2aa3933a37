"""Rounds of choosing weak learners: pools -> Qubos -> weights -> pools refilled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, TypeAlias

import dimod
import numpy as np

from hqml.boosting._pool import Strong, first_pool, refilled
from hqml.errors import BudgetExceeded
from hqml.estimators.holdout import learning_part
from hqml.problems.boosting import qboost
from hqml.problems.svm_bias import post_selection_bias
from hqml.qubo import Floats, GramQubo

BIASES = ("zero", "mean", "post-selection")

Solve: TypeAlias = Callable[[Sequence[GramQubo], int], list[tuple[Floats, dimod.SampleSet | None]]]
"""Takes a batch of models and a seed; gives for each its weights (learners,), and the samples they are from."""


@dataclass(frozen=True)
class Settings:
    """The checked parameters of a BoostClassifier; see there.

    `size` is that of the pool, `lambdas` are those to be tried.
    """

    templates: list[Any]
    size: int
    votes: float
    n_bits: int
    rounds: int
    lambdas: tuple[float, ...]
    bias: str
    validation_fraction: float


def boosted(
    X: Floats, signs: Sequence[Floats], settings: Settings, seed: int, solve: Solve, timing: dict[str, float]
) -> tuple[list[Strong], int]:
    """Train a strong classifier for each lam and each machine, in this order. A round is one batch of them all.

    Args:
        X: (samples, features).
        signs: of each machine, (samples,).
        settings: what is wanted.
        seed: of pools and solver.
        solve: how weights are found.
        timing: seconds by stage, to be added to.

    Returns:
        The classifiers, and the number of rounds: fewer than wanted where granted time was used up.
    """
    rng = np.random.default_rng([seed, 4])
    with clocked(timing, "pool"):
        pools = [first_pool(settings.templates, settings.size, X, one, rng) for one in signs]
    made = selected(
        [replace(pool, lam=lam) for lam in settings.lambdas for pool in pools], settings, seed, solve, timing
    )
    for number in range(1, settings.rounds):
        with clocked(timing, "pool"):
            fuller = [refilled(settings.templates, strong, X, rng) for strong in made]
        try:
            made = selected(fuller, settings, (seed + number) % 2**31, solve, timing)
        except BudgetExceeded:
            return made, number
    return made, settings.rounds


def selected(
    made: Sequence[Strong], settings: Settings, seed: int, solve: Solve, timing: dict[str, float]
) -> list[Strong]:
    """The same with new weights, where these have a lower energy: a sampler may miss what was had before."""
    with clocked(timing, "build"):
        models = [_model(strong, settings) for strong in made]
    found = solve(models, seed)
    with clocked(timing, "decode"):
        better = []
        for strong, model, (weights, samples) in zip(made, models, found, strict=True):
            new = energy(model, weights)
            lower = new < strong.energy
            better.append(replace(strong, weights=weights, energy=new, samples=samples) if lower else strong)
        return better


def energy(model: GramQubo, weights: Floats) -> float:
    """Energy of any weights (learners,), whole digits or not."""
    linear = model.linear[:, 0] / model.weights[0]
    return float(model.product(weights[None])[0] @ weights / 2 + linear @ weights + model.offset)


def bias_of(strong: Strong, settings: Settings) -> float:
    """What is added to the votes, in units of `settings.votes`."""
    scores = strong.scores() / settings.votes
    if settings.bias == "mean":
        return -float(scores.mean())
    if settings.bias == "post-selection" or not len(strong.chosen):
        return post_selection_bias(scores, strong.signs, np.ones(len(scores))) or 0.0
    return 0.0


def learned_rows(codes: Any, settings: Settings, seed: int) -> Any:
    """Samples to be trained on: all, or where lam has to be chosen those that are not held out, of every class some.

    Raises:
        DataError: no class has a sample to spare.
    """
    if len(settings.lambdas) == 1:
        return np.arange(len(codes))
    return learning_part(codes, np.arange(len(codes)), settings.validation_fraction, seed, wanted="lam='auto'")


@contextmanager
def clocked(timing: dict[str, float], stage: str) -> Iterator[None]:
    started = perf_counter()
    yield
    timing[stage] = timing.get(stage, 0.0) + perf_counter() - started


def _model(strong: Strong, settings: Settings) -> GramQubo:
    """Its QUBO; lam is a price in units of the mean squared error and of a full vote here."""
    lam = strong.lam * len(strong.signs) / settings.votes
    return qboost(strong.outputs, strong.signs, lam=lam, votes=settings.votes, n_bits=settings.n_bits)
