"""Selects features by the lowest energy of a QUBO that any backend samples."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from time import perf_counter
from typing import Any

import dimod
import numpy as np
import numpy.typing as npt
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from hqml.dispatch import AnyBackend
from hqml.errors import DataError, ParameterError
from hqml.estimators.annealed import AnnealedEstimator, Annealer
from hqml.estimators.subsets import Subset, best_subset, checked_shares, tell
from hqml.estimators.validation import data_errors, seed_of
from hqml.options import finite_number, one_of, whole_number
from hqml.problems.feature_selection import SHARES, feature_selection
from hqml.qubo import Floats
from hqml.selection.relevance import Estimates, correlations, discretised, informations

CRITERIA = ("correlation", "mutual_information", "conditional_mutual_information")
TARGETS = ("auto", "classes", "numbers")

_CLASSES_UP_TO = 30
"""Different whole numbers up to which target="auto" takes them for classes."""

Mask = npt.NDArray[np.bool_]


class QuboFeatureSelector(SelectorMixin, AnnealedEstimator):  # type: ignore[misc]
    """Selects exactly k features that tell much of the target and little of each other, all k at once.

    The selection is the lowest state found of

        E(x) = -alpha sum_i relevance_i x_i + (1 - alpha) / k sum_{i != j} redundancy_ij x_i x_j,    sum_i x_i = k.

    Args:
        n_features_to_select: a whole number, a share between 0 and 1, or None or "auto" for half of the features.
        criterion: what relevance and redundancy are.
            "correlation": absolute correlations; of classes the correlation ratio.
            "mutual_information": I(X_i;Y) and I(X_i;X_j). At alpha=0.5 this is mRMR.
            "conditional_mutual_information": I(X_i;Y) and I(X_i;X_j) - I(X_i;X_j|Y). At alpha=0.5 this is MIQUBO,
            Q_ii = -I(X_i;Y) and Q_ij = -I(X_j;Y|X_i). It alone sees features that tell something only together.
        alpha: from 0, redundancy alone counts, to 1, relevance alone.
        n_bins: into how many bins of equal frequency the informations cut what has more different values. Fewer are
            steadier on few samples, more see finer structure.
        categorical_features: (features,) mask or indices of features whose values are categories, each a bin of its
            own; of the informations only.
        target: "classes", "numbers", or "auto": whole numbers are classes up to 30 of them, strings and bools always.
        price_shares: the QUBO is sampled with these shares of the price that provably leaves exactly k features in its
            ground state, one model each in one batch; the lowest selection of exactly k is taken. At lower prices
            annealers find lower selections, until none has exactly k. (1.0,) samples one model alone.
        backend: a registered name, a Backend, or a dimod.Sampler.
        backend_options: the backend's own options, e.g. {"num_sweeps": 200}.
        reads: samples drawn of each model.
        time_limit: seconds for the whole annealing.
        max_qpu_seconds: metered time granted; metered hardware does not run without it.
        random_state: int, RandomState or None. An int makes a fit repeatable on a seedable backend.

    Attributes:
        support_: (features,), mask of the selected ones.
        relevance_: (features,); informations in nats.
        redundancy_: (features, features), symmetric, diagonal zero.
        n_features_: k, how many were selected.
        energies_: (price_shares,), E of the best selection of each model, NaN where it had none of exactly k.
        sampleset_: dimod.SampleSet as the backend gave it, or a list of them, one a share.
        timing_: seconds by stage: estimates, build, solve, decode, total; of a QPU also its access time, qpu.
        seed_: what `random_state` came to; given as random_state it repeats the fit.
        n_features_in_, feature_names_in_: as of any scikit-learn estimator.

    Raises (by `fit`):
        ParameterError: a parameter is out of its range.
        DataError: X or y cannot be used.
        BackendError: the backend is unknown, unavailable, or cannot take the model.

    Sources: see `hqml.problems.feature_selection`.
    """

    def __init__(
        self,
        n_features_to_select: int | float | str | None = None,
        criterion: str = "correlation",
        alpha: float = 0.5,
        n_bins: int = 5,
        categorical_features: Any = None,
        target: str = "auto",
        price_shares: Sequence[float] = SHARES,
        backend: AnyBackend = "cpu",
        backend_options: dict[str, Any] | None = None,
        reads: int = 100,
        time_limit: float | None = None,
        max_qpu_seconds: float | None = None,
        random_state: Any = None,
    ) -> None:
        self.n_features_to_select = n_features_to_select
        self.criterion = criterion
        self.alpha = alpha
        self.n_bins = n_bins
        self.categorical_features = categorical_features
        self.target = target
        self.price_shares = price_shares
        self.backend = backend
        self.backend_options = backend_options
        self.reads = reads
        self.time_limit = time_limit
        self.max_qpu_seconds = max_qpu_seconds
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> QuboFeatureSelector:
        """Select features of X (samples, features) for y (samples,)."""
        started = perf_counter()
        annealer, _ = self._annealer(), self._weights()
        seed = seed_of(self.random_state)
        with data_errors():
            X, y = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2)
        k = self._count(X.shape[1])
        known = self._estimates(X, y)
        estimated = perf_counter()
        [subset], samplesets, timing = self._selected(known, [k], annealer, seed)
        self.relevance_, self.redundancy_, self.n_features_, self.seed_ = known.relevance, known.redundancy, k, seed
        self.energies_ = subset.energies
        self.sampleset_ = samplesets[0] if len(samplesets) == 1 else samplesets
        self.timing_ = {"estimates": estimated - started, **timing, "total": perf_counter() - started}
        self.support_ = _mask(subset, X.shape[1])
        tell([subset], k)
        return self

    def selection_path(self, ks: Sequence[int]) -> dict[int, Mask]:
        """The best selection of each of several sizes, all in one batch: {k: mask (features,)}.

        Relevance and redundancy are those of the fit. The selections need not contain each other.

        Raises:
            NotFittedError: nothing was fitted yet.
            ParameterError: a size is not a whole number between 1 and the number of features, or there is none.
        """
        check_is_fitted(self)
        sizes = [whole_number("each of ks", k) for k in ks]
        if not sizes or max(sizes) > self.n_features_in_:
            raise ParameterError(f"ks must hold numbers from 1 to {self.n_features_in_} features, found {ks!r}")
        known = Estimates(self.relevance_, self.redundancy_)
        subsets, _, _ = self._selected(known, sizes, self._annealer(), self.seed_)
        tell(subsets, sizes)
        return {k: _mask(subset, self.n_features_in_) for k, subset in zip(sizes, subsets, strict=True)}

    def transform(self, X: Any) -> Any:
        """The selected columns of X: (samples, n_features_)."""
        check_is_fitted(self)
        with data_errors():
            return super().transform(X)

    def _selected(
        self, known: Estimates, sizes: Sequence[int], annealer: Annealer, seed: int
    ) -> tuple[list[Subset], list[dimod.SampleSet], dict[str, float]]:
        """Sample the models of all sizes and shares in one call."""
        alpha, shares = self._weights()
        started = perf_counter()
        models = [feature_selection(known.relevance, known.redundancy, k, alpha=alpha, shares=shares) for k in sizes]
        built = perf_counter()
        sampled = annealer.sample([model for of_size in models for model in of_size], seed)
        solved = perf_counter()
        found = [sampled.samplesets[i : i + len(shares)] for i in range(0, len(sampled.samplesets), len(shares))]
        subsets = [best_subset(*one) for one in zip(models, found, sizes, strict=True)]
        timing = {"build": built - started, **sampled.seconds, "decode": perf_counter() - solved}
        return subsets, sampled.samplesets, timing

    def _weights(self) -> tuple[float, tuple[float, ...]]:
        """Alpha and the shares of the price, checked."""
        alpha = finite_number("alpha", self.alpha, least=0)
        if alpha > 1:
            raise ParameterError(f"alpha must be at most 1, found {alpha!r}")
        return alpha, checked_shares(self.price_shares)

    def _count(self, features: int) -> int:
        """How many features to select."""
        wanted = self.n_features_to_select
        if wanted is None or wanted == "auto":
            return max(features // 2, 1)
        if isinstance(wanted, numbers.Real) and not isinstance(wanted, numbers.Integral):
            share = finite_number("n_features_to_select, a share,", wanted, above=0)
            if share > 1:
                raise ParameterError(
                    f"n_features_to_select must be a whole number or a share up to 1, found {wanted!r}"
                )
            return max(int(share * features), 1)
        k = whole_number("n_features_to_select", wanted)
        if k > features:
            raise ParameterError(f"n_features_to_select={k} of {features} features cannot be had; lower it")
        return k

    def _estimates(self, X: Floats, y: Any) -> Estimates:
        criterion = one_of("criterion", self.criterion, CRITERIA)
        if y.dtype == object and any(one is None for one in y):
            raise DataError("y contains missing values; leave these samples out")
        if y.dtype == object and all(isinstance(one, numbers.Real) and not isinstance(one, bool) for one in y):
            y = y.astype(np.float64)
        classes = self._of_classes(y)
        if len(np.unique(y)) < 2:
            raise DataError("y holds one value only, of which no feature can tell anything")
        if classes:
            y = np.unique(y, return_inverse=True)[1].astype(np.intp)
        else:
            with data_errors():
                y = np.asarray(y, dtype=np.float64)
        n_bins, categorical = whole_number("n_bins", self.n_bins, least=2), self._categorical(X.shape[1])
        if criterion == "correlation":
            if categorical.any():
                raise ParameterError(
                    "criterion='correlation' reads values as numbers; for categorical_features use an information"
                )
            return correlations(X, y, classes=classes)
        target = y if classes else discretised(y[:, None], n_bins)[:, 0]
        return informations(
            discretised(X, n_bins, categorical), target, conditional=criterion == "conditional_mutual_information"
        )

    def _of_classes(self, y: Any) -> bool:
        target = one_of("target", self.target, TARGETS)
        if target != "auto":
            return target == "classes"
        if y.dtype.kind not in "iuf":
            return True
        different = np.unique(y)
        whole = bool((different == np.round(different)).all())
        if whole and len(different) > _CLASSES_UP_TO and y.dtype.kind in "iu":
            raise DataError(
                f"y holds {len(different)} different whole numbers: say target='classes' or target='numbers'"
            )
        return whole and len(different) <= _CLASSES_UP_TO

    def _categorical(self, features: int) -> Mask:
        """(features,), which of them are categories."""
        mask = np.zeros(features, dtype=bool)
        if self.categorical_features is None:
            return mask
        given = np.asarray(self.categorical_features)
        fits = given.shape == (features,) if given.dtype == bool else given.ndim == 1 and given.dtype.kind in "iu"
        if given.size and not (fits and (given.dtype == bool or (given.min() >= 0 and given.max() < features))):
            raise ParameterError(
                f"categorical_features must be a mask of {features} features or their indices, "
                f"found {self.categorical_features!r}"
            )
        mask[given if given.dtype == bool else given.astype(np.intp)] = True
        return mask

    def _get_support_mask(self) -> Mask:
        check_is_fitted(self)
        return self.support_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "support_")  # set last: data may be checked and a fit then fail or be interrupted

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def _mask(subset: Subset, features: int) -> Mask:
    mask = np.zeros(features, dtype=bool)
    mask[subset.members] = True
    return mask
