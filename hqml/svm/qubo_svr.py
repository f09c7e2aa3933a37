"""A support vector regression whose multipliers are found by any backend."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.svm import SVR
from sklearn.utils.validation import check_is_fitted, validate_data

from hqml.dispatch import AnyBackend
from hqml.errors import DataError, ParameterError
from hqml.estimators.annealed import AnnealedEstimator
from hqml.estimators.validation import data_errors, seed_of
from hqml.options import finite_number
from hqml.qubo import Floats
from hqml.svm._annealing import Settings
from hqml.svm._estimator import KernelSums
from hqml.svm._kernels import Function
from hqml.svm._regression import Targets, anneal, tell
from hqml.svm.qubo_svc import QuboSVC

_NOT_OF_QUBO_SVC = {"epsilon", "scale_target"}


class QuboSVR(AnnealedEstimator, RegressorMixin, KernelSums):  # type: ignore[misc]
    """Kernel support vector regression trained as a QUBO: each multiplier is a number of a few binary digits.

    The QUBO has samples * 2 * n_bits variables: a sample has one multiplier for lying above the tube, one for lying
    below. Standardise the features first, as for any SVM; the target is standardised inside, and everything fitted is
    in its own units again.

    Args:
        kernel: "linear", "poly", "rbf", "sigmoid", "precomputed", or a function that takes (a, features) and
            (b, features) and gives (a, b), e.g. of `sklearn.metrics.pairwise`.
        gamma: factor of rbf, poly and sigmoid: a number, "scale" for 1 / (features * X.var()), "auto" for 1 / features.
        degree: power of poly.
        coef0: constant of poly and sigmoid.
        base: of the digits. 2 gives evenly spaced multipliers.
        n_bits: binary digits of each of a sample's two multipliers.
        C: largest multiplier, in units that `scale_target` tells. The smallest step of a multiplier is
            C / sum_k base**k: where C is 3, as Cherkassky & Ma (2004) advise, take n_bits=3.
        epsilon: half the width of the tube in which an error is free, in units that `scale_target` tells.
        xi: price of sum_n alpha_n != 0, in units of the kernel. It joins the energy as xi / 2 (sum_n alpha_n)**2, as
            in QuboSVC; the lambda of the source is xi / 2.
        scale_target: True: C and epsilon are in standard deviations of the target, so that their defaults, those of
            scikit-learn's SVR, fit any target. False: they are in the target's own units, as there.
        backend: a registered name, a Backend, or a dimod.Sampler.
        backend_options: the backend's own options, e.g. {"num_sweeps": 200}.
        reads: samples drawn of the QUBO.
        n_solutions: how many of the lowest distinct samples are aggregated.
        aggregate: how they become one.
            "mean": all count the same.
            "best": the lowest alone.
            "boltzmann": by exp(-(E - E0) / T), where T is the mean of E - E0 over them.
            "validation": a share of the samples is held out before annealing; the solution with the least squared
            error on them alone counts. Held-out samples have multiplier 0.
        bias: "support" averages over multipliers between 0 and C, as libsvm does, those in the middle weighing most;
            "post-selection" takes what makes the loss on the training samples least (for epsilon=0 the median of the
            residuals); "zero" leaves it at the mean of the target. "support", where undefined (0/0), gives way to
            "post-selection", with a BiasWarning.
        validation_fraction: share held out for aggregate="validation".
        time_limit: seconds for the whole annealing.
        max_qpu_seconds: metered time granted; metered hardware does not run without it.
        random_state: int, RandomState or None. An int makes a fit repeatable on a seedable backend.

    Attributes:
        alpha_: (samples,), difference of a sample's two multipliers, from -C_ to C_, in units of the target.
        dual_coef_: (1, support), those of `alpha_` that are not 0.
        support_: (support,), samples with a multiplier.
        support_vectors_: (support, features); empty for kernel="precomputed".
        intercept_: (1,), in units of the target.
        C_, epsilon_: in units of the target.
        gamma_: the factor used.
        energies_: (1,), lowest energy found, in units of the target's variance.
        sampleset_: dimod.SampleSet as the backend gave it, with its name, seed and version in `info`; energies are in
            units of the target's variance.
        timing_: seconds by stage: kernel, build, solve, decode, total; of a QPU also its access time, qpu.
        seed_: what `random_state` came to; given as random_state it repeats the fit.

    Raises (by `fit`):
        ParameterError: a parameter is out of its range.
        DataError: X or y cannot be trained on.
        BackendError: the backend is unknown, unavailable, or cannot take the model.

    Source: Pasetto et al., IEEE Geosci. Remote Sens. Lett. 19 (2022), doi:10.1109/LGRS.2022.3200325.
    """

    def __init__(
        self,
        kernel: str | Function = "rbf",
        gamma: str | float = "scale",
        degree: int = 3,
        coef0: float = 0.0,
        base: float = 2,
        n_bits: int = 2,
        C: float = 1.0,
        epsilon: float = 0.1,
        xi: float = 1.0,
        scale_target: bool = True,
        backend: AnyBackend = "cpu",
        backend_options: dict[str, Any] | None = None,
        reads: int = 100,
        n_solutions: int = 20,
        aggregate: str = "mean",
        bias: str = "support",
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
        self.epsilon = epsilon
        self.xi = xi
        self.scale_target = scale_target
        self.backend = backend
        self.backend_options = backend_options
        self.reads = reads
        self.n_solutions = n_solutions
        self.aggregate = aggregate
        self.bias = bias
        self.validation_fraction = validation_fraction
        self.time_limit = time_limit
        self.max_qpu_seconds = max_qpu_seconds
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> QuboSVR:
        """Train on X (samples, features), or (samples, samples) for kernel="precomputed", and y (samples,)."""
        started = perf_counter()
        settings = self._settings()
        seed = seed_of(self.random_state)
        X, targets = self._training_data(X, y)
        self._kernel = self._resolved_kernel(X)
        unit = targets.unit if self.scale_target else 1.0
        self.C_, self.epsilon_ = settings.C * unit, self.epsilon * unit
        before = perf_counter()
        gram = self._kernel.gram(X, slice(None))
        kernel_seconds = perf_counter() - before
        settings = replace(settings, C=self.C_ / targets.unit)
        machine = anneal(gram, targets.values, self.epsilon_ / targets.unit, settings, seed)
        self.gamma_, self.seed_ = self._kernel.gamma, seed
        self.sampleset_, self.energies_ = machine.samples, np.array([machine.samples.first.energy])
        self.alpha_ = machine.multipliers * targets.unit
        self._keep_sums(X, self.alpha_[None], np.array([machine.bias * targets.unit + targets.mean]))
        self.timing_ = {"kernel": kernel_seconds, **machine.timing, "total": perf_counter() - started}
        tell(machine, settings, self.C_)
        return self

    def predict(self, X: Any) -> Floats:
        """The target of each sample, in its own units: (samples,).

        Args:
            X: (samples, features); (samples, training samples) for kernel="precomputed".
        """
        return self._sums(X)[:, 0]

    def classical_twin(self) -> SVR:
        """The scikit-learn SVR of equal kernel, gamma, C and epsilon, not fitted; for the target in its own units.

        Raises:
            NotFittedError: C, epsilon and gamma are known only after `fit`.
        """
        check_is_fitted(self)
        return SVR(
            C=self.C_,
            epsilon=self.epsilon_,
            kernel=self.kernel,
            degree=self.degree,
            gamma=self.gamma_ if self.kernel in ("rbf", "poly", "sigmoid") else "scale",
            coef0=float(self.coef0),
        )

    def _settings(self) -> Settings:
        """Check every parameter that does not hang on the data.

        A QuboSVC of equal parameters checks all that mean the same to both.
        """
        self._annealer()  # first: where it complains, it is of this class
        finite_number("C", self.C, above=0)
        finite_number("epsilon", self.epsilon, least=0)
        if not isinstance(self.scale_target, bool | np.bool_):
            raise ParameterError(f"scale_target must be true or false, found {self.scale_target!r}")
        own = self.get_params(deep=False)
        shared = QuboSVC(**{name: value for name, value in own.items() if name not in _NOT_OF_QUBO_SVC})
        return shared._settings()

    def _training_data(self, X: Any, y: Any) -> tuple[Floats, Targets]:
        """Check X (samples, features) and y (samples,); set `n_features_in_`.

        Raises:
            DataError: they cannot be trained on.
        """
        with data_errors():
            X, y = validate_data(self, X, y, dtype=[np.float64, np.float32])
            y = np.asarray(y, dtype=np.float64)
        if not np.isfinite(y).all():
            raise DataError("y contains missing values or infinity; leave these samples out")
        self._check_square(X)
        return X, Targets.of(y)
