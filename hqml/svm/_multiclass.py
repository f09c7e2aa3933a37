"""Train machines for all classes at once, any number of sets of them, with one batch of QUBOs."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import dimod
import numpy as np

from hqml.errors import DataError, ModelTooLarge, ProblemError
from hqml.estimators.annealed import Annealer
from hqml.estimators.holdout import learning_part
from hqml.problems.multiclass_svm import multiclass_multipliers, multiclass_svm
from hqml.qubo import Floats, GramQubo
from hqml.samples import lowest_distinct
from hqml.svm import _aggregate
from hqml.svm._annealing import SATURATED_ABOVE
from hqml.svm._kernels import SINGLE_ABOVE, Ints, times
from hqml.svm._machines import Machine, MulticlassTask
from hqml.svm._warnings import SaturationWarning

LARGEST = 20_000
"""Side of the largest Gram matrix that is written out for a batch, 1.6 GB in single precision; of several models the
squares add up. Above SINGLE_ABOVE it is in single precision."""


@dataclass(frozen=True)
class MulticlassSettings:
    """The checked parameters of a QuboMulticlassSVC that the annealing needs; see there."""

    n_bits: int
    beta: float
    mu: float
    n_solutions: int
    aggregate: str
    validation_fraction: float
    annealer: Annealer


@dataclass(frozen=True)
class MulticlassAnnealed:
    """What one batch gave: for each task its multipliers, (points, classes), and samples; the seconds of each stage."""

    multipliers: list[Floats]
    samplesets: list[dimod.SampleSet]
    timing: dict[str, float]


def anneal_multiclass(tasks: Sequence[MulticlassTask], settings: MulticlassSettings, seed: int) -> MulticlassAnnealed:
    """Write every task as a QUBO, sample all of them in one call, and make one solution of each one's samples.

    Raises:
        ModelTooLarge: the models do not fit into memory.
        DataError: the kernel cannot be used.
    """
    started = perf_counter()
    single = refuse_too_large([len(task.codes) for task in tasks], tasks[0].classes)
    unit = kernel_unit(tasks)
    kept = [_learned(task, settings, seed) for task in tasks]
    models = [_model(task, rows, settings, unit, single) for task, rows in zip(tasks, kept, strict=True)]
    built = perf_counter()
    sampled = settings.annealer.sample(models, seed)
    solved = perf_counter()
    found = zip(tasks, kept, models, sampled.samplesets, strict=True)
    multipliers = [_multipliers(*one, settings) for one in found]
    timing = {"build": built - started, **sampled.seconds, "decode": perf_counter() - solved}
    return MulticlassAnnealed(multipliers, sampled.samplesets, timing)


def refuse_too_large(points: Sequence[int], classes: int) -> bool:
    """Whether models of so many points each have to be in single precision.

    Raises:
        ModelTooLarge: they would not fit into memory even so.
    """
    entries = sum((count * classes) ** 2 for count in points)
    if entries > LARGEST**2:
        raise ModelTooLarge(
            f"{len(points)} set(s) of {max(points)} samples with {classes} classes need Gram matrices of "
            f"{4 * entries / 1e9:.1f} GB, above {4 * LARGEST**2 / 1e9:.1f} GB. Cut the training set into smaller "
            "slices: QuboSVCEnsemble(QuboMulticlassSVC(...), slice_size=...)"
        )
    return entries > SINGLE_ABOVE**2


def kernel_unit(tasks: Sequence[MulticlassTask]) -> float:
    """The mean size of k(x, x) over all points, of which beta and mu are multiples; 1 where it is 0.

    Raises:
        DataError: it is not finite.
    """
    sizes = np.concatenate([np.abs(task.kernel.diagonal()) for task in tasks])
    with np.errstate(over="ignore"):
        unit = float(np.mean(sizes, dtype=np.float64))
    if not np.isfinite(unit):
        raise DataError("the kernel's values are too large for a floating-point number; scale the features")
    return unit or 1.0


def machines_of(task: MulticlassTask, tau: Floats) -> list[Machine]:
    """One machine for two classes, the difference of theirs, else one a class, from multipliers (points, classes)."""
    own = tau[np.arange(len(tau)), task.codes]
    saturated = float(np.maximum(own, 0).sum() / task.limits.sum())
    duals = [tau[:, 1] - tau[:, 0]] if task.classes == 2 else list(tau.T)
    return [Machine(task.rows, np.ascontiguousarray(dual), 0.0, saturated) for dual in duals]


def tell_multiclass(machines: Sequence[Machine], settings: MulticlassSettings, *, stacklevel: int) -> None:
    """Warn, once for all machines, where in more than half of them the limits of the multipliers decide.

    A single digit knows nothing but the limits.
    """
    full = [machine for machine in machines if machine.saturated > SATURATED_ABOVE]
    if settings.n_bits > 1 and 2 * len(full) > len(machines):
        share = max(machine.saturated for machine in full)
        warnings.warn(
            f"the multipliers of samples' own classes use up to {share:.0%} of their limit: the limit, not the data, "
            "decides. Lower beta and mu, or raise gamma so that fewer points look alike",
            SaturationWarning,
            stacklevel=stacklevel,
        )


def _learned(task: MulticlassTask, settings: MulticlassSettings, seed: int) -> Ints:
    """Points that are annealed: all, or those not held out for validation, a share of every class."""
    if settings.aggregate != "validation":
        return np.arange(len(task.codes))
    return learning_part(task.codes, task.rows, settings.validation_fraction, seed, wanted="aggregate='validation'")


def _model(task: MulticlassTask, learned: Ints, settings: MulticlassSettings, unit: float, single: bool) -> GramQubo:
    whole = len(learned) == len(task.codes)
    kernel = task.kernel if whole else task.kernel[np.ix_(learned, learned)]
    try:
        return multiclass_svm(
            kernel.astype(np.float32, copy=False) if single else kernel,
            task.codes[learned],
            n_classes=task.classes,
            n_bits=settings.n_bits,
            beta=settings.beta * unit,
            mu=settings.mu * unit,
            limits=task.limits[learned],
        )
    except ProblemError as error:  # the parameters have been checked: it is the kernel
        raise DataError(str(error)) from error


def _multipliers(
    task: MulticlassTask, learned: Ints, model: GramQubo, samples: dimod.SampleSet, settings: MulticlassSettings
) -> Floats:
    """The solutions made one: tau, (points, classes), 0 for points that were held out."""
    states, energies = lowest_distinct(samples, settings.n_solutions)
    solutions = np.zeros((len(states), len(task.codes), task.classes))
    solutions[:, learned] = multiclass_multipliers(model, states, task.classes)
    weights = _aggregate.weights(settings.aggregate, energies, lambda: _accuracies(solutions, learned, task))
    return np.asarray(np.tensordot(weights, solutions, axes=1))


def _accuracies(solutions: Floats, learned: Ints, task: MulticlassTask) -> Floats:
    """Accuracy of each solution on the points that were not annealed, weighted as the classes are: (solutions,)."""
    held = np.setdiff1d(np.arange(len(task.codes)), learned)
    choices = np.stack([times(task.kernel, tau)[held].argmax(axis=1) for tau in solutions])
    right = choices == task.codes[held]
    return np.asarray(right @ task.limits[held] / task.limits[held].sum())
