"""The classical twin of an annealed ensemble: the same slices and combination, each slice trained by libsvm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.svm import SVC

from hqml.errors import ParameterError
from hqml.options import finite_number
from hqml.qubo import Floats
from hqml.svm._kernels import Ints
from hqml.svm._machines import Labels, Machine, Task
from hqml.svm.multiclass_twin import MulticlassSVC
from hqml.svm.slice_ensemble import AUTO_SLICE_SIZE, SliceEnsemble


class SVCSliceEnsemble(SliceEnsemble):
    """One scikit-learn SVC or MulticlassSVC a slice of the training set: what a QuboSVCEnsemble is to be compared with.

    Slices, combination, class weights and one-vs-rest are those of QuboSVCEnsemble, by the same code: equal
    parameters and random_state give equal slices.

    Args:
        estimator: an SVC or a MulticlassSVC with the parameters of the slices; None is SVC().
        slice_size: most samples a slice; "auto" is 400.
        n_slices: as for QuboSVCEnsemble.
        sampling: as for QuboSVCEnsemble.
        combine: as for QuboSVCEnsemble.
        random_state: int, RandomState or None: of the slices.

    Attributes:
        slices_, slice_size_, estimator_, weights_, support_, support_vectors_, dual_coef_, intercept_, classes_,
        gamma_, timing_, seed_: as for QuboSVCEnsemble.

    Raises (by `fit`):
        ParameterError: a parameter is out of its range, or a slice cannot hold every class.
        DataError: X or y cannot be trained on, or a class is too small for disjoint slices.
    """

    def _model(self) -> SVC | MulticlassSVC:
        return self.estimator if isinstance(self.estimator, MulticlassSVC) else given_svc(self.estimator)

    def _most_per_slice(self) -> int:
        return AUTO_SLICE_SIZE

    def _limit(self) -> float:
        return finite_number("C", getattr(self.estimator_, "C", 1.0), above=0)

    def _tasks(self, labels: Labels, rows: Ints, gram: Floats, limit: float) -> Sequence[Any]:
        if isinstance(self.estimator_, MulticlassSVC):
            return [labels.multiclass_task(rows, gram, self.estimator_.class_weight)]
        return super()._tasks(labels, rows, gram, limit)

    def _train(self, tasks: Sequence[Any], seed: int) -> list[Machine]:
        if isinstance(self.estimator_, MulticlassSVC):
            return self.estimator_._machines(tasks)
        return libsvm_machines(self.estimator_, tasks)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = not isinstance(self.random_state, int | np.integer)
        return tags


def given_svc(estimator: Any) -> SVC:
    """The SVC that a twin was given; None is SVC().

    Raises:
        ParameterError: it is of another kind.
    """
    if estimator is None:
        return SVC()
    if not isinstance(estimator, SVC):
        raise ParameterError(f"estimator must be None or a scikit-learn SVC, found {type(estimator).__name__}")
    return estimator


def libsvm_machines(svc: SVC, tasks: Sequence[Task]) -> list[Machine]:
    """A machine for each task, trained by libsvm with the tolerance and the like of an SVC."""
    # The limits carry C and the class weights, the tasks carry the kernel.
    svc = clone(svc).set_params(kernel="precomputed", C=1.0, class_weight=None)
    return [_fitted(svc, task) for task in tasks]


def _fitted(svc: SVC, task: Task) -> Machine:
    svc.fit(task.kernel, task.signs, sample_weight=task.limits)
    dual = np.zeros(len(task.signs))
    dual[svc.support_] = svc.dual_coef_[0]
    return Machine(task.rows, dual, float(svc.intercept_[0]))
