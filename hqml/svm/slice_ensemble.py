"""What an ensemble of SVMs on slices is, whoever trains the slices."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import clone

from hqml.errors import ParameterError
from hqml.estimators.validation import seed_of
from hqml.options import one_of, whole_number
from hqml.qubo import Floats
from hqml.svm._classifier import KernelClassifier
from hqml.svm._kernels import Ints, Kernel, blocks, resolved
from hqml.svm._machines import Labels, Machine
from hqml.svm._slices import SAMPLINGS, drawn_slices

AUTO_SLICE_SIZE = 400
"""Samples a slice where the backend sets no limit: on Landsat (Statlog, 4 against 7) the step from 400 samples to all
is worth .01 AUROC, while time and memory grow with the slice."""

COMBINES = ("mean", "vote", "weighted")

_JUDGES = 1000
"""Training samples at most that weigh the slices: standard error of an accuracy below .016."""


class SliceEnsemble(KernelClassifier):
    """Abstract: one SVM a slice of the training set, and their decisions combined.

    A subclass says which estimator a slice is trained like and trains the machines of all slices.
    """

    def __init__(
        self,
        estimator: Any = None,
        slice_size: int | str = "auto",
        n_slices: int | None = None,
        sampling: str = "stratified",
        combine: str = "mean",
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.slice_size = slice_size
        self.n_slices = n_slices
        self.sampling = sampling
        self.combine = combine
        self.random_state = random_state

    @abstractmethod
    def _model(self) -> Any:
        """The estimator that describes a slice's SVM: the one given, or the default.

        Raises:
            ParameterError: it is of another kind.
        """

    @abstractmethod
    def _most_per_slice(self) -> int:
        """Samples of a slice for slice_size="auto"."""

    @abstractmethod
    def _limit(self) -> float:
        """C of `estimator_`, before class weights."""

    def _tasks(self, labels: Labels, rows: Ints, gram: Floats, limit: float) -> Sequence[Any]:
        """What is to be trained on a slice: by default a binary machine for two classes, else one a class."""
        return labels.tasks(rows, gram, limit, self.estimator_.class_weight)

    @abstractmethod
    def _train(self, tasks: Sequence[Any], seed: int) -> list[Machine]:
        """The machines of all slices, slice by slice: one for two classes, else one a class."""

    def fit(self, X: Any, y: Any) -> SliceEnsemble:
        """Train on X (samples, features), or (samples, samples) for kernel="precomputed", and y (samples,)."""
        started = perf_counter()
        self.estimator_ = clone(self._model())
        one_of("combine", self.combine, COMBINES)
        self.seed_ = seed_of(self.random_state)
        limit = self._limit()
        X, labels = self._training_data(X, y)
        model = self.estimator_
        self._kernel: Kernel = resolved(model.kernel, model.gamma, model.degree, model.coef0, X)
        self.gamma_ = self._kernel.gamma
        self.slices_ = self._drawn(labels.codes)
        before = perf_counter()
        tasks = [task for rows in self.slices_ for task in self._tasks(labels, rows, self._kernel.gram(X, rows), limit)]
        self.timing_ = {"kernel": perf_counter() - before}
        self._keep(X, labels, self._train(tasks, self.seed_))
        self.timing_["total"] = perf_counter() - started
        return self

    def decision_function(self, X: Any) -> Floats:
        """Decision values: (samples,) for two classes, positive for `classes_[1]`; else (samples, classes).

        "mean" and "weighted" average the slices' decision values; "vote" is the share of slices for a class, for two
        classes from -1 (all for `classes_[0]`) to 1.

        Args:
            X: (samples, features); (samples, training samples) for kernel="precomputed".
        """
        X = self._new_data(X)
        if self.combine == "vote":
            decisions = np.concatenate([self._votes(part) for part in self._slice_decisions(X)])
        else:
            decisions = self._mean_decisions(X)
        return decisions[:, 0] if len(self.classes_) == 2 else decisions

    @property
    def _precomputed(self) -> bool:
        kernel = getattr(self.estimator, "kernel", None)
        return isinstance(kernel, str) and kernel == "precomputed"

    def _drawn(self, codes: Ints) -> list[Ints]:
        sampling = one_of("sampling", self.sampling, SAMPLINGS)
        count = None if self.n_slices is None else whole_number("n_slices", self.n_slices)
        automatic = isinstance(self.slice_size, str) and self.slice_size == "auto"
        if isinstance(self.slice_size, str) and not automatic:
            raise ParameterError(f"slice_size must be 'auto' or a whole number, found {self.slice_size!r}")
        size = self._most_per_slice() if automatic else whole_number("slice_size", self.slice_size, least=2)
        if sampling == "disjoint" and count is not None:
            if not automatic and count * size > len(codes):
                raise ParameterError(
                    f"{count} disjoint slices of {size} need {count * size} samples, found {len(codes)}; "
                    "lower n_slices or slice_size, or use another sampling"
                )
            size = min(size, len(codes) // count)
        self.slice_size_ = min(size, len(codes))
        return drawn_slices(codes, self.slice_size_, count, sampling, self.seed_)

    def _keep(self, X: Floats, labels: Labels, machines: Sequence[Machine]) -> None:
        """Keep all machines over the union of their support vectors, so that one kernel serves them all."""
        places = [machine.rows for machine in machines]
        numbers = np.repeat(np.arange(len(machines)), [len(rows) for rows in places])
        values = np.concatenate([machine.dual for machine in machines])
        shape = (len(machines), len(X))
        dual = scipy.sparse.csr_array((values, (numbers, np.concatenate(places))), shape=shape)
        dual.eliminate_zeros()
        self.support_: Ints = np.unique(dual.indices).astype(np.intp)
        self.support_vectors_ = np.empty((0, 0)) if self._precomputed else X[self.support_]
        self.dual_coef_ = scipy.sparse.csr_array(dual[:, self.support_])
        self.intercept_ = np.array([machine.bias for machine in machines]).reshape(len(self.slices_), -1)
        self.weights_ = np.full(len(self.slices_), 1 / len(self.slices_))
        if self.combine == "weighted":
            self.weights_ = self._skill(X, labels)

    def _mean_decisions(self, X: Floats) -> Floats:
        """Weighted mean over slices, (samples, machines)."""
        dual, bias = self._mean_machines()
        decisions = np.empty((len(X), len(bias)))
        for block in blocks(len(X), len(self.support_)):
            kernel = self._kernel.to_support(X[block], self.support_, self.support_vectors_)
            decisions[block] = kernel @ dual.T + bias
        return decisions

    def _mean_machines(self) -> tuple[Floats, Floats]:
        """Weighted mean over slices, dual (machines, support) and bias (machines,): the mean of sums is a sum."""
        machines = self.intercept_.shape[1]
        mean = scipy.sparse.kron(self.weights_[None, :], scipy.sparse.eye_array(machines))
        return (mean @ self.dual_coef_).toarray(), self.weights_ @ self.intercept_

    def _slice_decisions(self, X: Floats) -> Any:
        """Decisions of each slice, a block of samples at a time: (block, slices, machines)."""
        for block in blocks(len(X), len(self.support_)):
            kernel = self._kernel.to_support(X[block], self.support_, self.support_vectors_)
            yield (self.dual_coef_ @ kernel.T).T.reshape(len(kernel), *self.intercept_.shape) + self.intercept_

    def _choices(self, decisions: Floats) -> Ints:
        """The class each slice would take: (block, slices), indices into `classes_`."""
        binary = decisions.shape[2] == 1
        return np.asarray(decisions[:, :, 0] > 0 if binary else decisions.argmax(axis=2), dtype=np.intp)

    def _votes(self, decisions: Floats) -> Floats:
        """(block, machines)."""
        choices = self._choices(decisions)
        if len(self.classes_) == 2:
            return np.asarray(2 * choices.mean(axis=1, keepdims=True) - 1)
        return np.stack([(choices == code).mean(axis=1) for code in range(len(self.classes_))], axis=1)

    def _skill(self, X: Floats, labels: Labels) -> Floats:
        """Weight of each slice, (slices,), sum 1: its balanced accuracy above chance on samples outside of it.

        A slice outside of which there are none counts as one that is always right. Where none is above chance, all
        count the same.
        """
        judges = np.random.default_rng([self.seed_, 3]).permutation(len(X))[:_JUDGES]
        # A precomputed kernel has the training samples as columns already.
        right = np.concatenate([self._choices(part) for part in self._slice_decisions(X[judges])])
        right = right == labels.codes[judges][:, None]
        outside = ~np.stack([np.isin(judges, rows) for rows in self.slices_], axis=1)
        recalls = []
        for code in range(len(self.classes_)):
            counted = outside & (labels.codes[judges] == code)[:, None]
            seen = counted.sum(axis=0)
            recalls.append(np.where(seen > 0, (right & counted).sum(axis=0) / np.maximum(seen, 1), np.nan))
        known = np.isfinite(recalls)
        chance = 1 / len(self.classes_)
        balanced = np.where(known, recalls, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        skill = np.where(known.any(axis=0), np.maximum(balanced - chance, 0), 1 - chance)
        weights = skill if skill.any() else np.ones(len(skill))
        return np.asarray(weights / weights.sum())
