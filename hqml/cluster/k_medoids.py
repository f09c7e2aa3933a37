"""Clusters around medoids that are the lowest energy of a QUBO which any backend samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import VALID_METRICS
from sklearn.utils.validation import check_is_fitted, validate_data

from hqml.cluster.medoids import Ints, alternated, welsch
from hqml.dispatch import AnyBackend
from hqml.errors import DataError, ParameterError, UnsupportedModel
from hqml.estimators.annealed import AnnealedEstimator
from hqml.estimators.backends import capabilities_of
from hqml.estimators.subsets import Subset, best_subset, checked_shares, tell
from hqml.estimators.validation import data_errors, seed_of
from hqml.options import finite_number, one_of, whole_number
from hqml.problems.k_medoids import SHARES, k_medoids
from hqml.qubo import DENSE_LIMIT, Floats

DISSIMILARITIES = ("welsch", "distance")
REFINEMENTS = ("none", "alternate")


class QuboKMedoids(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, AnnealedEstimator):  # type: ignore[misc]
    """Clusters around k of the points, chosen all at once to be far from each other and near to all points.

    The medoids are the lowest state found of

        E(z) = -1 / (2 k) z' D z + 1 / n z' D 1,    sum_i z_i = k,

    with D the dissimilarities of n points, one variable a point. It stands in for the sum of the distances to the
    nearest medoid, which is not quadratic: medoids of the lowest energy are good ones, not the best; `refine` goes on
    from there.

    Args:
        n_clusters: k.
        metric: any metric of `sklearn.metrics.pairwise_distances`, a function of two points, or "precomputed": X is
            then (samples, samples), symmetric, zero on the diagonal.
        dissimilarity: D of the distances d. "welsch" is 1 - exp(-(d / scale)**2 / 2), as published, which counts all
            that is far the same; "distance" is d itself.
        scale: of "welsch", in units of the distances; 1 as published, None a third of the median distance.
        refine: "none", or "alternate": assign points to their medoid and take each cluster's true medoid in turn, until
            nothing changes. That is a classical search which the QUBO only starts.
        subsample_size: None takes all points. A number draws subsamples of so many, where the backend takes no more or
            the distances between all points no longer fit into memory; the medoids with the lowest inertia on all
            points are taken (CLARA).
        n_subsamples: how many, all sampled in one batch. Used with subsample_size alone.
        price_shares: each QUBO is sampled with these shares of the price that provably leaves exactly k points in its
            ground state, one model each in one batch; the lowest state of exactly k is taken. See
            `QuboFeatureSelector`.
        backend: a registered name, a Backend, or a dimod.Sampler.
        backend_options: the backend's own options, e.g. {"num_sweeps": 200}.
        reads: samples drawn of each model.
        time_limit: seconds for the whole annealing.
        max_qpu_seconds: metered time granted; metered hardware does not run without it.
        random_state: int, RandomState or None. An int makes a fit repeatable on a seedable backend.

    Attributes:
        medoid_indices_: (n_clusters,), rows of the training data.
        cluster_centers_: (n_clusters, features), these rows; empty for metric="precomputed".
        labels_: (samples,), the nearest medoid of each point.
        inertia_: sum of the distances to it (distances, not squares).
        energies_: (subsamples,), E of the medoids found in each, before any refinement.
        sampleset_: dimod.SampleSet as the backend gave it, or a list of them, one a share of one subsample after
            the other.
        timing_: seconds by stage: distances, build, solve, decode, total; of a QPU also its access time, qpu.
        seed_: what `random_state` came to; given as random_state it repeats the fit.
        n_features_in_, feature_names_in_: as of any scikit-learn estimator.

    Raises (by `fit`):
        ParameterError: a parameter is out of its range.
        DataError: X cannot be clustered.
        BackendError: the backend is unknown, unavailable, or cannot take so many points.

    Source: Bauckhage et al., LWDA 2019, CEUR 2454, paper 39. Subsamples: Kaufman & Rousseeuw, Finding Groups in Data
    (1990).
    """

    def __init__(
        self,
        n_clusters: int = 8,
        metric: str | Callable[[Any, Any], float] = "euclidean",
        dissimilarity: str = "welsch",
        scale: float | None = None,
        refine: str = "none",
        subsample_size: int | None = None,
        n_subsamples: int = 5,
        price_shares: Sequence[float] = SHARES,
        backend: AnyBackend = "cpu",
        backend_options: dict[str, Any] | None = None,
        reads: int = 100,
        time_limit: float | None = None,
        max_qpu_seconds: float | None = None,
        random_state: Any = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.metric = metric
        self.dissimilarity = dissimilarity
        self.scale = scale
        self.refine = refine
        self.subsample_size = subsample_size
        self.n_subsamples = n_subsamples
        self.price_shares = price_shares
        self.backend = backend
        self.backend_options = backend_options
        self.reads = reads
        self.time_limit = time_limit
        self.max_qpu_seconds = max_qpu_seconds
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> QuboKMedoids:
        """Cluster X (samples, features), or (samples, samples) for metric="precomputed". y is not used."""
        started = perf_counter()
        self._check()
        annealer, shares, seed = self._annealer(), checked_shares(self.price_shares), seed_of(self.random_state)
        X = self._training_data(X)
        drawn = self._drawn(len(X), seed)
        distances = [self._between(X, rows) for rows in drawn]
        measured = perf_counter()
        models = [k_medoids(self._dissimilarities(d), self.n_clusters, shares=shares) for d in distances]
        built = perf_counter()
        sampled = annealer.sample([model for of_one in models for model in of_one], seed)
        solved = perf_counter()
        samples = sampled.samplesets
        found = [samples[i : i + len(shares)] for i in range(0, len(samples), len(shares))]
        subsets = [best_subset(*one, self.n_clusters) for one in zip(models, found, strict=True)]
        medoids = self._best(X, drawn, distances, subsets)
        self.energies_, self.seed_ = np.array([subset.energy for subset in subsets]), seed
        self.sampleset_ = samples[0] if len(samples) == 1 else samples
        self._keep(X, medoids)
        seconds = {"distances": measured - started, "build": built - measured, **sampled.seconds}
        now = perf_counter()
        self.timing_ = {**seconds, "decode": now - solved, "total": now - started}
        tell(subsets, self.n_clusters)
        return self

    def predict(self, X: Any) -> Ints:
        """The nearest medoid of each point: (samples,).

        Args:
            X: (samples, features); (samples, training samples) for metric="precomputed".
        """
        return np.asarray(self._to_medoids(self._new_data(X)).argmin(axis=1))

    def transform(self, X: Any) -> Floats:
        """Distances to the medoids: (samples, n_clusters)."""
        return self._to_medoids(self._new_data(X))

    def _check(self) -> None:
        """Check the parameters that do not hang on the data."""
        whole_number("n_clusters", self.n_clusters)
        whole_number("n_subsamples", self.n_subsamples)
        one_of("dissimilarity", self.dissimilarity, DISSIMILARITIES)
        one_of("refine", self.refine, REFINEMENTS)
        if self.scale is not None:
            finite_number("scale", self.scale, above=0)
        if not callable(self.metric):
            one_of("metric", self.metric, VALID_METRICS["brute"])
        if self.subsample_size is not None and whole_number("subsample_size", self.subsample_size) < self.n_clusters:
            raise ParameterError(
                f"subsample_size={self.subsample_size} cannot hold n_clusters={self.n_clusters} medoids; raise it"
            )

    def _training_data(self, X: Any) -> Floats:
        with data_errors():
            X = validate_data(self, X, dtype=np.float64)
        if self._precomputed and X.shape[0] != X.shape[1]:
            raise DataError(f"precomputed distances must be square, (samples, samples), found shape {X.shape}")
        if len(X) < self.n_clusters:
            raise DataError(f"n_clusters={self.n_clusters} needs as many samples, found {len(X)} samples; lower it")
        return X  # type: ignore[no-any-return]

    def _new_data(self, X: Any) -> Floats:
        check_is_fitted(self)
        with data_errors():
            return validate_data(self, X, dtype=np.float64, reset=False)  # type: ignore[no-any-return]

    def _drawn(self, points: int, seed: int) -> list[Ints]:
        """Rows of each subsample, rising; all rows where there is none.

        Raises:
            UnsupportedModel: they are more than the backend takes.
        """
        size = points if self.subsample_size is None else min(self.subsample_size, points)
        limit = capabilities_of(self.backend, self.backend_options).max_variables
        most = DENSE_LIMIT if limit is None else min(limit, DENSE_LIMIT)
        if size > most:
            raise UnsupportedModel(
                f"{size} points are {size} variables, and the backend takes at most {most}; "
                f"set subsample_size={most} or less (n_subsamples of them are one batch)"
            )
        if size == points:
            return [np.arange(points)]
        rng = np.random.default_rng([seed, 1])
        return [np.sort(rng.choice(points, size, replace=False)) for _ in range(self.n_subsamples)]

    def _between(self, X: Floats, rows: Ints) -> Floats:
        """Distances between some of the points: (rows, rows).

        Raises:
            DataError: they are not finite, negative, not symmetric, or those of a point to itself not zero.
        """
        if self._precomputed:
            distances = X[np.ix_(rows, rows)]
        else:
            with data_errors(), np.errstate(over="ignore", invalid="ignore"):
                distances = pairwise_distances(X[rows], metric=self.metric)
        if not np.isfinite(distances).all():
            raise DataError(
                "distances must be finite, found NaN or infinity; scale the features, or use another metric"
            )
        if distances.min() < 0 or distances.diagonal().any() or not np.allclose(distances, distances.T):
            raise DataError("distances must be symmetric, not negative, and zero from a point to itself")
        return np.asarray((distances + distances.T) / 2)

    def _dissimilarities(self, distances: Floats) -> Floats:
        return distances if self.dissimilarity == "distance" else welsch(distances, self.scale)

    def _best(self, X: Floats, drawn: list[Ints], distances: list[Floats], subsets: list[Subset]) -> Ints:
        """Of the medoids of each subsample, refined in it if asked for, those with the lowest inertia on all points."""
        found = [
            rows[alternated(between, subset.members) if self.refine == "alternate" else subset.members]
            for rows, between, subset in zip(drawn, distances, subsets, strict=True)
        ]
        inertias = [self._distances(X, X[medoids], medoids).min(axis=1).sum() for medoids in found]
        return found[int(np.argmin(inertias))]

    def _keep(self, X: Floats, medoids: Ints) -> None:
        self.medoid_indices_ = medoids
        self.cluster_centers_ = np.empty((0, 0)) if self._precomputed else X[medoids]
        distances = self._distances(X, X[medoids], medoids)
        self.inertia_ = float(distances.min(axis=1).sum())
        self.labels_: Ints = distances.argmin(axis=1)

    def _to_medoids(self, X: Floats) -> Floats:
        return self._distances(X, self.cluster_centers_, self.medoid_indices_)

    def _distances(self, X: Floats, centers: Floats, medoids: Ints) -> Floats:
        """From each point to each medoid, which are rows of the training data: (samples, medoids)."""
        if self._precomputed:
            return X[:, medoids]
        with data_errors():
            return np.asarray(pairwise_distances(X, centers, metric=self.metric))

    @property
    def _precomputed(self) -> bool:
        return isinstance(self.metric, str) and self.metric == "precomputed"

    @property
    def _n_features_out(self) -> int:
        return len(self.medoid_indices_)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "labels_")  # set last: data may be checked and a fit then fail or be interrupted

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self._precomputed
        return tags
