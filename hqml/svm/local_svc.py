"""QUBO-based SVMs around training samples: each decides on what lies nearest to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from hqml.dispatch import AnyBackend
from hqml.estimators.annealed import AnnealedEstimator
from hqml.estimators.backends import capabilities_of
from hqml.svm._annealing import anneal, tell
from hqml.svm._kernels import Function
from hqml.svm._machines import Machine, Task
from hqml.svm.local_machines import AUTO_NEIGHBORS, LocalMachines, Roles
from hqml.svm.local_twin import LocalSVC
from hqml.svm.qubo_svc import QuboSVC

LOPSIDED_UP_TO = 0.2
"""Share of the smaller class in a neighbourhood up to which it is no news that all of it is at the limit C: the balance
asks that of it. Landsat (4 against 7), svmguide1 and ionosphere: so it is in 119 of 143 such machines, and in 6 of 94
others."""


class LocalQuboSVC(AnnealedEstimator, LocalMachines):
    """One QuboSVC around each of some training samples, the centres; the QUBOs of all go to the backend as one batch.

    A centre's machine is trained on its nearest training samples, and decides on what is nearer to it than to any other
    centre. A neighbourhood of one class needs no QUBO. One of several classes is one-vs-rest among these; the machines
    of two classes are mirror images of each other, and one QUBO.

    Nearness is Euclidean in the features as given, so standardise them; for kernel="rbf" the kernel's own space orders
    them likewise. For kernel="precomputed" it is that of the kernel's space, k(x, x) - 2 k(x, y) + k(y, y).
    gamma="scale" is computed once, on the whole training set.

    Args:
        n_neighbors: samples a neighbourhood. "auto" fills the backend: its largest model // n_bits; 80 where it has
            none.
        assigned: each training sample is among the assigned * n_neighbors nearest neighbours of some centre. Less of it
            is more centres, whose neighbourhoods overlap more.
        n_deciding: nearest centres whose decisions are averaged.
        kernel: as for QuboSVC, and so are the following ones.
        gamma: factor of rbf, poly and sigmoid.
        degree: power of poly.
        coef0: constant of poly and sigmoid.
        base: of the digits.
        n_bits: binary digits a multiplier.
        C: largest multiplier; None is sum_k base**k.
        xi: price of sum_n alpha_n t_n != 0, in units of the dual objective.
        backend: a registered name, a Backend, or a dimod.Sampler.
        backend_options: the backend's own options.
        reads: samples drawn of each QUBO.
        n_solutions: how many of the lowest distinct samples are aggregated.
        aggregate: "mean", "best", "boltzmann" or "validation".
        bias: "post-selection", "support" or "zero".
        class_weight: None, "balanced" (in each neighbourhood by itself), or {class: weight}: multiplies C.
        validation_fraction: share held out for aggregate="validation".
        time_limit: seconds for the whole annealing.
        max_qpu_seconds: metered time granted; metered hardware does not run without it.
        random_state: int, RandomState or None. An int makes a fit repeatable on a seedable backend.

    Attributes:
        centres_: (centres, features); empty for kernel="precomputed".
        centre_rows_: (centres,), rows of the centres in the training set.
        neighbourhoods_: (centres, n_neighbors_), rows of the training set, nearest first.
        n_neighbors_: samples a neighbourhood.
        present_: (centres, classes), whether a neighbourhood holds a class.
        support_: (support,), samples with a multiplier in any machine.
        support_vectors_: (support, features); empty for kernel="precomputed".
        dual_coef_: scipy.sparse, (centres * machines, support), alpha_n t_n; one machine for two classes, else one a
            class.
        intercept_: (centres, machines).
        energies_: (centres, machines), lowest energy found; nan where no QUBO was needed.
        classes_: (classes,).
        C_: the largest multiplier, before class weights.
        gamma_: the factor used.
        timing_: seconds by stage: neighbours, kernel, build, solve, decode, total; of a QPU also its access time, qpu.
        seed_: what `random_state` came to; given as random_state it repeats the fit.

    Raises (by `fit`):
        ParameterError: a parameter is out of its range.
        DataError: X or y cannot be trained on.
        BackendError: the backend is unknown, unavailable, or cannot take the models.

    Source: Zardini et al., IEEE Trans. Quantum Eng. 5 (2024) 3103512, arXiv:2403.08584, on the local machines of
    Segata & Blanzieri, J. Mach. Learn. Res. 11 (2010) 1883.
    """

    def __init__(
        self,
        n_neighbors: int | str = 80,
        assigned: float = 0.5,
        n_deciding: int = 1,
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
        bias: str = "post-selection",
        class_weight: str | dict[Any, float] | None = None,
        validation_fraction: float = 0.2,
        time_limit: float | None = None,
        max_qpu_seconds: float | None = None,
        random_state: Any = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.assigned = assigned
        self.n_deciding = n_deciding
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

    def classical_twin(self) -> LocalSVC:
        """The same local machines trained by libsvm, not fitted: equal centres, kernel, gamma, C, class weights and
        rule for the bias.

        Raises:
            NotFittedError: C, gamma and the seed of the centres are known only after `fit`.
        """
        check_is_fitted(self)
        return LocalSVC(
            self._model()._classical_svc(self.C_, self.gamma_),
            n_neighbors=self.n_neighbors_,
            assigned=self.assigned,
            n_deciding=self.n_deciding,
            bias=self.bias,
            random_state=self.seed_,
        )

    @property
    def _precomputed(self) -> bool:
        return isinstance(self.kernel, str) and self.kernel == "precomputed"

    def _model(self) -> QuboSVC:
        return QuboSVC(**{name: getattr(self, name) for name in QuboSVC._get_param_names()})

    def _limit(self) -> float:
        self.C_: float = self._model()._settings().C
        return self.C_

    def _most_neighbors(self) -> int:
        most = capabilities_of(self.backend, self.backend_options).max_variables
        return AUTO_NEIGHBORS if most is None else most // self.n_bits

    def _train(self, tasks: Sequence[Task], roles: Roles, seed: int) -> list[Machine]:
        settings = self._model()._settings()
        annealed = anneal(tasks, settings, seed)
        self.energies_ = roles.spread(np.array([samples.first.energy for samples in annealed.samplesets]))
        self.timing_.update(annealed.timing)
        worth_telling = [
            machine
            for task, machine in zip(tasks, annealed.machines, strict=True)
            if _share_of_smaller_class(task) > LOPSIDED_UP_TO or not machine.dual.any()
        ]
        tell(worth_telling, settings, stacklevel=4)
        return annealed.machines


def _share_of_smaller_class(task: Task) -> float:
    positive = float((task.signs > 0).mean())
    return min(positive, 1 - positive)
