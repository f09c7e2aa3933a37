"""Formulas against matrices written out by hand, and against published values."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hqml.errors import HqmlError, ProblemError
from hqml.io import read
from hqml.problems import Problem
from hqml.problems.boosting import qboost
from hqml.problems.exactly_k import exactly_k
from hqml.problems.factorization_machine import FactorizationMachine
from hqml.problems.feature_selection import feature_selection
from hqml.problems.k_medoids import k_medoids
from hqml.problems.max_cut import MaxCut, cut_sizes
from hqml.problems.multiclass_svm import MAX_BITS, multiclass_svm
from hqml.problems.svm_bias import post_selection_bias, support_bias
from hqml.problems.svm_dual import digit_weights, svm_dual
from hqml.problems.svr_dual import svr_dual
from hqml.qubo import Qubo


def all_states(n: int) -> np.ndarray:
    return np.array(list(itertools.product((0, 1), repeat=n)), dtype=np.int8)


def published_matrix(kernel: np.ndarray, t: np.ndarray, K: int, B: float, xi: float) -> np.ndarray:
    """Q_{Kn+k,Km+j} = 1/2 B^{k+j} t_n t_m (k(x_n,x_m) + xi) - delta_nm delta_kj B^k (Willsch et al. 2020, eq. 14)."""
    N = len(t)
    Q = np.zeros((N * K, N * K))
    for n in range(N):
        for m in range(N):
            for k in range(K):
                for j in range(K):
                    Q[K * n + k, K * m + j] = 0.5 * B ** (k + j) * t[n] * t[m] * (kernel[n, m] + xi)
                    if n == m and k == j:
                        Q[K * n + k, K * m + j] -= B**k
    return Q


def rbf(points: np.ndarray, gamma: float) -> np.ndarray:
    return np.exp(-gamma * ((points[:, None] - points[None]) ** 2).sum(axis=2))


@st.composite
def machines(draw: st.DrawFn) -> dict[str, Any]:
    points, n_bits = draw(st.sampled_from([(1, 1), (2, 3), (3, 2), (4, 2), (8, 1)]))
    where = draw(hnp.arrays(np.float64, (points, 2), elements=st.floats(-2, 2)))
    return {
        "kernel": rbf(where, draw(st.floats(0.1, 4))),
        "labels": np.array(draw(st.lists(st.sampled_from([-1, 1]), min_size=points, max_size=points))),
        "n_bits": n_bits,
        "base": draw(st.sampled_from([0.5, 2.0, 3.0, 10.0])),
        "xi": draw(st.floats(0, 5)),
    }


class TestSvmDual:
    @given(machines())
    def test_energies_are_those_of_the_published_matrix(self, machine: dict[str, Any]) -> None:
        kernel, labels, n_bits, base, xi = machine.values()
        states = all_states(len(labels) * n_bits)
        Q = published_matrix(kernel, labels, n_bits, base, xi)
        expected = [x @ Q @ x for x in states.astype(float)]
        model = svm_dual(**machine)
        np.testing.assert_allclose(model.energies(states), expected, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(model.to_dense().energies(states), expected, rtol=1e-9, atol=1e-9)

    @given(machines(), st.floats(0.1, 50), st.booleans())
    def test_with_bounds_the_energy_is_the_dual_of_the_scaled_multipliers(
        self, machine: dict[str, Any], C: float, by_point: bool
    ) -> None:
        kernel, labels, n_bits, base, xi = machine.values()
        bounds = C * np.arange(1, len(labels) + 1) if by_point else np.full(len(labels), C)
        model = svm_dual(**machine, C=bounds if by_point else C)
        states = all_states(len(labels) * n_bits)
        worth = np.array([base**k for k in range(n_bits)])
        for x, energy in zip(states, model.energies(states), strict=True):
            a = np.array([(x[n * n_bits : (n + 1) * n_bits] * worth).sum() for n in range(len(labels))])
            a = a * bounds / worth.sum()
            dual = 0.5 * (a * labels) @ kernel @ (a * labels) - a.sum() + xi / 2 * (a @ labels) ** 2
            assert energy == pytest.approx(dual, rel=1e-9, abs=1e-9)

    def test_a_multiplier_with_all_its_digits_is_at_its_bound(self) -> None:
        ones = np.ones(6, dtype=np.int8)
        for C, expected in ((None, [7, 7]), (0.7, [0.7, 0.7]), ([0.5, 3], [0.5, 3])):
            model = svm_dual(np.eye(2), [1, -1], n_bits=3, C=C)
            np.testing.assert_allclose(model.multipliers(ones) * abs(model.scale), [expected])

    def test_what_is_not_given_is_as_published(self) -> None:
        kernel, labels = rbf(np.array([[0.0], [1.0]]), 1.0), np.array([1, -1])
        Q = published_matrix(kernel, labels, 2, 2.0, 1.0)
        expected = [x @ Q @ x for x in all_states(4).astype(float)]
        np.testing.assert_allclose(svm_dual(kernel, labels).energies(all_states(4)), expected, atol=1e-12)
        np.testing.assert_array_equal(digit_weights(3), [1, 2, 4])

    def test_two_opposite_points_become_support_vectors(self) -> None:
        """k = 0 between them, so the dual is a_1^2/2 + a_2^2/2 - a_1 - a_2, lowest at a = (1, 1): energy -1."""
        model = svm_dual(np.eye(2), [1, -1], n_bits=2)
        states = all_states(4)
        energies = model.energies(states)
        assert energies.min() == -1
        np.testing.assert_array_equal(model.multipliers(states[energies.argmin()]), [[1, 1]])

    def test_the_kernel_is_not_copied(self) -> None:
        kernel = np.eye(2, dtype=np.float32)
        assert np.shares_memory(svm_dual(kernel, [1, -1]).gram, kernel)

    def test_digits_are_powers_of_the_base(self) -> None:
        np.testing.assert_array_equal(digit_weights(3, 10), [1, 10, 100])
        np.testing.assert_array_equal(digit_weights(3, 0.5), [1, 0.5, 0.25])

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"labels": [0, 1]}, "labels must be a vector of -1 and \\+1"),
            ({"labels": ["a", "b"]}, "labels must be a vector"),
            ({"labels": [[1, -1]]}, r"labels must be a vector of -1 and \+1, found shape \(1, 2\)"),
            ({"labels": [1, -1, 2, None]}, r"labels must be a vector .*, found shape \(4,\) and \[2, None\]"),
            ({"labels": [1, -1, 1]}, r"kernel must have shape \(3, 3\), found \(2, 2\)"),
            ({"kernel": [[1, 2], [3, 1]]}, "symmetric"),
            ({"kernel": [[np.nan, 0], [0, 1]]}, "NaN"),
            ({"n_bits": 0}, "n_bits must be at least 1"),
            ({"base": 0}, "base must be a number above 0"),
            ({"base": float("nan")}, "base must be"),
            ({"xi": -1}, "xi must be"),
            ({"xi": float("inf")}, "xi must be"),
            ({"C": 0}, "C must be above 0"),
            ({"C": [1, float("nan")]}, "C must be above 0"),
            ({"C": [1, 2, 3]}, r"C must be one number or have shape \(2,\)"),
        ],
    )
    def test_what_is_out_of_range_is_refused(self, change: dict[str, Any], message: str) -> None:
        arguments: dict[str, Any] = {"kernel": np.eye(2), "labels": [1, -1]} | change
        with pytest.raises(ProblemError, match=message) as caught:
            svm_dual(**arguments)
        assert isinstance(caught.value, HqmlError)


class TestMulticlassSvm:
    def test_the_sum_of_multipliers_may_be_free(self) -> None:
        """k = 1, one digit, tau = (1, -1, -1): 3/2 - beta."""
        model = multiclass_svm([[1.0]], [0], n_classes=3, n_bits=1, beta=0.5, mu=0)
        assert model.energies([1, 0, 0]) == [1.0]

    def test_the_most_digits_are_taken(self) -> None:
        assert multiclass_svm([[1.0]], [0], n_classes=2, n_bits=MAX_BITS).num_variables == 104

    @pytest.mark.parametrize("labels", [[[0], [1]], 3])
    def test_what_is_no_vector_of_labels_is_refused(self, labels: Any) -> None:
        with pytest.raises(ProblemError, match="labels must be a vector of whole numbers from 0, found shape"):
            multiclass_svm(np.eye(2), labels)


class TestBias:
    def test_points_in_the_middle_of_their_range_weigh_most(self) -> None:
        """Weights 1 * 3 and 2 * 2: (3 - 4) / 7."""
        zero, four = np.zeros(2), np.full(2, 4.0)
        assert support_bias(zero, np.array([1.0, -1.0]), np.array([1.0, 2.0]), four) == pytest.approx(-1 / 7)

    @pytest.mark.parametrize(
        ("scores", "signs", "bias"),
        [
            ([0, 1, 2], [1, -1, 1], -1.5),  # all positive is as good as the gap from 1 to 2
            ([0, 0, 1], [-1, 1, 1], -0.5),  # equal scores cannot be told apart
            ([0, 1], [1, -1], 1.0),  # both outside err once, the gap twice
            ([2, 6, 12], [1, 1, 1], 3.0),  # decisions from half the range, 5, on
            ([2, 6, 12], [-1, -1, -1], -17.0),
        ],
    )
    def test_the_threshold_with_fewest_errors_by_hand(self, scores: Any, signs: Any, bias: float) -> None:
        found = post_selection_bias(np.array(scores, float), np.array(signs, float), np.ones(len(scores)))
        assert found == bias

    @pytest.mark.parametrize("unit", [1e-20, 1e20])
    def test_it_does_not_hang_on_the_unit_of_the_weights(self, unit: float) -> None:
        """The second point weighs most, so the threshold is before it, not in the wider gap from 2 to 6."""
        scores, signs = np.array([0.0, 1.0, 2.0, 6.0]), np.array([-1.0, 1.0, -1.0, 1.0])
        assert post_selection_bias(scores, signs, unit * np.array([1.0, 5.0, 1.0, 1.0])) == -0.5


SQUARE = np.array([[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]])

MATRIX_TYPES = [np.asarray, np.ndarray.tolist, scipy.sparse.csr_array, scipy.sparse.coo_matrix, scipy.sparse.dok_array]


class TestMaxCut:
    @given(st.integers(1, 6).flatmap(lambda n: hnp.arrays(np.int64, (n, n), elements=st.integers(-9, 9))))
    def test_the_energy_is_minus_the_cut(self, half: np.ndarray) -> None:
        weights = np.triu(half, 1) + np.triu(half, 1).T
        states = all_states(len(weights))
        n = len(weights)
        cuts = [sum(weights[i, j] for i in range(n) for j in range(i) if x[i] != x[j]) for x in states]
        for given_as in (np.asarray, scipy.sparse.csr_array):
            problem = MaxCut(given_as(weights))
            np.testing.assert_array_equal(problem.to_qubo().energies(states), np.negative(cuts))
            np.testing.assert_array_equal(cut_sizes(problem.weights, states), cuts)

    @pytest.mark.parametrize("given_as", MATRIX_TYPES)
    def test_a_square_is_cut_into_its_two_diagonals(self, given_as: Any) -> None:
        problem = MaxCut(given_as(SQUARE))
        states = all_states(4)
        energies = problem.to_qubo().energies(states)
        best = states[energies == energies.min()]
        assert energies.min() == -4
        assert {problem.decode(dict(enumerate(x))) for x in best} == {(frozenset({0, 2}), frozenset({1, 3}))}

    def test_an_adjacency_matrix_of_bools_has_weights_of_one(self) -> None:
        assert MaxCut(SQUARE.astype(bool)).to_qubo().energies([1, 0, 1, 0]) == [-4]

    def test_cuts_of_single_bytes_do_not_overflow(self) -> None:
        """All edges among 30 vertices, 15 on each side."""
        weights = 1 - np.eye(30, dtype=np.int8)
        assert cut_sizes(weights.astype(np.int8), np.arange(30, dtype=np.int8) % 2) == [225]

    def test_it_is_a_problem(self) -> None:
        assert isinstance(MaxCut(SQUARE), Problem)

    @pytest.mark.parametrize(("name", "cut"), [("pm1d_80_0", 227), ("g05_100_0", 1430), ("w09_100_0", 2121)])
    def test_descents_reach_the_proven_cut_of_a_published_graph_and_never_pass_it(
        self, shared_data: Path, name: str, cut: int
    ) -> None:
        """Values from the Biq Mac library."""
        qubo = read(shared_data / "qubo" / f"{name}.mc.gz").qubo
        states = np.random.default_rng(0).integers(0, 2, (20_000, qubo.num_variables), dtype=np.int8)
        for _ in range(2 * qubo.num_variables):
            gain = (1 - 2 * states) * qubo.field(states)
            flip = gain.argmin(axis=1)
            downhill = np.flatnonzero(gain[np.arange(len(states)), flip] < 0)
            if not len(downhill):
                break
            states[downhill, flip[downhill]] ^= 1
        assert qubo.energies(states).min() == -cut

    @pytest.mark.parametrize(
        ("weights", "message"),
        [
            ([[0, 1], [2, 0]], "symmetric"),
            ([[1, 0], [0, 0]], "zero diagonal"),
            ([[0, np.nan], [np.nan, 0]], "NaN"),
            (np.zeros((2, 3)), "square"),
            ([], "square"),
            (scipy.sparse.csr_array([[0, 1], [2, 0]]), "symmetric"),
            (scipy.sparse.csr_array([[1, 0], [0, 0]]), "zero diagonal"),
            ("graph", "must be scipy.sparse"),
            (None, "must be scipy.sparse"),
        ],
    )
    def test_what_is_no_graph_is_refused(self, weights: Any, message: str) -> None:
        with pytest.raises(ProblemError, match=message):
            MaxCut(weights)


FORMULAS: dict[str, Callable[[Any], Qubo]] = {
    "svm_dual": lambda kind: svm_dual(np.eye(2), kind([1, -1]), C=kind([1, 2])),
    "svr_dual": lambda kind: svr_dual(np.eye(2), kind([3, 4])),
    "multiclass_svm": lambda kind: multiclass_svm(np.eye(2), [0, 1], limits=kind([1, 2])),
    "qboost": lambda kind: qboost(kind([[1, -1], [1, 1]]), kind([1, -1])),
    "exactly_k": lambda kind: exactly_k(kind([1, 2]), kind([[0, 3], [3, 0]]), 1)[0],
    "factorization_machine": lambda kind: FactorizationMachine(kind([1, 2]), kind([[3], [4]])).to_qubo(),
    "k_medoids": lambda kind: k_medoids(kind([[0, 1], [1, 0]]), 1)[0],
    "feature_selection": lambda kind: feature_selection(kind([1, 2]), kind([[0, 3], [3, 0]]), 1)[0],
}


@pytest.mark.parametrize("formula", FORMULAS)
def test_numbers_in_arrays_of_objects_are_numbers(formula: str) -> None:
    """As rows of a data frame of mixed columns are."""
    written, expected = FORMULAS[formula](lambda values: np.array(values, dtype=object)), FORMULAS[formula](np.array)
    states = all_states(expected.num_variables)
    np.testing.assert_array_equal(written.energies(states), expected.energies(states))
