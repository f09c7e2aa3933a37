"""Lower bounds: never above an energy, equal to the relaxation's minimum, tight where digits are many."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import dimod
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.datasets import make_moons
from sklearn.metrics.pairwise import rbf_kernel, sigmoid_kernel
from sklearn.svm import SVC

import hqml
from hqml import DenseQubo, GramQubo, HqmlError
from hqml.bounds import lower_bound
from hqml.cli import main
from hqml.problems.svm_dual import svm_dual
from hqml_cpu import CpuBackend


def lowest_energy(model: GramQubo) -> float:
    return float(model.energies(list(product([0, 1], repeat=model.num_variables))).min())


def moons(points: int, dtype: str = "float64") -> tuple[np.ndarray, np.ndarray]:
    X, y = make_moons(points, noise=0.3, random_state=0)
    return rbf_kernel(X, gamma=1.0).astype(dtype), 2 * y - 1


@st.composite
def gram_models(draw: st.DrawFn) -> GramQubo:
    """Of every kind: definite or not, weights and scales of both signs, costs of their own for each digit."""
    points, digits = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    factor = rng.normal(size=(points, draw(st.integers(1, 5))))
    gram = factor @ factor.T
    if draw(st.booleans()):
        gram = gram + np.diag(rng.normal(size=points)) * draw(st.sampled_from([0.1, 3.0]))
    weights = rng.normal(size=digits) if draw(st.booleans()) else 2.0 ** np.arange(digits)
    return GramQubo(
        (10.0 ** draw(st.integers(-3, 3)) * gram).astype(draw(st.sampled_from(["float32", "float64"]))),
        weights,
        linear=rng.normal(size=(points, digits)) * draw(st.sampled_from([0.0, 1.0, 30.0])),
        scale=rng.normal(size=points),
        shift=draw(st.sampled_from([0.0, 1.0, -0.5])),
        offset=draw(st.sampled_from([0.0, 1e3])),
    )


@given(gram_models())
@settings(max_examples=150)
def test_no_state_lies_below_the_bound(model: GramQubo) -> None:
    bound = lower_bound(model)
    assert bound.value <= lowest_energy(model)
    assert bound.value <= bound.relaxed


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_convex_bound_is_the_minimum_of_the_relaxation(dtype: str) -> None:
    kernel, labels = moons(40, dtype)
    model = svm_dual(kernel, labels, n_bits=3, xi=0.5)
    exact = labels[:, None] * labels * (kernel.astype(np.float64) + 0.5)
    independent = minimize(
        lambda a: (a @ exact @ a / 2 - a.sum(), exact @ a - 1),
        np.full(40, 0.5),
        jac=True,
        bounds=[(0, 7)] * 40,
        method="trust-constr",
        options={"gtol": 1e-8, "xtol": 1e-10, "maxiter": 5000},
    )
    assert lower_bound(model, tolerance=1e-7).value == pytest.approx(independent.fun, rel=1e-5)


def test_where_balance_is_dear_the_bound_is_scikit_learns_dual_optimum() -> None:
    kernel, labels = moons(120)
    model = svm_dual(kernel, labels, n_bits=2, xi=200.0, C=2.0)
    svc = SVC(kernel="precomputed", C=2.0, tol=1e-8).fit(kernel, labels)
    dual = np.zeros(120)
    dual[svc.support_] = svc.dual_coef_[0]
    optimum = dual @ kernel @ dual / 2 - np.abs(dual).sum()
    assert lower_bound(model, tolerance=1e-7).value == pytest.approx(optimum, rel=1e-3)
    assert lower_bound(model).value <= optimum


def test_each_digit_counts_by_its_own_cost() -> None:
    model = GramQubo([[1.0]], [1.0, 2.0], linear=[[-3.0, 1.0]])
    # x = (1, 0): 1/2 - 3; the second digit costs 2 * 1 + 1 there, so the relaxation has its minimum there, too.
    assert lower_bound(model).value == pytest.approx(-2.5, rel=1e-3)


def test_the_gap_closes_as_digits_are_added() -> None:
    kernel, labels = moons(30)
    gaps = []
    for n_bits in (1, 3, 6):
        samples = hqml.sample(
            svm_dual(kernel, labels, n_bits=n_bits, C=4.0), "cpu", reads=200, seed=0, num_sweeps=1000, bound=True
        )
        gaps.append(samples.info["gap"])
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 0.003


@pytest.mark.parametrize(("told", "better"), [(-1e9, False), (-1e-9, True), (None, False)])
def test_beside_a_bound_of_the_backends_own_the_better_one_stands(told: float | None, better: bool) -> None:
    model = GramQubo(np.eye(2), [1.0], linear=[[-0.5], [-0.5]])  # lowest: 0, at all four states

    class Prover(CpuBackend):
        def sample(self, *arguments: Any, **options: Any) -> list[dimod.SampleSet]:
            found = super().sample(*arguments, **options)
            if told is not None:
                found[0].info["bound"] = told
            return found

    info = hqml.sample(model, Prover(), reads=5, seed=0).info
    own = lower_bound(model).value
    assert own < -0.2
    assert info["bound"] == (told if better else own)
    assert info["gap"] == pytest.approx(-info["bound"] / max(1.0, abs(info["bound"])))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_indefinite_kernel_has_a_bound_that_holds(dtype: str) -> None:
    X = np.random.default_rng(0).normal(size=(9, 3))
    kernel = sigmoid_kernel(X, gamma=1.0, coef0=-0.5).astype(dtype)
    assert np.linalg.eigvalsh(kernel)[0] < -0.1
    model = svm_dual(kernel, np.resize([1, -1], 9), n_bits=2)
    bound = lower_bound(model)
    assert bound.shift >= -np.linalg.eigvalsh(kernel.astype(np.float64) + 1.0)[0]
    assert bound.value <= lowest_energy(model)


def test_a_definite_kernel_is_hardly_shifted() -> None:
    kernel, labels = moons(300, "float32")  # rounding to float32 has made it indefinite by some 1e-6
    assert lower_bound(svm_dual(kernel, labels)).shift < 1e-4
    kernel, labels = moons(300)
    assert lower_bound(svm_dual(kernel, labels)).shift < 1e-9


def test_a_thousand_points_are_bounded_closely() -> None:
    kernel, labels = moons(1000, "float32")
    bound = lower_bound(svm_dual(kernel, labels, n_bits=3))
    assert bound.relaxed - bound.value <= 1e-3 * abs(bound.value)


def test_samples_of_any_backend_can_have_a_bound() -> None:
    kernel, labels = moons(5)
    model = svm_dual(kernel, labels)
    for backend in ("exact", "cpu", "neal"):
        one, two = hqml.sample([model, model], backend, reads=5, bound=True)
        assert one.info["bound"] == two.info["bound"] == lower_bound(model).value
        lowest = one.first.energy
        assert one.info["gap"] == pytest.approx((lowest - one.info["bound"]) / max(1, abs(one.info["bound"])))
        assert one.info["timing"]["bound"] > 0


def test_small_gram_models_have_a_gap_unless_time_is_limited_or_it_is_not_wanted() -> None:
    kernel, labels = moons(30)
    model = svm_dual(kernel, labels)
    assert 0 <= hqml.sample(model, "cpu", reads=2).info["gap"] < 1
    assert "gap" not in hqml.sample(model, "cpu", reads=2, bound=False).info
    assert "gap" not in hqml.sample(model, "cpu", reads=2, time_limit=1.0).info
    assert "gap" not in hqml.sample(model.to_dense(), "cpu", reads=2).info
    with pytest.raises(HqmlError, match="bound must be true, false or none, found 'yes'"):
        hqml.sample(model, "cpu", bound="yes")


def test_a_model_without_a_gram_form_has_no_bound() -> None:
    with pytest.raises(HqmlError, match="bound=True is for a GramQubo, found a DenseQubo"):
        hqml.sample(DenseQubo(np.eye(3)), "cpu", bound=True)


def test_a_model_too_large_for_a_proof_is_told_with_its_size() -> None:
    kernel, labels = moons(30)
    with pytest.raises(HqmlError, match=r"a bound for 30 points needs .* GiB .* limit is 20 points"):
        lower_bound(svm_dual(kernel, labels), limit=20)


def test_the_command_shows_the_gap_of_a_gram_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from hqml.io import write

    kernel, labels = moons(20)
    model = svm_dual(kernel, labels)
    write(tmp_path / "model.npz", model)
    arguments = ["solve", str(tmp_path / "model.npz"), "--option", "bound=true", "--json", "--seed", "0"]
    assert main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    bound = lower_bound(model).value
    assert found["gap"] == pytest.approx((found["energy"] - bound) / max(1, abs(bound)))


def test_a_badly_conditioned_kernel_has_a_bound_no_worse_than_that_of_no_multipliers() -> None:
    X = np.random.default_rng(0).normal(size=(60, 6)) * np.logspace(0, 4, 6)
    model = svm_dual(X @ X.T, np.where(X[:, 0] > 0, 1, -1))
    # At a = 0 the tangent alone: each digit costs its linear term where that is negative.
    assert lower_bound(model).value >= np.minimum(model.linear, 0).sum() - 1e-6
