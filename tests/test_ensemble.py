"""QuboSVCEnsemble and its twin: how slices are drawn, trained in one batch, and combined."""

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_iris, make_classification, make_moons
from sklearn.exceptions import NotFittedError
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from hqml import load_backend
from hqml.errors import DataError, ParameterError
from hqml.svm import DegenerateWarning, QuboSVC, QuboSVCEnsemble, SVCSliceEnsemble
from hqml.svm._slices import SAMPLINGS, drawn_slices
from hqml.testing import RecordingBackend

X_MOONS, Y_MOONS = make_moons(203, noise=0.2, random_state=0)
X_IRIS, Y_IRIS = load_iris(return_X_y=True)
X_IRIS = StandardScaler().fit_transform(X_IRIS)
CHEAP = QuboSVC(reads=20, backend_options={"num_sweeps": 50})


def ensemble(**parameters: Any) -> QuboSVCEnsemble:
    return QuboSVCEnsemble(**{"estimator": CHEAP, "slice_size": 40, "random_state": 0, **parameters})


# Slices


def codes_of(counts: list[int]) -> Any:
    """Labels in order, the worst case."""
    return np.repeat(np.arange(len(counts)), counts)


@given(
    st.lists(st.integers(1, 120), min_size=2, max_size=5),
    st.integers(0, 40),
    st.one_of(st.none(), st.integers(1, 12)),
    st.sampled_from(["stratified", "balanced", "bootstrap"]),
    st.integers(0, 5),
)
def test_every_slice_holds_every_class_and_no_more_than_its_size(
    counts: list[int], above: int, count: int | None, sampling: str, seed: int
) -> None:
    codes, size = codes_of(counts), len(counts) + above
    slices = drawn_slices(codes, size, count, sampling, seed)
    assert count is None or len(slices) == count
    for rows in slices:
        assert len(rows) <= size
        assert set(codes[rows]) == set(range(len(counts)))
    if count is None and sampling != "bootstrap":
        assert set(np.concatenate(slices)) == set(range(len(codes)))


@given(st.lists(st.integers(5, 120), min_size=2, max_size=4), st.integers(1, 5), st.integers(8, 40))
def test_disjoint_slices_share_no_sample(counts: list[int], count: int, size: int) -> None:
    codes = codes_of(counts)
    slices = drawn_slices(codes, size, count, "disjoint", 0)
    every = np.concatenate(slices)
    assert len(every) == len(set(every))
    assert all(len(rows) <= size and set(codes[rows]) == set(range(len(counts))) for rows in slices)


def test_stratified_slices_keep_the_proportions_to_one_sample() -> None:
    codes = codes_of([300, 100])
    slices = drawn_slices(codes, 40, None, "stratified", 0)
    assert len(slices) == 10
    assert all(np.bincount(codes[rows]).tolist() == [30, 10] for rows in slices)
    assert len(np.unique(np.concatenate(slices))) == 400


def test_stratified_slices_that_are_not_full_repeat_nothing() -> None:
    slices = drawn_slices(codes_of([7, 6]), 4, None, "stratified", 0)
    assert len(slices) == 4
    assert sorted(np.concatenate(slices)) == list(range(13))


def test_balanced_slices_have_the_classes_in_equal_parts() -> None:
    codes = codes_of([300, 40])
    slices = drawn_slices(codes, 40, None, "balanced", 0)
    assert len(slices) == 15
    assert all(np.bincount(codes[rows]).tolist() == [20, 20] for rows in slices)


def test_a_rare_class_repeats_in_stratified_slices_and_cannot_be_disjoint() -> None:
    codes = codes_of([100, 2])
    assert all(1 in codes[rows] for rows in drawn_slices(codes, 20, None, "stratified", 0))
    with pytest.raises(DataError, match="smallest class has 2 samples, too few for 6 disjoint slices"):
        drawn_slices(codes, 20, None, "disjoint", 0)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_slices_are_shuffled_and_hang_on_the_seed(sampling: str) -> None:
    codes = codes_of([60, 60])
    first, same, other = (drawn_slices(codes, 20, None, sampling, seed) for seed in (0, 0, 1))
    assert all(np.array_equal(one, two) for one, two in zip(first, same, strict=True))
    assert not all(np.array_equal(one, two) for one, two in zip(first, other, strict=True))
    assert max(np.diff(first[0]).max() for rows in first) > 1


# Training


def test_all_slices_and_classes_are_one_batch() -> None:
    backend = RecordingBackend(load_backend("cpu"))
    model = ensemble(estimator=clone(CHEAP).set_params(backend=backend)).fit(X_IRIS, Y_IRIS)
    assert [len(batch) for batch in backend.batches] == [4 * 3]
    assert model.intercept_.shape == model.energies_.shape == (4, 3)
    assert model.dual_coef_.shape == (12, len(model.support_))
    assert model.score(X_IRIS, Y_IRIS) > 0.93


def test_the_automatic_slice_fills_the_backend() -> None:
    model = ensemble(
        estimator=clone(CHEAP).set_params(backend=RecordingBackend(load_backend("cpu"), max_variables=60), n_bits=3),
        slice_size="auto",
    )
    assert model.fit(X_MOONS, Y_MOONS).slice_size_ == 20
    assert len(model.slices_) == 11
    built = ensemble(
        estimator=clone(CHEAP).set_params(backend="cpu", backend_options={"threads": 1}), slice_size="auto"
    )
    assert built.fit(X_MOONS, Y_MOONS).slice_size_ == 203  # the options of a constructor are those of its capabilities
    assert ensemble(slice_size="auto").fit(X_MOONS, Y_MOONS).slice_size_ == 203  # one slice: below the default of 400


def test_so_many_disjoint_slices_share_all_samples_as_far_as_their_size_allows() -> None:
    """Whole samples of each class: one may be missing from a slice."""
    for size, expected in (("auto", 203 // 3), (40, 40)):
        model = ensemble(slice_size=size, n_slices=3, sampling="disjoint").fit(X_MOONS, Y_MOONS)
        assert model.slice_size_ == expected
        assert {len(rows) for rows in model.slices_} <= {expected - 1, expected}


def test_gamma_is_that_of_the_whole_training_set() -> None:
    model = ensemble().fit(X_MOONS, Y_MOONS)
    assert model.gamma_ == pytest.approx(1 / (2 * X_MOONS.var()))


def test_one_slice_of_everything_is_a_qubo_svc() -> None:
    whole = ensemble(slice_size=203).fit(X_MOONS, Y_MOONS)
    alone = clone(CHEAP).set_params(random_state=0).fit(X_MOONS, Y_MOONS)
    np.testing.assert_allclose(whole.decision_function(X_MOONS), alone.decision_function(X_MOONS))


def by_hand(model: QuboSVCEnsemble, X: Any) -> Any:
    """Decisions of each slice, one at a time: (samples, slices)."""
    dual = model.dual_coef_.toarray()
    kernel = rbf_kernel(X, model.support_vectors_, gamma=model.gamma_)
    return np.stack([kernel @ dual[i] + model.intercept_[i, 0] for i in range(len(dual))], axis=1)


def test_the_mean_is_that_of_the_slices_decisions() -> None:
    model = ensemble().fit(X_MOONS, Y_MOONS)
    np.testing.assert_allclose(model.decision_function(X_MOONS), by_hand(model, X_MOONS).mean(axis=1))


def test_the_vote_counts_signs() -> None:
    model = ensemble(combine="vote").fit(X_MOONS, Y_MOONS)
    votes = np.where(by_hand(model, X_MOONS) > 0, 1.0, -1.0).mean(axis=1)
    np.testing.assert_allclose(model.decision_function(X_MOONS), votes)


def test_the_weighted_mean_weighs_by_accuracy_outside_of_the_slice() -> None:
    model = ensemble(combine="weighted").fit(X_MOONS, Y_MOONS)
    decisions = by_hand(model, X_MOONS)
    skills = []
    for rows, own in zip(model.slices_, decisions.T, strict=True):
        outside = np.setdiff1d(np.arange(len(X_MOONS)), rows)
        skills.append(balanced_accuracy_score(Y_MOONS[outside], (own > 0)[outside].astype(int)) - 0.5)
    np.testing.assert_allclose(model.weights_, np.array(skills) / sum(skills))
    np.testing.assert_allclose(model.decision_function(X_MOONS), decisions @ model.weights_)


def test_a_single_sample_of_a_class_outside_of_a_slice_counts() -> None:
    X, y = X_MOONS[:8], np.array([0, 0, 0, 1, 1, 1, 0, 1])
    model = ensemble(slice_size=6, n_slices=6, combine="weighted").fit(X, y)
    skills, least = [], 8
    for rows, own in zip(model.slices_, by_hand(model, X).T, strict=True):
        outside = np.setdiff1d(np.arange(8), rows)
        right = ((own > 0) == y)[outside]
        skills.append(max(np.mean([right[y[outside] == code].mean() for code in (0, 1)]) - 0.5, 0))
        least = min(least, *np.bincount(y[outside]))
    assert least == 1
    assert len(set(skills)) > 1
    np.testing.assert_allclose(model.weights_, np.array(skills) / sum(skills))


@pytest.mark.parametrize("combine", ["mean", "vote", "weighted"])
def test_many_classes_are_combined_likewise(combine: str) -> None:
    model = ensemble(combine=combine).fit(X_IRIS, Y_IRIS)
    decision = model.decision_function(X_IRIS)
    assert decision.shape == (150, 3)
    np.testing.assert_array_equal(model.predict(X_IRIS), decision.argmax(axis=1))
    assert model.score(X_IRIS, Y_IRIS) > 0.92
    if combine == "vote":
        np.testing.assert_allclose(decision.sum(axis=1), 1.0)


@pytest.mark.parametrize("combine", ["mean", "vote"])
def test_prediction_in_small_blocks_gives_the_same(combine: str) -> None:
    model = ensemble(combine=combine).fit(X_MOONS, Y_MOONS)
    whole = model.decision_function(X_MOONS)
    with sklearn.config_context(working_memory=0.01):
        np.testing.assert_allclose(model.decision_function(X_MOONS), whole)


def test_data_in_label_order_and_imbalance_do_no_harm() -> None:
    """Balanced accuracy was .50 for slices of 40 with two samples of the rare class."""
    X, y = make_classification(1500, 5, weights=[0.95], class_sep=1.5, flip_y=0, random_state=3)
    order = np.argsort(y, kind="stable")
    X, y = X[order], y[order]
    model = ensemble(sampling="balanced").fit(X[::2], y[::2])
    assert balanced_accuracy_score(y[1::2], model.predict(X[1::2])) > 0.9


def test_a_slice_that_learned_nothing_is_told_once() -> None:
    with pytest.warns(DegenerateWarning, match="in 6 of 6 binary machines") as caught:
        ensemble(estimator=clone(CHEAP).set_params(kernel="precomputed")).fit(1000 * np.eye(203), Y_MOONS)
    assert len(caught) == 1
    assert caught[0].filename == __file__


# The twin


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("combine", ["mean", "vote", "weighted"])
def test_the_twin_has_the_same_slices_and_decides_nearly_the_same(sampling: str, combine: str) -> None:
    model = ensemble(sampling=sampling, combine=combine, random_state=np.random.RandomState(5)).fit(X_MOONS, Y_MOONS)
    twin = model.classical_twin().fit(X_MOONS, Y_MOONS)
    assert isinstance(twin, SVCSliceEnsemble)
    assert (twin.combine, twin.gamma_, twin.estimator_.C) == (combine, model.gamma_, 3.0)
    assert all(np.array_equal(one, two) for one, two in zip(model.slices_, twin.slices_, strict=True))
    areas = [roc_auc_score(Y_MOONS, one.decision_function(X_MOONS)) for one in (model, twin)]
    assert areas[0] == pytest.approx(areas[1], abs=0.01)


def test_the_twin_of_one_slice_is_libsvm() -> None:
    twin = SVCSliceEnsemble(SVC(C=0.7, class_weight={0: 1, 1: 3}), slice_size=203).fit(X_MOONS, Y_MOONS)
    svc = SVC(C=0.7, class_weight={0: 1, 1: 3}).fit(X_MOONS, Y_MOONS)
    np.testing.assert_allclose(twin.decision_function(X_MOONS), svc.decision_function(X_MOONS), atol=1e-3)


def test_class_weights_reach_every_slice() -> None:
    for weights in ("balanced", {0: 1, 1: 2}):
        model = ensemble(estimator=clone(CHEAP).set_params(class_weight=weights)).fit(X_MOONS, Y_MOONS)
        assert model.classical_twin().estimator.class_weight == weights
        assert model.score(X_MOONS, Y_MOONS) > 0.9


# Manners


def test_a_precomputed_kernel_gives_what_the_kernel_itself_gives() -> None:
    gram = rbf_kernel(X_MOONS, gamma=0.7)
    by_name = ensemble(estimator=clone(CHEAP).set_params(gamma=0.7), combine="weighted").fit(X_MOONS, Y_MOONS)
    given = ensemble(estimator=clone(CHEAP).set_params(kernel="precomputed"), combine="weighted").fit(gram, Y_MOONS)
    np.testing.assert_allclose(by_name.decision_function(X_MOONS), given.decision_function(gram))
    np.testing.assert_allclose(by_name.weights_, given.weights_)
    assert given.__sklearn_tags__().input_tags.pairwise


def test_it_lives_in_a_pipeline_and_a_grid_search_with_names_and_pickling() -> None:
    frame = pd.DataFrame(X_MOONS, columns=["red", "infrared"])
    names = np.array(["soil", "water"])[Y_MOONS]
    pipeline = make_pipeline(StandardScaler().set_output(transform="pandas"), ensemble())
    search = GridSearchCV(pipeline, {"qubosvcensemble__estimator__gamma": [0.1, 1.0]}, cv=2).fit(frame, names)
    assert search.best_score_ > 0.9
    model = search.best_estimator_[-1]
    assert list(model.feature_names_in_) == ["red", "infrared"]
    again = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(again.predict(frame), search.predict(frame))


def test_a_seed_repeats_a_fit_and_the_estimator_given_is_left_alone() -> None:
    first, again = (ensemble().fit(X_MOONS, Y_MOONS) for _ in range(2))
    np.testing.assert_array_equal(first.decision_function(X_MOONS), again.decision_function(X_MOONS))
    assert not hasattr(CHEAP, "alpha_")
    assert not ensemble().__sklearn_tags__().non_deterministic
    assert ensemble(random_state=None).__sklearn_tags__().non_deterministic


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"estimator": SVC()}, "estimator must be None, a QuboSVC or a QuboMulticlassSVC, found SVC"),
        ({"estimator": QuboSVC(n_bits=0)}, "n_bits must be"),
        ({"slice_size": "large"}, "slice_size must be"),
        ({"slice_size": 1}, "slice_size must be"),
        ({"slice_size": 2.5}, "slice_size must be"),
        ({"n_slices": 0}, "n_slices must be"),
        ({"sampling": "random"}, "sampling must be one of 'stratified'"),
        ({"combine": "max"}, "combine must be one of 'mean'"),
        ({"sampling": "disjoint", "n_slices": 6}, "6 disjoint slices of 40 need 240 samples, found 203"),
        ({"random_state": -1}, "random_state cannot be used"),
        (
            {
                "estimator": QuboSVC(backend=RecordingBackend(load_backend("cpu"), max_variables=2)),
                "slice_size": "auto",
            },
            "slice_size=1 cannot hold the 2 classes",
        ),
    ],
)
def test_a_bad_parameter_is_one_clear_line(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        ensemble(**parameters).fit(X_MOONS, Y_MOONS)


def test_bad_data_and_unfitted_models_are_refused() -> None:
    with pytest.raises(DataError, match="at least two classes"):
        ensemble().fit(X_MOONS, np.zeros(203))
    with pytest.raises(DataError, match="NaN"):
        ensemble().fit(X_MOONS * np.nan, Y_MOONS)
    with pytest.raises(NotFittedError):
        ensemble().predict(X_MOONS)
    with pytest.raises(NotFittedError):
        ensemble().classical_twin()
    with pytest.raises(ParameterError, match="scikit-learn SVC, found QuboSVC"):
        SVCSliceEnsemble(QuboSVC()).fit(X_MOONS, Y_MOONS)
