"""The single-step multiclass SVM: its formula, QuboMulticlassSVC, its ensemble and their twins."""

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
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.metrics.pairwise import linear_kernel, rbf_kernel
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from hqml import load_backend
from hqml.errors import BackendError, DataError, ModelTooLarge, ParameterError, ProblemError
from hqml.problems.multiclass_svm import MAX_BITS, multiclass_multipliers, multiclass_svm
from hqml.svm import MulticlassSVC, QuboMulticlassSVC, QuboSVCEnsemble, SaturationWarning, SVCSliceEnsemble
from hqml.testing import RecordingBackend

X_IRIS, Y_IRIS = load_iris(return_X_y=True)
X_IRIS = StandardScaler().fit_transform(X_IRIS)
X_TWO, Y_TWO = X_IRIS[50:], Y_IRIS[50:]
FEW = np.r_[0:3, 50:53, 100:103]
CHEAP: dict[str, Any] = {"reads": 20, "backend_options": {"num_sweeps": 50}}


def quick(**parameters: Any) -> QuboMulticlassSVC:
    return QuboMulticlassSVC(**{**CHEAP, "random_state": 0, **parameters})


def ensemble(**parameters: Any) -> QuboSVCEnsemble:
    return QuboSVCEnsemble(**{"estimator": quick(), "slice_size": 40, "random_state": 0, **parameters})


def halves(load: Any) -> tuple[Any, Any, Any, Any]:
    X, y = load(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, train_size=0.5, stratify=y, random_state=0)
    scaler = StandardScaler().fit(X)
    return scaler.transform(X), y, scaler.transform(X_test), y_test


# The formula


def all_states(n: int) -> np.ndarray:
    return np.array(list(itertools.product((0, 1), repeat=n)), dtype=np.int8)


def written_out(
    x: Any, kernel: Any, labels: Any, classes: int, n_bits: int, beta: float, mu: float, limits: Any
) -> tuple[float, np.ndarray]:
    """E and tau of one state by the sums of Delilbasic et al. 2023, term by term."""
    points = range(len(labels))
    tau = np.empty((len(labels), classes))
    for n in points:
        for c in range(classes):
            whole = sum(2**b * x[(n * classes + c) * n_bits + b] for b in range(n_bits))
            tau[n, c] = limits[n] * (-1 + 2 / (2**n_bits - 1) * whole)
    energy = 0.0
    for n in points:
        for m in points:
            energy += 0.5 * kernel[n, m] * sum(tau[n, c] * tau[m, c] for c in range(classes))
        energy -= beta * tau[n, labels[n]]
        energy += mu * sum(tau[n, c] for c in range(classes)) ** 2
        energy += mu * sum(tau[n, c] for c in range(classes) if c != labels[n])
    return energy, tau


@st.composite
def machines(draw: st.DrawFn) -> dict[str, Any]:
    points, classes, n_bits = draw(st.sampled_from([(1, 2, 1), (2, 2, 2), (1, 3, 3), (3, 3, 1), (2, 4, 1), (1, 2, 4)]))
    where = draw(hnp.arrays(np.float64, (points, 2), elements=st.floats(-2, 2)))
    labels = draw(st.lists(st.integers(0, classes - 1), min_size=points, max_size=points))
    return {
        "kernel": rbf_kernel(where, gamma=draw(st.floats(0.1, 4))),
        "labels": np.array(labels),
        "n_classes": classes,
        "n_bits": n_bits,
        "beta": draw(st.floats(0.01, 10)),
        "mu": draw(st.floats(0, 5)),
        "limits": np.array(draw(st.lists(st.floats(0.1, 10), min_size=points, max_size=points))),
    }


@given(machines())
def test_every_energy_is_that_of_the_sums_written_out_constants_included(machine: dict[str, Any]) -> None:
    states = all_states(len(machine["labels"]) * machine["n_classes"] * machine["n_bits"])
    model = multiclass_svm(**machine)
    expected = [written_out(x, *machine.values()) for x in states]
    np.testing.assert_allclose(model.energies(states), [energy for energy, _ in expected], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(
        model.to_dense().energies(states), [energy for energy, _ in expected], rtol=1e-9, atol=1e-9
    )
    decoded = multiclass_multipliers(model, states, machine["n_classes"])
    np.testing.assert_allclose(decoded, [tau for _, tau in expected], atol=1e-9)


def test_one_sample_of_three_classes_by_hand() -> None:
    """k = 1, one digit, tau = (1, -1, -1): 3/2 - beta + mu ((-1)^2 - 2)."""
    model = multiclass_svm([[1.0]], [0], n_classes=3, n_bits=1, beta=0.5, mu=0.25)
    assert model.energies([1, 0, 0]) == pytest.approx(1.5 - 0.5 - 0.25)
    np.testing.assert_array_equal(multiclass_multipliers(model, [1, 0, 0], 3), [[[1, -1, -1]]])


def test_what_is_not_given_is_two_digits_and_all_else_one() -> None:
    states = np.random.default_rng(0).integers(0, 2, (20, 12))
    kernel = rbf_kernel(X_IRIS[[0, 60]])
    short = multiclass_svm(kernel, [0, 2])
    said = multiclass_svm(kernel, [0, 2], n_classes=3, n_bits=2, beta=1, mu=1, limits=[1, 1])
    np.testing.assert_array_equal(short.energies(states), said.energies(states))


@pytest.mark.parametrize("n_bits", [1, 2, 3])
def test_no_step_of_a_multiplier_is_zero(n_bits: int) -> None:
    model = multiclass_svm([[1.0]], [0], n_classes=2, n_bits=n_bits)
    steps = np.unique(multiclass_multipliers(model, all_states(2 * n_bits), 2))
    np.testing.assert_allclose(steps, np.linspace(-1, 1, 2**n_bits))
    assert np.abs(steps).min() > 0.1


def test_a_kernel_in_single_precision_gives_a_model_in_single_precision() -> None:
    kernel = rbf_kernel(X_IRIS[FEW])
    double, single = (
        multiclass_svm(kernel.astype(kind), Y_IRIS[FEW], beta=0.3, mu=0.3) for kind in (np.float64, np.float32)
    )
    states = np.random.default_rng(0).integers(0, 2, (20, double.num_variables))
    assert (double.gram.dtype, single.gram.dtype) == (np.float64, np.float32)
    np.testing.assert_allclose(single.energies(states), double.energies(states), rtol=1e-5)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"kernel": np.ones((2, 3))}, r"kernel must have shape \(2, 2\)"),
        ({"kernel": np.array([[1, 2], [3, 1]])}, "kernel cannot be used: .*symmetric"),
        ({"kernel": np.full((2, 2), np.nan)}, "kernel cannot be used"),
        ({"labels": [0.5, 1]}, "labels must be a vector of whole numbers"),
        ({"labels": [-1, 1]}, "labels must be a vector of whole numbers"),
        ({"labels": []}, "labels must be a vector"),
        ({"labels": [0, 0]}, "two classes or more"),
        ({"n_classes": 1}, "found 1 classes and the label 1"),
        ({"labels": [0, 2], "n_classes": 2}, "found 2 classes and the label 2"),
        ({"n_bits": 0}, "n_bits must be at least 1"),
        ({"n_bits": MAX_BITS + 1}, "n_bits must be at most 52, found 53"),
        ({"beta": 0}, "beta must be"),
        ({"beta": np.inf}, "beta must be"),
        ({"mu": -1}, "mu must be"),
        ({"mu": np.nan}, "mu must be"),
        ({"limits": [1, 0]}, "limits must be above 0"),
        ({"limits": [1, 2, 3]}, "limits must be one number or have shape"),
    ],
)
def test_a_bad_problem_is_one_clear_line(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        multiclass_svm(**{"kernel": np.eye(2), "labels": [0, 1], **changed})


# The multipliers


@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 1.0, 1: 2.0, 2: 0.5}])
def test_the_best_solution_is_the_minimum_of_the_written_out_formula(class_weight: Any) -> None:
    """Five samples of three classes with a digit each: 2^15 states, all of them looked at."""
    rows = np.array([0, 60, 61, 110, 111])
    X, y = X_IRIS[rows], Y_IRIS[rows]
    model = quick(
        backend="exact",
        backend_options=None,
        n_bits=1,
        gamma=0.7,
        beta=0.6,
        mu=0.2,
        aggregate="best",
        class_weight=class_weight,
    ).fit(X, y)
    weights = {None: [1, 1, 1], "balanced": [1, 1 / 2, 1 / 2]}.get(
        class_weight if not isinstance(class_weight, dict) else "", [1 / 2, 1, 1 / 4]
    )
    limits, kernel = np.array(weights)[y], rbf_kernel(X, gamma=0.7)
    tau = limits[:, None] * (2.0 * all_states(15).reshape(-1, 5, 3) - 1)
    energies = np.einsum("snc,nm,smc->s", tau, kernel, tau) / 2 + 0.2 * (tau.sum(axis=2) ** 2).sum(axis=1)
    own = tau[:, np.arange(5), y]
    energies += -0.6 * own.sum(axis=1) + 0.2 * (tau.sum(axis=2) - own).sum(axis=1)
    assert model.energies_[0] == pytest.approx(energies.min())
    np.testing.assert_allclose(model.tau_, tau[energies.argmin()])


def test_many_digits_come_to_the_solution_of_the_continuous_twin() -> None:
    """Six digits: a step is 2 / 63. Multipliers of near-equal samples are exchanged freely, decision values are not."""
    X, y, X_test, _ = halves(load_wine)
    model = quick(n_bits=6, aggregate="best", reads=20, backend_options={"num_sweeps": 500}).fit(X, y)
    twin = model.classical_twin().fit(X, y)
    assert twin.energies_[0] < model.energies_[0] < twin.energies_[0] + 0.1
    np.testing.assert_allclose(model.decision_function(X_test), twin.decision_function(X_test), atol=0.05)


@pytest.mark.parametrize("classes", [2, 3])
def test_fitted_arrays_are_those_of_machines_without_bias(classes: int) -> None:
    X, y = (X_TWO, Y_TWO) if classes == 2 else (X_IRIS, Y_IRIS)
    model = quick(gamma=0.5).fit(X, y)
    count = 1 if classes == 2 else 3
    assert model.tau_.shape == (len(X), classes)
    assert np.abs(model.tau_).max() <= 1
    assert model.dual_coef_.shape == (count, len(model.support_))
    assert model.support_vectors_.shape == (len(model.support_), 4)
    np.testing.assert_array_equal(model.intercept_, np.zeros(count))
    assert set(model.timing_) == {"kernel", "build", "solve", "decode", "total"}
    assert model.sampleset_.record.sample.shape == (20, len(X) * classes * 2)
    assert model.energies_.tolist() == [model.sampleset_.first.energy]
    assert (model.beta_, model.mu_, model.gamma_, model.seed_) == (0.3, 0.3, 0.5, 0)

    scores = rbf_kernel(X, gamma=0.5) @ model.tau_
    expected = scores[:, 1] - scores[:, 0] if classes == 2 else scores
    np.testing.assert_allclose(model.decision_function(X), expected, atol=1e-9)
    np.testing.assert_array_equal(model.predict(X), model.classes_[scores.argmax(axis=1)])


def test_the_mean_averages_the_lowest_distinct_solutions() -> None:
    """Of all 2^9 states of three samples, the three lowest."""
    X, y = X_IRIS[[0, 60, 110]], np.array([0, 1, 2])
    model = quick(
        backend="exact", backend_options=None, n_bits=1, gamma=0.7, beta=0.6, mu=0.2, n_solutions=3, reads=512
    ).fit(X, y)
    states = all_states(9)
    qubo = multiclass_svm(rbf_kernel(X, gamma=0.7), y, n_bits=1, beta=0.6, mu=0.2)
    lowest = states[np.argsort(qubo.energies(states), kind="stable")[:3]]
    np.testing.assert_allclose(model.tau_, multiclass_multipliers(qubo, lowest, 3).mean(axis=0))


@pytest.mark.parametrize("aggregate", ["mean", "best", "boltzmann", "validation"])
def test_every_rule_tells_the_irises_apart(aggregate: str) -> None:
    assert quick(aggregate=aggregate).fit(X_IRIS, Y_IRIS).score(X_IRIS, Y_IRIS) > 0.93


def test_a_multiplier_has_52_digits_at_most() -> None:
    model = quick(n_bits=52, gamma=0.5).fit(X_IRIS[[0, 60]], [0, 1])
    assert model.sampleset_.record.sample.shape[1] == 2 * 2 * 52
    assert model.score(X_IRIS[[0, 60]], [0, 1]) == 1


def test_held_out_samples_have_no_multiplier() -> None:
    model = quick(aggregate="validation", validation_fraction=0.2).fit(X_IRIS, Y_IRIS)
    assert model.sampleset_.record.sample.shape[1] == 120 * 3 * 2
    assert (model.tau_ == 0).all(axis=1).sum() >= 30


def test_of_the_lowest_solutions_those_are_averaged_that_judge_held_out_samples_best() -> None:
    """Half of each class learns: 2^8 states, all looked at. A right answer counts as much as its class weighs."""
    X, y = np.array([[0.04, 0.86, 0.21, 0.31, 0.33, 0.5, 0.36, 0.59]]).T, np.arange(8) % 2
    model = quick(
        backend="exact",
        backend_options=None,
        n_bits=1,
        gamma=2.0,
        n_solutions=9,
        aggregate="validation",
        validation_fraction=0.5,
        class_weight={0: 1, 1: 0.25},
    ).fit(X, y)
    limits, kernel = np.array([1, 0.25])[y], rbf_kernel(X, gamma=2.0)
    held = (model.tau_ == 0).all(axis=1)
    known = np.flatnonzero(~held)
    parts = kernel[np.ix_(known, known)], y[known], 2, 1, 0.3, 0.3, limits[known]
    lowest = sorted((written_out(x, *parts) for x in all_states(8)), key=lambda found: found[0])[:9]
    right = [limits[held][y[held] == (kernel[held][:, known] @ tau).argmax(axis=1)].sum() for _, tau in lowest]
    best = [tau for (_, tau), weight in zip(lowest, right, strict=True) if weight == max(right)]
    assert 0 < len(best) < 9
    np.testing.assert_allclose(model.tau_[known], np.mean(best, axis=0))


def test_the_units_of_the_kernel_do_not_matter() -> None:
    """beta and mu are multiples of the mean of k(x, x). A factor of two, so that no rounding tells kernels apart."""
    gram = linear_kernel(X_IRIS)
    first, second = (quick(kernel="precomputed", mu=0.2).fit(unit * gram, Y_IRIS) for unit in (1, 4096))
    np.testing.assert_array_equal(first.tau_, second.tau_)
    assert second.beta_ == pytest.approx(4096 * 0.3 * 4)  # standardised, four features: the mean of k(x, x) is 4
    assert second.mu_ == pytest.approx(4096 * 0.2 * 4)
    np.testing.assert_allclose(second.energies_, 4096 * first.energies_)


def test_of_a_kernel_that_is_zero_the_unit_is_one() -> None:
    with pytest.warns(SaturationWarning):
        model = quick(kernel="precomputed").fit(np.zeros((150, 150)), Y_IRIS)
    assert (model.beta_, model.mu_) == (0.3, 0.3)


def test_the_unit_is_found_where_a_sum_of_kernel_values_would_not_fit_into_their_precision() -> None:
    """Nine values of 2^127: single precision ends at 2^128, the mean and the machine do not care."""
    gram = rbf_kernel(X_IRIS[FEW]).astype(np.float32)
    small, large = (
        MulticlassSVC(kernel="precomputed").fit(unit * gram, Y_IRIS[FEW]) for unit in (1, np.float32(2**127))
    )
    assert large.beta_ == pytest.approx(0.3 * 2.0**127)
    np.testing.assert_allclose(large.tau_, small.tau_)
    with pytest.raises(DataError, match="too large for a floating-point number"):
        MulticlassSVC(kernel="precomputed").fit(np.diag(np.full(9, 1.5e308)), Y_IRIS[FEW])


@pytest.mark.parametrize("kernel", ["linear", "poly", rbf_kernel], ids=["linear", "poly", "own"])
def test_every_kernel_comes_near_its_twin(kernel: Any) -> None:
    model = quick(kernel=kernel, gamma=0.2, coef0=0.5, n_bits=3).fit(X_IRIS, Y_IRIS)
    twin = model.classical_twin().fit(X_IRIS, Y_IRIS)
    assert model.score(X_IRIS, Y_IRIS) == pytest.approx(twin.score(X_IRIS, Y_IRIS), abs=0.05)


@pytest.mark.parametrize(
    ("backend", "options", "rows"),
    [
        ("cpu", {"num_sweeps": 50}, slice(None, None, 3)),
        ("neal", {"num_sweeps": 200}, slice(None, None, 3)),
        ("tabu", {"timeout": 20}, slice(None, None, 3)),
        ("gpu", {"device": "cpu"}, slice(None, None, 3)),
        ("mpi:cpu", {}, slice(None, None, 3)),
        ("path-integral", {}, FEW),
        ("qpu-offline", {}, FEW),
        (SimulatedAnnealingSampler(), {"num_sweeps": 200}, slice(None, None, 3)),
        ("exact", {}, [0, 60, 120]),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, SimulatedAnnealingSampler) else str(one),
)
def test_it_is_trained_on_any_backend(backend: Any, options: dict[str, Any], rows: Any) -> None:
    X, y = X_IRIS[rows], Y_IRIS[rows]
    model = quick(backend=backend, backend_options=options).fit(X, y)
    assert model.score(X, y) > 0.9
    assert model.energies_[0] >= model.classical_twin().fit(X, y).energies_[0] - 1e-3


def test_the_digits_at_once_are_told_apart_as_by_the_twin() -> None:
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X / 16, y, train_size=100, stratify=y, random_state=0)
    model = QuboMulticlassSVC(reads=50, random_state=0).fit(X, y)
    twin = model.classical_twin().fit(X, y)
    assert model.score(X_test, y_test) > 0.85
    assert model.score(X_test, y_test) > twin.score(X_test, y_test) - 0.03


def test_landsat_in_six_classes_follows_the_twin_in_slices_of_an_annealers_size(shared_data: Path) -> None:
    """14 samples * 6 classes * 2 digits = 168 variables, about what fits an Advantage as a clique."""
    train, test = (np.loadtxt(shared_data / "ml" / f"sat.{part}") for part in ("trn", "tst"))
    scaler = StandardScaler().fit(train[:, :-1])
    X, y, X_test, y_test = (
        scaler.transform(train[:, :-1]),
        train[:, -1],
        scaler.transform(test[:, :-1]),
        test[:, -1],
    )
    model = QuboSVCEnsemble(quick(gamma=0.1), slice_size=14, n_slices=30, random_state=0).fit(X, y)
    twin = model.classical_twin().fit(X, y)
    assert model.score(X_test, y_test) > 0.75
    assert model.score(X_test, y_test) > twin.score(X_test, y_test) - 0.03


# What is told and what is refused


def test_limits_that_decide_are_told() -> None:
    with pytest.warns(SaturationWarning, match="Lower beta and mu, or raise gamma") as caught:
        QuboMulticlassSVC(gamma=1e-6, random_state=0).fit(X_IRIS, Y_IRIS)
    assert caught[0].filename == __file__
    with pytest.warns(SaturationWarning) as caught:
        ensemble(estimator=QuboMulticlassSVC(gamma=1e-6)).fit(X_IRIS, Y_IRIS)
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_limits_that_decide_are_told_of_more_than_half_of_the_slices_only() -> None:
    """Of k = size * identity the multipliers are about 0.3 / size of the mean size, and 1 at most."""
    single = quick(kernel="precomputed", aggregate="best", backend="exact", backend_options=None)

    def fit(sizes: list[float]) -> None:
        y = np.arange(4 * len(sizes)) % 2
        model = ensemble(estimator=single, slice_size=4, sampling="disjoint").fit(np.eye(len(y)), y)
        kernel = np.zeros(len(y))
        for rows, size in zip(model.slices_, sizes, strict=True):
            kernel[rows] = size
        model.fit(np.diag(kernel), y)

    fit([0.01, 1.0])
    with pytest.warns(SaturationWarning, match="up to 100% of their limit"):
        fit([0.01, 0.01, 1.0])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"kernel": "gauss"}, "kernel must be one of"),
        ({"gamma": -1.0}, "gamma must be"),
        ({"n_bits": 0}, "n_bits must be"),
        ({"n_bits": 53}, "n_bits must be at most 52, found 53"),
        ({"beta": 0}, "beta must be"),
        ({"beta": "auto"}, "beta must be"),
        ({"mu": -0.1}, "mu must be"),
        ({"mu": None}, "mu must be"),
        ({"backend": 7}, "backend must be"),
        ({"backend_options": {"reads": 5}}, "backend_options must not hold reads"),
        ({"reads": 0}, "reads must be"),
        ({"n_solutions": 0}, "n_solutions must be"),
        ({"aggregate": "median"}, "aggregate must be one of 'mean'"),
        ({"class_weight": "equal"}, "class_weight must be"),
        ({"class_weight": {0: -1}}, "class weights must be"),
        ({"class_weight": {0: 0}}, "class weights must be finite and above 0"),
        ({"validation_fraction": 1.0}, "validation_fraction must be below 1"),
        ({"random_state": -1}, "random_state cannot be used"),
    ],
)
def test_a_bad_parameter_is_one_clear_line(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        quick(**parameters).fit(X_IRIS, Y_IRIS)
    if set(parameters) <= {"kernel", "gamma", "beta", "mu", "class_weight"}:
        with pytest.raises(ParameterError, match=message):
            MulticlassSVC(**parameters).fit(X_IRIS, Y_IRIS)


def test_bad_data_and_unfitted_models_are_refused() -> None:
    with pytest.raises(DataError, match="at least two classes"):
        quick().fit(X_IRIS, np.zeros(150))
    with pytest.raises(DataError, match="NaN"):
        quick().fit(X_IRIS * np.nan, Y_IRIS)
    with pytest.raises(DataError, match="symmetric"):
        quick(kernel="precomputed").fit(np.arange(22500.0).reshape(150, 150), Y_IRIS)
    for make in (quick, MulticlassSVC):
        with pytest.raises(DataError, match="too large for a floating-point number"), np.errstate(over="ignore"):
            make(kernel="poly", gamma=1.0, degree=200).fit(1e3 * X_IRIS, Y_IRIS)
    with pytest.raises(DataError, match=r"^aggregate='validation' needs a class of two samples"):
        quick(aggregate="validation").fit(X_IRIS[[0, 60, 120]], [0, 1, 2])
    with pytest.raises(BackendError, match="at most 100 variables"):
        quick(backend=RecordingBackend(load_backend("cpu"), max_variables=100)).fit(X_IRIS, Y_IRIS)
    for call in (quick().predict, lambda X: quick().classical_twin()):
        with pytest.raises(NotFittedError):
            call(X_IRIS)


def test_what_would_not_fit_into_memory_is_refused_before_it_is_made() -> None:
    """7000 * 3 > 20,000."""
    y = np.arange(7000) % 3
    with pytest.raises(
        ModelTooLarge, match=r"7000 samples with 3 classes need Gram matrices of 1.8 GB.*slice_size=\.\.\."
    ):
        quick().fit(np.zeros((7000, 1)), y)
    with pytest.raises(ModelTooLarge, match="smaller slices"):
        ensemble(slice_size=400, n_slices=300).fit(np.zeros((7000, 1)), y)


def test_large_batches_are_in_single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = RecordingBackend(load_backend("cpu"))
    double = quick(backend=backend).fit(X_IRIS, Y_IRIS)
    monkeypatch.setattr("hqml.svm._multiclass.SINGLE_ABOVE", 100)
    single = quick(backend=backend).fit(X_IRIS, Y_IRIS)
    assert [batch[0].gram.dtype for batch in backend.batches] == [np.float64, np.float32]
    assert single.energies_ == pytest.approx(double.energies_, rel=1e-2)


def test_models_may_be_as_large_as_the_limits_and_no_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine samples of three classes are a side of 27, ten of 30; the squares of two models of five add up to 21^2."""
    monkeypatch.setattr("hqml.svm._multiclass.SINGLE_ABOVE", 27)
    backend, more = RecordingBackend(load_backend("cpu")), np.r_[FEW, 103]
    for rows in (FEW, more):
        quick(backend=backend).fit(X_IRIS[rows], Y_IRIS[rows])
    assert [batch[0].gram.dtype for batch in backend.batches] == [np.float64, np.float32]
    monkeypatch.setattr("hqml.svm._multiclass.LARGEST", 27)
    quick().fit(X_IRIS[FEW], Y_IRIS[FEW])
    with pytest.raises(ModelTooLarge, match=r"1 set\(s\) of 10 samples"):
        quick().fit(X_IRIS[more], Y_IRIS[more])
    ensemble(slice_size=5, n_slices=3).fit(X_IRIS[more], Y_IRIS[more])
    with pytest.raises(ModelTooLarge, match=r"4 set\(s\) of 5 samples"):
        ensemble(slice_size=5, n_slices=4).fit(X_IRIS[more], Y_IRIS[more])


# The twin


def test_the_twin_minimises_the_written_out_formula_between_its_limits() -> None:
    """Nine samples by a solver of another kind, from the sums written out."""
    X, y = X_IRIS[FEW], Y_IRIS[FEW]
    twin = MulticlassSVC(gamma=0.7, beta=0.6, mu=0.2, class_weight={0: 1, 1: 2, 2: 0.5}).fit(X, y)
    kernel, limits = rbf_kernel(X, gamma=0.7), np.array([0.5, 1, 0.25])[y]

    def energy(values: Any) -> float:
        tau = values.reshape(9, 3)
        own = tau[np.arange(9), y]
        sums = tau.sum(axis=1)
        return float(
            (tau * (kernel @ tau)).sum() / 2 - 0.6 * own.sum() + 0.2 * (sums**2).sum() + 0.2 * (sums - own).sum()
        )

    bound = np.repeat(limits, 3)
    found = minimize(energy, np.zeros(27), method="SLSQP", bounds=list(zip(-bound, bound, strict=True)), tol=1e-10)
    assert set(twin.timing_) == {"total"}
    assert twin.energies_[0] == pytest.approx(found.fun, abs=1e-5)
    assert energy(twin.tau_.ravel()) == pytest.approx(twin.energies_[0])
    np.testing.assert_allclose(twin.tau_, found.x.reshape(9, 3), atol=1e-2)


@pytest.mark.parametrize("unit", [2.0**-60, 2.0**100])
def test_nor_do_they_matter_to_the_twin(unit: float) -> None:
    gram = rbf_kernel(X_IRIS[FEW])
    plain, scaled = (MulticlassSVC(kernel="precomputed", mu=0.2).fit(by * gram, Y_IRIS[FEW]) for by in (1, unit))
    np.testing.assert_allclose(scaled.tau_, plain.tau_)
    assert (scaled.beta_, scaled.mu_) == pytest.approx((0.3 * unit, 0.2 * unit))
    assert scaled.energies_ == pytest.approx(unit * plain.energies_)


def test_the_twin_has_equal_parameters() -> None:
    weights = {0: 1, 1: 2, 2: 1}
    model = quick(class_weight=weights, beta=0.5, mu=0.1, n_bits=1).fit(X_IRIS, Y_IRIS)
    twin = model.classical_twin()
    assert (twin.beta, twin.mu, twin.gamma, twin.class_weight) == (0.5, 0.1, model.gamma_, weights)
    assert model.gamma_ == pytest.approx(1 / (4 * X_IRIS.var()))
    assert MulticlassSVC().fit(X_IRIS, Y_IRIS).gamma_ == model.gamma_


def test_of_a_given_kernel_there_are_no_support_vectors_as_in_scikit_learn() -> None:
    gram = rbf_kernel(X_IRIS[FEW])
    ours, theirs = (make(kernel="precomputed").fit(gram, Y_IRIS[FEW]) for make in (MulticlassSVC, SVC))
    assert ours.support_vectors_.shape == theirs.support_vectors_.shape


def test_a_kernel_of_ones_own_is_given_floats_whatever_the_new_samples_are() -> None:
    """16 squared is 0 in eight bits."""
    X = np.array([[1, 2], [3, 16], [17, 4], [20, 20]], dtype=np.uint8)
    model = MulticlassSVC(kernel=lambda a, b: (a**2) @ (b**2).T).fit(X, [0, 0, 1, 1])
    np.testing.assert_array_equal(model.decision_function(X), model.decision_function(X.astype(float)))


# The ensemble


def test_all_slices_are_one_batch_of_one_model_each() -> None:
    backend = RecordingBackend(load_backend("cpu"))
    model = ensemble(estimator=quick(backend=backend)).fit(X_IRIS, Y_IRIS)
    [batch] = backend.batches
    assert [qubo.num_points for qubo in batch] == [3 * len(rows) for rows in model.slices_]
    assert model.intercept_.shape == (4, 3)
    assert model.energies_.shape == (4, 1)
    assert model.dual_coef_.shape == (12, len(model.support_))
    assert model.C_ == 1.0


@pytest.mark.parametrize(("X", "y", "size"), [(X_TWO, Y_TWO, 15), (X_IRIS, Y_IRIS, 10)], ids=["two", "three"])
def test_the_automatic_slice_fills_the_backend(X: Any, y: Any, size: int) -> None:
    model = ensemble(
        estimator=quick(backend=RecordingBackend(load_backend("cpu"), max_variables=60)), slice_size="auto"
    ).fit(X, y)
    assert model.slice_size_ == size  # 60 // (2 digits * classes)


def test_a_backend_too_small_for_a_sample_of_each_class_is_told() -> None:
    with pytest.raises(ParameterError, match="slice_size=2 cannot hold the 3 classes"):
        ensemble(
            estimator=quick(backend=RecordingBackend(load_backend("cpu"), max_variables=16)), slice_size="auto"
        ).fit(X_IRIS, Y_IRIS)


@pytest.mark.parametrize(("X", "y"), [(X_TWO, Y_TWO), (X_IRIS, Y_IRIS)], ids=["two classes", "three classes"])
def test_one_slice_of_everything_is_the_estimator_itself(X: Any, y: Any) -> None:
    whole, alone = ensemble(slice_size=len(X)).fit(X, y), quick().fit(X, y)
    np.testing.assert_allclose(whole.decision_function(X), alone.decision_function(X))


def test_one_slice_of_everything_is_the_twin_itself_too() -> None:
    twin, X, y = MulticlassSVC(kernel="linear", mu=0.1), X_IRIS[FEW], Y_IRIS[FEW]
    whole = SVCSliceEnsemble(clone(twin), slice_size=len(X), random_state=0).fit(X, y)
    np.testing.assert_allclose(whole.decision_function(X), twin.fit(X, y).decision_function(X))


@pytest.mark.parametrize("sampling", ["stratified", "balanced", "disjoint", "bootstrap"])
@pytest.mark.parametrize("combine", ["mean", "vote", "weighted"])
def test_every_rule_of_the_ensemble_holds_and_its_twin_has_the_same_slices(sampling: str, combine: str) -> None:
    model = ensemble(sampling=sampling, combine=combine).fit(X_IRIS, Y_IRIS)
    twin = model.classical_twin().fit(X_IRIS, Y_IRIS)
    assert isinstance(twin, SVCSliceEnsemble)
    assert isinstance(twin.estimator_, MulticlassSVC)
    assert all(np.array_equal(one, two) for one, two in zip(model.slices_, twin.slices_, strict=True))
    assert model.decision_function(X_IRIS).shape == (150, 3)
    assert model.score(X_IRIS, Y_IRIS) > 0.92
    assert model.score(X_IRIS, Y_IRIS) == pytest.approx(twin.score(X_IRIS, Y_IRIS), abs=0.03)


def test_the_mean_is_that_of_the_slices_decisions() -> None:
    model = ensemble().fit(X_IRIS, Y_IRIS)
    kernel = rbf_kernel(X_IRIS, model.support_vectors_, gamma=model.gamma_)
    by_hand = (kernel @ model.dual_coef_.toarray().T).reshape(150, 4, 3).mean(axis=1)
    np.testing.assert_allclose(model.decision_function(X_IRIS), by_hand)


def test_an_ensemble_of_something_else_is_refused() -> None:
    with pytest.raises(ParameterError, match="must be None, a QuboSVC or a QuboMulticlassSVC, found SVC"):
        ensemble(estimator=SVC()).fit(X_IRIS, Y_IRIS)
    with pytest.raises(ParameterError, match="beta must be"):
        ensemble(estimator=quick(beta=-1)).fit(X_IRIS, Y_IRIS)


# Manners


@pytest.mark.parametrize("make", [quick, ensemble, MulticlassSVC], ids=["svc", "ensemble", "twin"])
def test_it_lives_in_a_pipeline_with_names_labels_and_pickling(make: Any) -> None:
    frame = pd.DataFrame(X_IRIS, columns=["sl", "sw", "pl", "pw"])
    names = np.array(["setosa", "versicolor", "virginica"])[Y_IRIS]
    pipeline = make_pipeline(StandardScaler().set_output(transform="pandas"), make()).fit(frame, names)
    assert list(pipeline[-1].feature_names_in_) == ["sl", "sw", "pl", "pw"]
    assert pipeline.score(frame, names) > 0.92
    again = pickle.loads(pickle.dumps(pipeline))
    np.testing.assert_array_equal(again.decision_function(frame), pipeline.decision_function(frame))


def test_it_is_searched_over() -> None:
    search = GridSearchCV(quick(), {"beta": [0.1, 1.0], "n_bits": [1, 2]}, cv=2).fit(X_IRIS, Y_IRIS)
    assert search.best_score_ > 0.9
    inner = GridSearchCV(ensemble(), {"estimator__mu": [0.1, 0.3]}, cv=2).fit(X_IRIS, Y_IRIS)
    assert inner.best_score_ > 0.9


def test_a_seed_repeats_a_fit() -> None:
    first, same, other = (quick(random_state=seed).fit(X_IRIS, Y_IRIS) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.tau_, same.tau_)
    assert not np.array_equal(first.tau_, other.tau_)
    assert clone(first).get_params() == first.get_params()


def test_a_fitted_model_survives_skops_which_runs_no_code() -> None:
    model = quick().fit(X_IRIS, Y_IRIS)
    data = skops.io.dumps(model)
    trusted = skops.io.get_untrusted_types(data=data)
    assert trusted == ["hqml.svm._kernels.Kernel", "hqml.svm.multiclass_svc.QuboMulticlassSVC"]
    again = skops.io.loads(data, trusted=trusted)
    np.testing.assert_array_equal(again.decision_function(X_IRIS), model.decision_function(X_IRIS))


def test_prediction_in_small_blocks_gives_the_same() -> None:
    model = quick().fit(X_IRIS, Y_IRIS)
    whole = model.decision_function(X_IRIS)
    with sklearn.config_context(working_memory=0.001):
        np.testing.assert_allclose(model.decision_function(X_IRIS), whole)


TINY: dict[str, Any] = {"reads": 20, "backend_options": {"num_sweeps": 20}}
SINGLE = QuboMulticlassSVC(**TINY, random_state=0)
SLICES = QuboSVCEnsemble(QuboMulticlassSVC(**TINY), slice_size=40, random_state=0)
TWIN = MulticlassSVC()
TWIN_SLICES = SVCSliceEnsemble(MulticlassSVC(), slice_size=40, random_state=0)


# Some checks fit pure noise, or class weights of 1000 to .0001: that the limits decide there is true, and told.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([SINGLE, SLICES, TWIN, TWIN_SLICES])
def test_scikit_learns_check_passes(estimator: Any, check: Callable[[Any], None]) -> None:
    name = getattr(check, "func", check).__name__
    if name == "check_array_api_input" and not os.environ.get("SCIPY_ARRAY_API"):
        pytest.skip("SCIPY_ARRAY_API is not set: scipy lets array types in only where it is")
    check(estimator)


@pytest.mark.skipif(not sklearn.__version__.startswith("1.9."), reason="the counts are those of scikit-learn 1.9")
@pytest.mark.parametrize(("estimator", "checks"), [(SINGLE, 56), (SLICES, 55), (TWIN, 56), (TWIN_SLICES, 55)])
def test_scikit_learn_finds_all_its_checks_to_apply(estimator: Any, checks: int) -> None:
    """Tags that promise less, non_deterministic above all, would switch checks off."""
    assert len(list(estimator_checks_generator(estimator))) == checks
