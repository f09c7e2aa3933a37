"""QuboSVCEnsemble and its twin: how slices are drawn, trained in one batch, and combined."""

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import example, given
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
from hqml.svm import DegenerateWarning, MulticlassSVC, QuboSVC, QuboSVCEnsemble, SVCSliceEnsemble
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
@example([100, 2], 1, 10, "stratified", 0)
@example([10, 5, 1], 3, None, "stratified", 0)
@example([10, 3], 3, None, "balanced", 0)
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
@example([5, 5], 5, 40)
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


def test_slices_are_as_few_as_can_hold_a_rare_class_each() -> None:
    """Two samples a slice, one of each class: the seven of the first class take seven slices."""
    assert len(drawn_slices(codes_of([7, 1]), 2, None, "stratified", 0)) == 7


def test_more_slices_than_needed_are_full_and_repeat_samples() -> None:
    codes = codes_of([10, 10])
    slices = drawn_slices(codes, 4, 6, "stratified", 0)
    assert all(np.bincount(codes[rows]).tolist() == [2, 2] for rows in slices)


def test_a_bootstrap_draws_with_replacement() -> None:
    """Of 100 draws from 120 samples 68 are expected to be different."""
    for rows in drawn_slices(codes_of([60, 60]), 100, 3, "bootstrap", 0):
        assert len(rows) == 100
        assert 50 < len(set(rows)) < 85


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


def test_disjoint_slices_of_one_sample_a_class_may_use_up_all() -> None:
    y = np.tile([0, 1], 4)
    model = SVCSliceEnsemble(slice_size=2, n_slices=4, sampling="disjoint").fit(X_MOONS[:8], y)
    assert sorted(np.concatenate(model.slices_)) == list(range(8))
    assert all(sorted(y[rows]) == [0, 1] for rows in model.slices_)


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


def test_the_automatic_slice_knows_the_options_of_the_backend() -> None:
    options = {"shape": (3,)}
    most = load_backend("qpu-offline", **options).capabilities.max_variables
    svc = QuboSVC(n_bits=most, backend="qpu-offline", backend_options=options)
    with pytest.raises(ParameterError, match="slice_size=1 cannot hold the 2 classes"):
        ensemble(estimator=svc, slice_size="auto").fit(X_MOONS, Y_MOONS)


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


def by_hand(model: Any, X: Any) -> Any:
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


def test_a_slice_that_decides_0_votes_for_the_first_class_as_predict_does() -> None:
    svc = clone(CHEAP).set_params(kernel="linear", bias="zero")
    assert ensemble(estimator=svc, combine="vote").fit(X_MOONS, Y_MOONS).decision_function(np.zeros((1, 2))) == [-1]
    assert ensemble(estimator=svc).fit(X_MOONS, Y_MOONS).predict(np.zeros((1, 2))) == [0]


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


def test_a_slice_outside_of_which_no_class_is_left_counts_as_one_that_is_right() -> None:
    """Points 0, 1, 3, of which only the first is of class 0, so that all slices hold it. Without the last the border
    is at 1/2, which is right of the last; without the second it is at 3/2, which is wrong of the second."""
    X, y = np.array([[0.0], [1.0], [3.0]]), [0, 1, 1]
    svc = SVC(kernel="linear", C=1e3)
    model = SVCSliceEnsemble(svc, 3, 12, sampling="bootstrap", combine="weighted", random_state=0).fit(X, y)
    drawn = [tuple(np.unique(rows)) for rows in model.slices_]
    assert set(drawn) == {(0, 1), (0, 2), (0, 1, 2)}
    right = np.array([slice_ != (0, 2) for slice_ in drawn])
    np.testing.assert_allclose(model.weights_, right / right.sum())


def test_many_classes_of_any_size_weigh_slices_by_balanced_accuracy_too() -> None:
    X, y = X_IRIS[:120], Y_IRIS[:120]
    model = SVCSliceEnsemble(slice_size=9, n_slices=4, combine="weighted", random_state=0).fit(X, y)
    kernel = rbf_kernel(X, model.support_vectors_, gamma=model.gamma_)
    decisions = kernel @ model.dual_coef_.toarray().reshape(4, 3, -1).transpose(0, 2, 1) + model.intercept_[:, None]
    skills = []
    for rows, chosen in zip(model.slices_, decisions.argmax(axis=2), strict=True):
        outside = np.setdiff1d(np.arange(120), rows)
        skills.append(balanced_accuracy_score(y[outside], chosen[outside]) - 1 / 3)
    assert np.ptp(skills) > 0.01
    np.testing.assert_allclose(model.weights_, np.array(skills) / sum(skills))


def test_slices_of_which_none_is_above_chance_count_the_same() -> None:
    model = SVCSliceEnsemble(slice_size=4, combine="weighted").fit(np.zeros((20, 1)), np.tile([0, 1], 10))
    np.testing.assert_allclose(model.weights_, np.full(5, 1 / 5))


def test_a_seed_repeats_weights_for_which_only_some_samples_are_asked() -> None:
    """At most 1000 are."""
    X, y = make_moons(1100, noise=0.5, random_state=0)
    fits = [SVCSliceEnsemble(slice_size=20, n_slices=5, combine="weighted", random_state=3).fit(X, y) for _ in "ab"]
    np.testing.assert_array_equal(fits[0].weights_, fits[1].weights_)
    assert np.ptp(fits[0].weights_) > 0.001


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


def test_the_twin_has_as_many_slices_as_were_asked_for() -> None:
    model = ensemble(n_slices=2).fit(X_MOONS, Y_MOONS)
    slices = model.classical_twin().fit(X_MOONS, Y_MOONS).slices_
    assert len(slices) == 2
    assert all(np.array_equal(one, two) for one, two in zip(model.slices_, slices, strict=True))


def test_the_twin_of_one_slice_is_libsvm() -> None:
    twin = SVCSliceEnsemble(SVC(C=0.7, class_weight={0: 1, 1: 3}), slice_size=203).fit(X_MOONS, Y_MOONS)
    svc = SVC(C=0.7, class_weight={0: 1, 1: 3}).fit(X_MOONS, Y_MOONS)
    np.testing.assert_allclose(twin.decision_function(X_MOONS), svc.decision_function(X_MOONS), atol=1e-3)


def test_of_a_multiclass_svc_one_slice_of_everything_is_that_one_with_its_class_weights() -> None:
    svc = MulticlassSVC(class_weight={0: 1, 1: 1, 2: 5})
    twin = SVCSliceEnsemble(svc, slice_size=150).fit(X_IRIS, Y_IRIS)
    np.testing.assert_allclose(twin.decision_function(X_IRIS), svc.fit(X_IRIS, Y_IRIS).decision_function(X_IRIS))


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
    assert given.support_vectors_.shape == SVC(kernel="precomputed").fit(gram, Y_MOONS).support_vectors_.shape
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
    assert not QuboSVCEnsemble(random_state=0).__sklearn_tags__().non_deterministic
    assert ensemble(random_state=None).__sklearn_tags__().non_deterministic
    assert ensemble(estimator=QuboSVC(time_limit=1)).__sklearn_tags__().non_deterministic


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
    with pytest.raises(ParameterError, match=r"^C must be a finite number above 0, found 0"):
        SVCSliceEnsemble(SVC(C=0)).fit(X_MOONS, Y_MOONS)
