"""What every kernel machine here shares: checks of new data, whether it is fitted, tags, and sums of kernels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from hqml.errors import DataError
from hqml.estimators.validation import data_errors
from hqml.qubo import Floats
from hqml.svm._kernels import Function, Ints, Kernel, blocks, resolved


class KernelEstimator(BaseEstimator, ABC):  # type: ignore[misc]
    """Abstract: an estimator made of sums of kernels between a sample and support vectors."""

    n_features_in_: int

    @property
    @abstractmethod
    def _precomputed(self) -> bool:
        """Whether X is a Gram matrix."""

    def _new_data(self, X: Any) -> Floats:
        """Check X of a fitted estimator.

        Raises:
            NotFittedError: nothing was fitted yet.
            DataError: X does not look like the training input.
        """
        check_is_fitted(self)
        with data_errors():
            return validate_data(self, X, dtype=[np.float64, np.float32], reset=False)  # type: ignore[no-any-return]

    def _check_square(self, X: Floats) -> None:
        """Make sure that a precomputed kernel of the training samples is one.

        Raises:
            DataError: it is not square.
        """
        if self._precomputed and X.shape[0] != X.shape[1]:
            raise DataError(f"a precomputed kernel must be square, (samples, samples), found shape {X.shape}")

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "intercept_")  # set last: data may be checked and a fit then fail or be interrupted

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self._precomputed
        return tags


class KernelSums(KernelEstimator):
    """Abstract: one or several sums of kernels over the same support vectors.

    A subclass has the parameters kernel, gamma, degree and coef0.

    Attributes:
        support_: (support,), samples with a multiplier in any sum.
        support_vectors_: (support, features); empty for kernel="precomputed".
        dual_coef_: (sums, support).
        intercept_: (sums,).
    """

    kernel: str | Function
    gamma: str | float
    degree: int
    coef0: float
    _kernel: Kernel

    @property
    def _precomputed(self) -> bool:
        return isinstance(self.kernel, str) and self.kernel == "precomputed"

    def _resolved_kernel(self, X: Floats) -> Kernel:
        return resolved(self.kernel, self.gamma, self.degree, self.coef0, X)

    def _keep_sums(self, X: Floats, dual: Floats, intercept: Floats) -> None:
        """Keep multipliers (sums, samples) and intercepts (sums,)."""
        self.support_: Ints = np.flatnonzero(dual.any(axis=0))
        self.support_vectors_ = np.empty((0, 0)) if self._precomputed else X[self.support_]
        self.dual_coef_ = dual[:, self.support_]
        self.intercept_ = intercept

    def _sums(self, X: Any) -> Floats:
        """The sums, with their intercepts, for new samples X: (samples, sums)."""
        X = self._new_data(X)
        sums = np.empty((len(X), len(self.intercept_)))
        for block in blocks(len(X), len(self.support_)):
            kernel = self._kernel.to_support(X[block], self.support_, self.support_vectors_)
            sums[block] = kernel @ self.dual_coef_.T + self.intercept_
        return sums
