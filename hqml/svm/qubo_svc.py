"""A support vector classifier whose multipliers are found by any backend."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any

import dimod
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import SVC
from sklearn.utils.validation import check_is_fitted

from hqml.dispatch import AnyBackend
from hqml.errors import ParameterError
from hqml.estimators.annealed import AnnealedEstimator
from hqml.estimators.validation import seed_of
from hqml.options import finite_number, one_of, whole_number
from hqml.problems.svm_dual import digit_weights
from hqml.qubo import Floats
from hqml.svm import _aggregate, _bias
from hqml.svm._annealing import Annealed, Settings, anneal, tell
from hqml.svm._classifier import KernelMachines
from hqml.svm._kernels import Function, Ints
from hqml.svm._machines import Labels, Machine, Task


class QuboSVC(AnnealedEstimator, KernelMachines):
    """Kernel SVM trained as a QUBO: each multiplier is a number of a few binary digits.

    Two classes are one QUBO of samples * n_bits variables; more classes are one such QUBO a class, against the rest,
    sampled in one batch. Standardise the features first, as for any SVM.

    Args:
        kernel: "linear", "poly", "rbf", "sigmoid", "precomputed", or a function that takes (a, features) and
            (b, features) and gives (a, b), e.g. of `sklearn.metrics.pairwise`.
        gamma: factor of rbf, poly and sigmoid: a number, "scale" for 1 / (features * X.var()), "auto" for 1 / features.
        degree: power of poly.
        coef0: constant of poly and sigmoid.
        base: of the digits. 2 gives evenly spaced multipliers.
        n_bits: binary digits a multiplier.
        C: largest multiplier; None is sum_k base**k, so that the smallest step is 1. Other values stretch the steps.
        xi: price of sum_n alpha_n t_n != 0, in units of the dual objective.
        backend: a registered name, a Backend, or a dimod.Sampler.
        backend_options: the backend's own options, e.g. {"num_sweeps": 200}.
        reads: samples drawn of each QUBO.
        n_solutions: how many of the lowest distinct samples are aggregated.
        aggregate: how they become one.
            "mean": all count the same.
            "best": the lowest alone.
            "boltzmann": by exp(-(E - E0) / T), where T is the mean of E - E0 over them: the temperature under which
            these energies are likeliest, and one that makes the weights independent of the units of kernel and C.
            "validation": a share of every class is held out before annealing; the solutions that classify it best
            count the same, all others not. Held-out samples have multiplier 0.
        bias: "support" averages over multipliers between 0 and C, "post-selection" puts the threshold where training
            accuracy is best, "zero" leaves it at 0. A rule that is undefined (0/0) gives way to the next, with a
            BiasWarning.
        class_weight: None, "balanced", or {class: weight}: multiplies C for the samples of a class.
        validation_fraction: share held out for aggregate="validation".
        time_limit: seconds for the whole annealing.
        max_qpu_seconds: metered time granted; metered hardware does not run without it.
        random_state: int, RandomState or None. An int makes a fit repeatable on a seedable backend.

    Attributes:
        alpha_: (samples,) multipliers; (classes, samples) for more than two classes.
        dual_coef_: (machines, support), alpha_n t_n.
        support_: (support,), samples with a multiplier in any machine.
        support_vectors_: (support, features); empty for kernel="precomputed".
        intercept_: (machines,).
        classes_: (classes,).
        C_: the largest multiplier, before class weights.
        gamma_: the factor used.
        energies_: (machines,), lowest energy found.
        sampleset_: dimod.SampleSet as the backend gave it, with its name, seed and version in `info`; a list of them,
            one a class, for more than two classes.
        timing_: seconds by stage: kernel, build, solve, decode, total; of a QPU also its access time, qpu.
        seed_: what `random_state` came to; given as random_state it repeats the fit.

    Raises (by `fit`):
        ParameterError: a parameter is out of its range.
        DataError: X or y cannot be trained on.
        BackendError: the backend is unknown, unavailable, or cannot take the model.

    Source: Willsch et al., Comput. Phys. Commun. 248 (2020) 107006, doi:10.1016/j.cpc.2019.107006.
    """

    def __init__(
        self,
        kernel: str | Function = "rbf",
        gamma: str | float = "scale",
        degree: int = 3,
        coef0: float = 0.0,
        base: float = 2,
        n_bits: int = 2,
        C: float | None = None,
        xi: float = 1.0,
        backend: AnyBackend = "cpu",
        backend_options: dict[str, Any] | None = None,
        reads: int = 100,
        n_solutions: int = 20,
        aggregate: str = "mean",
        bias: str = "support",
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
        self.base = base
        self.n_bits = n_bits
        self.C = C
        self.xi = xi
        self.backend = backend
        self.backend_options = backend_options
        self.reads = reads
        self.n_solutions = n_solutions
        self.aggregate = aggregate
        self.bias = bias
        self.class_weight = class_weight
        self.validation_fraction = validation_fraction
        self.time_limit = time_limit
        self.max_qpu_seconds = max_qpu_seconds
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> QuboSVC:
        """Train on X (samples, features), or (samples, samples) for kernel="precomputed", and y (samples,)."""
        started = perf_counter()
        settings = self._settings()
        seed = seed_of(self.random_state)
        X, labels = self._training_data(X, y)
        self._kernel = self._resolved_kernel(X)
        rows = np.arange(len(X))
        before = perf_counter()
        gram = self._kernel.gram(X, slice(None))
        kernel_seconds = perf_counter() - before
        annealed = anneal(self._tasks(labels, rows, gram), settings, seed)
        self.C_, self.gamma_, self.seed_ = settings.C, self._kernel.gamma, seed
        self.energies_ = np.array([samples.first.energy for samples in annealed.samplesets])
        self._keep(X, annealed.machines, annealed.samplesets)
        self.timing_ = {"kernel": kernel_seconds, **annealed.timing, "total": perf_counter() - started}
        tell(annealed.machines, settings)
        return self

    def classical_twin(self) -> BaseEstimator:
        """The scikit-learn estimator of equal kernel, gamma, C and class weights, not fitted.

        It is an SVC; for more than two classes a OneVsRestClassifier of it, and where these have weights of their own,
        which that one cannot pass on, an SVCSliceEnsemble whose only slice is the whole set.

        Raises:
            NotFittedError: C and gamma are known only after `fit`.
        """
        check_is_fitted(self)
        svc = self._classical_svc(self.C_, self.gamma_)
        if len(self.classes_) == 2:
            return svc
        if isinstance(self.class_weight, dict):
            from hqml.svm.twin import SVCSliceEnsemble

            return SVCSliceEnsemble(svc, slice_size=self.alpha_.shape[1], n_slices=1)
        return OneVsRestClassifier(svc)

    def _classical_svc(self, C: float, gamma: float) -> SVC:
        return SVC(
            C=C,
            kernel=self.kernel,
            degree=self.degree,
            gamma=gamma if self.kernel in ("rbf", "poly", "sigmoid") else "scale",
            coef0=float(self.coef0),
            class_weight=self.class_weight,
        )

    def _tasks(self, labels: Labels, rows: Ints, gram: Floats) -> list[Task]:
        return labels.tasks(rows, gram, self._settings().C, self.class_weight)

    def _anneal(self, tasks: Sequence[Task], seed: int) -> Annealed:
        return anneal(tasks, self._settings(), seed)

    def _tell(self, machines: Sequence[Machine], *, stacklevel: int) -> None:
        tell(machines, self._settings(), stacklevel=stacklevel + 1)

    def _variables(self, classes: int) -> int:
        """Variables that a sample takes in a QUBO."""
        return self._settings().n_bits

    def _settings(self) -> Settings:
        """Check every parameter that does not hang on the data."""
        n_bits = whole_number("n_bits", self.n_bits)
        base = finite_number("base", self.base, above=0)
        with np.errstate(over="ignore"):
            default_C = digit_weights(n_bits, base).sum()
        if not np.isfinite(default_C):
            raise ParameterError(f"base={base:g} with n_bits={n_bits} overflows; lower one of them")
        return Settings(
            n_bits=n_bits,
            base=base,
            xi=finite_number("xi", self.xi, least=0),
            C=float(default_C) if self.C is None else finite_number("C", self.C, above=0),
            n_solutions=whole_number("n_solutions", self.n_solutions),
            aggregate=one_of("aggregate", self.aggregate, _aggregate.RULES),
            bias=one_of("bias", self.bias, _bias.RULES),
            validation_fraction=_aggregate.held_out_share(self.validation_fraction),
            annealer=self._annealer(),
        )

    def _keep(self, X: Floats, machines: list[Machine], samplesets: list[dimod.SampleSet]) -> None:
        dual = np.stack([machine.dual for machine in machines])
        binary = len(machines) == 1
        self.alpha_ = np.abs(dual[0]) if binary else np.abs(dual)
        self.sampleset_ = samplesets[0] if binary else samplesets
        self._keep_machines(X, machines)
