"""The heat bath under a factor in place of the kernel: exact where it can be, and honest where it is not."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from sklearn.metrics.pairwise import rbf_kernel, sigmoid_kernel

import hqml
from hqml import DenseQubo, GramQubo, HqmlError
from hqml.problems.svm_dual import svm_dual
from hqml_cpu.low_rank import LowRankModel, pivoted_cholesky


def points(count: int, features: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(count, features))
    return X, np.where(X[:, 0] + 0.3 * rng.normal(size=count) > 0, 1, -1)


def linear(count: int, n_bits: int = 2) -> GramQubo:
    X, y = points(count)
    return svm_dual(X @ X.T + np.eye(count) * 1e-9, y, n_bits=n_bits)


@pytest.mark.parametrize("rank", [1, 5, 20])
def test_what_the_factor_leaves_out_is_told(rank: int) -> None:
    kernel = rbf_kernel(points(60)[0], gamma=0.2)
    factor, error = pivoted_cholesky(kernel, rank)
    assert factor.shape == (60, rank)
    left = kernel - factor.astype(np.float64) @ factor.T
    assert error == pytest.approx(np.trace(left) / np.trace(kernel), abs=1e-6)
    assert np.linalg.eigvalsh(left).min() > -1e-5


def test_a_linear_kernel_has_the_rank_of_its_features() -> None:
    X, _ = points(50)
    factor, error = pivoted_cholesky((X @ X.T).astype(np.float32), 10)
    assert 3 <= factor.shape[1] <= 4  # rounding in float32 may leave a little for a fourth
    assert error == pytest.approx(0, abs=1e-5)
    np.testing.assert_allclose(factor @ factor.T, X @ X.T, atol=1e-4)


def test_states_come_with_their_boltzmann_probabilities_where_the_factor_is_exact() -> None:
    model = linear(4, n_bits=1)
    block = LowRankModel.of(model, 3).start(64, np.random.SeedSequence(3))
    states = np.array(list(product([0, 1], repeat=4)))
    counts = np.zeros(16)
    block.sweep(np.ones(100))
    for _ in range(1000):
        block.sweep(np.ones(2))
        np.add.at(counts, block.states() @ (8, 4, 2, 1), 1)
    expected = np.exp(-model.energies(states))
    # 64,000 samples: four standard errors of a share are below 0.008.
    np.testing.assert_allclose(counts / counts.sum(), expected / expected.sum(), atol=0.012)


def test_the_lowest_energy_is_that_of_the_whole_kernel_where_the_factor_is_exact() -> None:
    model = linear(8)
    samples = hqml.sample(model, "cpu", reads=20, seed=0, rank=3)
    assert samples.first.energy == pytest.approx(hqml.sample(model, "exact").first.energy)
    assert samples.info["method"] == "heat bath over multipliers, low rank"
    assert samples.info["rank"] == 3
    assert samples.info["kernel_error"] < 1e-5


def test_energies_and_local_minima_are_those_of_the_true_kernel() -> None:
    X, y = points(80)
    model = svm_dual(rbf_kernel(X, gamma=1.0), y, n_bits=2)
    samples = hqml.sample(model, "cpu", reads=10, seed=0, rank=4)
    assert samples.info["kernel_error"] > 0.1
    states = samples.record.sample
    np.testing.assert_allclose(samples.record.energy, model.energies(states))
    assert ((1 - 2 * states) * model.field(states)).min() > -1e-3


def test_the_same_seed_gives_the_same_samples_on_any_number_of_threads() -> None:
    one, two = (
        hqml.sample(linear(60), "cpu", reads=40, seed=5, rank=3, threads=threads, num_sweeps=20) for threads in (1, 2)
    )
    np.testing.assert_array_equal(one.record.sample, two.record.sample)


@pytest.mark.parametrize(
    ("model", "rank", "told"),
    [
        (DenseQubo(np.eye(3)), 2, "rank= is for the heat bath of Gram models of up to 10 digits, found a dense model"),
        (linear(5), 0, "rank must be a whole number of at least 1, found 0"),
        (svm_dual(sigmoid_kernel(points(30)[0], coef0=-1.0), points(30)[1]), 5, "positive semidefinite kernel"),
    ],
)
def test_a_rank_that_cannot_be_had_is_refused(model: object, rank: int, told: str) -> None:
    with pytest.raises(HqmlError, match=told):
        hqml.sample(model, "cpu", rank=rank)
