"""A support vector classifier of all classes at once, whose multipliers are found by any backend."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from hqml.dispatch import AnyBackend
from hqml.errors import ParameterError
from hqml.estimators.annealed import AnnealedEstimator
from hqml.estimators.validation import seed_of
from hqml.options import finite_number, one_of, whole_number
from hqml.problems.multiclass_svm import MAX_BITS
from hqml.qubo import Floats
from hqml.svm import _aggregate
from hqml.svm._annealing import Annealed
from hqml.svm._classifier import KernelMachines
from hqml.svm._kernels import Function, Ints
from hqml.svm._machines import Labels, Machine, MulticlassTask
from hqml.svm._multiclass import (
    MulticlassSettings,
    anneal_multiclass,
    kernel_unit,
    machines_of,
    refuse_too_large,
    tell_multiclass,
)
from hqml.svm.multiclass_twin import MulticlassSVC


class QuboMulticlassSVC(AnnealedEstimator, KernelMachines):
    """Kernel SVM of all classes at once, trained as one QUBO: each sample has a multiplier for every class.

    The QUBO has samples * classes * n_bits variables, where QuboSVC has one of samples * n_bits variables a class.
    Standardise the features first, as for any SVM.

    Args:
        kernel: "linear", "poly", "rbf", "sigmoid", "precomputed", or a function that takes (a, features) and
            (b, features) and gives (a, b), e.g. of `sklearn.metrics.pairwise`.
        gamma: factor of rbf, poly and sigmoid: a number, "scale" for 1 / (features * X.var()), "auto" for 1 / features.
        degree: power of poly.
        coef0: constant of poly and sigmoid.
        n_bits: binary digits a multiplier: 2**n_bits even steps from -1 to 1, of which none is 0.
        beta: above 0, what the multiplier of a sample's own class is worth. Less of it fits the training samples more
            closely, as does a larger C of an SVM.
        mu: at least 0, price of a sample's multipliers that do not sum to 0, and of each one of another class. Both are
            in units of the mean of k(x, x), which is 1 for rbf.
        backend: a registered name, a Backend, or a dimod.Sampler.
        backend_options: the backend's own options, e.g. {"num_sweeps": 200}.
        reads: samples drawn of each QUBO.
        n_solutions: how many of the lowest distinct samples are aggregated.
        aggregate: how they become one: "mean", "best", "boltzmann" or "validation", as for QuboSVC.
        class_weight: None, "balanced", or {class: weight}: limits of its multipliers, in proportion; the largest is 1.
        validation_fraction: share held out for aggregate="validation".
        time_limit: seconds for the whole annealing.
        max_qpu_seconds: metered time granted; metered hardware does not run without it.
        random_state: int, RandomState or None. An int makes a fit repeatable on a seedable backend.

    Attributes:
        tau_: (samples, classes) multipliers.
        dual_coef_: (machines, support): for two classes the difference of their multipliers, else those of each class.
        support_: (support,), samples with a multiplier in any machine.
        support_vectors_: (support, features); empty for kernel="precomputed".
        intercept_: (machines,), all 0: the formula has no bias.
        classes_: (classes,).
        beta_: in units of the kernel.
        mu_: in units of the kernel.
        gamma_: the factor used.
        energies_: (1,), lowest energy found.
        sampleset_: dimod.SampleSet as the backend gave it, with its name, seed and version in `info`.
        timing_: seconds by stage: kernel, build, solve, decode, total; of a QPU also its access time, qpu.
        seed_: what `random_state` came to; given as random_state it repeats the fit.

    Raises (by `fit`):
        ParameterError: a parameter is out of its range.
        DataError: X or y cannot be trained on.
        ModelTooLarge: samples * classes is above 20,000; use a QuboSVCEnsemble of it.
        BackendError: the backend is unknown, unavailable, or cannot take the model.

    Source: Delilbasic et al., IEEE JSTARS (2023), doi:10.1109/JSTARS.2023.3336926.
    """

    def __init__(
        self,
        kernel: str | Function = "rbf",
        gamma: str | float = "scale",
        degree: int = 3,
        coef0: float = 0.0,
        n_bits: int = 2,
        beta: float = 0.3,
        mu: float = 0.3,
        backend: AnyBackend = "cpu",
        backend_options: dict[str, Any] | None = None,
        reads: int = 100,
        n_solutions: int = 20,
        aggregate: str = "mean",
        class_weight: str | dict[Any, float] | None = None,
        validation_fraction: float = 0.2,
        time_limit: float | None = None,
        max_qpu_seconds: float | None = None,
        random_state: Any = None,
    ) -> None:
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.n_bits = n_bits
        self.beta = beta
        self.mu = mu
        self.backend = backend
        self.backend_options = backend_options
        self.reads = reads
        self.n_solutions = n_solutions
        self.aggregate = aggregate
        self.class_weight = class_weight
        self.validation_fraction = validation_fraction
        self.time_limit = time_limit
        self.max_qpu_seconds = max_qpu_seconds
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> QuboMulticlassSVC:
        """Train on X (samples, features), or (samples, samples) for kernel="precomputed", and y (samples,)."""
        started = perf_counter()
        settings = self._settings()
        self.seed_ = seed_of(self.random_state)
        X, labels = self._training_data(X, y)
        refuse_too_large([len(X)], len(self.classes_))
        self._kernel = self._resolved_kernel(X)
        self.gamma_ = self._kernel.gamma
        before = perf_counter()
        [task] = self._tasks(labels, np.arange(len(X)), self._kernel.gram(X, slice(None)))
        kernel_seconds, unit = perf_counter() - before, kernel_unit([task])
        annealed = anneal_multiclass([task], settings, self.seed_)
        [self.sampleset_] = annealed.samplesets
        self.beta_, self.mu_ = settings.beta * unit, settings.mu * unit
        self.energies_ = np.array([self.sampleset_.first.energy])
        self.tau_: Floats = annealed.multipliers[0]
        machines = machines_of(task, self.tau_)
        self._keep_machines(X, machines)
        self.timing_ = {"kernel": kernel_seconds, **annealed.timing, "total": perf_counter() - started}
        tell_multiclass(machines, settings, stacklevel=3)
        return self

    def classical_twin(self) -> MulticlassSVC:
        """The machine of equal objective whose multipliers are any numbers between their limits, not fitted.

        Raises:
            NotFittedError: gamma is known only after `fit`.
        """
        check_is_fitted(self)
        return self._relaxed(self.gamma_)

    def _relaxed(self, gamma: float) -> MulticlassSVC:
        own = {name: getattr(self, name) for name in MulticlassSVC._get_param_names()}
        return MulticlassSVC(**{**own, "gamma": gamma})

    def _tasks(self, labels: Labels, rows: Ints, gram: Floats) -> list[MulticlassTask]:
        return [labels.multiclass_task(rows, gram, self.class_weight)]

    def _anneal(self, tasks: Sequence[MulticlassTask], seed: int) -> Annealed:
        found = anneal_multiclass(tasks, self._settings(), seed)
        machines = [one for task, tau in zip(tasks, found.multipliers, strict=True) for one in machines_of(task, tau)]
        return Annealed(machines, found.samplesets, found.timing)

    def _tell(self, machines: Sequence[Machine], *, stacklevel: int) -> None:
        tell_multiclass(machines, self._settings(), stacklevel=stacklevel + 1)

    def _variables(self, classes: int) -> int:
        """Variables that a sample takes in a QUBO."""
        return self._settings().n_bits * classes

    def _settings(self) -> MulticlassSettings:
        """Check every parameter that does not hang on the data."""
        n_bits = whole_number("n_bits", self.n_bits)
        if n_bits > MAX_BITS:
            raise ParameterError(f"n_bits must be at most {MAX_BITS}, found {n_bits}")
        return MulticlassSettings(
            n_bits=n_bits,
            beta=finite_number("beta", self.beta, above=0),
            mu=finite_number("mu", self.mu, least=0),
            n_solutions=whole_number("n_solutions", self.n_solutions),
            aggregate=one_of("aggregate", self.aggregate, _aggregate.RULES),
            validation_fraction=_aggregate.held_out_share(self.validation_fraction),
            annealer=self._annealer(),
        )
