"""What every kernel classifier here shares: checking labels, and deciding."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin

from hqml.estimators.classifier import choices, labelled
from hqml.qubo import Floats
from hqml.svm._estimator import KernelEstimator, KernelSums
from hqml.svm._machines import Labels, Machine


class KernelClassifier(ClassifierMixin, KernelEstimator):  # type: ignore[misc]
    """Abstract: a classifier that decides by sums of kernels between a sample and support vectors."""

    classes_: Any

    @abstractmethod
    def decision_function(self, X: Any) -> Floats:
        """(samples,) for two classes, positive for `classes_[1]`; else (samples, classes)."""

    def predict(self, X: Any) -> Any:
        """The class of each sample: (samples,).

        Args:
            X: (samples, features); (samples, training samples) for kernel="precomputed".
        """
        chosen = choices(self.decision_function(X))  # first: it tells whoever has not fitted
        return self.classes_[chosen]

    def _training_data(self, X: Any, y: Any) -> tuple[Floats, Labels]:
        """Check X (samples, features) and y (samples,); set `classes_` and `n_features_in_`.

        Raises:
            DataError: they cannot be trained on.
        """
        X, self.classes_, codes = labelled(self, X, y)
        self._check_square(X)
        return X, Labels(self.classes_, codes)


class KernelMachines(KernelClassifier, KernelSums):
    """Abstract: one machine for two classes, else one a class, over support vectors that they share."""

    def decision_function(self, X: Any) -> Floats:
        """Decision values: (samples,) for two classes, positive for `classes_[1]`; else (samples, classes).

        Args:
            X: (samples, features); (samples, training samples) for kernel="precomputed".
        """
        decisions = self._sums(X)
        return decisions[:, 0] if len(self.classes_) == 2 else decisions

    def _keep_machines(self, X: Floats, machines: Sequence[Machine]) -> None:
        dual = np.stack([machine.dual for machine in machines])
        self._keep_sums(X, dual, np.array([machine.bias for machine in machines]))
