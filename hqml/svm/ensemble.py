"""QUBO-based SVMs on slices small enough for the backend, combined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from hqml.errors import ParameterError
from hqml.estimators.backends import capabilities_of
from hqml.estimators.shown import Accounted
from hqml.qubo import Floats
from hqml.svm._annealing import Annealed
from hqml.svm._kernels import Ints
from hqml.svm._machines import Labels, Machine
from hqml.svm.multiclass_svc import QuboMulticlassSVC
from hqml.svm.qubo_svc import QuboSVC
from hqml.svm.slice_ensemble import AUTO_SLICE_SIZE, SliceEnsemble
from hqml.svm.twin import SVCSliceEnsemble


class QuboSVCEnsemble(Accounted, SliceEnsemble):
    """One QuboSVC or QuboMulticlassSVC a slice of the training set; the QUBOs of all go to the backend as one batch.

    Every slice holds every class, and gamma="scale" is computed once, on the whole training set.

    Args:
        estimator: a QuboSVC or QuboMulticlassSVC with the parameters of the slices; None is QuboSVC(). Its random_state
            is not used.
        slice_size: most samples a slice. "auto" fills the backend: its largest model // n_bits (for a
            QuboMulticlassSVC: // (n_bits * classes)); 400 where it has none.
        n_slices: None takes as many as use every sample once.
        sampling: how slices are drawn; each holds every class.
            "stratified": classes in the proportions of the whole set; rare samples repeat in different slices.
            "balanced": classes in equal parts, small classes repeat. Use it where classes are unequal in size.
            "disjoint": stratified, and no sample is used twice.
            "bootstrap": drawn with replacement.
        combine: "mean" of the decision values, "vote" of the slices' classes, or the mean "weighted" by each slice's
            balanced accuracy above chance on (at most 1000) training samples outside of it.
        random_state: int, RandomState or None. An int makes a fit repeatable on a seedable backend.

    Attributes:
        slices_: list of (points,) rows of the training set.
        slice_size_: most samples a slice.
        estimator_: the one that describes a slice.
        weights_: (slices,), what each counts in the mean, sum 1.
        support_: (support,), samples with a multiplier in any slice.
        support_vectors_: (support, features); empty for kernel="precomputed".
        dual_coef_: scipy.sparse, (slices * machines, support), as that of the estimator; one machine for two classes,
            else one a class.
        intercept_: (slices, machines).
        energies_: (slices, QUBOs of a slice), lowest energy found.
        classes_: (classes,).
        C_: the largest multiplier, before class weights; of a QuboMulticlassSVC 1.
        gamma_: the factor used.
        timing_: seconds by stage: kernel, build, solve, decode, total; of a QPU also its access time, qpu.
        seed_: what `random_state` came to; given as random_state it repeats the fit.

    Raises (by `fit`):
        ParameterError: a parameter is out of its range, or a slice cannot hold every class.
        DataError: X or y cannot be trained on, or a class is too small for disjoint slices.
        BackendError: the backend is unknown, unavailable, or cannot take the models.

    Source: Cavallaro et al., IGARSS 2020, doi:10.1109/IGARSS39084.2020.9323544.
    """

    def classical_twin(self) -> SVCSliceEnsemble:
        """The same ensemble of scikit-learn's SVC, or of MulticlassSVC, not fitted: equal kernel, gamma, limits,
        weights and slices.

        Raises:
            NotFittedError: C, gamma and the slices' seed are known only after `fit`.
        """
        check_is_fitted(self)
        model = self.estimator_
        return SVCSliceEnsemble(
            model._classical_svc(self.C_, self.gamma_) if isinstance(model, QuboSVC) else model._relaxed(self.gamma_),
            slice_size=self.slice_size_,
            n_slices=self.n_slices,
            sampling=self.sampling,
            combine=self.combine,
            random_state=self.seed_,
        )

    def _model(self) -> QuboSVC | QuboMulticlassSVC:
        if self.estimator is None:
            return QuboSVC()
        if not isinstance(self.estimator, QuboSVC | QuboMulticlassSVC):
            raise ParameterError(
                f"estimator must be None, a QuboSVC or a QuboMulticlassSVC, found {type(self.estimator).__name__}"
            )
        return self.estimator

    def _most_per_slice(self) -> int:
        most = capabilities_of(self.estimator_.backend, self.estimator_.backend_options).max_variables
        return AUTO_SLICE_SIZE if most is None else most // self.estimator_._variables(len(self.classes_))

    def _limit(self) -> float:
        model = self.estimator_
        self.C_: float = model._settings().C if isinstance(model, QuboSVC) else 1.0
        return self.C_

    def _tasks(self, labels: Labels, rows: Ints, gram: Floats, limit: float) -> Sequence[Any]:
        tasks: Sequence[Any] = self.estimator_._tasks(labels, rows, gram)
        return tasks

    def _train(self, tasks: Sequence[Any], seed: int) -> list[Machine]:
        annealed: Annealed = self.estimator_._anneal(tasks, seed)
        lowest = np.array([samples.first.energy for samples in annealed.samplesets])
        self.energies_ = lowest.reshape(len(self.slices_), -1)
        self.timing_.update(annealed.timing)
        self.estimator_._tell(annealed.machines, stacklevel=4)
        return annealed.machines

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        model = self.estimator if isinstance(self.estimator, QuboSVC | QuboMulticlassSVC) else QuboSVC()
        tags.non_deterministic = not model._repeatable(self.random_state)
        return tags
