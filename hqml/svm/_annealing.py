"""Train any number of binary machines with one batch of QUBOs: Problem -> Qubo -> Backend -> solutions -> machines."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import dimod
import numpy as np

from hqml.errors import DataError, ProblemError
from hqml.estimators.annealed import Annealer
from hqml.estimators.holdout import learning_part
from hqml.problems.svm_dual import svm_dual
from hqml.qubo import Floats, GramQubo
from hqml.samples import lowest_distinct
from hqml.svm import _aggregate
from hqml.svm._bias import chosen_bias
from hqml.svm._kernels import Ints, times
from hqml.svm._machines import Machine, Task
from hqml.svm._warnings import BiasWarning, DegenerateWarning, SaturationWarning

SATURATED_ABOVE = 0.9
"""Share of the smaller class's limits in use from which a user is told. The balance lets the larger class use no more
in sum, so near 1 the whole solution is fixed by C. scikit-learn's SVC on 16 binary problems, share of the smaller class
at C: 0 to .5 with gamma="scale" and C=3 (.7 on pure noise), .77 to 1 with a gamma 1000 times too small."""


@dataclass(frozen=True)
class Settings:
    """The checked parameters of a QuboSVC that the annealing needs; see there."""

    n_bits: int
    base: float
    xi: float
    C: float
    n_solutions: int
    aggregate: str
    bias: str
    validation_fraction: float
    annealer: Annealer


@dataclass(frozen=True)
class Annealed:
    """What one batch gave: a machine and its samples for each task, and the seconds each stage took."""

    machines: list[Machine]
    samplesets: list[dimod.SampleSet]
    timing: dict[str, float]


def anneal(tasks: Sequence[Task], settings: Settings, seed: int) -> Annealed:
    """Write every task as a QUBO, sample all of them in one call, and make a machine of each."""
    started = perf_counter()
    kept = [_learned(task, settings, seed) for task in tasks]
    models = [_model(task, rows, settings) for task, rows in zip(tasks, kept, strict=True)]
    built = perf_counter()
    sampled = settings.annealer.sample(models, seed)
    solved = perf_counter()
    found = zip(tasks, kept, models, sampled.samplesets, strict=True)
    machines = [_machine(*one, settings) for one in found]
    timing = {"build": built - started, **sampled.seconds, "decode": perf_counter() - solved}
    return Annealed(machines, sampled.samplesets, timing)


def tell(machines: Sequence[Machine], settings: Settings, *, stacklevel: int = 3) -> None:
    """Warn, once for all machines, of what a user should change.

    Saturation and bias are told where they hold for more than half of the machines: of many slices a few always are
    odd, and the others outvote them. A machine without any multiplier is always told.
    """
    zero = [machine for machine in machines if not machine.dual.any()]
    if zero:
        _warn(
            DegenerateWarning,
            f"all multipliers are zero in {_of(zero, machines)}, which then know nothing but a bias: the lowest energy "
            f"found takes no point. Lower C or base (the smallest step of a multiplier is too large beside the "
            f"kernel's values), raise n_bits, or raise reads",
            stacklevel,
        )
    full = [machine for machine in machines if machine.saturated > SATURATED_ABOVE]
    if 2 * len(full) > len(machines):
        share = max(machine.saturated for machine in full)
        _warn(
            SaturationWarning,
            f"the multipliers of the smaller class use up to {share:.0%} of their limit C={settings.C:g} in "
            f"{_of(full, machines)}: the limit, not the data, decides. Raise C (or n_bits, which raises the default "
            "C), or gamma so that fewer points look alike; lower xi if one class is much smaller",
            stacklevel,
        )
    other = [machine for machine in machines if machine.bias_rule != settings.bias]
    if 2 * len(other) > len(machines) and not zero:
        _warn(
            BiasWarning,
            f"bias={settings.bias!r} is 0/0 in {_of(other, machines)}, no multiplier lies between 0 and C; used "
            f"{other[0].bias_rule!r} instead. Raise n_bits or n_solutions, or ask for bias='post-selection'",
            stacklevel,
        )


def _warn(kind: type[Warning], message: str, stacklevel: int) -> None:
    warnings.warn(message, kind, stacklevel=stacklevel + 1)


def _of(some: Sequence[Machine], machines: Sequence[Machine]) -> str:
    return f"{len(some)} of {len(machines)} binary machines"


def _learned(task: Task, settings: Settings, seed: int) -> Ints:
    """Points that are annealed: all, or those not held out for validation, a share of every class."""
    if settings.aggregate != "validation":
        return np.arange(len(task.codes))
    return learning_part(task.codes, task.rows, settings.validation_fraction, seed, wanted="aggregate='validation'")


def _model(task: Task, learned: Ints, settings: Settings) -> GramQubo:
    whole = len(learned) == len(task.signs)
    kernel = task.kernel if whole else task.kernel[np.ix_(learned, learned)]
    try:
        return svm_dual(
            kernel,
            task.signs[learned],
            n_bits=settings.n_bits,
            base=settings.base,
            xi=settings.xi,
            C=task.limits[learned],
        )
    except ProblemError as error:  # the parameters have been checked: it is the kernel
        raise DataError(str(error)) from error


def _machine(task: Task, learned: Ints, model: GramQubo, samples: dimod.SampleSet, settings: Settings) -> Machine:
    states, energies = lowest_distinct(samples, settings.n_solutions)
    solutions = np.zeros((len(states), len(task.signs)))
    solutions[:, learned] = model.multipliers(states) * np.abs(model.scale)
    weights = _aggregate.weights(
        settings.aggregate, energies, lambda: _held_out_accuracies(solutions, learned, task, settings)
    )
    alpha = weights @ solutions
    dual = alpha * task.signs
    bias, rule = chosen_bias(settings.bias, times(task.kernel, dual), task.signs, alpha, task.limits)
    return Machine(task.rows, dual, bias, _saturation(alpha[learned], task, learned), rule)


def _saturation(alpha: Floats, task: Task, learned: Ints) -> float:
    """Share of the limits in use, of the class that has the lower limits in sum."""
    positive, limits = task.signs[learned] > 0, task.limits[learned]
    side = positive if limits[positive].sum() <= limits[~positive].sum() else ~positive
    return float(alpha[side].sum() / limits[side].sum())


def _held_out_accuracies(solutions: Floats, learned: Ints, task: Task, settings: Settings) -> Floats:
    """Accuracy of each solution on the points that were not annealed, weighted as the classes are: (solutions,)."""
    scores = times(task.kernel, (solutions * task.signs).T).T
    held = np.setdiff1d(np.arange(len(task.signs)), learned)
    biases = [
        chosen_bias(
            settings.bias, scores[i, learned], task.signs[learned], solutions[i, learned], task.limits[learned]
        )[0]
        for i in range(len(solutions))
    ]
    right = (scores[:, held] + np.array(biases)[:, None] > 0) == (task.signs[held] > 0)
    return np.asarray(right @ task.limits[held] / task.limits[held].sum())
