"""What every kernel classifier here shares: checking data, deciding, and the tags scikit-learn asks for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from hqml.errors import DataError
from hqml.estimators.validation import data_errors
from hqml.qubo import Floats
from hqml.svm._machines import Labels


class KernelClassifier(ClassifierMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """Abstract: a classifier that decides by sums of kernels between a sample and support vectors."""

    classes_: Any
    n_features_in_: int

    @abstractmethod
    def decision_function(self, X: Any) -> Floats:
        """(samples,) for two classes, positive for `classes_[1]`; else (samples, classes)."""

    @property
    @abstractmethod
    def _precomputed(self) -> bool:
        """Whether X is a Gram matrix."""

    def predict(self, X: Any) -> Any:
        """The class of each sample: (samples,).

        Args:
            X: (samples, features); (samples, training samples) for kernel="precomputed".
        """
        decision = self.decision_function(X)
        return self.classes_[(decision > 0).astype(np.intp) if decision.ndim == 1 else decision.argmax(axis=1)]

    def _training_data(self, X: Any, y: Any) -> tuple[Floats, Labels]:
        """Check X (samples, features) and y (samples,); set `classes_` and `n_features_in_`.

        Raises:
            DataError: they cannot be trained on.
        """
        with data_errors():
            X, y = validate_data(self, X, y, dtype=[np.float64, np.float32])
            check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise DataError(
                f"training needs samples of at least two classes, found one class only: {self.classes_.tolist()}"
            )
        if self._precomputed and X.shape[0] != X.shape[1]:
            raise DataError(f"a precomputed kernel must be square, (samples, samples), found shape {X.shape}")
        return X, Labels(self.classes_, codes.astype(np.intp))

    def _new_data(self, X: Any) -> Floats:
        """Check X of a fitted estimator.

        Raises:
            NotFittedError: nothing was fitted yet.
            DataError: X does not look like the training input.
        """
        check_is_fitted(self)
        with data_errors():
            return validate_data(self, X, dtype=[np.float64, np.float32], reset=False)  # type: ignore[no-any-return]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "intercept_")  # set last: data may be checked and a fit then fail or be interrupted

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self._precomputed
        return tags
