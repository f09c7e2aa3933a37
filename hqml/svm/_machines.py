"""Machines: what they are trained on, and what training leaves of each.

A classifier of two classes is one machine; one of more is a machine a class: that class against the rest, where each is
trained by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from hqml.errors import ParameterError
from hqml.qubo import Floats
from hqml.svm._kernels import Ints


@dataclass(frozen=True)
class Task:
    """A binary machine to be trained.

    Attributes:
        rows: (points,), where its points lie in the training set.
        kernel: (points, points), Gram matrix of its points; the machines of a slice share it.
        signs: (points,), -1 or +1.
        limits: (points,), largest multiplier of each point.
        codes: (points,), class of each point, for what is stratified.
    """

    rows: Ints
    kernel: Floats
    signs: Floats
    limits: Floats
    codes: Ints


@dataclass(frozen=True)
class MulticlassTask:
    """The machines of all classes, to be trained at once.

    Attributes:
        rows: (points,), where its points lie in the training set.
        kernel: (points, points), Gram matrix of its points.
        codes: (points,), class of each point.
        classes: number of classes.
        limits: (points,), largest size of a point's multipliers.
    """

    rows: Ints
    kernel: Floats
    codes: Ints
    classes: int
    limits: Floats


@dataclass(frozen=True)
class Machine:
    """A trained machine: decision(x) = sum_n dual_n k(x_n, x) + bias.

    Attributes:
        rows: (points,), where its points lie in the training set.
        dual: (points,), alpha_n t_n of a binary machine.
        bias: added to every score.
        saturated: share of the smaller class's limits that its multipliers use up.
        bias_rule: the rule that gave the bias, which may not be the one asked for.
    """

    rows: Ints
    dual: Floats
    bias: float
    saturated: float = 0.0
    bias_rule: str = "support"


@dataclass(frozen=True)
class Labels:
    """A training set's labels, as every machine needs them.

    Attributes:
        classes: (classes,), sorted.
        codes: (samples,), index into `classes`.
    """

    classes: Any
    codes: Ints

    @property
    def machines(self) -> int:
        return 1 if len(self.classes) == 2 else len(self.classes)

    def tasks(self, rows: Ints, kernel: Floats, C: float, class_weight: Any, only: Ints | None = None) -> list[Task]:
        """One task for two classes, else one a class, on the given rows and their Gram matrix.

        `only` are the numbers of the machines wanted, where not all are.
        """
        codes = self.codes[rows]
        targets = [1] if self.machines == 1 else range(self.machines)
        if only is not None:
            targets = [targets[machine] for machine in only]
        return [self._task(rows, kernel, codes, target, C, class_weight) for target in targets]

    def multiclass_task(self, rows: Ints, kernel: Floats, class_weight: Any) -> MulticlassTask:
        """The task of training for all classes at once, on the given rows and their Gram matrix.

        Limits are in proportion to the class weights, and the largest is 1: a larger one would only be cut into larger
        steps.
        """
        codes = self.codes[rows]
        weights: Floats
        if class_weight is None:
            weights = np.ones(len(codes))
        elif isinstance(class_weight, str) and class_weight == "balanced":
            weights = len(codes) / (len(self.classes) * np.bincount(codes)[codes])
        else:
            weights = self._given_weights(class_weight)[codes]
        return MulticlassTask(rows, kernel, codes, len(self.classes), weights / weights.max())

    def _task(self, rows: Ints, kernel: Floats, codes: Ints, target: int, C: float, class_weight: Any) -> Task:
        positive = codes == target
        signs = np.where(positive, 1.0, -1.0)
        weights: Floats
        if class_weight is None:
            weights = np.ones(len(codes))
        elif isinstance(class_weight, str) and class_weight == "balanced":
            weights = np.where(positive, len(codes) / (2 * positive.sum()), len(codes) / (2 * (~positive).sum()))
        else:
            weights = self._given_weights(class_weight)[codes]
        return Task(rows, kernel, signs, C * weights, codes)

    def _given_weights(self, class_weight: Any) -> Floats:
        if not isinstance(class_weight, dict):
            raise ParameterError(
                f"class_weight must be None, 'balanced' or a dict {{class: weight}}, found {class_weight!r}"
            )
        try:
            weights: Floats = compute_class_weight(class_weight, classes=self.classes, y=self.classes)
        except (TypeError, ValueError) as error:
            raise ParameterError(f"class_weight cannot be used: {error}") from error
        if not (np.isfinite(weights).all() and (weights > 0).all()):
            raise ParameterError(f"class weights must be finite and above 0, found {class_weight!r}")
        return weights
