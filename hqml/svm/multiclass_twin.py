"""The classical twin of the single-step multiclass SVM: the same objective, its multipliers any numbers."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np
import scipy.optimize

from hqml.options import finite_number
from hqml.qubo import Floats
from hqml.svm._classifier import KernelMachines
from hqml.svm._kernels import Function
from hqml.svm._machines import Machine, MulticlassTask
from hqml.svm._multiclass import kernel_unit, machines_of

_STEPS = 2000  # of L-BFGS-B, at most; digits with 900 samples take 100 to 400


class MulticlassSVC(KernelMachines):
    """The single-step multiclass SVM with multipliers that may be any number between their limits.

    It minimises the objective of QuboMulticlassSVC, to which that one comes with many digits: what it has to be
    compared with. It is not the machine of Crammer & Singer, whose multipliers have one-sided limits and sum to 0.

    Args:
        kernel: as for QuboMulticlassSVC, and so are the following ones.
        gamma: factor of rbf, poly and sigmoid.
        degree: power of poly.
        coef0: constant of poly and sigmoid.
        beta: what the multiplier of a sample's own class is worth.
        mu: price of multipliers that do not sum to 0, and of each one of another class.
        class_weight: None, "balanced", or {class: weight}.

    Attributes:
        tau_, dual_coef_, support_, support_vectors_, intercept_, classes_, beta_, mu_, gamma_, timing_: as for
            QuboMulticlassSVC.
        energies_: (1,), the lowest value found of the objective.

    Raises (by `fit`):
        ParameterError: a parameter is out of its range.
        DataError: X or y cannot be trained on.
    """

    def __init__(
        self,
        kernel: str | Function = "rbf",
        gamma: str | float = "scale",
        degree: int = 3,
        coef0: float = 0.0,
        beta: float = 0.3,
        mu: float = 0.3,
        class_weight: str | dict[Any, float] | None = None,
    ) -> None:
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.beta = beta
        self.mu = mu
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any) -> MulticlassSVC:
        """Train on X (samples, features), or (samples, samples) for kernel="precomputed", and y (samples,)."""
        started = perf_counter()
        beta, mu = self._prices()
        X, labels = self._training_data(X, y)
        self._kernel = self._resolved_kernel(X)
        self.gamma_ = self._kernel.gamma
        task = labels.multiclass_task(np.arange(len(X)), self._kernel.gram(X, slice(None)), self.class_weight)
        unit = kernel_unit([task])
        self.beta_, self.mu_ = beta * unit, mu * unit
        self.tau_, lowest = relaxed(task, self.beta_, self.mu_)
        self.energies_ = np.array([lowest])
        self._keep_machines(X, machines_of(task, self.tau_))
        self.timing_ = {"total": perf_counter() - started}
        return self

    def _prices(self) -> tuple[float, float]:
        return finite_number("beta", self.beta, above=0), finite_number("mu", self.mu, least=0)

    def _machines(self, tasks: Sequence[MulticlassTask]) -> list[Machine]:
        """The machines of each task, one after the other."""
        unit = kernel_unit(tasks)
        beta, mu = (price * unit for price in self._prices())
        return [machine for task in tasks for machine in machines_of(task, relaxed(task, beta, mu)[0])]


def relaxed(task: MulticlassTask, beta: float, mu: float) -> tuple[Floats, float]:
    """Multipliers of any size up to their limits that minimise the objective, (points, classes), and its value.

    The objective is that of `hqml.problems.multiclass_svm`, convex for a positive semidefinite kernel; L-BFGS-B.
    """
    kernel = task.kernel.astype(np.float64, copy=False)
    prices = np.where(task.codes[:, None] == np.arange(task.classes), -beta, mu)
    scale = 1 / kernel_unit([task])

    def objective(values: Floats) -> tuple[float, Floats]:
        tau = values.reshape(prices.shape)
        through, sums = kernel @ tau, tau.sum(axis=1, keepdims=True)
        value = np.vdot(tau, through / 2 + prices) + mu * (sums**2).sum()
        return scale * float(value), scale * (through + prices + 2 * mu * sums).ravel()

    limits = np.repeat(task.limits, task.classes)
    found = scipy.optimize.minimize(
        objective,
        np.zeros(prices.size),
        jac=True,
        method="L-BFGS-B",
        bounds=scipy.optimize.Bounds(-limits, limits),
        options={"maxiter": _STEPS, "maxfun": 2 * _STEPS, "ftol": 1e-9, "gtol": 1e-6},
    )
    return found.x.reshape(prices.shape), float(found.fun) / scale
