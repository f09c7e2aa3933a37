"""Train a support vector regression by a QUBO: standardised targets -> Qubo -> Backend -> solutions -> one machine."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from time import perf_counter

import dimod
import numpy as np

from hqml.errors import DataError, ProblemError
from hqml.estimators.holdout import learning_part
from hqml.problems.svr_bias import least_loss_bias, tube_edge_bias
from hqml.problems.svr_dual import svr_dual
from hqml.qubo import Floats, GramQubo
from hqml.samples import lowest_distinct
from hqml.svm import _aggregate
from hqml.svm._annealing import Settings
from hqml.svm._kernels import Ints, times
from hqml.svm._warnings import BiasWarning, DegenerateWarning, SaturationWarning

SATURATED_ABOVE, EXPLAINED_BELOW = 0.8, 0.1
"""A user is told if more of the limits is in use, and less of the targets' variance explained. Many multipliers at C
are no fault by themselves: of scikit-learn's SVR on diabetes 86 % are where it predicts best (R2 .44: gamma=.03, C=.3
standard deviations), and 93 % with C=.01, where it predicts little but the mean (.12)."""


@dataclass(frozen=True)
class Targets:
    """A training set's targets, in units of their own.

    Attributes:
        values: (samples,), mean 0 and standard deviation 1.
        mean: of the targets as given.
        unit: their standard deviation; 1 where all are equal.
    """

    values: Floats
    mean: float
    unit: float

    @classmethod
    def of(cls, y: Floats) -> Targets:
        with np.errstate(over="ignore"):
            mean, spread = float(y.mean()), float(y.std())
        if not np.isfinite(spread):
            raise DataError(f"the targets, up to {np.abs(y).max():g}, are too large to be squared; divide them")
        # The mean of equal numbers can differ from them in the last bit.
        unit = spread if spread > 1e-14 * abs(mean) else 1.0
        return cls((y - mean) / unit if unit == spread else np.zeros(len(y)), mean, unit)


@dataclass(frozen=True)
class Regression:
    """A trained machine: prediction(x) = sum_n multipliers_n k(x_n, x) + bias, in the units of its targets.

    Attributes:
        multipliers: (samples,), a - a*.
        bias: added to every score.
        bias_rule: the rule that gave the bias, which may not be the one asked for.
        saturated: share of the limits that the multipliers use up.
        explained: share of the variance of the targets, on the training samples.
        samples: as the backend gave them.
        timing: seconds of each stage.
    """

    multipliers: Floats
    bias: float
    bias_rule: str
    saturated: float
    explained: float
    samples: dimod.SampleSet
    timing: dict[str, float]


def anneal(gram: Floats, targets: Floats, epsilon: float, settings: Settings, seed: int) -> Regression:
    """Write the regression as a QUBO, sample it, and make one machine of the solutions.

    Args:
        gram: (samples, samples).
        targets: (samples,), standardised.
        epsilon: half the width of the tube, in units of these targets.
        settings: with C in units of these targets.
        seed: of the samples, and of what is held out.
    """
    started = perf_counter()
    learned = every = np.arange(len(targets))
    if settings.aggregate == "validation":
        learned = learning_part(
            np.zeros_like(every), every, settings.validation_fraction, seed, wanted="aggregate='validation'"
        )
    model = _model(gram, targets, learned, epsilon, settings)
    built = perf_counter()
    sampled = settings.annealer.sample([model], seed)
    solved = perf_counter()
    [samples] = sampled.samplesets
    states, energies = lowest_distinct(samples, settings.n_solutions)
    solutions = np.zeros((len(states), len(targets)))
    solutions[:, learned] = model.multipliers(states) * model.scale
    weights = _aggregate.weights(
        settings.aggregate,
        energies,
        lambda: _held_out_scores(solutions, gram, targets, learned, epsilon, settings),
    )
    multipliers = weights @ solutions
    residuals = targets - times(gram, multipliers)
    bias, rule = chosen_bias(settings, residuals, multipliers, epsilon)
    timing = {"build": built - started, **sampled.seconds, "decode": perf_counter() - solved}
    saturated = float(np.abs(multipliers[learned]).mean()) / settings.C
    explained = 1 - float(np.mean((residuals - bias) ** 2))
    return Regression(multipliers, bias, rule, saturated, explained, samples, timing)


def chosen_bias(settings: Settings, residuals: Floats, multipliers: Floats, epsilon: float) -> tuple[float, str]:
    """The bias and the rule that gave it: the one asked for, else post-selection."""
    if settings.bias == "zero":
        return 0.0, "zero"
    if settings.bias == "support":
        bias = tube_edge_bias(residuals, multipliers, epsilon, settings.C)
        if bias is not None:
            return bias, "support"
    return least_loss_bias(residuals, epsilon), "post-selection"


def tell(machine: Regression, settings: Settings, C: float, *, stacklevel: int = 3) -> None:
    """Warn of what a user should change; C is in the units that they know."""
    if not machine.multipliers.any():
        warnings.warn(
            "all multipliers are zero, so that every prediction is the same: the lowest energy found takes no point. "
            "Lower epsilon, which may be wider than the targets spread; lower C or base, or raise n_bits (the smallest "
            "step of a multiplier is too large); or raise reads",
            DegenerateWarning,
            stacklevel,
        )
        return
    if machine.saturated > SATURATED_ABOVE and machine.explained < EXPLAINED_BELOW:
        warnings.warn(
            f"the multipliers use up {machine.saturated:.0%} of their limit C={C:g}, and what is predicted hardly "
            "varies: the limit, not the data, decides. Raise C, or gamma so that fewer points look alike",
            SaturationWarning,
            stacklevel,
        )
    if machine.bias_rule != settings.bias:
        warnings.warn(
            f"bias={settings.bias!r} is 0/0, no multiplier lies between 0 and C; used {machine.bias_rule!r} instead. "
            "Raise n_bits or n_solutions, or ask for bias='post-selection'",
            BiasWarning,
            stacklevel,
        )


def _model(gram: Floats, targets: Floats, learned: Ints, epsilon: float, settings: Settings) -> GramQubo:
    kernel = gram if len(learned) == len(targets) else gram[np.ix_(learned, learned)]
    try:
        return svr_dual(
            kernel,
            targets[learned],
            n_bits=settings.n_bits,
            base=settings.base,
            epsilon=epsilon,
            xi=settings.xi,
            C=settings.C,
        )
    except ProblemError as error:  # targets and parameters have been checked: it is the kernel
        raise DataError(str(error)) from error


def _held_out_scores(
    solutions: Floats, gram: Floats, targets: Floats, learned: Ints, epsilon: float, settings: Settings
) -> Floats:
    """Minus the mean squared error of each solution on the points that were not annealed: (solutions,)."""
    residuals = targets - times(gram, solutions.T).T
    biases = [
        chosen_bias(settings, row[learned], b[learned], epsilon)[0] for row, b in zip(residuals, solutions, strict=True)
    ]
    held = np.setdiff1d(np.arange(len(targets)), learned)
    return np.asarray(-((residuals[:, held] - np.array(biases)[:, None]) ** 2).mean(axis=1))
