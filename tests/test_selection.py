"""QuboFeatureSelector: its price, its estimates, its selections, its manners towards scikit-learn."""

import itertools
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
import skops.io
from dwave.samplers import SimulatedAnnealingSampler
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.metrics import mutual_info_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from hqml import load_backend
from hqml.backend import Capabilities, Usage
from hqml.errors import BackendError, DataError, ParameterError, ProblemError, UnknownBackend
from hqml.problems.exactly_k import exactly_k, lowest_price, repaired
from hqml.problems.feature_selection import feature_selection
from hqml.samples import to_sampleset
from hqml.selection import QuboFeatureSelector, RepairWarning
from hqml.selection.relevance import correlations, discretised, informations, mutual_informations

X_WINE, Y_WINE = load_wine(return_X_y=True)
X_CANCER, Y_CANCER = load_breast_cancer(return_X_y=True)
few = settings(max_examples=30)  # scikit-learn's informations are slow ones
CRITERIA = ["correlation", "mutual_information", "conditional_mutual_information"]


def quick(**parameters: Any) -> QuboFeatureSelector:
    return QuboFeatureSelector(**{"reads": 20, "backend_options": {"num_sweeps": 200}, "random_state": 0, **parameters})


def all_states(n: int) -> np.ndarray:
    return np.array(list(itertools.product((0, 1), repeat=n)), dtype=np.int8)


class Stubborn:
    """A backend whose every sample has all ones."""

    def __init__(self, max_variables: int | None = None) -> None:
        self.batches: list[list[Any]] = []
        self.capabilities = Capabilities(kind="cpu", max_variables=max_variables)

    def sample(self, qubos: Any, *, reads: int = 1, seed: Any = None, time_limit: Any = None) -> Any:
        self.batches.append(list(qubos))
        return [
            to_sampleset(q, np.ones((1, q.num_variables), np.int8), backend="stubborn", seed=None, timing={})
            for q in qubos
        ]

    def estimate(self, qubos: Any, **arguments: Any) -> Usage:
        return Usage(0.0)

    def close(self) -> None:
        pass


# Exactly k


@st.composite
def choices(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int]:
    """Coefficients of all signs and sizes, and how many to choose."""
    n = draw(st.integers(1, 7))
    numbers = st.floats(-1, 1) | st.sampled_from([0.0, 1.0, -1.0])
    linear = draw(hnp.arrays(np.float64, n, elements=numbers)) * draw(st.sampled_from([0, 1, 20]))
    half = np.triu(draw(hnp.arrays(np.float64, (n, n), elements=numbers)), 1) * draw(st.sampled_from([0, 1, 20]))
    shift = draw(st.sampled_from([-5.0, 0.0, 5.0]))
    return linear + draw(st.sampled_from([-9.0, 0.0, 9.0])), half + half.T + shift, draw(st.integers(1, n))


def objective(linear: np.ndarray, couplings: np.ndarray, states: np.ndarray) -> np.ndarray:
    n = len(linear)
    return np.array(
        [
            sum(linear[i] * x[i] for i in range(n))
            + sum(couplings[i, j] * x[i] * x[j] for i in range(n) for j in range(i))
            for x in states.astype(float)
        ]
    )


class TestExactlyK:
    @given(choices())
    def test_every_ground_state_has_exactly_k_ones_and_the_lowest_objective(self, choice: Any) -> None:
        linear, couplings, k = choice
        states = all_states(len(linear))
        [model] = exactly_k(linear, couplings, k)
        energies, exact = model.energies(states), states.sum(axis=1) == k
        expected = objective(linear, couplings, states)
        np.testing.assert_allclose(energies[exact], expected[exact], atol=1e-9 * max(1, np.abs(expected).max()))
        assert energies[~exact].min(initial=np.inf) > energies.min()

    @given(choices())
    def test_single_flips_alone_lead_downhill_to_k_from_anywhere(self, choice: Any) -> None:
        """What the proof says: with another number of ones some flip towards k lowers the energy."""
        linear, couplings, k = choice
        [model] = exactly_k(linear, couplings, k)
        states = all_states(len(linear))
        change = (1 - 2 * states) * model.field(states)
        towards = np.where(states.sum(axis=1, keepdims=True) > k, states == 1, states == 0)
        downhill = np.where(towards, change, np.inf).min(axis=1) < 0
        assert downhill[states.sum(axis=1) != k].all()

    @given(choices())
    def test_the_price_is_never_above_the_one_without_a_tilt(self, choice: Any) -> None:
        """The plain bound: the most that one variable can gain by being the wrong way round."""
        linear, couplings, k = choice
        off_diagonal = couplings * (1 - np.eye(len(linear)))
        positive, negative = np.maximum(off_diagonal, 0).sum(axis=1), np.minimum(off_diagonal, 0).sum(axis=1)
        plain = max((linear + positive).max(), (-linear - negative).max(), 0)
        margin = 0.03 * (max(np.abs(linear).max(), np.abs(off_diagonal).max()) or 1.0)
        assert lowest_price(linear, off_diagonal, k)[1] <= (plain + margin) * (1 + 1e-4) + 1e-9

    @pytest.mark.parametrize(("k", "tilt"), [(1, 3), (2, 9)])
    def test_tilt_and_price_by_hand(self, k: int, tilt: float) -> None:
        """Three variables, each two worth -6: R_2 = 6, R_3 = 12, A_0 = 0, A_1 = -6.

        k = 1: the least of max(6 - t, (12 - t) / 3, t). k = 2: of max(12 - t, t / 3, t - 6). The margin is .03 * 6.
        """
        couplings = 6.0 * np.eye(3) - 6
        assert lowest_price(np.zeros(3), couplings, k) == pytest.approx((tilt, 3 + 0.18), abs=1e-3)
        assert lowest_price(np.zeros(3), np.zeros((3, 3)), k) == (0, 0.03)

    def test_shares_change_the_price_alone(self) -> None:
        linear, couplings = np.array([-1.0, -2, -3]), np.ones((3, 3))
        states = all_states(3)
        whole, half = (model.energies(states) for model in exactly_k(linear, couplings, 2, shares=(1.0, 0.5)))
        _, price = lowest_price(linear, np.ones((3, 3)) - np.eye(3), 2)
        np.testing.assert_allclose(whole - half, price / 2 * (states.sum(axis=1) - 2) ** 2, atol=1e-12)

    def test_repair_takes_the_cheapest_flips(self) -> None:
        """Of four ones with energies 1 to 4 the two dearest go; to none the two cheapest come."""
        [model] = exactly_k(np.array([3.0, 1, 4, 2]), np.zeros((4, 4)), 2)
        for start in ([1, 1, 1, 1], [0, 0, 0, 0], [0, 1, 0, 1], [1, 1, 0, 1]):
            for kind in (int, float):  # of zeros and ones, as states everywhere
                found = repaired(model, np.array(start, kind), 2)
                assert (found.tolist(), found.dtype) == ([0, 1, 0, 1], np.int8)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"k": 0}, "k must be between 1 and the number of variables, 3"),
            ({"k": 4}, "k must be between"),
            ({"shares": ()}, "shares must be"),
            ({"shares": (0.0,)}, "shares must be"),
            ({"shares": (float("nan"),)}, "shares must be"),
            ({"linear": np.zeros((3, 1))}, "couplings must be square"),
            ({"couplings": np.zeros((3, 2))}, "couplings must be square"),
            ({"couplings": np.triu(np.ones((3, 3)))}, "symmetric"),
            ({"linear": [0, np.nan, 0]}, "coefficients must be finite"),
            ({"couplings": np.full((3, 3), np.inf)}, "coefficients must be finite"),
        ],
    )
    def test_what_is_out_of_range_is_refused(self, change: dict[str, Any], message: str) -> None:
        arguments = {"linear": np.zeros(3), "couplings": np.zeros((3, 3)), "k": 1} | change
        with pytest.raises(ProblemError, match=message):
            exactly_k(arguments.pop("linear"), arguments.pop("couplings"), arguments.pop("k"), **arguments)


# The formula


@st.composite
def tables(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    codes = draw(hnp.arrays(np.int64, (draw(st.integers(2, 12)), draw(st.integers(1, 5))), elements=st.integers(0, 2)))
    return codes, draw(hnp.arrays(np.int64, len(codes), elements=st.integers(0, 2)))


def conditional_information(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> float:
    """I(X;Y|Z) by scikit-learn, one value of Z after the other."""
    return sum((z == v).mean() * mutual_info_score(x[z == v], y[z == v]) for v in np.unique(z))


class TestFormula:
    @few
    @given(tables())
    def test_at_one_half_conditional_information_is_miqubo(self, table: Any) -> None:
        """Q_ii = -I(X_i;Y), Q_ij = -I(X_j;Y|X_i), written out; half a k-th of it on every state of exactly k."""
        codes, y = table
        n = codes.shape[1]
        Q = np.array(
            [
                [
                    -mutual_info_score(codes[:, i], y)
                    if i == j
                    else -conditional_information(codes[:, j], y, codes[:, i])
                    for j in range(n)
                ]
                for i in range(n)
            ]
        )
        known = informations(codes, y, conditional=True)
        states = all_states(n)
        for k in range(1, n + 1):
            [model] = feature_selection(known.relevance, known.redundancy, k)
            exact = states[states.sum(axis=1) == k]
            published = np.array([x @ Q @ x for x in exact.astype(float)])
            np.testing.assert_allclose(2 * k * model.energies(exact), published, atol=1e-9)

    @few
    @given(tables())
    def test_at_one_half_information_is_mrmr(self, table: Any) -> None:
        """Mean redundancy minus mean relevance, Peng et al. eq. 6, without a feature's redundancy to itself."""
        codes, y = table
        n = codes.shape[1]
        known = informations(codes, y, conditional=False)
        states = all_states(n)
        for k in range(1, n + 1):
            [model] = feature_selection(known.relevance, known.redundancy, k)
            for x in states[states.sum(axis=1) == k]:
                chosen = np.flatnonzero(x)
                relevance = np.mean([mutual_info_score(codes[:, i], y) for i in chosen])
                pairs = [mutual_info_score(codes[:, i], codes[:, j]) for i in chosen for j in chosen if i != j]
                assert 2 / k * model.energies(x)[0] == pytest.approx(sum(pairs) / k**2 - relevance, abs=1e-9)

    def test_at_zero_redundancy_alone_counts_and_at_one_relevance(self) -> None:
        redundancy = np.array([[0.0, 1, 2], [1, 0, 4], [2, 4, 0]])
        pairs = np.array([[1, 1, 0], [1, 0, 1], [0, 1, 1]])
        for alpha, expected in ((0, [1, 2, 4]), (1, [-3, -5, -6])):
            [model] = feature_selection([1.0, 2.0, 4.0], redundancy, 2, alpha=alpha)
            np.testing.assert_allclose(model.energies(pairs), expected, atol=1e-9)

    def test_a_smaller_share_of_the_price_makes_other_numbers_cheaper(self) -> None:
        redundancy = np.abs(np.corrcoef(X_WINE[:, :5], rowvar=False))
        whole, half = feature_selection(np.arange(5.0), redundancy, 2, shares=(1.0, 0.5))
        states = all_states(5)
        saved, exact = whole.energies(states) - half.energies(states), states.sum(axis=1) == 2
        np.testing.assert_allclose(saved[exact], 0, atol=1e-12)
        assert (saved[~exact] > 0).all()

    def test_at_one_half_correlation_is_d_waves_default(self) -> None:
        """Absolute correlations in full, its diagonal -2 a k |corr(x_i, y)| with a = 1/2: 2 k times ours."""
        X, y, k = X_CANCER[:, :8], Y_CANCER, 3
        known = correlations(X, y, classes=True)
        everything = np.abs(np.corrcoef(X, y, rowvar=False))
        Q = everything[:-1, :-1].copy()
        np.fill_diagonal(Q, -2 * 0.5 * k * everything[-1, :-1])
        [model] = feature_selection(known.relevance, known.redundancy, k)
        states = all_states(8)
        exact = states[states.sum(axis=1) == k]
        np.testing.assert_allclose(2 * k * model.energies(exact), [x @ Q @ x for x in exact.astype(float)])

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"alpha": -0.1}, "alpha must be"),
            ({"alpha": 1.1}, "alpha must be"),
            ({"alpha": float("nan")}, "alpha must be"),
            ({"redundancy": [[0, 1], [2, 0]]}, "redundancy must be a symmetric"),
            ({"redundancy": [0, 1]}, "redundancy must be"),
            ({"redundancy": np.zeros((2, 3))}, r"redundancy must be .*, found shape \(2, 3\)"),
            ({"relevance": [1, 2, 3]}, "couplings must be square"),
            ({"k": 0}, "k must be between"),
        ],
    )
    def test_what_is_out_of_range_is_refused(self, change: dict[str, Any], message: str) -> None:
        arguments = {"relevance": [1.0, 2.0], "redundancy": np.zeros((2, 2)), "k": 1} | change
        with pytest.raises(ProblemError, match=message):
            feature_selection(**arguments)


# The estimates


class TestEstimates:
    @few
    @given(tables())
    def test_informations_are_scikit_learns(self, table: Any) -> None:
        codes, y = table
        known, conditional = (informations(codes, y, conditional=c) for c in (False, True))
        for i, j in itertools.product(range(codes.shape[1]), repeat=2):
            if i != j:
                a, b = codes[:, i], codes[:, j]
                assert known.redundancy[i, j] == pytest.approx(mutual_info_score(a, b), abs=1e-9)
                shared = mutual_info_score(a, b) - conditional_information(a, b, y)
                assert conditional.redundancy[i, j] == pytest.approx(shared, abs=1e-9)
        expected = [mutual_info_score(column, y) for column in codes.T]
        np.testing.assert_allclose(known.relevance, expected, atol=1e-9)
        assert not known.redundancy.diagonal().any()

    def test_exclusive_or_by_hand(self) -> None:
        """Neither of two coins tells of their XOR, both together tell all: -log 2 of redundancy."""
        codes = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
        y = codes[:, 0] ^ codes[:, 1]
        plain, conditional = (informations(codes, y, conditional=c) for c in (False, True))
        np.testing.assert_allclose(plain.relevance, 0, atol=1e-12)
        assert plain.redundancy[0, 1] == pytest.approx(0, abs=1e-12)
        assert conditional.redundancy[0, 1] == pytest.approx(-np.log(2))

    def test_information_by_hand(self) -> None:
        """Counts 2 0 / 1 1: entropies log 2 and H(3/4), jointly 1.5 log 2; so log 2 + H(3/4) - 1.5 log 2."""
        codes = np.array([[0, 0], [0, 0], [1, 0], [1, 1]])
        entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
        assert mutual_informations(codes)[0, 1] == pytest.approx(entropy - 0.5 * np.log(2))

    @pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
    def test_gaussian_pairs_come_near_minus_half_the_log_of_one_minus_rho_squared(self, rho: float) -> None:
        """20 bins lose some of it (data processing), finite samples add (20 - 1)**2 / (2 * 40000) = .0045."""
        rng = np.random.default_rng(0)
        x, noise = rng.normal(size=(2, 40_000))
        codes = discretised(np.column_stack([x, rho * x + np.sqrt(1 - rho**2) * noise]), 20)
        truth = -0.5 * np.log(1 - rho**2)
        assert 0.9 * truth - 0.001 < mutual_informations(codes)[0, 1] < truth + 0.006

    def test_many_columns_are_counted_in_parts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        codes = np.random.default_rng(0).integers(0, 5, (300, 20))
        whole = mutual_informations(codes)
        monkeypatch.setattr("hqml.selection.relevance._CELLS", 1000)
        np.testing.assert_allclose(mutual_informations(codes), whole)

    def test_bins_hold_about_equally_many(self) -> None:
        codes = discretised(np.random.default_rng(0).normal(size=(1000, 2)), 7)
        assert {len(np.unique(column)) for column in codes.T} == {7}
        assert all(abs(count - 1000 / 7) < 2 for column in codes.T for count in np.bincount(column))

    @pytest.mark.parametrize("side", [1, -1])
    def test_a_frequent_value_has_a_bin_of_its_own(self, side: int) -> None:
        """Like the zeros of counts, or a sensor at its limit."""
        values = side * np.concatenate([np.zeros(600), np.linspace(1, 2, 400)])
        codes = discretised(values[:, None], 5)[:, 0]
        assert len(np.unique(codes[:600])) == 1
        assert codes[0] not in codes[600:]
        assert len(np.unique(codes)) == 3

    def test_few_values_and_categories_keep_their_own_bins(self) -> None:
        values = np.array([[7.0, i] for i in range(10)] + [[9.0, i] for i in range(10)])
        codes = discretised(values, 3, np.array([False, True]))
        np.testing.assert_array_equal(np.unique(codes[:, 0]), [0, 1])
        assert len(np.unique(codes[:, 1])) == 10

    def test_correlations_are_numpys(self) -> None:
        X, y = load_diabetes(return_X_y=True)
        known = correlations(X, y, classes=False)
        everything = np.abs(np.corrcoef(X, y, rowvar=False))
        np.testing.assert_allclose(known.relevance, everything[-1, :-1])
        np.testing.assert_allclose(known.redundancy, everything[:-1, :-1] * (1 - np.eye(10)), atol=1e-12)

    def test_of_two_classes_the_correlation_ratio_is_the_correlation(self) -> None:
        as_classes = correlations(X_CANCER, Y_CANCER, classes=True)
        np.testing.assert_allclose(as_classes.relevance, correlations(X_CANCER, Y_CANCER, classes=False).relevance)

    def test_of_more_classes_the_ratio_is_that_of_the_analysis_of_variance(self) -> None:
        """F = eta^2 / (1 - eta^2) * (n - c) / (c - 1), by scikit-learn."""
        eta = correlations(X_WINE, Y_WINE, classes=True).relevance
        np.testing.assert_allclose(eta**2 / (1 - eta**2) * (178 - 3) / 2, f_classif(X_WINE, Y_WINE)[0])

    @pytest.mark.parametrize("value", [0.0, 0.1, 1e300, -1e-300])
    def test_a_constant_feature_tells_nothing(self, value: float) -> None:
        X = np.column_stack([np.full(10, value), np.arange(10)])
        y = np.arange(10) % 2
        for known in (correlations(X, y, classes=True), informations(discretised(X, 5), y, conditional=True)):
            assert known.relevance[0] == pytest.approx(0, abs=1e-12)
            assert known.redundancy[0, 1] == pytest.approx(0, abs=1e-12)


# The selection


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("k", [1, 4, 13])
def test_the_selection_is_the_lowest_of_all_subsets(criterion: str, k: int) -> None:
    model = quick(n_features_to_select=k, criterion=criterion, backend_options=None).fit(X_WINE, Y_WINE)
    energies = {}
    for chosen in itertools.combinations(range(13), k):
        pairs = model.redundancy_[np.ix_(chosen, chosen)].sum()
        energies[chosen] = -0.5 * model.relevance_[list(chosen)].sum() + 0.5 / k * pairs
    best = min(energies, key=energies.__getitem__)
    assert tuple(model.get_support(indices=True)) == best
    assert np.nanmin(model.energies_) == pytest.approx(energies[best])
    assert model.n_features_ == k == model.support_.sum()


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
def test_every_backend_selects_the_same(backend: Any, options: Any) -> None:
    """Eight features of wine, three of them, six models: the ground state is proven by `exact`."""
    if backend == "gpu":
        pytest.importorskip("torch", reason="torch is missing: the backend gpu needs it")
    X, y = X_WINE[:, :8], Y_WINE
    model = quick(n_features_to_select=3, backend=backend, backend_options=options, reads=50).fit(X, y)
    proven = quick(n_features_to_select=3, backend="exact", backend_options=None, price_shares=(1.0,)).fit(X, y)
    np.testing.assert_array_equal(model.support_, proven.support_)
    assert np.nanmin(model.energies_) == pytest.approx(proven.energies_[0])


def test_relevance_alone_is_select_k_best() -> None:
    ours = quick(n_features_to_select=6, alpha=1.0, backend_options=None).fit(X_WINE, Y_WINE)
    np.testing.assert_array_equal(ours.support_, SelectKBest(f_classif, k=6).fit(X_WINE, Y_WINE).get_support())


def test_a_copy_of_a_feature_is_not_selected_beside_it() -> None:
    X = np.column_stack([X_WINE, X_WINE[:, 6], 3 * X_WINE[:, 6] + 1])
    for criterion in CRITERIA:
        support = quick(n_features_to_select=4, criterion=criterion).fit(X, Y_WINE).support_
        assert support[[6, 13, 14]].sum() <= 1


def test_only_conditional_information_finds_features_that_tell_together() -> None:
    """y is the XOR of features 0 and 1; feature 2 alone tells a little."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, (2000, 6)).astype(float)
    y = (X[:, 0] != X[:, 1]).astype(int)
    X[:, 2] = np.where(rng.random(2000) < 0.2, y, X[:, 2])
    found = {c: set(quick(n_features_to_select=2, criterion=c).fit(X, y).get_support(indices=True)) for c in CRITERIA}
    assert found["conditional_mutual_information"] == {0, 1}
    assert 2 in found["mutual_information"]
    assert 2 in found["correlation"]


@pytest.mark.parametrize("criterion", CRITERIA)
def test_numbers_are_a_target_as_well(criterion: str) -> None:
    """Body mass and the two that doctors know of are among the four of ten that tell of diabetes."""
    X, y = load_diabetes(return_X_y=True)
    model = quick(n_features_to_select=4, criterion=criterion).fit(X, y)
    assert {2, 8} <= set(model.get_support(indices=True))


@pytest.mark.parametrize(
    ("wanted", "k"), [(None, 6), ("auto", 6), (3, 3), (np.int64(3), 3), (0.25, 3), (1.0, 13), (0.01, 1)]
)
def test_how_many_is_a_number_a_share_or_half(wanted: Any, k: int) -> None:
    assert quick(n_features_to_select=wanted).fit(X_WINE, Y_WINE).support_.sum() == k


def test_all_shares_of_the_price_are_one_batch() -> None:
    backend = Stubborn()
    with pytest.warns(RepairWarning):
        quick(backend=backend, backend_options=None, price_shares=(1, 0.5, 0.2)).fit(X_WINE, Y_WINE)
    assert [len(batch) for batch in backend.batches] == [3]


def test_samples_of_another_number_are_repaired_and_that_is_told() -> None:
    with pytest.warns(RepairWarning, match=r"no sample had exactly 2 ones in 1 of 1 problems.*repaired") as caught:
        model = quick(n_features_to_select=2, backend=Stubborn(), backend_options=None).fit(X_WINE, Y_WINE)
    assert caught[0].filename == __file__  # it points at the line that called fit
    assert model.support_.sum() == 2
    assert np.isnan(model.energies_).all()


def test_the_path_gives_the_best_of_each_size_in_one_batch() -> None:
    model = quick(n_features_to_select=2, backend_options=None).fit(X_WINE, Y_WINE)
    path = model.selection_path([1, 4, np.int64(7)])
    assert {k: mask.sum() for k, mask in path.items()} == {1: 1, 4: 4, 7: 7}
    for k, mask in path.items():
        alone = quick(n_features_to_select=int(k), backend_options=None).fit(X_WINE, Y_WINE)
        np.testing.assert_array_equal(mask, alone.support_)
    backend = Stubborn()
    with pytest.warns(RepairWarning, match="in 2 of 2"):
        model.set_params(backend=backend, backend_options=None).selection_path([2, 3])
    assert [len(batch) for batch in backend.batches] == [12]


def test_categories_need_no_order() -> None:
    """Shuffled codes of a category tell as much as before; as numbers, in two bins, they would not."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 6, 600)
    codes = rng.permutation(6)[y].astype(float)
    X = np.column_stack([rng.normal(size=600), codes, (y > 2) + rng.normal(size=600)])
    parameters = {"criterion": "mutual_information", "n_bins": 2, "n_features_to_select": 1}
    for given_as in ([1], np.array([False, True, False]), np.array([1])):
        model = quick(**parameters, categorical_features=given_as).fit(X, y)
        assert model.relevance_[1] == pytest.approx(mutual_info_score(y, y))
    assert quick(**parameters).fit(X, y).relevance_[1] < 0.5 * mutual_info_score(y, y)


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (np.array(["a", "b", "c"])[Y_WINE], True),
        (Y_WINE == 1, True),
        (Y_WINE.astype(float), True),
        (np.linspace(0, 1, 178), False),
        (np.arange(178.0), False),
        (Y_WINE + 0.5, False),
    ],
)
def test_auto_tells_classes_from_numbers(y: Any, classes: bool) -> None:
    """Seen by the relevance: of classes it is the correlation ratio."""
    by_name = quick(target="classes" if classes else "numbers").fit(X_WINE, y)
    np.testing.assert_array_equal(quick().fit(X_WINE, y).relevance_, by_name.relevance_)


def test_many_different_whole_numbers_have_to_be_explained() -> None:
    y = np.arange(178)
    with pytest.raises(DataError, match="178 different whole numbers: say target='classes' or target='numbers'"):
        quick().fit(X_WINE, y)
    assert quick(target="numbers").fit(X_WINE, y).support_.sum() == 6


# Manners towards scikit-learn

CHECKED = QuboFeatureSelector(reads=20, backend_options={"num_sweeps": 50}, random_state=0)


@parametrize_with_checks([CHECKED])
def test_scikit_learns_check_passes(estimator: Any, check: Callable[[Any], None]) -> None:
    name = getattr(check, "func", check).__name__
    if name == "check_array_api_input" and not os.environ.get("SCIPY_ARRAY_API"):
        pytest.skip("SCIPY_ARRAY_API is not set: scipy lets array types in only where it is")
    check(estimator)


@pytest.mark.skipif(not sklearn.__version__.startswith("1.9."), reason="the count is that of scikit-learn 1.9")
def test_scikit_learn_finds_all_its_checks_to_apply() -> None:
    assert len(list(estimator_checks_generator(CHECKED))) == 48


def test_it_transforms_back_and_forth_and_keeps_names() -> None:
    frame, y = load_iris(return_X_y=True, as_frame=True)
    model = quick(n_features_to_select=2).fit(frame, y)
    names = list(model.get_feature_names_out())
    assert names == [name for name, kept in zip(frame.columns, model.support_, strict=True) if kept]
    small = model.transform(frame)
    np.testing.assert_array_equal(small, frame[names])
    back = model.inverse_transform(small)
    np.testing.assert_array_equal(back[:, model.support_], small)
    assert not back[:, ~model.support_].any()
    as_frame = clone(model).set_output(transform="pandas").fit(frame, y).transform(frame)
    assert isinstance(as_frame, pd.DataFrame)
    assert list(as_frame.columns) == names
    assert model.n_features_in_ == 4
    assert set(model.timing_) == {"estimates", "build", "solve", "decode", "total"}
    assert len(model.sampleset_) == len(model.energies_) == 6


def test_it_lives_in_a_pipeline_and_a_grid_search() -> None:
    pipeline = make_pipeline(StandardScaler(), quick(), SVC())
    grid = {"qubofeatureselector__n_features_to_select": [1, 3, 6], "qubofeatureselector__alpha": [0.5, 0.9]}
    assert GridSearchCV(pipeline, grid, cv=3).fit(X_WINE, Y_WINE).best_score_ > 0.93


def test_a_fitted_selector_survives_pickling_and_skops() -> None:
    for shares in ((1.0,), (1.0, 0.5)):
        model = quick(price_shares=shares, backend_options={"num_sweeps": 50, "bound": False}).fit(X_WINE, Y_WINE)
        data = skops.io.dumps(model)
        trusted = skops.io.get_untrusted_types(data=data)
        assert trusted == ["hqml.selection.feature_selector.QuboFeatureSelector"]
        for again in (pickle.loads(pickle.dumps(model)), skops.io.loads(data, trusted=trusted)):
            np.testing.assert_array_equal(again.transform(X_WINE), model.transform(X_WINE))
            assert type(again.sampleset_) is type(model.sampleset_)


def test_a_seed_repeats_a_fit() -> None:
    generator = np.random.RandomState(0)
    first = quick(random_state=generator).fit(X_WINE, Y_WINE)
    again = quick(random_state=first.seed_).fit(X_WINE, Y_WINE)
    np.testing.assert_array_equal(first.energies_, again.energies_)
    np.testing.assert_array_equal(first.sampleset_[0].record, again.sampleset_[0].record)


# Real data


def test_on_sonar_ten_of_sixty_serve_an_svm_as_well_as_the_ten_best_alone(shared_data: Path) -> None:
    """Five-fold accuracy of both is .72 to .80; neither may fall behind by more than that spread."""
    table = pd.read_csv(shared_data / "ml" / "sonar.csv")
    X, y = table.drop(columns="class").to_numpy(), table["class"].to_numpy()
    scores = {}
    for name, selector in (("ours", quick(n_features_to_select=10)), ("best", SelectKBest(f_classif, k=10))):
        search = GridSearchCV(make_pipeline(StandardScaler(), selector, SVC()), {"svc__C": [3.0]}, cv=5)
        scores[name] = search.fit(X, y).best_score_
    assert scores["ours"] > scores["best"] - 0.06


# What is refused


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_features_to_select": 0}, "n_features_to_select must be"),
        ({"n_features_to_select": 14}, "n_features_to_select=14 of 13 features"),
        ({"n_features_to_select": 1.5}, "whole number or a share up to 1"),
        ({"n_features_to_select": -0.5}, "n_features_to_select"),
        ({"n_features_to_select": np.nan}, "n_features_to_select"),
        ({"n_features_to_select": True}, "n_features_to_select must be"),
        ({"n_features_to_select": "half"}, "n_features_to_select must be"),
        ({"criterion": "chi2"}, "criterion must be one of 'correlation'"),
        ({"alpha": 1.1}, "alpha must be at most 1"),
        ({"alpha": -1}, "alpha must be"),
        ({"alpha": "auto"}, "alpha must be"),
        ({"n_bins": 1}, "n_bins must be"),
        ({"n_bins": 2.5}, "n_bins must be"),
        ({"target": "regression"}, "target must be one of 'auto'"),
        ({"categorical_features": [0]}, "for categorical_features use an information"),
        ({"categorical_features": [13], "criterion": "mutual_information"}, "mask of 13 features or their indices"),
        ({"categorical_features": [-1], "criterion": "mutual_information"}, "mask of 13 features"),
        ({"categorical_features": [True], "criterion": "mutual_information"}, "mask of 13 features"),
        ({"categorical_features": ["ash"], "criterion": "mutual_information"}, "mask of 13 features"),
        ({"price_shares": ()}, "price_shares must be"),
        ({"price_shares": 1.0}, "price_shares must be"),
        ({"price_shares": (1, 0)}, "each of price_shares must be"),
        ({"price_shares": "high"}, "price_shares must be"),
        ({"backend": 7}, "backend must be"),
        ({"backend_options": {"reads": 5}}, "backend_options must not hold reads"),
        ({"reads": 0}, "reads must be"),
        ({"time_limit": 0}, "time_limit must be"),
        ({"max_qpu_seconds": -1}, "max_qpu_seconds must be"),
        ({"random_state": "today"}, "random_state cannot be used"),
    ],
)
def test_a_bad_parameter_is_one_clear_line(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message) as caught:
        quick(**parameters).fit(X_WINE, Y_WINE)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.where(X_WINE > 1500, np.nan, X_WINE), Y_WINE, "contains NaN"),
        (X_WINE[:, 0], Y_WINE, "Expected 2D array"),
        (X_WINE[:5], Y_WINE, "inconsistent numbers of samples"),
        (X_WINE[:1], Y_WINE[:1], "minimum of 2 is required"),
        (X_WINE, np.full(178, np.nan), "contains NaN"),
        (X_WINE, None, "requires y to be passed"),
        (X_WINE, np.ones(178), "y holds one value only"),
        (np.full((178, 2), "red"), Y_WINE, "could not convert string"),
    ],
)
def test_bad_data_are_a_data_error(X: Any, y: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        quick().fit(X, y)


def test_strings_are_no_numbers() -> None:
    with pytest.raises(DataError, match="could not convert string"):
        quick(target="numbers").fit(X_WINE, np.array(["a", "b", "c"])[Y_WINE])


@pytest.mark.parametrize("ks", [[], [0], [14], [2.5], [True]])
def test_a_path_of_bad_sizes_is_refused(ks: Any) -> None:
    with pytest.raises(ParameterError, match="ks must"):
        quick().fit(X_WINE, Y_WINE).selection_path(ks)


def test_what_is_not_fitted_or_does_not_fit_is_told() -> None:
    for call in ("transform", "get_support", "selection_path"):
        with pytest.raises(NotFittedError):
            getattr(quick(), call)(*([] if call == "get_support" else [X_WINE]))
    with pytest.raises(DataError, match="expecting 13 features"):
        quick().fit(X_WINE, Y_WINE).transform(X_WINE[:, :5])
    with pytest.raises(UnknownBackend, match="did you mean 'cpu'"):
        quick(backend="cpuu").fit(X_WINE, Y_WINE)
    with pytest.raises(BackendError, match="at most 10 variables"):
        quick(backend=Stubborn(max_variables=10), backend_options=None).fit(X_WINE, Y_WINE)


def test_numbers_in_an_array_of_objects_are_numbers() -> None:
    X, y = load_diabetes(return_X_y=True)
    of_objects = QuboFeatureSelector(3, random_state=0).fit(X, y.astype(object))
    np.testing.assert_allclose(of_objects.relevance_, QuboFeatureSelector(3, random_state=0).fit(X, y).relevance_)


def test_a_missing_target_is_told() -> None:
    X, y = load_wine(return_X_y=True)
    with pytest.raises(DataError, match="y contains missing values"):
        QuboFeatureSelector(3).fit(X, [None, *y[1:]])
