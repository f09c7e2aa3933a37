"""Support vector regression as a QUBO: the formula, the backends under digits of both signs, the estimator."""

import itertools
import os
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
import skops.io
from dwave.samplers import SimulatedAnnealingSampler
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_diabetes, make_friedman1
from sklearn.ensemble import BaggingRegressor
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.gaussian_process.kernels import RBF
from sklearn.metrics.pairwise import laplacian_kernel, rbf_kernel
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

import hqml
from hqml import GramQubo
from hqml.bounds import lower_bound
from hqml.errors import BudgetExceeded, DataError, ParameterError, ProblemError, UnknownBackend
from hqml.estimators.holdout import learning_part
from hqml.model_file import load_model, save_model
from hqml.problems.svr_bias import least_loss_bias, tube_edge_bias
from hqml.problems.svr_dual import svr_dual
from hqml.svm import BiasWarning, DegenerateWarning, QuboSVR, SaturationWarning
from hqml.svm._aggregate import best_weights, boltzmann_weights, validation_weights
from hqml.svm._regression import _held_out_scores
from hqml.testing import MeteredBackend

RNG = np.random.default_rng(0)
X_WAVE = RNG.uniform(-3, 3, (60, 1))
Y_WAVE = 200 + 50 * np.sin(X_WAVE[:, 0]) + 2 * RNG.normal(size=60)
X_DIABETES, Y_DIABETES = load_diabetes(return_X_y=True)


FAST = {"num_sweeps": 50, "bound": False}  # the proven bound takes longer than the sampling, and nobody reads it here


def quick(**parameters: Any) -> QuboSVR:
    return QuboSVR(**{"reads": 30, "random_state": 0, "backend_options": FAST, **parameters})


def all_states(n: int) -> np.ndarray:
    return np.array(list(itertools.product((0, 1), repeat=n)), dtype=np.int8)


# The formula


@st.composite
def machines(draw: st.DrawFn) -> dict[str, Any]:
    points, n_bits = draw(st.sampled_from([(1, 1), (1, 3), (2, 2), (4, 1)]))
    where = draw(st.lists(st.floats(-2, 2), min_size=points, max_size=points))
    number = st.floats(0, 5)
    return {
        "kernel": rbf_kernel(np.array(where)[:, None], gamma=draw(st.floats(0.1, 4))),
        "targets": np.array(draw(st.lists(st.floats(-9, 9), min_size=points, max_size=points))),
        "n_bits": n_bits,
        "base": draw(st.sampled_from([0.5, 2.0, 3.0])),
        "epsilon": draw(number),
        "xi": draw(number),
        "C": draw(st.sampled_from([None, 0.3, 40.0])),
    }


def published_energy(x: Any, kernel: Any, targets: Any, n_bits: int, base: float, epsilon: float, xi: float, C: Any):
    """1/2 sum (a-a*)(a-a*)'K + eps sum (a+a*) - sum y (a-a*) + lambda (sum (a-a*))^2, lambda = xi / 2."""
    top = sum(base**k for k in range(n_bits))
    step = 1.0 if C is None else C / top
    a, a_star = [], []
    for n in range(len(targets)):
        digits = x[2 * n_bits * n : 2 * n_bits * (n + 1)]
        a.append(step * sum(base**k * digits[k] for k in range(n_bits)))
        a_star.append(step * sum(base**k * digits[n_bits + k] for k in range(n_bits)))
    energy = 0.0
    for n in range(len(targets)):
        energy += epsilon * (a[n] + a_star[n]) - targets[n] * (a[n] - a_star[n])
        for m in range(len(targets)):
            energy += 0.5 * (a[n] - a_star[n]) * (a[m] - a_star[m]) * kernel[n, m]
    return energy + xi / 2 * (sum(a) - sum(a_star)) ** 2


class TestSvrDual:
    @given(machines())
    def test_energies_are_those_of_the_published_formula_in_every_form(self, machine: dict[str, Any]) -> None:
        model = svr_dual(**machine)
        states = all_states(model.num_variables)
        expected = [published_energy(x, **machine) for x in states]
        for energies in (
            model.energies(states),
            model.to_dense().energies(states),
            model.to_sparse().energies(states),
            model.to_bqm().energies((states, range(model.num_variables))),
        ):
            np.testing.assert_allclose(energies, expected, rtol=1e-9, atol=1e-9)

    @given(machines())
    def test_the_field_is_what_a_flip_changes(self, machine: dict[str, Any]) -> None:
        model = svr_dual(**machine)
        states = all_states(model.num_variables)
        for flipped in range(model.num_variables):
            other = states.copy()
            other[:, flipped] ^= 1
            change = (1 - 2.0 * states[:, flipped]) * model.field(states)[:, flipped]
            np.testing.assert_allclose(change, model.energies(other) - model.energies(states), atol=1e-6)

    def test_the_gram_matrix_of_twice_the_size_says_the_same(self) -> None:
        """a and a* as points of their own, with the signs +1 and -1."""
        kernel, y = rbf_kernel(X_WAVE[:3]), np.array([1.0, -2.0, 0.5])
        model = svr_dual(kernel, y, epsilon=0.2, xi=0.7)
        signs, worth = np.repeat([1.0, -1.0], 3), np.array([1.0, 2.0])
        twice = GramQubo(
            np.tile(kernel, (2, 2)), worth, linear=np.outer(0.2 - signs * np.tile(y, 2), worth), scale=signs, shift=0.7
        )
        states = all_states(12)
        moved = states.reshape(-1, 3, 2, 2).transpose(0, 2, 1, 3).reshape(-1, 12)
        np.testing.assert_allclose(model.energies(states), twice.energies(moved))

    def test_one_point_by_hand(self) -> None:
        """E = b^2 / 2 + |b| / 4 - 2 b is -1.25, -1.5, -0.75 at b = 1, 2, 3."""
        model = svr_dual([[1.0]], [2.0], epsilon=0.25, xi=0)
        states = all_states(4)
        energies = model.energies(states)
        assert energies.min() == -1.5
        np.testing.assert_array_equal(model.multipliers(states[energies.argmin()]), [[2.0]])

    def test_what_is_not_given_is_a_tube_of_a_tenth_and_two_digits_of_base_two(self) -> None:
        kernel, states = rbf_kernel(X_WAVE[:2]), all_states(8)
        said = svr_dual(kernel, [1.0, -2.0], n_bits=2, base=2, epsilon=0.1, xi=1, C=3)
        np.testing.assert_array_equal(svr_dual(kernel, [1.0, -2.0]).energies(states), said.energies(states))

    def test_all_digits_of_one_sign_are_the_limit(self) -> None:
        for C, limit in ((None, 7), (0.7, 0.7)):
            model = svr_dual(np.eye(2), [1, -1], n_bits=3, C=C)
            found = model.multipliers([1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1]) * model.scale
            np.testing.assert_allclose(found, [[limit, -limit]])

    def test_the_kernel_is_not_copied(self) -> None:
        kernel = np.eye(2, dtype=np.float32)
        assert np.shares_memory(svr_dual(kernel, [1, -1]).gram, kernel)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"targets": [[1.0, 2.0]]}, "targets must be a vector of finite numbers"),
            ({"targets": [1.0, np.nan]}, "targets must be a vector of finite numbers"),
            ({"targets": []}, "targets must be a vector of finite numbers"),
            ({"targets": ["a", "b"]}, "targets must be numbers"),
            ({"targets": [1, 2, 3]}, r"kernel must have shape \(3, 3\), found \(2, 2\)"),
            ({"kernel": [[1, 2], [3, 1]]}, "symmetric"),
            ({"kernel": [[np.nan, 0], [0, 1]]}, "NaN"),
            ({"n_bits": 0}, "n_bits must be at least 1"),
            ({"base": -1}, "base must be a number above 0"),
            ({"epsilon": -0.1}, "epsilon must be a number of at least 0"),
            ({"epsilon": float("inf")}, "epsilon must be"),
            ({"xi": -1}, "xi must be a number of at least 0"),
            ({"xi": float("nan")}, "xi must be"),
            ({"C": 0}, "C must be above 0"),
            ({"C": float("inf")}, "C must be above 0 and finite"),
        ],
    )
    def test_a_bad_argument_is_one_clear_line(self, change: dict[str, Any], message: str) -> None:
        with pytest.raises(ProblemError, match=message) as caught:
            svr_dual(**{"kernel": np.eye(2), "targets": [1.0, -1.0], **change})
        assert "\n" not in str(caught.value)


# Digits of both signs on every backend


def small_model(points: int = 3, n_bits: int = 2, seed: int = 0) -> GramQubo:
    rng = np.random.default_rng(seed)
    return svr_dual(
        rbf_kernel(rng.normal(size=(points, 2))), rng.normal(size=points) * 2, n_bits=n_bits, epsilon=0.05, C=2.5
    )


BACKENDS: list[tuple[str, dict[str, Any]]] = [
    ("exact", {}),
    ("cpu", {}),
    ("cpu", {"rank": 3}),
    ("cpu", {"method": "tempering"}),
    ("gpu", {"device": "cpu"}),
    ("gpu", {"device": "cpu", "method": "annealing"}),
    ("gpu", {"device": "cpu", "method": "ballistic"}),
    ("gpu", {"device": "cpu", "method": "discrete"}),
    ("mpi", {}),
    ("mpi", {"method": "tempering"}),
    ("neal", {}),
    ("tabu", {}),
    ("path-integral", {}),
    ("qpu-offline", {"shape": (3,)}),
]


@pytest.mark.parametrize(("backend", "options"), BACKENDS, ids=lambda value: str(value))
def test_the_enumerated_optimum_is_found(backend: str, options: dict[str, Any]) -> None:
    if backend == "gpu":
        pytest.importorskip("torch")
    if backend == "mpi":
        pytest.importorskip("mpi4py")
    for seed in (0, 1):
        model = small_model(seed=seed)
        states = all_states(model.num_variables)
        energies = model.energies(states)
        found = hqml.sample(model, backend, reads=50, seed=0, **options)
        assert found.first.energy == pytest.approx(energies.min(), abs=1e-9)
        assert found.info.get("bound", -np.inf) <= energies.min()


def test_rows_on_many_ranks_take_digits_of_both_signs() -> None:
    pytest.importorskip("mpi4py")
    from hqml_mpi import DistributedGram

    model = small_model()
    rows = DistributedGram(
        model.gram, model.num_points, model.weights, linear=model.linear, scale=model.scale, shift=model.shift
    )
    found = hqml.sample(rows, "mpi", reads=50, seed=0)
    assert found.first.energy == pytest.approx(model.energies(all_states(12)).min(), rel=1e-6)


@given(machines())
@settings(max_examples=40)
def test_no_state_lies_below_the_bound(machine: dict[str, Any]) -> None:
    model = svr_dual(**machine)
    lowest = model.energies(all_states(model.num_variables)).min()
    assert lower_bound(model).value <= lowest + 1e-12


def test_the_bound_holds_for_an_indefinite_kernel() -> None:
    kernel = np.array([[1.0, 2.0, 0.0], [2.0, 1.0, -1.0], [0.0, -1.0, -0.5]])
    model = svr_dual(kernel, [1.0, -0.3, 0.2], xi=0.1)
    assert lower_bound(model).value <= model.energies(all_states(12)).min()


# The bias


@pytest.fixture(scope="module")
def libsvm() -> tuple[SVR, Any, Any]:
    """An exact solution: the machine, its multipliers and what its scores leave of the targets."""
    X = StandardScaler().fit_transform(X_DIABETES)[:120]
    y = StandardScaler().fit_transform(Y_DIABETES[:120, None])[:, 0]
    machine = SVR(C=1.0, epsilon=0.1, tol=1e-8).fit(X, y)
    multipliers = np.zeros(len(X))
    multipliers[machine.support_] = machine.dual_coef_[0]
    return machine, multipliers, y - (machine.predict(X) - machine.intercept_[0])


def test_of_an_exact_solution_both_rules_give_libsvms_bias(libsvm: Any) -> None:
    machine, multipliers, residuals = libsvm
    assert tube_edge_bias(residuals, multipliers, 0.1, 1.0) == pytest.approx(machine.intercept_[0], abs=1e-5)
    assert least_loss_bias(residuals, 0.1) == pytest.approx(machine.intercept_[0], abs=1e-5)


def test_the_edge_of_the_tube_by_hand() -> None:
    """Weights 1 * 2 and 2 * 1; the third is at its limit: (2 (1 - .5) + 2 (-2 + .5)) / 4 = -1 / 2."""
    bias = tube_edge_bias(np.array([1.0, -2.0, 9.0]), np.array([1.0, -2.0, 3.0]), 0.5, 3.0)
    assert bias == pytest.approx(-0.5)
    assert tube_edge_bias(np.ones(3), np.array([3.0, 0.0, -3.0 * (1 - 1e-15)]), 0.5, 3.0) is None


@pytest.mark.parametrize("unit", [1e-12, 1e12])
def test_the_edge_of_the_tube_is_found_in_any_unit_of_the_targets(unit: float) -> None:
    residuals, multipliers = np.array([1.0, -2.0, 9.0, 4.0]), np.array([1.0, -2.0, 3.0, 0.0])
    found = tube_edge_bias(unit * residuals, unit * multipliers, unit * 0.5, unit * 3.0)
    assert found == pytest.approx(-0.5 * unit)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=8), st.floats(0, 3))
def test_no_other_bias_has_less_loss(residuals: list[float], epsilon: float) -> None:
    values = np.array(residuals)

    def loss(bias: float) -> float:
        return float(np.maximum(np.abs(values - bias) - epsilon, 0).sum())

    best = loss(least_loss_bias(values, epsilon))
    assert all(best <= loss(other) + 1e-9 for other in [*np.linspace(-9, 9, 181), *values])


# The estimator


def test_the_best_solution_is_the_minimum_of_the_formula_in_units_of_the_target() -> None:
    """The multipliers do not sum to 0, so that xi has a say."""
    X, y = X_WAVE[8:12], Y_WAVE[8:12]
    model = QuboSVR(
        backend="exact", gamma=0.7, C=40.0, epsilon=3.0, scale_target=False, xi=0.2, aggregate="best", bias="zero"
    )
    kernel, centred = rbf_kernel(X, gamma=0.7) + 0.2, y - y.mean()
    steps = 40 / 3 * np.arange(-3, 4)

    def energy(b: Any) -> float:
        return float(0.5 * b @ kernel @ b + 3.0 * np.abs(b).sum() - centred @ b)

    best = min((np.array(digits) for digits in itertools.product(steps, repeat=4)), key=energy)
    assert abs(best.sum()) > 1
    np.testing.assert_allclose(model.fit(X, y).alpha_, best, atol=1e-9)
    assert model.energies_[0] * y.var() == pytest.approx(energy(best))
    assert (model.C_, model.epsilon_) == (pytest.approx(40), pytest.approx(3))


def test_many_digits_come_to_the_solution_of_libsvm() -> None:
    """Five digits: a step is C / 31 = .03. Three steps are allowed for a multiplier, .05 std for a prediction."""
    X = StandardScaler().fit_transform(X_DIABETES[:40, [2, 3, 8]])
    y = Y_DIABETES[:40]
    model = QuboSVR(
        n_bits=5,
        C=1.0,
        gamma=1.0,
        xi=5.0,
        aggregate="best",
        reads=30,
        backend_options={"num_sweeps": 500},
        random_state=0,
    ).fit(X, y)
    svr = model.classical_twin().set_params(tol=1e-6).fit(X, y)
    exact = np.zeros(len(X))
    exact[svr.support_] = svr.dual_coef_[0]
    np.testing.assert_allclose(model.alpha_ / y.std(), exact / y.std(), atol=3 / 31)
    np.testing.assert_allclose(model.predict(X), svr.predict(X), atol=0.05 * y.std())


def test_fitted_arrays_have_the_shapes_of_a_scikit_learn_svr() -> None:
    model = quick().fit(X_WAVE, Y_WAVE)
    assert model.alpha_.shape == (60,)
    assert model.dual_coef_.shape == (1, len(model.support_))
    assert model.support_vectors_.shape == (len(model.support_), 1)
    assert model.intercept_.shape == model.energies_.shape == (1,)
    np.testing.assert_allclose([model.C_, model.epsilon_], [Y_WAVE.std(), 0.1 * Y_WAVE.std()])
    assert np.abs(model.alpha_).max() <= model.C_ * (1 + 1e-12)
    np.testing.assert_array_equal(model.dual_coef_[0], model.alpha_[model.support_])
    assert set(model.timing_) == {"kernel", "build", "solve", "decode", "total"}
    assert all(0 <= seconds <= model.timing_["total"] for seconds in model.timing_.values())
    assert model.sampleset_.info["backend"] == "cpu"
    assert model.energies_[0] == model.sampleset_.first.energy
    assert len(model.sampleset_.variables) == 60 * 2 * 2


def test_the_prediction_is_one_sum_of_kernels_in_units_of_the_target() -> None:
    model = quick(gamma=0.5).fit(X_WAVE, Y_WAVE)
    by_hand = rbf_kernel(X_WAVE, X_WAVE, gamma=0.5) @ model.alpha_ + model.intercept_[0]
    np.testing.assert_allclose(model.predict(X_WAVE), by_hand)
    assert model.score(X_WAVE, Y_WAVE) > 0.95


def test_another_unit_of_the_target_gives_the_same_machine_in_that_unit() -> None:
    once, other = quick().fit(X_WAVE, Y_WAVE), quick().fit(X_WAVE, 1e-6 * Y_WAVE - 8)
    np.testing.assert_allclose(other.predict(X_WAVE), 1e-6 * once.predict(X_WAVE) - 8, rtol=1e-9)


def test_without_scaling_the_parameters_are_in_the_targets_own_units() -> None:
    unit = Y_WAVE.std()
    scaled = quick(C=2.0, epsilon=0.05).fit(X_WAVE, Y_WAVE)
    own = quick(C=2.0 * unit, epsilon=0.05 * unit, scale_target=False).fit(X_WAVE, Y_WAVE)
    np.testing.assert_allclose(own.predict(X_WAVE), scaled.predict(X_WAVE))
    assert quick(scale_target=False, epsilon=0.5).fit(X_WAVE, Y_WAVE).epsilon_ == 0.5


def test_prediction_in_small_blocks_gives_the_same() -> None:
    model = quick().fit(X_WAVE, Y_WAVE)
    whole = model.predict(X_WAVE)
    with sklearn.config_context(working_memory=0.001):
        np.testing.assert_allclose(model.predict(X_WAVE), whole)


@pytest.mark.parametrize("aggregate", ["mean", "best", "boltzmann", "validation"])
@pytest.mark.parametrize("bias", ["support", "post-selection", "zero"])
def test_every_rule_follows_the_wave(aggregate: str, bias: str) -> None:
    model = quick(aggregate=aggregate, bias=bias).fit(X_WAVE, Y_WAVE)
    assert model.score(X_WAVE, Y_WAVE) > 0.9
    assert (model.intercept_[0] == Y_WAVE.mean()) == (bias == "zero")


def test_held_out_samples_have_no_multiplier_and_choose_the_solution() -> None:
    model = quick(aggregate="validation", validation_fraction=0.25, bias="zero").fit(X_WAVE, Y_WAVE)
    assert len(model.sampleset_.variables) == 4 * 45
    held = np.flatnonzero(model.alpha_ == 0)
    assert len(held) >= 15
    steps = model.alpha_ / (model.C_ / 3)
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-9)  # one solution, not a mean of several


def test_a_solution_is_judged_by_its_mean_squared_error_on_what_was_held_out() -> None:
    """Held out are the last two, with targets 3 and -3: of no multipliers 9 + 9, of (1, -1) an error of 1 each."""
    gram = np.array([[0.0, 0, 2, 0], [0, 0, 0, 4], [2, 0, 0, 0], [0, 4, 0, 0]])
    solutions, targets = np.array([[0.0, 0, 0, 0], [1, -1, 0, 0]]), np.array([0.0, 0, 3, -3])
    found = _held_out_scores(solutions, gram, targets, np.arange(2), 0.1, quick(bias="zero")._settings())
    np.testing.assert_allclose(found, [-9, -1])
    # A bias of 1, that of the first two, makes it 2**2 and 4**2, and 0.
    moved = np.array([1.0, 1, 3, -3])
    found = _held_out_scores(solutions, gram, moved, np.arange(2), 0.0, quick(bias="post-selection")._settings())
    np.testing.assert_allclose(found, [-10, 0])


def test_of_the_solutions_the_one_with_the_least_error_on_what_was_held_out_is_kept() -> None:
    X, y = X_WAVE[:20], Y_WAVE[:20]
    model = quick(aggregate="validation", n_bits=1, bias="zero", gamma=0.5, n_solutions=30, random_state=2).fit(X, y)
    learned = learning_part(np.zeros(20, dtype=int), np.arange(20), 0.2, 2, wanted="this test")
    digits = np.unique(model.sampleset_.record.sample, axis=0).reshape(-1, len(learned), 2)
    alphas = np.zeros((len(digits), 20))
    alphas[:, learned] = model.C_ * (digits[..., 0] - 1.0 * digits[..., 1])
    errors = (y - y.mean() - alphas @ rbf_kernel(X, gamma=0.5)) ** 2
    held = np.delete(errors, learned, axis=1).mean(axis=1)
    assert held.argmin() != errors.mean(axis=1).argmin()
    np.testing.assert_allclose(model.alpha_, alphas[held.argmin()])


def test_one_solution_is_the_best_one() -> None:
    fits = [quick(**own).fit(X_WAVE, Y_WAVE).alpha_ for own in ({"n_solutions": 1}, {"aggregate": "best"}, {})]
    np.testing.assert_array_equal(fits[0], fits[1])
    assert not np.array_equal(fits[0], fits[2])


def test_digits_of_base_3_are_a_quarter_and_three_of_the_limit() -> None:
    model = quick(base=3, aggregate="best").fit(X_WAVE, Y_WAVE)
    assert {0, 1, 3, 4} <= set(np.round(4 * np.abs(model.alpha_) / model.C_, 9)) <= {0, 1, 2, 3, 4}


def test_weights_of_solutions_by_hand() -> None:
    energies = np.array([3.0, 1.0, 2.0])
    np.testing.assert_array_equal(best_weights(energies), [0, 1, 0])
    np.testing.assert_array_equal(boltzmann_weights(1e10 * energies, 1e-300), [0, 1, 0])
    np.testing.assert_array_equal(validation_weights(-1e5 * energies), [0, 1, 0])  # errors may be large


@pytest.mark.parametrize(
    "backend",
    ["neal", "tabu", "path-integral", "mpi", "gpu", SimulatedAnnealingSampler(), hqml.load_backend("cpu")],
    ids=lambda backend: str(backend)[:20],
)
def test_it_works_on_every_backend(backend: Any) -> None:
    for name, library in (("gpu", "torch"), ("mpi", "mpi4py")):
        if backend == name:
            pytest.importorskip(library)
    options = {"device": "cpu"} if backend == "gpu" else {}
    X, y = X_WAVE[:25], Y_WAVE[:25]
    model = quick(backend=backend, reads=10, backend_options={"bound": False, **options}).fit(X, y)
    assert model.score(X, y) > 0.9


def test_it_works_on_an_annealers_chip() -> None:
    """Eight samples of one digit up and one down are 16 variables, all coupled."""
    X, y = X_WAVE[:8], Y_WAVE[:8]
    model = quick(n_bits=1, backend="qpu-offline", backend_options={"shape": (4,)}, reads=100).fit(X, y)
    assert model.score(X, y) > 0.7
    assert model.sampleset_.info["backend"] == "qpu-offline"


def test_metered_time_is_granted_to_the_backend() -> None:
    metered = MeteredBackend()
    with pytest.raises(BudgetExceeded, match="max_qpu_seconds"):
        QuboSVR(backend=metered, reads=20).fit(X_WAVE[:20], Y_WAVE[:20])
    model = QuboSVR(backend=metered, reads=20, max_qpu_seconds=10, random_state=0).fit(X_WAVE[:20], Y_WAVE[:20])
    assert 0 < model.timing_["qpu"] == pytest.approx(metered.spent)


# What is told


def test_well_behaved_data_are_fitted_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quick().fit(X_WAVE, Y_WAVE)
        quick().fit(StandardScaler().fit_transform(X_DIABETES), Y_DIABETES)


def test_a_limit_that_leaves_nearly_the_mean_is_told_with_what_to_change() -> None:
    with pytest.warns(SaturationWarning, match=r"limit C=0.0[0-9]+, and what is predicted hardly varies.*Raise C"):
        quick(C=0.001, bias="post-selection").fit(X_WAVE, Y_WAVE)


@pytest.mark.parametrize(
    "parameters",
    [{"C": 0.001, "bias": "post-selection"}, {"epsilon": 5.0}, {"n_bits": 1, "C": 1.0, "aggregate": "best"}],
)
def test_a_warning_points_at_the_line_that_fits(parameters: dict[str, Any]) -> None:
    with pytest.warns(ConvergenceWarning) as told:
        quick(**parameters).fit(X_WAVE, Y_WAVE)
    assert [one.filename for one in told] == [__file__]


def test_many_multipliers_at_the_limit_are_no_fault() -> None:
    """Noisy targets have most of them there where they are predicted best."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = quick(gamma=0.03, C=0.3).fit(StandardScaler().fit_transform(X_DIABETES[:40]), Y_DIABETES[:40])
    assert np.abs(model.alpha_).mean() > 0.8 * model.C_


def test_a_tube_wider_than_the_targets_is_told_and_predicts_a_constant() -> None:
    with pytest.warns(DegenerateWarning, match="all multipliers are zero.*Lower epsilon"):
        model = quick(epsilon=5.0).fit(X_WAVE, Y_WAVE)
    assert len(model.support_) == 0
    assert np.ptp(model.predict(X_WAVE)) == 0
    assert model.predict(X_WAVE)[0] == pytest.approx((Y_WAVE.min() + Y_WAVE.max()) / 2, abs=5 * Y_WAVE.std())


@pytest.mark.parametrize("value", [0.0, 7.25, 0.1, 1e20 / 3])
def test_equal_targets_are_predicted_and_have_the_unit_1(value: float) -> None:
    """The mean of the last ones is off by thousands, their rounding."""
    with pytest.warns(DegenerateWarning):
        model = quick().fit(X_WAVE, np.full(60, value))
    np.testing.assert_allclose(model.predict(X_WAVE), value)
    assert (model.C_, model.epsilon_) == (1, 0.1)


def test_an_undefined_bias_gives_way_to_post_selection_and_says_so() -> None:
    """One digit and one solution: every multiplier is 0, C or -C."""
    with pytest.warns(BiasWarning, match="used 'post-selection' instead"):
        model = quick(n_bits=1, C=1.0, aggregate="best").fit(X_WAVE, Y_WAVE)
    assert model.score(X_WAVE, Y_WAVE) > 0.8


# Kernels and data


@pytest.mark.parametrize(
    ("kernel", "C", "xi"),
    [("linear", 0.05, 10), ("poly", 1.0, 1), ("rbf", 1.0, 1), ("sigmoid", 0.5, 1), (laplacian_kernel, 1.0, 1)],
)
def test_predictions_stay_near_the_twins(kernel: Any, C: float, xi: float) -> None:
    X, y = StandardScaler().fit_transform(X_DIABETES[:80]), Y_DIABETES[:80]
    model = QuboSVR(kernel=kernel, C=C, xi=xi, n_bits=3, gamma=0.05, coef0=0.1, reads=50, random_state=0).fit(X, y)
    twin = model.classical_twin().fit(X, y)
    assert np.corrcoef(model.predict(X), twin.predict(X))[0, 1] > 0.99


def test_a_precomputed_kernel_gives_what_the_kernel_itself_gives() -> None:
    gram = rbf_kernel(X_WAVE, gamma=0.7)
    by_name = quick(gamma=0.7).fit(X_WAVE, Y_WAVE)
    precomputed = quick(kernel="precomputed").fit(gram, Y_WAVE)
    np.testing.assert_array_equal(by_name.alpha_, precomputed.alpha_)
    np.testing.assert_allclose(by_name.predict(X_WAVE), precomputed.predict(gram))
    assert clone(precomputed).__sklearn_tags__().input_tags.pairwise
    search = GridSearchCV(quick(kernel="precomputed"), {"n_bits": [1, 2]}, cv=2).fit(gram, Y_WAVE)
    assert search.best_score_ > 0.8


def test_data_frames_and_whole_numbers_are_taken() -> None:
    frame = pd.DataFrame(X_WAVE, columns=["angle"])
    model = quick().fit(frame, pd.Series(Y_WAVE.astype(int)))
    assert list(model.feature_names_in_) == ["angle"]
    assert model.score(frame, Y_WAVE) > 0.9


def test_pixels_in_single_bytes_do_not_overflow_in_a_function_as_a_kernel() -> None:
    pixels = np.random.default_rng(0).integers(100, 256, (20, 3), dtype=np.uint8)
    bytewise, exact = (
        quick(kernel=lambda a, b: a @ b.T / 1e4).fit(X, Y_WAVE[:20]) for X in (pixels, pixels.astype(float))
    )
    np.testing.assert_array_equal(bytewise.alpha_, exact.alpha_)
    np.testing.assert_array_equal(bytewise.predict(pixels), exact.predict(pixels))


def test_a_kernel_of_a_gaussian_process_is_one() -> None:
    """exp(-d**2 / 2) is an rbf of gamma 1/2."""
    process, named = (quick(**own).fit(X_WAVE, Y_WAVE) for own in ({"kernel": RBF(1.0)}, {"gamma": 0.5}))
    np.testing.assert_allclose(process.predict(X_WAVE), named.predict(X_WAVE))


def test_it_lives_in_a_pipeline_and_a_grid_search() -> None:
    pipeline = make_pipeline(StandardScaler(), quick())
    search = GridSearchCV(pipeline, {"qubosvr__n_bits": np.array([1, 2]), "qubosvr__gamma": ["scale", 0.5]}, cv=3)
    assert search.fit(X_WAVE, Y_WAVE).best_score_ > 0.85


def test_bagging_makes_an_ensemble_of_slices() -> None:
    X, y = make_friedman1(300, noise=1.0, random_state=0)
    X_test, y_test = make_friedman1(300, random_state=1)
    slices = BaggingRegressor(
        quick(reads=20, C=3.0), n_estimators=6, max_samples=50, bootstrap=False, random_state=0
    ).fit(X, y)
    assert all(len(one.alpha_) == 50 for one in slices.estimators_)
    alone = quick(reads=20, C=3.0).fit(X[:50], y[:50])
    assert slices.score(X_test, y_test) > alone.score(X_test, y_test)


def test_a_fitted_model_survives_pickling_skops_and_a_model_file(tmp_path: Any) -> None:
    model = quick().fit(X_WAVE, Y_WAVE)
    data = skops.io.dumps(model)
    trusted = skops.io.get_untrusted_types(data=data)
    assert trusted == ["hqml.svm._kernels.Kernel", "hqml.svm.qubo_svr.QuboSVR"]
    save_model(tmp_path / "m.skops", model)
    for again in (
        pickle.loads(pickle.dumps(model)),
        skops.io.loads(data, trusted=trusted),
        load_model(tmp_path / "m.skops").estimator,
    ):
        np.testing.assert_array_equal(again.predict(X_WAVE), model.predict(X_WAVE))


def test_a_model_in_onnx_predicts_the_same(tmp_path: Any) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from hqml.onnx_model import load_onnx, to_onnx

    model = make_pipeline(StandardScaler(), quick()).fit(X_WAVE, Y_WAVE)
    to_onnx(model, path=tmp_path / "m.onnx")
    np.testing.assert_allclose(load_onnx(tmp_path / "m.onnx").predict(X_WAVE), model.predict(X_WAVE), rtol=1e-5)


def test_a_seed_repeats_a_fit_and_another_does_not() -> None:
    first, same, other = (quick(random_state=seed).fit(X_WAVE, Y_WAVE) for seed in (1, np.int64(1), 2))
    np.testing.assert_array_equal(first.alpha_, same.alpha_)
    assert not np.array_equal(first.sampleset_.record.sample, other.sampleset_.record.sample)
    drawn = quick(random_state=np.random.RandomState(0)).fit(X_WAVE, Y_WAVE)
    np.testing.assert_array_equal(quick(random_state=drawn.seed_).fit(X_WAVE, Y_WAVE).alpha_, drawn.alpha_)


def test_the_twin_has_equal_parameters_in_units_of_the_target() -> None:
    model = quick(C=0.5, epsilon=0.2).fit(X_WAVE, Y_WAVE)
    twin = model.classical_twin()
    unit = Y_WAVE.std()
    assert (twin.C, twin.epsilon, twin.gamma) == (pytest.approx(unit / 2), pytest.approx(unit / 5), model.gamma_)
    poly = quick(kernel="poly", degree=2, coef0=0.5).fit(X_WAVE, Y_WAVE).classical_twin()
    assert (poly.kernel, poly.degree, poly.coef0) == ("poly", 2, 0.5)
    assert quick(kernel="linear").fit(X_WAVE, Y_WAVE).classical_twin().gamma == "scale"  # it has none
    with pytest.raises(NotFittedError):
        quick().classical_twin()


# Real data


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_on_diabetes_it_predicts_as_well_as_its_twin(seed: int) -> None:
    X, X_test, y, y_test = train_test_split(X_DIABETES, Y_DIABETES, test_size=0.3, random_state=seed)
    model = make_pipeline(StandardScaler(), QuboSVR(gamma=0.03, C=0.5, reads=50, random_state=seed)).fit(X, y)
    twin = make_pipeline(StandardScaler(), model[-1].classical_twin()).fit(X, y)
    assert model.score(X_test, y_test) == pytest.approx(twin.score(X_test, y_test), abs=0.02)
    assert model.score(X_test, y_test) > 0.3


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_on_a_physical_function_it_predicts_as_well_as_its_twin(seed: int) -> None:
    """A damped oscillation: where it is at a time, for its damping and frequency; measured with some noise."""
    rng = np.random.default_rng(seed)
    time, damping, frequency = rng.uniform(0, 6, 400), rng.uniform(0.1, 0.5, 400), rng.uniform(0.8, 1.2, 400)
    X, y = np.stack([time, damping, frequency], axis=1), np.exp(-damping * time) * np.cos(frequency * time)
    y += 0.02 * rng.normal(size=400)
    model = make_pipeline(StandardScaler(), QuboSVR(gamma=0.3, C=3.0, n_bits=3, reads=50, random_state=seed))
    model.fit(X[:250], y[:250])
    twin = make_pipeline(StandardScaler(), model[-1].classical_twin()).fit(X[:250], y[:250])
    assert model.score(X[250:], y[250:]) == pytest.approx(twin.score(X[250:], y[250:]), abs=0.02)
    assert model.score(X[250:], y[250:]) > 0.97


# What is refused


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"kernel": "gauss"}, "kernel must be one of"),
        ({"gamma": "wide"}, "gamma must be"),
        ({"gamma": -1.0}, "gamma must be"),
        ({"degree": 2.5}, "degree must be"),
        ({"coef0": "0"}, "coef0 must be"),
        ({"base": 0}, "base must be"),
        ({"base": 1e300, "n_bits": 3}, "overflows"),
        ({"n_bits": 0}, "n_bits must be"),
        ({"n_bits": 2.0}, "n_bits must be"),
        ({"C": 0}, "C must be"),
        ({"C": np.inf}, "C must be"),
        ({"C": None}, "C must be a finite number above 0"),
        ({"epsilon": -0.1}, "epsilon must be a finite number of at least 0"),
        ({"epsilon": None}, "epsilon must be"),
        ({"xi": -0.1}, "xi must be"),
        ({"scale_target": "yes"}, "scale_target must be true or false"),
        ({"backend": 7}, "backend must be"),
        ({"backend_options": [1]}, "backend_options must be"),
        ({"backend_options": {"reads": 5}}, "QuboSVR has parameters for it"),
        ({"reads": 0}, "reads must be"),
        ({"n_solutions": 0}, "n_solutions must be"),
        ({"aggregate": "median"}, "aggregate must be one of 'mean'"),
        ({"bias": None}, "bias must be one of"),
        ({"validation_fraction": 0}, "^validation_fraction must be a finite number above 0"),
        ({"validation_fraction": 1.0}, "validation_fraction must be below 1"),
        ({"time_limit": 0}, "time_limit must be"),
        ({"random_state": "today"}, "random_state cannot be used"),
    ],
)
def test_a_bad_parameter_is_one_clear_line(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message) as caught:
        quick(**parameters).fit(X_WAVE, Y_WAVE)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("X", "y", "parameters", "message"),
    [
        (X_WAVE, np.where(np.arange(60) == 3, np.nan, Y_WAVE), {}, "contains NaN"),
        (X_WAVE, [None, *Y_WAVE[1:]], {}, "y contains missing values"),
        (X_WAVE[:, 0], Y_WAVE, {}, "Expected 2D array"),
        (X_WAVE[:5], Y_WAVE, {}, "inconsistent numbers of samples"),
        (X_WAVE, np.stack([Y_WAVE] * 2, axis=1), {}, "y should be a 1d array"),
        (X_WAVE, ["low", "high"] * 30, {}, "could not convert"),
        (X_WAVE, 1e200 * Y_WAVE, {}, "too large to be squared"),
        (X_WAVE[:0], Y_WAVE[:0], {}, "0 sample"),
        (X_WAVE, Y_WAVE, {"kernel": "precomputed"}, "must be square"),
        (np.arange(3600.0).reshape(60, 60), Y_WAVE, {"kernel": "precomputed"}, "symmetric"),
        (X_WAVE, Y_WAVE, {"kernel": lambda a, b: np.ones(3)}, r"must return shape \(60, 60\)"),
        (X_WAVE[:1], Y_WAVE[:1], {"aggregate": "validation"}, "^aggregate='validation' needs .* two samples"),
    ],
)
def test_bad_data_are_a_data_error(X: Any, y: Any, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        quick(**parameters).fit(X, y)


def test_what_cannot_be_done_is_named() -> None:
    with pytest.raises(UnknownBackend, match="did you mean 'cpu'"):
        quick(backend="cpuu").fit(X_WAVE, Y_WAVE)
    with pytest.raises(hqml.HqmlError, match="at most 32 variables"):
        quick(backend="exact", backend_options={}).fit(X_WAVE, Y_WAVE)
    with pytest.raises(NotFittedError):
        quick().predict(X_WAVE)
    with pytest.raises(DataError, match="expecting 1 features"):
        quick().fit(X_WAVE, Y_WAVE).predict(X_DIABETES)


# scikit-learn's own checks

CHEAP = QuboSVR(reads=20, backend_options=FAST, random_state=0)


# Some checks fit noise, constants or three samples: that C decides there, or that nothing is learned, is true and told.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([CHEAP])
def test_scikit_learns_check_passes(estimator: Any, check: Callable[[Any], None]) -> None:
    name = getattr(check, "func", check).__name__
    if name == "check_array_api_input" and not os.environ.get("SCIPY_ARRAY_API"):
        pytest.skip("SCIPY_ARRAY_API is not set: scipy lets array types in only where it is")
    check(estimator)


@pytest.mark.skipif(not sklearn.__version__.startswith("1.9."), reason="the count is that of scikit-learn 1.9")
def test_scikit_learn_finds_all_its_checks_to_apply() -> None:
    assert len(list(estimator_checks_generator(CHEAP))) == 52
