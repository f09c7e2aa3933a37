"""QuboKMedoids: its formula, its medoids beside PAM's, its manners towards scikit-learn."""

import itertools
import os
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
import skops.io
from dwave.samplers import SimulatedAnnealingSampler
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris, load_wine, make_blobs
from sklearn.exceptions import NotFittedError
from sklearn.metrics import adjusted_rand_score, pairwise_distances
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from hqml import load_backend
from hqml.backend import Capabilities, Usage
from hqml.cluster import QuboKMedoids, RepairWarning
from hqml.cluster.medoids import alternated, welsch
from hqml.errors import BackendError, DataError, ParameterError, ProblemError, UnknownBackend, UnsupportedModel
from hqml.problems.k_medoids import k_medoids
from hqml.samples import to_sampleset

X_BLOBS, Y_BLOBS = make_blobs(150, 2, centers=5, random_state=3)
X_IRIS, Y_IRIS = load_iris(return_X_y=True)


def quick(n_clusters: int = 3, **parameters: Any) -> QuboKMedoids:
    cheap = {"reads": 20, "backend_options": {"num_sweeps": 100}, "random_state": 0}
    return QuboKMedoids(n_clusters, **{**cheap, **parameters})


def standardised(load: Any) -> tuple[np.ndarray, np.ndarray]:
    X, y = load(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def pam(distances: np.ndarray, k: int, starts: int = 5) -> tuple[float, list[int]]:
    """Partitioning around medoids: the best swap of a medoid and a point until none helps, from a few random starts."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(starts):
        medoids, cost = list(rng.permutation(len(distances))[:k]), np.inf
        while True:
            swaps = []
            for place in range(k):
                others = medoids[:place] + medoids[place + 1 :]
                nearest = distances[:, others].min(axis=1, initial=np.inf)
                sums = np.minimum(nearest[:, None], distances).sum(axis=0)
                swaps.append((sums.min(), place, int(sums.argmin())))
            lowest, place, point = min(swaps)
            if lowest >= cost - 1e-9:
                break
            cost, medoids[place] = lowest, point
        found.append((cost, medoids))
    return min(found)


class Small:
    """The cpu backend as one that takes few variables, and a record of its batches."""

    def __init__(self, max_variables: int | None = None, ones: bool = False) -> None:
        self.batches: list[list[Any]] = []
        self.ones = ones
        self._cpu = load_backend("cpu")
        self.capabilities = Capabilities(
            kind="cpu", forms=self._cpu.capabilities.forms, max_variables=max_variables, seedable=True
        )

    def sample(self, qubos: Any, *, reads: int = 10, seed: Any = None, time_limit: Any = None, **options: Any) -> Any:
        self.batches.append(list(qubos))
        if self.ones:
            states = [np.ones((1, qubo.num_variables), np.int8) for qubo in qubos]
            return [to_sampleset(*one, backend="ones", seed=None, timing={}) for one in zip(qubos, states, strict=True)]
        return self._cpu.sample(qubos, reads=reads, seed=seed, **options)

    def estimate(self, qubos: Any, **arguments: Any) -> Usage:
        return Usage(0.0)

    def close(self) -> None:
        pass


# The formula


@st.composite
def clouds(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    n = draw(st.integers(1, 8))
    where = draw(hnp.arrays(np.float64, (n, 2), elements=st.floats(-3, 3)))
    return pairwise_distances(where), draw(st.integers(1, n))


def published(D: np.ndarray, k: int, z: np.ndarray) -> float:
    """-1/2 a z'Dz + b z'D1 with a = 1/k, b = 1/n (Bauckhage et al. 2019), by loops."""
    n = len(D)
    apart = sum(D[i, j] * z[i] * z[j] for i in range(n) for j in range(n))
    central = sum(D[i, j] * z[i] for i in range(n) for j in range(n))
    return float(-apart / (2 * k) + central / n)


class TestFormula:
    @given(clouds(), st.booleans())
    def test_the_ground_state_is_the_published_minimum_over_all_subsets_of_k(self, cloud: Any, robust: bool) -> None:
        D, k = cloud
        D = welsch(D, 1.0) if robust else D
        states = np.array(list(itertools.product((0, 1), repeat=len(D))), dtype=np.int8)
        [model] = k_medoids(D, k)
        energies, exact = model.energies(states), states.sum(axis=1) == k
        expected = [published(D, k, z) for z in states[exact].astype(float)]
        np.testing.assert_allclose(energies[exact], expected, atol=1e-9)
        assert energies[~exact].min(initial=np.inf) > energies.min()

    def test_a_smaller_share_of_the_price_makes_other_numbers_cheaper(self) -> None:
        whole, half = k_medoids(pairwise_distances(X_IRIS[::30]), 2, shares=(1.0, 0.5))
        states = np.array(list(itertools.product((0, 1), repeat=5)), dtype=np.int8)
        saved, exact = whole.energies(states) - half.energies(states), states.sum(axis=1) == 2
        np.testing.assert_allclose(saved[exact], 0, atol=1e-12)
        assert (saved[~exact] > 0).all()

    def test_one_medoid_is_the_point_nearest_to_all(self) -> None:
        D = pairwise_distances(X_IRIS)
        states = np.eye(150, dtype=np.int8)
        [model] = k_medoids(D, 1)
        assert model.energies(states).argmin() == D.sum(axis=0).argmin()

    @pytest.mark.parametrize(
        ("D", "k", "message"),
        [
            (np.zeros((2, 3)), 1, "must be a square matrix"),
            (np.zeros(3), 1, "must be a square matrix"),
            (np.eye(2), 1, "zero on the diagonal"),
            ([[0, 1], [2, 0]], 1, "symmetric"),
            ([[0, -1], [-1, 0]], 1, "not negative"),
            ([[0, np.inf], [np.inf, 0]], 1, "finite"),
            (np.zeros((2, 2)), 3, "k must be between 1 and the number of variables, 2"),
            (np.zeros((2, 2)), 0, "k must be between"),
            (np.zeros((0, 0)), 1, "k must be between 1 and the number of variables, 0"),
        ],
    )
    def test_what_is_out_of_range_is_refused(self, D: Any, k: int, message: str) -> None:
        with pytest.raises(ProblemError, match=message):
            k_medoids(D, k)

    def test_welschs_loss_by_hand(self) -> None:
        D = np.array([[0.0, 2.0, 1e200], [2.0, 0.0, 1e200], [1e200, 1e200, 0.0]])
        expected = [[0, 1 - np.exp(-0.5), 1], [1 - np.exp(-0.5), 0, 1], [1, 1, 0]]
        np.testing.assert_allclose(welsch(D, 2.0), expected)
        three = np.array([[0.0, 3.0], [3.0, 0.0]])
        np.testing.assert_allclose(welsch(three, None)[0, 1], 1 - np.exp(-4.5))  # a third of the median is 1
        assert not welsch(np.zeros((3, 3)), None).any()

    def test_alternation_by_hand(self) -> None:
        """Points 0 1 2 | 10 11 12, from 0 and 1: the right half goes to 1 first, then each finds its middle."""
        D = pairwise_distances(np.array([[0.0], [1], [2], [10], [11], [12]]))
        assert sorted(alternated(D, np.array([0, 1]))) == [1, 4]
        np.testing.assert_array_equal(alternated(np.zeros((3, 3)), np.array([0, 2])), [0, 2])


# The medoids


@pytest.mark.parametrize("dissimilarity", ["welsch", "distance"])
@pytest.mark.parametrize("k", [1, 2, 4, 12])
def test_the_medoids_are_the_lowest_of_all_subsets(dissimilarity: str, k: int) -> None:
    X = X_IRIS[::13]
    model = quick(k, dissimilarity=dissimilarity).fit(X)
    D = pairwise_distances(X)
    D = welsch(D, None) if dissimilarity == "welsch" else D
    energies = {
        chosen: published(D, k, np.isin(np.arange(12), chosen).astype(float))
        for chosen in itertools.combinations(range(12), k)
    }
    assert model.energies_[0] == pytest.approx(min(energies.values()))
    assert energies[tuple(model.medoid_indices_)] == pytest.approx(model.energies_[0])


@pytest.mark.parametrize(
    ("backend", "options"),
    [
        ("cpu", None),
        ("exact", None),
        ("neal", None),
        ("tabu", None),
        ("path-integral", None),
        ("gpu", {"device": "cpu"}),
        ("qpu-offline", {"shape": (3,)}),
        (SimulatedAnnealingSampler(), None),
        (load_backend("cpu"), None),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_every_backend_finds_the_same_medoids(backend: Any, options: Any) -> None:
    if backend == "gpu":
        pytest.importorskip("torch", reason="torch is missing: the backend gpu needs it")
    X = X_IRIS[::13]
    model = quick(3, backend=backend, backend_options=options, reads=50).fit(X)
    proven = quick(3, backend="exact", backend_options=None, price_shares=(1.0,)).fit(X)
    np.testing.assert_array_equal(model.medoid_indices_, proven.medoid_indices_)


def test_fitted_arrays_belong_together() -> None:
    model = quick(5).fit(X_BLOBS)
    np.testing.assert_array_equal(model.cluster_centers_, X_BLOBS[model.medoid_indices_])
    distances = pairwise_distances(X_BLOBS, model.cluster_centers_)
    np.testing.assert_array_equal(model.labels_, distances.argmin(axis=1))
    np.testing.assert_array_equal(model.labels_[model.medoid_indices_], np.arange(5))
    assert model.inertia_ == pytest.approx(distances.min(axis=1).sum())
    np.testing.assert_allclose(model.transform(X_BLOBS), distances)
    np.testing.assert_array_equal(model.predict(X_BLOBS), model.labels_)
    np.testing.assert_array_equal(clone(model).fit_predict(X_BLOBS), model.labels_)
    assert list(model.get_feature_names_out()) == [f"qubokmedoids{i}" for i in range(5)]
    assert set(model.timing_) == {"distances", "build", "solve", "decode", "total"}
    assert len(model.sampleset_) == 5


@pytest.mark.parametrize(
    ("X", "y", "k", "rand"),
    [(X_BLOBS, Y_BLOBS, 5, 1.0), (*standardised(load_iris), 3, 0.6), (*standardised(load_wine), 3, 0.7)],
    ids=["blobs", "iris", "wine"],
)
def test_the_stand_in_comes_within_a_tenth_of_pam_and_refined_within_a_fiftieth(
    X: Any, y: Any, k: int, rand: float
) -> None:
    """KMeans has the adjusted Rand indices 1.0, .62 and .90 there, PAM 1.0, .68 and .74."""
    best, medoids = pam(pairwise_distances(X), k)
    ours, refined = (QuboKMedoids(k, refine=refine, random_state=0).fit(X) for refine in ("none", "alternate"))
    assert best - 1e-9 <= refined.inertia_ <= ours.inertia_
    assert ours.inertia_ < 1.1 * best
    assert refined.inertia_ < 1.02 * best
    assert adjusted_rand_score(y, ours.labels_) >= rand - 0.1
    means = KMeans(k, n_init=5, random_state=0).fit(X)
    to_means = pairwise_distances(X, means.cluster_centers_).min(axis=1).sum()
    assert ours.inertia_ < 1.15 * to_means  # means need not be points, and so have less
    assert len(medoids) == k


def test_refinement_never_makes_it_worse() -> None:
    for k in (2, 4, 9):
        plain, refined = (quick(k, refine=refine).fit(X_IRIS) for refine in ("none", "alternate"))
        assert refined.inertia_ <= plain.inertia_
        np.testing.assert_array_equal(plain.energies_, refined.energies_)


@pytest.mark.parametrize("metric", ["manhattan", "cosine", "chebyshev", lambda a, b: abs(a - b).sum()])
def test_any_metric_is_as_its_precomputed_distances(metric: Any) -> None:
    X = X_IRIS[::5]
    by_name = quick(metric=metric).fit(X)
    distances = pairwise_distances(X, metric=metric)
    precomputed = quick(metric="precomputed").fit(distances)
    np.testing.assert_array_equal(by_name.medoid_indices_, precomputed.medoid_indices_)
    np.testing.assert_array_equal(by_name.labels_, precomputed.predict(distances))
    assert by_name.inertia_ == pytest.approx(precomputed.inertia_)
    assert precomputed.cluster_centers_.size == 0
    assert clone(precomputed).__sklearn_tags__().input_tags.pairwise


@pytest.mark.parametrize("dissimilarity", ["welsch", "distance"])
def test_an_outlier_is_no_medoid(dissimilarity: str) -> None:
    """It is far from the other medoids, k - 1 times 1 / k of its distance, but the whole distance from all points."""
    X = np.vstack([X_BLOBS, [[500.0, 500.0]]])
    assert 150 not in quick(5, dissimilarity=dissimilarity).fit(X).medoid_indices_


def test_equal_points_are_clustered_all_the_same() -> None:
    assert quick(2).fit(np.ones((6, 2))).inertia_ == 0


def test_subsamples_are_one_batch_and_the_best_on_all_points_is_taken() -> None:
    backend = Small(max_variables=40)
    model = quick(5, backend=backend, subsample_size=40, n_subsamples=4, price_shares=(1.0, 0.5)).fit(X_BLOBS)
    assert [[qubo.num_variables for qubo in batch] for batch in backend.batches] == [[40] * 8]
    assert model.energies_.shape == (4,)
    assert len(model.labels_) == 150
    assert model.inertia_ < 1.2 * pam(pairwise_distances(X_BLOBS), 5)[0]
    refined = quick(5, subsample_size=40, refine="alternate").fit(X_BLOBS)
    assert len(set(refined.medoid_indices_)) == 5
    whole, none = (quick(5, subsample_size=size).fit(X_BLOBS) for size in (150, None))
    np.testing.assert_array_equal(whole.medoid_indices_, none.medoid_indices_)


def test_too_many_points_for_a_backend_are_told_what_to_do() -> None:
    with pytest.raises(UnsupportedModel, match=r"150 points.*at most 40; set subsample_size=40 or less"):
        quick(5, backend=Small(max_variables=40)).fit(X_BLOBS)
    with pytest.raises(BackendError, match="at most 32"):
        quick(5, backend="exact", backend_options=None).fit(X_BLOBS)
    with pytest.raises(UnsupportedModel, match="subsample_size=16384"):
        quick().fit(np.zeros((16_385, 1)))


def test_samples_of_another_number_are_repaired_and_that_is_told() -> None:
    with pytest.warns(RepairWarning, match=r"exactly 3 ones in 1 of 1 problems") as caught:
        model = quick(backend=Small(ones=True)).fit(X_IRIS)
    assert caught[0].filename == __file__
    assert len(set(model.medoid_indices_)) == 3
    assert model.energies_[0] == pytest.approx(
        published(welsch(pairwise_distances(X_IRIS), None), 3, np.isin(np.arange(150), model.medoid_indices_) * 1.0)
    )


# Manners towards scikit-learn

CHECKED = QuboKMedoids(reads=20, backend_options={"num_sweeps": 50}, random_state=0)


@parametrize_with_checks([CHECKED])
def test_scikit_learns_check_passes(estimator: Any, check: Callable[[Any], None]) -> None:
    name = getattr(check, "func", check).__name__
    if name == "check_array_api_input" and not os.environ.get("SCIPY_ARRAY_API"):
        pytest.skip("SCIPY_ARRAY_API is not set: scipy lets array types in only where it is")
    check(estimator)


@pytest.mark.skipif(not sklearn.__version__.startswith("1.9."), reason="the count is that of scikit-learn 1.9")
def test_scikit_learn_finds_all_its_checks_to_apply() -> None:
    assert len(list(estimator_checks_generator(CHECKED))) == 51


def test_frames_pipelines_and_containers() -> None:
    frame = load_iris(as_frame=True).data
    pipeline = make_pipeline(StandardScaler(), quick()).set_output(transform="pandas").fit(frame)
    assert list(pipeline.transform(frame).columns) == ["qubokmedoids0", "qubokmedoids1", "qubokmedoids2"]
    assert isinstance(pipeline.predict(frame), np.ndarray)
    assert adjusted_rand_score(Y_IRIS, pipeline.predict(frame)) > 0.5
    assert list(quick().fit(frame).feature_names_in_) == list(pd.DataFrame(frame).columns)


def test_a_fitted_model_survives_pickling_and_skops() -> None:
    for metric, X in (("euclidean", X_IRIS), ("precomputed", pairwise_distances(X_IRIS))):
        model = quick(metric=metric).fit(X)
        data = skops.io.dumps(model)
        trusted = skops.io.get_untrusted_types(data=data)
        assert trusted == ["hqml.cluster.k_medoids.QuboKMedoids"]
        for again in (pickle.loads(pickle.dumps(model)), skops.io.loads(data, trusted=trusted)):
            np.testing.assert_array_equal(again.predict(X), model.labels_)
            assert len(again.sampleset_) == 5


def test_a_seed_repeats_a_fit_subsamples_included() -> None:
    generator = np.random.RandomState(0)
    first = quick(random_state=generator, subsample_size=30).fit(X_IRIS)
    again = quick(random_state=first.seed_, subsample_size=30).fit(X_IRIS)
    np.testing.assert_array_equal(first.energies_, again.energies_)
    np.testing.assert_array_equal(first.medoid_indices_, again.medoid_indices_)
    other = quick(random_state=first.seed_ + 1, subsample_size=30).fit(X_IRIS)
    assert not np.array_equal(first.energies_, other.energies_)


# What is refused


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_clusters": 0}, "n_clusters must be"),
        ({"n_clusters": 2.0}, "n_clusters must be"),
        ({"n_clusters": True}, "n_clusters must be"),
        ({"metric": "euclid"}, "metric must be one of"),
        ({"metric": 2}, "metric must be one of"),
        ({"dissimilarity": "square"}, "dissimilarity must be one of 'welsch', 'distance'"),
        ({"scale": 0}, "scale must be"),
        ({"scale": "auto"}, "scale must be"),
        ({"refine": "swap"}, "refine must be one of 'none', 'alternate'"),
        ({"refine": None}, "refine must be one of"),
        ({"subsample_size": 2}, "subsample_size=2 cannot hold n_clusters=3"),
        ({"subsample_size": 0.5}, "subsample_size must be"),
        ({"n_subsamples": 0}, "n_subsamples must be"),
        ({"price_shares": ()}, "price_shares must be"),
        ({"price_shares": (1, -1)}, "each of price_shares must be"),
        ({"backend": 7}, "backend must be"),
        ({"backend_options": {"seed": 5}}, "backend_options must not hold seed"),
        ({"reads": 0}, "reads must be"),
        ({"time_limit": 0}, "time_limit must be"),
        ({"max_qpu_seconds": -1}, "max_qpu_seconds must be"),
        ({"random_state": -1}, "random_state cannot be used"),
    ],
)
def test_a_bad_parameter_is_one_clear_line(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message) as caught:
        quick(**parameters).fit(X_IRIS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("X", "parameters", "message"),
    [
        (np.where(X_IRIS > 7, np.nan, X_IRIS), {}, "contains NaN"),
        (X_IRIS[:, 0], {}, "Expected 2D array"),
        (X_IRIS[:2], {}, "n_clusters=3 needs as many samples, found 2"),
        (X_IRIS[:0], {}, "0 sample"),
        (np.full((9, 2), "red"), {}, "could not convert string"),
        (X_IRIS, {"metric": "precomputed"}, "must be square"),
        (np.triu(np.ones((9, 9)), 1), {"metric": "precomputed"}, "must be symmetric"),
        (np.ones((9, 9)), {"metric": "precomputed"}, "zero from a point to itself"),
        (np.eye(9) - 1, {"metric": "precomputed"}, "not negative"),
        (1e200 * X_IRIS, {}, "must be finite"),
        (X_IRIS, {"metric": lambda a, b: -1.0}, "not negative"),
        (X_IRIS, {"metric": "haversine"}, "2"),
    ],
)
def test_bad_data_are_a_data_error(X: Any, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        quick(**parameters).fit(X)


def test_what_is_not_fitted_or_does_not_fit_is_told() -> None:
    with pytest.raises(NotFittedError):
        quick().predict(X_IRIS)
    with pytest.raises(NotFittedError):
        quick().transform(X_IRIS)
    with pytest.raises(DataError, match="expecting 4 features"):
        quick().fit(X_IRIS).predict(X_BLOBS)
    with pytest.raises(UnknownBackend, match="did you mean 'cpu'"):
        quick(backend="cpuu").fit(X_IRIS)
