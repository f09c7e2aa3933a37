"""Enumeration finds all minima, in order, and says what it has proven."""

import os
import signal
import threading
from time import perf_counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hqml
from hqml.errors import ParameterError, UnsupportedModel
from hqml.io import read
from hqml.problems.max_cut import MaxCut
from hqml.qubo import DenseQubo, GramQubo, SparseQubo
from hqml.samples import states_of
from hqml_cpu import ExactBackend
from hqml_cpu.exact import MAX_VARIABLES


def enumerated(model, **arguments):
    [result] = ExactBackend().sample([hqml.qubo.as_qubo(model)], **arguments)
    return result


def cycle(n):
    weights = np.zeros((n, n))
    for i in range(n):
        weights[i, (i + 1) % n] = weights[(i + 1) % n, i] = 1
    return weights


def brute_force(model):
    """All states (2**n, n) and their energies, lowest first, by numpy alone."""
    n = model.num_variables
    states = (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(np.int8)
    energies = np.concatenate([model.energies(part) for part in np.array_split(states, max(1, len(states) >> 14))])
    order = np.argsort(energies, kind="stable")
    return states[order], energies[order]


def rows(states):
    return {tuple(map(int, state)) for state in states}


def lowest_rows(result):
    """The states within rounding of the minimum."""
    lowest = result.record.energy <= result.record.energy[0] + 1e-9
    return rows(result.record.sample[lowest])


@pytest.mark.parametrize(
    ("weights", "cut", "count"),
    [
        (cycle(3), 2, 6),  # each of 3 edges may stay uncut, twice for the sides
        (cycle(4), 4, 2),
        (cycle(5), 4, 10),
        (np.ones((4, 4)) - np.eye(4), 4, 6),  # two against two
        (np.ones((5, 5)) - np.eye(5), 6, 20),  # two against three
    ],
    ids=["triangle", "square", "pentagon", "K4", "K5"],
)
def test_all_cuts_of_a_frustrated_graph_are_found(weights, cut, count):
    result = enumerated(MaxCut(weights), reads=1)
    assert result.info["minima"] == count
    assert len(rows(result.record.sample)) == len(result) == count
    assert np.all(result.record.energy == -cut)


def test_the_fifty_lowest_of_twenty_variables_are_those_of_brute_force():
    matrix = np.random.default_rng(0).normal(size=(20, 20))
    model = DenseQubo(matrix, offset=3.0)
    states, energies = brute_force(model)
    result = enumerated(model, reads=50)
    np.testing.assert_allclose(result.record.energy, energies[:50], rtol=0, atol=1e-10)
    assert np.array_equal(result.record.sample, states[:50])
    assert result.info["complete"]


whole = st.integers(-3, 3)


@settings(max_examples=60)
@given(st.data())
def test_minima_are_those_of_brute_force_in_any_form(data):
    n = data.draw(st.integers(1, 14))
    seed = data.draw(st.integers(0, 2**32 - 1))
    form = data.draw(st.sampled_from(["dense", "sparse", "gram"]))
    reads = data.draw(st.integers(1, 30))
    rng = np.random.default_rng(seed)
    # Small whole numbers, so that ties abound; halves of them in the Gram form are exact too.
    if form == "gram":
        points = rng.integers(-1, 2, size=((n + 1) // 2, 2)).astype(float)
        model = GramQubo(points @ points.T, [1.0, 2.0], linear=rng.integers(-2, 3, size=2 * len(points)))
    else:
        dense = DenseQubo(rng.integers(-1, 2, size=(n, n)), linear=rng.integers(-1, 2, size=n), offset=0.5)
        model = dense.to_sparse() if form == "sparse" else dense
    states, energies = brute_force(model)
    minima = rows(states[energies == energies[0]])
    result = enumerated(model, reads=reads, max_solutions=2**14)
    assert result.info["minima"] == len(minima)
    assert lowest_rows(result) == minima
    assert len(rows(result.record.sample)) == len(result) == max(len(minima), min(reads, len(states)))
    np.testing.assert_allclose(result.record.energy, energies[: len(result)], rtol=0, atol=1e-12)


def test_a_published_optimum_is_proven(shared_data):
    # Glover, Kochenberger, Alidaee: problem 1b of 20 variables, optimum -133.
    result = enumerated(read(shared_data / "qubo" / "gka1b.qubo.gz").qubo)
    assert result.first.energy == -133
    assert result.info["complete"]


def test_after_the_minima_come_the_next_lowest_states():
    result = enumerated(np.diag([1.0, 2.0, 4.0]), reads=5)
    assert result.record.energy.tolist() == [0, 1, 2, 3, 4]
    assert result.info["minima"] == 1


def test_a_model_has_no_more_states_than_it_has():
    assert len(enumerated(np.eye(2), reads=100)) == 4
    assert len(enumerated(np.eye(1), reads=100)) == 2


def test_more_minima_than_reads_come_back():
    assert len(enumerated(np.zeros((6, 6)), reads=1)) == 64


@pytest.mark.parametrize(("arguments", "listed"), [({}, 1000), ({"max_solutions": 10}, 100), ({"reads": 2500}, 2500)])
def test_the_list_of_minima_is_cut_and_says_so(arguments, listed):
    result = enumerated(np.zeros((15, 15)), **arguments)
    assert len(result) == listed
    assert len(rows(result.record.sample)) == listed
    assert result.info["minima"] == 2**15
    assert result.info["cut"] is True


def test_a_whole_list_is_not_called_cut():
    result = enumerated(np.zeros((10, 10)), reads=1, max_solutions=1024)
    assert (len(result), result.info["cut"]) == (1024, False)


def test_energies_that_differ_by_rounding_only_are_ties():
    # 0.1 + 0.2 is not 0.3 in floating point; both ways to reach it are minima.
    matrix = np.diag([-0.1, -0.2, -0.3]) + np.array([[0, 0, 9], [0, 0, 9], [0, 0, 0]])
    assert enumerated(matrix, reads=1).info["minima"] == 2


@pytest.mark.parametrize(("gap", "minima"), [(1e-12, 2), (1e-6, 1)])
def test_ties_are_told_from_small_gaps(gap, minima):
    # Either variable alone; one is lower by `gap`, on a scale of about 4.
    matrix = np.array([[-1.0, 2.0], [0.0, -1.0 - gap]])
    assert enumerated(matrix, reads=1).info["minima"] == minima


def test_the_seed_changes_nothing():
    matrix = np.random.default_rng(1).normal(size=(15, 15))
    one, other = (enumerated(matrix, seed=seed) for seed in (1, 2))
    assert np.array_equal(one.record.sample, other.record.sample)


def test_sixteen_million_states_take_a_second_or_so():
    matrix = np.random.default_rng(2).normal(size=(24, 24))
    enumerated(np.eye(3))  # compiles
    started = perf_counter()
    assert enumerated(matrix).info["complete"]
    assert perf_counter() - started < 3  # 0.02 s measured; the machine may be busy


def test_when_time_runs_out_the_best_so_far_comes_back_unproven():
    model = DenseQubo(np.random.default_rng(3).normal(size=(MAX_VARIABLES, MAX_VARIABLES)))
    enumerated(np.eye(3))
    started = perf_counter()
    results = ExactBackend().sample([model, model], time_limit=0.2)
    assert perf_counter() - started < 2
    for result in results:
        assert result.info["complete"] is False
        assert len(result) == 100
        np.testing.assert_allclose(result.record.energy, model.energies(states_of(result, model)))
        random = np.random.default_rng(0).integers(0, 2, size=(1000, MAX_VARIABLES))
        assert result.first.energy < model.energies(random).min()


def test_ctrl_c_returns_the_best_so_far():
    model = DenseQubo(np.random.default_rng(4).normal(size=(MAX_VARIABLES, MAX_VARIABLES)))
    enumerated(np.eye(3))
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    started = perf_counter()
    results = ExactBackend().sample([model, model])
    assert perf_counter() - started < 3
    assert [len(result) for result in results] == [100, 100]
    assert all(result.info["interrupted"] and not result.info["complete"] for result in results)


def test_a_model_of_more_variables_is_refused():
    with pytest.raises(UnsupportedModel, match=f"at most {MAX_VARIABLES} variables, the model has {MAX_VARIABLES + 1}"):
        enumerated(np.eye(MAX_VARIABLES + 1))


def test_a_model_whose_energies_may_overflow_is_refused():
    with pytest.raises(UnsupportedModel, match="divide the model by a constant"):
        enumerated(np.full((3, 3), 1e308))


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "many"])
def test_max_solutions_must_be_a_whole_number(value):
    with pytest.raises(ParameterError, match="max_solutions must be a whole number of at least 1"):
        hqml.sample(np.eye(3), "exact", max_solutions=value)


def test_the_estimate_doubles_with_each_variable():
    small, large = (ExactBackend().estimate([DenseQubo(np.eye(n))]).seconds for n in (26, 32))
    assert 8 < large / small < 512  # 64, give or take a busy machine


def test_labels_of_a_sparse_model_are_kept():
    sparse = DenseQubo(np.diag([1.0, -1.0])).to_sparse()
    model = SparseQubo(sparse.couplings, linear=sparse.linear, labels=["off", "on"])
    assert enumerated(model, reads=1).first.sample == {"off": 0, "on": 1}
