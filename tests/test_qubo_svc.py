"""QuboSVC: its multipliers, its bias, its manners towards scikit-learn."""

import itertools
import pickle
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
import skops.io
from dwave.samplers import SimulatedAnnealingSampler
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris, load_wine, make_classification, make_moons
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics.pairwise import laplacian_kernel, rbf_kernel
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from hqml import load_backend
from hqml.backend import Backend
from hqml.errors import BackendError, DataError, ParameterError, UnknownBackend
from hqml.problems.svm_bias import post_selection_bias, support_bias
from hqml.svm import BiasWarning, DegenerateWarning, QuboSVC, QuboSVCEnsemble, SaturationWarning, SVCSliceEnsemble
from hqml.svm._aggregate import best_weights, boltzmann_weights, mean_weights, validation_weights, weights
from hqml.testing import RecordingBackend

X_MOONS, Y_MOONS = make_moons(60, noise=0.2, random_state=0)
X_IRIS, Y_IRIS = load_iris(return_X_y=True)
X_IRIS = StandardScaler().fit_transform(X_IRIS)


def quick(**parameters: Any) -> QuboSVC:
    return QuboSVC(**{"reads": 30, "random_state": 0, "backend_options": {"num_sweeps": 50}, **parameters})


# The multipliers


@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 1.0, 1: 2.5}])
def test_the_best_solution_is_the_minimum_of_the_published_formula(class_weight: Any) -> None:
    X, y = X_MOONS[:6], np.array([0, 1, 1, 0, 1, 1])
    t = 2 * y - 1
    model = QuboSVC(backend="exact", gamma=0.7, xi=0.5, aggregate="best", class_weight=class_weight).fit(X, y)

    weights = {None: [1, 1], "balanced": [6 / 4, 6 / 8]}.get(
        class_weight if class_weight != {0: 1, 1: 2.5} else "", [1, 2.5]
    )
    steps = np.array(weights)[y]
    kernel = rbf_kernel(X, gamma=0.7) + 0.5

    def energy(alpha: Any) -> float:
        return 0.5 * (alpha * t) @ kernel @ (alpha * t) - alpha.sum()

    best = min((np.array(digits) * steps for digits in itertools.product(range(4), repeat=6)), key=energy)
    np.testing.assert_allclose(model.alpha_, best)
    assert model.energies_[0] == pytest.approx(energy(best))


@pytest.mark.parametrize(
    ("X", "y"),
    [(X_MOONS, Y_MOONS), tuple(part[:60] for part in load_breast_cancer(return_X_y=True))],
    ids=["moons", "breast cancer"],
)
def test_many_digits_come_to_the_solution_of_libsvm(X: Any, y: Any) -> None:
    """Six digits: a step is C / 63 = .016. Two steps are allowed for a multiplier, .03 for a decision value."""
    X = StandardScaler().fit_transform(X)
    model = QuboSVC(
        n_bits=6, C=1.0, xi=5.0, aggregate="best", reads=50, backend_options={"num_sweeps": 1000}, random_state=0
    ).fit(X, y)
    svc = model.classical_twin().fit(X, y)
    exact = np.zeros(len(X))
    exact[svc.support_] = np.abs(svc.dual_coef_[0])
    np.testing.assert_allclose(model.alpha_, exact, atol=2 / 63)
    np.testing.assert_allclose(model.decision_function(X), svc.decision_function(X), atol=0.03)


def test_fitted_arrays_have_the_shapes_of_a_scikit_learn_svc() -> None:
    model = quick().fit(X_MOONS, Y_MOONS)
    assert model.alpha_.shape == (60,)
    assert model.dual_coef_.shape == (1, len(model.support_))
    assert model.support_vectors_.shape == (len(model.support_), 2)
    assert model.intercept_.shape == (1,)
    assert model.C_ == 3.0
    signs = np.where(Y_MOONS == 1, 1, -1)[model.support_]
    np.testing.assert_allclose(model.dual_coef_[0], model.alpha_[model.support_] * signs)
    assert set(model.timing_) == {"kernel", "build", "solve", "decode", "total"}
    assert model.sampleset_.info["backend"] == "cpu"
    assert model.energies_[0] == model.sampleset_.first.energy


def test_the_decision_is_the_sum_of_kernels_and_positive_for_the_second_class() -> None:
    model = quick(gamma=0.5).fit(X_MOONS, Y_MOONS)
    by_hand = rbf_kernel(X_MOONS, X_MOONS, gamma=0.5) @ (model.alpha_ * (2 * Y_MOONS - 1)) + model.intercept_[0]
    np.testing.assert_allclose(model.decision_function(X_MOONS), by_hand)
    np.testing.assert_array_equal(model.predict(X_MOONS), (by_hand > 0).astype(int))
    assert model.score(X_MOONS, Y_MOONS) > 0.9


def test_all_classes_of_one_vs_rest_are_one_batch() -> None:
    backend = RecordingBackend(load_backend("cpu"))
    model = quick(backend=backend).fit(X_IRIS, Y_IRIS)
    assert [len(batch) for batch in backend.batches] == [3]
    assert model.alpha_.shape == (3, 150)
    assert model.dual_coef_.shape == (3, len(model.support_))
    assert model.decision_function(X_IRIS[:7]).shape == (7, 3)
    assert len(model.sampleset_) == 3
    assert model.score(X_IRIS, Y_IRIS) > 0.94


def test_options_and_limits_reach_the_backend() -> None:
    backend = RecordingBackend(load_backend("cpu"))
    quick(backend=backend, backend_options={"num_sweeps": 7}, time_limit=30).fit(X_MOONS, Y_MOONS)
    assert backend.calls[0].options["num_sweeps"] == 7
    assert backend.calls[0].reads == 30
    assert backend.calls[0].time_limit == 30


@pytest.mark.parametrize(
    "backend", ["neal", SimulatedAnnealingSampler(), load_backend("cpu")], ids=lambda b: str(b)[:20]
)
def test_a_backend_is_a_name_a_backend_or_any_dimod_sampler(backend: Any) -> None:
    assert quick(backend=backend).fit(X_MOONS, Y_MOONS).score(X_MOONS, Y_MOONS) > 0.9


def test_prediction_in_small_blocks_gives_the_same() -> None:
    model = quick().fit(X_MOONS, Y_MOONS)
    whole = model.decision_function(X_MOONS)
    with sklearn.config_context(working_memory=0.001):
        np.testing.assert_allclose(model.decision_function(X_MOONS), whole)


@pytest.mark.parametrize(("mebibytes", "numbers"), [(1 / 64, 256), (1e-9, 0)])
def test_prediction_takes_an_eighth_of_the_working_memory_at_once(mebibytes: float, numbers: int) -> None:
    """Of 16 KiB that are 256 numbers of 8 bytes: no block of rows is larger, and with one row more each would be."""
    shapes = []

    def kernel(left: Any, right: Any) -> Any:
        shapes.append((len(left), len(right)))
        return rbf_kernel(left, right)

    model = quick(kernel=kernel).fit(X_MOONS, Y_MOONS)
    shapes.clear()
    with sklearn.config_context(working_memory=mebibytes):
        model.decision_function(X_MOONS)
    assert sum(rows for rows, _ in shapes) == 60
    assert all(rows * support <= numbers or rows == 1 for rows, support in shapes)
    assert all((rows + 1) * support > numbers for rows, support in shapes[:-1])


# Aggregation


def test_boltzmann_weights_go_from_the_best_at_zero_to_the_mean_at_infinity() -> None:
    energies = np.array([-3.0, -2.5, 0.0, 4.0])
    np.testing.assert_allclose(boltzmann_weights(energies, 0.0), best_weights(energies))
    np.testing.assert_allclose(boltzmann_weights(energies, 1e-300), best_weights(energies))
    np.testing.assert_allclose(boltzmann_weights(energies, 1e12), mean_weights(energies))


def test_boltzmann_weights_by_hand() -> None:
    """Excess 0, 1, 2 has the mean 1, so T = 1."""
    weights = np.exp([0.0, -1.0, -2.0])
    np.testing.assert_allclose(boltzmann_weights(np.array([5.0, 6.0, 7.0])), weights / weights.sum())


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=8), st.floats(0.01, 1000))
def test_boltzmann_weights_do_not_depend_on_the_units_of_the_energy(energies: list[float], unit: float) -> None:
    values = np.round(np.array(energies), 3)
    np.testing.assert_allclose(boltzmann_weights(values), boltzmann_weights(values * unit), atol=1e-9)


def test_equal_energies_weigh_the_same() -> None:
    np.testing.assert_allclose(boltzmann_weights(np.zeros(4)), 0.25)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("mean", [1 / 3, 1 / 3, 1 / 3]),
        ("best", [1, 0, 0]),
        ("boltzmann", np.exp([0, -1, -2]) / np.exp([0, -1, -2]).sum()),
        ("validation", [0, 0.5, 0.5]),
    ],
)
def test_each_rule_has_its_weights(rule: str, expected: Any) -> None:
    found = weights(rule, np.array([5.0, 6.0, 7.0]), lambda: np.array([0.5, 0.9, 0.9]))
    np.testing.assert_allclose(found, expected)


def test_validation_weights_keep_those_that_score_best() -> None:
    np.testing.assert_allclose(validation_weights(np.array([0.5, 0.9, 0.9, 0.1])), [0, 0.5, 0.5, 0])


def test_the_mean_averages_the_lowest_distinct_solutions() -> None:
    """Of all 256 states of four points, the three lowest, which enumeration knows."""
    X, y = X_MOONS[:4], np.array([0, 1, 1, 0])
    t, kernel = 2 * y - 1, rbf_kernel(X_MOONS[:4], gamma=1.0) + 1.0
    every = np.array(list(itertools.product(range(4), repeat=4)), dtype=float)
    energies = 0.5 * np.einsum("rn,nm,rm->r", every * t, kernel, every * t) - every.sum(axis=1)
    lowest = every[np.argsort(energies, kind="stable")[:3]]
    # The annealer is given reads enough to have met the three.
    model = quick(gamma=1.0, n_solutions=3, reads=3000, backend_options={"num_sweeps": 2, "beta_range": (0.3, 1.0)})
    np.testing.assert_allclose(model.fit(X, y).alpha_, lowest.mean(axis=0))


def test_held_out_samples_have_no_multiplier() -> None:
    model = quick(aggregate="validation", validation_fraction=0.25).fit(X_MOONS, Y_MOONS)
    assert model.sampleset_.record.sample.shape[1] == 2 * (
        60 - 2 * 8
    )  # a quarter of 30, rounded to even, of each class
    assert model.score(X_MOONS, Y_MOONS) > 0.9


@pytest.mark.parametrize(
    ("kernel", "bias", "first", "second"),
    [
        pytest.param(np.kron(np.eye(2), np.ones((2, 2))), "zero", 1.5, 2.0, id="copies"),
        pytest.param(np.kron(np.eye(2), np.ones((2, 2))), "post-selection", 1.6, 1.6, id="copies, with a bias"),
        pytest.param(np.eye(4), "zero", 1.5, 1.5, id="strangers"),
    ],
)
def test_validation_keeps_the_solutions_that_classify_held_out_samples_best(
    kernel: Any, bias: str, first: float, second: float
) -> None:
    """One of two samples of each class is annealed: 16 solutions, multipliers a and b from 0 to 3.

    Where the others are copies, they score -a and b: without a bias all are right if b > 0, with one if a or b is.
    Strangers score 0, whatever was learned, which is the first class: half are right for all a and b.
    """
    model = QuboSVC(
        "precomputed", backend="exact", n_solutions=16, aggregate="validation", validation_fraction=0.5, bias=bias
    ).fit(kernel, [0, 0, 1, 1])
    np.testing.assert_allclose(np.sort(model.alpha_[:2]), [0, first])
    np.testing.assert_allclose(np.sort(model.alpha_[2:]), [0, second])


@pytest.mark.parametrize("aggregate", ["mean", "best", "boltzmann", "validation"])
@pytest.mark.parametrize("bias", ["support", "post-selection", "zero"])
def test_every_rule_separates_the_moons(aggregate: str, bias: str) -> None:
    model = quick(aggregate=aggregate, bias=bias).fit(X_MOONS, Y_MOONS)
    assert model.score(X_MOONS, Y_MOONS) > 0.85
    assert (model.intercept_[0] == 0) == (bias == "zero")


# The bias


def test_the_support_bias_by_hand() -> None:
    """Weights 1 * 2 and 2 * 2; the third is at its limit: (2 (1 - .5) + 4 (-1 - .25)) / 6 = -2 / 3."""
    bias = support_bias(
        np.array([0.5, 0.25, 9.0]), np.array([1.0, -1.0, 1.0]), np.array([1.0, 2.0, 3.0]), np.array([3.0, 4.0, 3.0])
    )
    assert bias == pytest.approx(-2 / 3)


@pytest.mark.parametrize("unit", [1e-12, 1e12])
def test_the_support_bias_does_not_hang_on_the_unit_of_the_multipliers(unit: float) -> None:
    scores, signs, alpha = np.array([0.5, 0.25, 9.0]), np.array([1.0, -1.0, 1.0]), np.array([1.0, 2.0, 3.0])
    assert support_bias(scores, signs, unit * alpha, unit * np.array([3.0, 4.0, 3.0])) == pytest.approx(-2 / 3)


def test_the_support_bias_is_undefined_where_every_multiplier_is_at_an_end() -> None:
    limits = np.array([3.0, 0.1])
    assert support_bias(np.zeros(2), np.array([1.0, -1.0]), np.array([3.0, 0.0]), limits) is None
    averaged = np.mean([limits] * 7, axis=0)  # equal to the limits but for rounding
    assert support_bias(np.zeros(2), np.array([1.0, -1.0]), averaged * (1 + 1e-15), limits) is None


def test_post_selection_takes_the_middle_of_the_widest_best_gap() -> None:
    scores, signs = np.array([0.0, 1.0, 5.0, 6.0]), np.array([-1.0, -1.0, 1.0, 1.0])
    assert post_selection_bias(scores, signs, np.ones(4)) == -3.0
    # One mistake either way: between 0 and 1, or between 2 and 6, which is wider.
    scores, signs = np.array([0.0, 1.0, 2.0, 6.0]), np.array([-1.0, 1.0, -1.0, 1.0])
    assert post_selection_bias(scores, signs, np.ones(4)) == -4.0
    assert post_selection_bias(scores, signs, np.array([1.0, 5.0, 1.0, 1.0])) == -0.5


def test_post_selection_of_equal_scores_follows_the_heavier_class() -> None:
    signs = np.array([1.0, -1.0, -1.0])
    assert post_selection_bias(np.full(3, 2.0), signs, np.ones(3)) < -2.0
    assert post_selection_bias(np.full(3, 2.0), signs, np.array([3.0, 1.0, 1.0])) > -2.0
    assert post_selection_bias(np.full(3, 2.0), signs, np.array([2.0, 1.0, 1.0])) is None


def test_a_threshold_outside_of_all_scores_lies_half_their_range_away_and_at_least_one() -> None:
    scores, signs, weights = np.array([0.0, 4.0, 10.0]), np.array([1.0, -1.0, 1.0]), np.array([3.0, 1.0, 3.0])
    assert post_selection_bias(scores, signs, weights) == 5.0
    assert post_selection_bias(scores, -signs, weights) == -15.0
    assert post_selection_bias(scores / 10, signs, weights) == 1.0


@given(st.lists(st.tuples(st.integers(-5, 5), st.sampled_from([-1.0, 1.0])), min_size=2, max_size=9))
def test_no_other_threshold_classifies_more_rightly(points: list[tuple[int, float]]) -> None:
    scores, signs = (np.array(column, dtype=float) for column in zip(*points, strict=True))
    bias = post_selection_bias(scores, signs, np.ones(len(scores)))

    def right(candidate: float) -> int:
        return int(np.sum((scores + candidate > 0) == (signs > 0)))

    best = max(right(half / 2) for half in range(-15, 16))
    assert best == (len(scores) / 2 if bias is None else right(bias))


def test_an_undefined_bias_gives_way_to_post_selection_and_says_so() -> None:
    """One digit and one solution: every multiplier is 0 or C."""
    with pytest.warns(BiasWarning, match="used 'post-selection' instead"):
        model = quick(n_bits=1, aggregate="best", gamma=2.0).fit(X_MOONS, Y_MOONS)
    assert model.score(X_MOONS, Y_MOONS) > 0.85


# What is told


@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer])
def test_well_behaved_data_are_fitted_without_a_warning(load: Any) -> None:
    X, y = load(return_X_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert quick().fit(StandardScaler().fit_transform(X), y).score(StandardScaler().fit_transform(X), y) > 0.94


@pytest.mark.parametrize("weights", [[0.5], [0.95], [0.05]], ids=["balanced", "few of the second", "few of the first"])
def test_saturated_multipliers_are_told_with_what_to_change(weights: list[float]) -> None:
    X, y = make_classification(200, 5, weights=weights, random_state=0)
    with pytest.warns(SaturationWarning, match=r"limit C=3 .*Raise C \(or n_bits"):
        quick(gamma=1e-6, backend_options=None).fit(X, y)
    quick(gamma=1.0).fit(X, y)
    assert issubclass(SaturationWarning, ConvergenceWarning)


@pytest.mark.parametrize(("tight", "told"), [([0, 1], 0), ([0, 1, 4], 3)])
def test_saturation_is_told_where_it_holds_for_more_than_half_of_the_machines(tight: list[int], told: int) -> None:
    """One sample a class, none like another: its multiplier is 1, or its limit, .03, where the class weight is low."""
    classes = 4 if told == 0 else 5
    weights = {code: 0.01 if code in tight else 1.0 for code in range(classes)}
    model = QuboSVC("precomputed", backend="exact", aggregate="best", xi=0, class_weight=weights)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(np.eye(classes), np.arange(classes))
    np.testing.assert_allclose(
        model.alpha_, [[3 * weights[code] if code in tight else 1 for code in weights]] * classes
    )
    assert [warning.category for warning in caught] == [SaturationWarning] * bool(told)
    assert all(f"up to 100% of their limit C=3 in {told} of {classes}" in str(warning.message) for warning in caught)


def test_a_bias_that_half_of_the_machines_cannot_have_is_not_told() -> None:
    """Classes 0 and 1 are alike: both at the limit where one is to be told from the other, else not.

    By hand, of (a0**2 + a1**2) / 6 -+ a0 * a1 / 6 - a0 - a1 with a0, a1 in 0 .. 3.
    """
    kernel = np.eye(4) / 3
    kernel[0, 1] = kernel[1, 0] = 1 / 6
    with pytest.warns(SaturationWarning):  # and no other
        model = QuboSVC("precomputed", backend="exact", aggregate="best", xi=0).fit(kernel, np.arange(4))
    np.testing.assert_allclose(model.alpha_, [[3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 3, 3], [2, 2, 3, 3]])


def test_a_solution_without_multipliers_is_told_and_predicts_the_larger_class() -> None:
    y = np.r_[np.zeros(40, int), np.ones(20, int)]
    kernel = 1000 * np.eye(60)
    with pytest.warns(DegenerateWarning, match="all multipliers are zero in 1 of 1") as caught:
        model = quick(kernel="precomputed").fit(kernel, y)
    assert caught[0].filename == __file__  # it points at the line that called fit
    assert len(model.support_) == 0
    assert set(model.predict(np.zeros((3, 60)))) == {0}


# Kernels and data


@pytest.mark.parametrize(
    ("kernel", "C", "xi"),
    [("linear", 0.05, 10), ("poly", 1.0, 1), ("rbf", 1.0, 1), ("sigmoid", 0.5, 1), (laplacian_kernel, 1.0, 1)],
)
def test_decision_values_stay_near_the_twins(kernel: Any, C: float, xi: float) -> None:
    """A linear kernel of 30 features has large values: it needs small steps, C / 15, and a dearer balance."""
    X = StandardScaler().fit_transform(load_breast_cancer().data[:80])
    y = load_breast_cancer().target[:80]
    model = QuboSVC(kernel=kernel, C=C, xi=xi, n_bits=4, gamma=0.05, coef0=0.1, random_state=0).fit(X, y)
    twin = model.classical_twin().fit(X, y)
    assert np.corrcoef(model.decision_function(X), twin.decision_function(X))[0, 1] > 0.99


@pytest.mark.parametrize(
    ("kernel", "by_hand"),
    [
        ("poly", lambda a, b: (0.5 * a @ b.T + 0.25) ** 2),
        ("sigmoid", lambda a, b: np.tanh(0.5 * a @ b.T + 0.25)),
        ("linear", lambda a, b: a @ b.T),
        (laplacian_kernel, laplacian_kernel),
    ],
)
def test_a_kernel_has_the_parameters_given(kernel: Any, by_hand: Any) -> None:
    model = quick(kernel=kernel, gamma=0.5, degree=2, coef0=0.25, bias="zero").fit(X_MOONS, Y_MOONS)
    expected = by_hand(X_MOONS[:5], model.support_vectors_) @ model.dual_coef_[0]
    np.testing.assert_allclose(model.decision_function(X_MOONS[:5]), expected)


def test_gamma_is_of_the_features_where_a_kernel_has_use_for_it() -> None:
    """Automatic: one over their number. Where the kernel is given, as a function or a matrix, it is one."""
    assert quick(gamma="auto").fit(X_MOONS, Y_MOONS).gamma_ == 1 / 2
    assert quick(kernel=laplacian_kernel).fit(X_MOONS, Y_MOONS).gamma_ == 1
    assert quick(kernel="precomputed").fit(rbf_kernel(X_MOONS), Y_MOONS).gamma_ == 1


def test_defaults_of_the_kernel_are_those_of_scikit_learn() -> None:
    parameters, of_svc = QuboSVC().get_params(), SVC().get_params()
    assert all(parameters[name] == of_svc[name] for name in ("kernel", "gamma", "degree", "coef0", "class_weight"))


@pytest.mark.parametrize(("base", "C"), [(1, 3), (0.5, 1.75), (3, 13)])
def test_the_largest_multiplier_is_the_sum_of_the_digits(base: float, C: float) -> None:
    model = quick(base=base, n_bits=3).fit(X_MOONS, Y_MOONS)
    assert model.C_ == C
    assert model.alpha_.max() <= C + 1e-12


def test_the_base_says_which_multipliers_there_are() -> None:
    """Without neighbours and balance a multiplier would be 3: of digits 1 and 3 it is, thirds of 4 miss it."""
    model = QuboSVC("precomputed", base=3, xi=0, backend="exact", aggregate="best").fit(np.eye(2) / 3, [0, 1])
    np.testing.assert_allclose(model.alpha_, 3)


def test_parameters_may_be_as_low_as_their_lowest_value() -> None:
    model = quick(kernel="rbf", degree=0, xi=0, gamma=0.5).fit(X_MOONS, Y_MOONS)
    assert model.score(X_MOONS, Y_MOONS) > 0.9
    assert quick(kernel="linear", gamma=0, C=0.1).fit(X_MOONS, Y_MOONS).gamma_ == 0


def test_samples_that_are_all_the_same_have_the_gamma_that_scikit_learn_gives_them() -> None:
    X, y = np.ones((6, 2)), [0, 1, 1, 0, 1, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nothing can be learned from them
        assert quick().fit(X, y).gamma_ == SVC().fit(X, y)._gamma == 1


def test_a_precomputed_kernel_gives_what_the_kernel_itself_gives() -> None:
    gram = rbf_kernel(X_MOONS, gamma=0.7)
    by_name = quick(gamma=0.7).fit(X_MOONS, Y_MOONS)
    precomputed = quick(kernel="precomputed").fit(gram, Y_MOONS)
    np.testing.assert_array_equal(by_name.alpha_, precomputed.alpha_)
    np.testing.assert_allclose(by_name.decision_function(X_MOONS), precomputed.decision_function(gram))
    assert clone(precomputed).__sklearn_tags__().input_tags.pairwise
    search = GridSearchCV(quick(kernel="precomputed"), {"n_bits": [1, 2]}, cv=2).fit(gram, Y_MOONS)
    assert search.best_score_ > 0.8


def test_string_labels_and_data_frames_are_taken() -> None:
    frame = pd.DataFrame(X_MOONS, columns=["red", "infrared"])
    names = np.array(["soil", "water"])[Y_MOONS]
    model = quick().fit(frame, pd.Series(names))
    assert list(model.classes_) == ["soil", "water"]
    assert list(model.feature_names_in_) == ["red", "infrared"]
    assert model.score(frame, names) > 0.9


def test_it_lives_in_a_pipeline_and_a_grid_search() -> None:
    pipeline = make_pipeline(StandardScaler(), quick())
    search = GridSearchCV(pipeline, {"qubosvc__n_bits": np.array([1, 2]), "qubosvc__gamma": ["scale", 0.5]}, cv=3)
    assert search.fit(X_MOONS, Y_MOONS).best_score_ > 0.85


def test_a_fitted_model_survives_pickling() -> None:
    model = quick().fit(X_MOONS, Y_MOONS)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.decision_function(X_MOONS), model.decision_function(X_MOONS))
    np.testing.assert_array_equal(again.sampleset_.record, model.sampleset_.record)
    assert again.sampleset_.info["seed"] == 0


@pytest.mark.parametrize(("X", "y"), [(X_MOONS, Y_MOONS), (X_IRIS, Y_IRIS)], ids=["two classes", "three classes"])
def test_a_fitted_model_survives_skops_which_runs_no_code(X: Any, y: Any) -> None:
    model = quick().fit(X, y)
    data = skops.io.dumps(model)
    trusted = skops.io.get_untrusted_types(data=data)
    assert trusted == ["hqml.svm._kernels.Kernel", "hqml.svm.qubo_svc.QuboSVC"]
    again = skops.io.loads(data, trusted=trusted)
    np.testing.assert_array_equal(again.decision_function(X), model.decision_function(X))
    assert type(again.sampleset_) is type(model.sampleset_)


def test_clones_share_a_backend_object_and_copy_all_else() -> None:
    model = quick(backend=RecordingBackend(load_backend("cpu")))
    copy = clone(model)
    assert copy.backend is model.backend
    assert copy.backend_options == model.backend_options
    assert copy.backend_options is not model.backend_options


# Repeating


@pytest.mark.parametrize("aggregate", ["mean", "validation"])
def test_a_seed_repeats_a_fit_and_another_does_not(aggregate: str) -> None:
    seeds = (1, np.int64(1), 2)
    first, same, other = (quick(random_state=s, aggregate=aggregate).fit(X_MOONS, Y_MOONS) for s in seeds)
    np.testing.assert_array_equal(first.alpha_, same.alpha_)
    assert not np.array_equal(first.sampleset_.record.sample, other.sampleset_.record.sample)


def test_a_generator_moves_on_and_its_seed_is_kept() -> None:
    generator = np.random.RandomState(0)
    first = quick(random_state=generator).fit(X_MOONS, Y_MOONS)
    second = quick(random_state=generator).fit(X_MOONS, Y_MOONS)
    assert first.seed_ != second.seed_
    again = quick(random_state=second.seed_).fit(X_MOONS, Y_MOONS)
    np.testing.assert_array_equal(second.alpha_, again.alpha_)


def test_fitting_again_on_other_data_leaves_nothing_behind() -> None:
    model = quick().fit(X_IRIS, Y_IRIS).fit(X_MOONS, Y_MOONS)
    np.testing.assert_array_equal(model.alpha_, quick().fit(X_MOONS, Y_MOONS).alpha_)
    assert model.n_features_in_ == 2


@pytest.mark.parametrize(
    ("parameters", "repeatable"),
    [
        ({"random_state": 0}, True),
        ({"random_state": None}, False),
        ({"random_state": 0, "time_limit": 1.0}, False),
        ({"random_state": 0, "backend": "no such"}, False),
    ],
)
def test_the_tags_promise_repetition_only_where_it_holds(parameters: dict[str, Any], repeatable: bool) -> None:
    assert quick(**parameters).__sklearn_tags__().non_deterministic is not repeatable


def test_an_interrupt_passes_through_and_leaves_the_model_unfitted(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(qubos: Any, **arguments: Any) -> Any:
        raise KeyboardInterrupt

    backend = RecordingBackend(load_backend("cpu"))
    monkeypatch.setattr(backend, "sample", interrupted)
    model = quick(backend=backend)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X_MOONS, Y_MOONS)
    with pytest.raises(NotFittedError):
        model.predict(X_MOONS)


# The twin


def test_the_twin_has_equal_parameters() -> None:
    model = quick(class_weight={0: 1, 1: 2}, C=0.5, degree=2, coef0=0.25).fit(X_MOONS, Y_MOONS)
    twin = model.classical_twin()
    assert isinstance(twin, SVC)
    assert (twin.degree, twin.coef0) == (2, 0.25)
    assert (twin.C, twin.gamma, twin.class_weight) == (0.5, model.gamma_, {0: 1, 1: 2})
    assert model.gamma_ == pytest.approx(1 / (2 * X_MOONS.var()))
    with pytest.raises(NotFittedError):
        quick().classical_twin()


@pytest.mark.parametrize(("kernel", "gamma"), [("rbf", 0.7), ("poly", 0.7), ("sigmoid", 0.7), ("linear", "scale")])
def test_the_twin_has_the_gamma_that_its_kernel_uses(kernel: str, gamma: Any) -> None:
    twin = quick(kernel=kernel, gamma=0.7).fit(X_MOONS, Y_MOONS).classical_twin()
    assert (twin.kernel, twin.gamma) == (kernel, gamma)


def test_the_twin_of_many_classes_is_one_vs_rest() -> None:
    model = quick().fit(X_IRIS, Y_IRIS)
    twin = model.classical_twin()
    assert isinstance(twin, OneVsRestClassifier)
    assert np.mean(twin.fit(X_IRIS, Y_IRIS).predict(X_IRIS) == model.predict(X_IRIS)) > 0.97
    weighted = quick(class_weight={0: 1, 1: 2, 2: 1}, C=0.5).fit(X_IRIS, Y_IRIS).classical_twin()
    assert isinstance(weighted, SVCSliceEnsemble)
    assert (weighted.estimator.C, weighted.slice_size, weighted.n_slices) == (0.5, 150, 1)
    assert weighted.fit(X_IRIS, Y_IRIS).score(X_IRIS, Y_IRIS) > 0.94


# What is refused


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"kernel": "gauss"}, "kernel must be one of"),
        ({"kernel": 3}, "kernel must be one of"),
        ({"gamma": "wide"}, "gamma must be"),
        ({"gamma": -1.0}, "gamma must be"),
        ({"gamma": np.nan}, "gamma must be"),
        ({"degree": -1}, "degree must be"),
        ({"degree": 2.5}, "degree must be"),
        ({"coef0": "0"}, "coef0 must be"),
        ({"base": 0}, "base must be"),
        ({"base": 1e300, "n_bits": 3}, "overflows"),
        ({"n_bits": 0}, "n_bits must be"),
        ({"n_bits": 2.0}, "n_bits must be"),
        ({"n_bits": True}, "n_bits must be"),
        ({"C": 0}, "C must be"),
        ({"C": np.inf}, "C must be"),
        ({"xi": -0.1}, "xi must be"),
        ({"backend": 7}, "backend must be"),
        ({"backend_options": [1]}, "backend_options must be"),
        ({"backend_options": {"reads": 5}}, "backend_options must not hold reads"),
        ({"reads": 0}, "reads must be"),
        ({"n_solutions": 0}, "n_solutions must be"),
        ({"aggregate": "median"}, "aggregate must be one of 'mean'"),
        ({"bias": None}, "bias must be one of"),
        ({"class_weight": "equal"}, "class_weight must be"),
        ({"class_weight": {0: -1}}, "class weights must be"),
        ({"class_weight": {0: 1, "x": 2}}, "class_weight cannot be used"),
        ({"validation_fraction": 1.0}, "validation_fraction must be"),
        ({"time_limit": 0}, "time_limit must be"),
        ({"max_qpu_seconds": -1}, "max_qpu_seconds must be"),
        ({"random_state": "today"}, "random_state cannot be used"),
    ],
)
def test_a_bad_parameter_is_one_clear_line(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message) as caught:
        quick(**parameters).fit(X_MOONS, Y_MOONS)
    assert "\n" not in str(caught.value)


NAN = np.where(np.arange(120).reshape(60, 2) == 3, np.nan, X_MOONS)


@pytest.mark.parametrize(
    ("X", "y", "parameters", "message"),
    [
        (NAN, Y_MOONS, {}, "contains NaN"),
        (X_MOONS[:, 0], Y_MOONS, {}, "Expected 2D array"),
        (X_MOONS[:5], Y_MOONS, {}, "inconsistent numbers of samples"),
        (X_MOONS, np.ones(60), {}, "at least two classes"),
        (X_MOONS, np.linspace(0, 1, 60), {}, "Unknown label type"),
        (X_MOONS[:0], Y_MOONS[:0], {}, "0 sample"),
        (X_MOONS + 1j, Y_MOONS, {}, "Complex data"),
        (np.array([[{}, 1]] * 60), Y_MOONS, {}, "not 'dict'"),
        (X_MOONS, Y_MOONS, {"kernel": "precomputed"}, "must be square"),
        (np.arange(3600.0).reshape(60, 60), Y_MOONS, {"kernel": "precomputed"}, "symmetric"),
        (X_MOONS, Y_MOONS, {"kernel": lambda a, b: np.ones(3)}, r"must return shape \(60, 60\)"),
        (X_MOONS, Y_MOONS, {"kernel": lambda a, b: np.full((60, 60), np.nan)}, "finite real"),
        (X_MOONS, Y_MOONS, {"kernel": lambda a, b: np.full((60, 60), 1j)}, "finite real"),
        (X_MOONS[:2], [0, 1], {"aggregate": "validation"}, "^aggregate='validation' needs a class of two samples"),
    ],
)
def test_bad_data_are_a_data_error(X: Any, y: Any, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        quick(**parameters).fit(X, y)


def test_new_data_must_look_like_the_training_data() -> None:
    model = quick().fit(X_MOONS, Y_MOONS)
    with pytest.raises(DataError, match="expecting 2 features"):
        model.predict(X_IRIS)
    with pytest.raises(NotFittedError):
        quick().predict(X_MOONS)


def test_a_backend_that_cannot_is_named() -> None:
    with pytest.raises(UnknownBackend, match="no backend is called 'cpuu'; did you mean 'cpu'"):
        quick(backend="cpuu").fit(X_MOONS, Y_MOONS)
    with pytest.raises(BackendError, match="at most 10 variables"):
        quick(backend=RecordingBackend(load_backend("cpu"), max_variables=10)).fit(X_MOONS, Y_MOONS)
    assert isinstance(RecordingBackend(load_backend("cpu")), Backend)


def test_a_machine_without_multipliers_predicts_by_its_bias() -> None:
    X = 1e4 * X_MOONS
    for model in (quick(kernel="linear"), QuboSVCEnsemble(quick(kernel="linear"), n_slices=2, random_state=0)):
        with pytest.warns(DegenerateWarning, match="all multipliers are zero"):
            model.fit(X, Y_MOONS)
        assert len(model.support_) == 0
        assert len(set(model.predict(X))) == 1
