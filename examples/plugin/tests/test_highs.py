"""The backend `highs` keeps hqml's contract, and what it calls proven is proven."""

import gc
import math
import os
import pickle
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hqml
import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse
from hqml.backend import Backend
from hqml.errors import BackendError, OptionError, ParameterError, UnsupportedModel
from hqml.problems.max_cut import MaxCut
from hqml.qubo import DenseQubo, SparseQubo
from hqml.samples import states_of
from hqml.testing import BackendConformance

from hqml_highs import HighsBackend
from hqml_highs.descent import descended
from hqml_highs.linear import linearised


@pytest.fixture(scope="module")
def highs() -> Iterator[HighsBackend]:
    """One for all tests: its process starts once."""
    backend = HighsBackend()
    yield backend
    backend.close()


class TestConformance(BackendConformance):
    """The tests of what every backend must do."""

    time_slack = 6.0  # where other tests share the cores

    @pytest.fixture
    def backend(self, highs: HighsBackend) -> Backend:
        return highs


def random_model(n: int, share: float, seed: int) -> SparseQubo:
    """Whole-numbered couplings between a share of all pairs, linear terms and an offset."""
    rng = np.random.default_rng(seed)
    matrix = np.triu(rng.integers(-9, 10, size=(n, n)) * (rng.random((n, n)) < share), 1).astype(float)
    return DenseQubo(matrix, linear=rng.integers(-9, 10, size=n), offset=0.5).to_sparse()


def all_states(n: int) -> npt.NDArray[np.int8]:
    return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(np.int8)


# The linear program.


def test_a_price_and_a_reward_are_the_rows_of_the_formula() -> None:
    model = DenseQubo([[1.0, 3.0, 0.0], [0.0, 0.0, -2.0], [0.0, 0.0, 0.0]], offset=5.0)
    program = linearised(model.to_sparse())
    assert (program.costs * program.unit).tolist() == [1, 0, 0, 3, -2]
    assert program.rows.toarray().tolist() == [[1, 1, 0, -1, 0], [0, -1, 0, 0, 1], [0, 0, -1, 0, 1]]
    assert program.limits.tolist() == [1, 0, 0]
    assert (program.binaries, program.offset, program.least) == (3, 5.0, 3.0)


def test_products_are_allowed_at_every_state_and_cost_its_energy() -> None:
    model = random_model(7, 0.6, seed=0)
    program = linearised(model)
    pairs = np.argwhere(np.triu(model.couplings.toarray(), 1))
    for state, energy in zip(all_states(7), model.energies(all_states(7)), strict=True):
        point = np.concatenate([state, state[pairs[:, 0]] * state[pairs[:, 1]]])
        assert (program.rows @ point <= program.limits).all()
        assert program.energy(program.costs @ point) == energy


@pytest.mark.parametrize("coupling", [3.0, -3.0])
def test_a_product_that_would_cost_less_is_not_allowed(coupling: float) -> None:
    program = linearised(DenseQubo([[0.0, coupling], [0.0, 0.0]]).to_sparse())
    for state in all_states(2):
        cheaper = state.prod() - 0.01 * np.sign(coupling)
        allowed = (program.rows @ [*state, cheaper] <= program.limits).all()
        assert not (0 <= cheaper <= 1 and allowed)


def test_whole_numbers_stay_whole() -> None:
    costs = linearised(DenseQubo(np.diag([700.0, -3.0, 1.0])).to_sparse()).costs
    assert np.array_equal(costs, np.rint(costs))


# What is proven.


@pytest.mark.parametrize(("n", "share"), [(1, 0.0), (6, 1.0), (12, 1.0), (16, 0.3), (20, 0.2)])
@pytest.mark.parametrize("seed", range(3))
def test_the_optimum_is_that_of_enumeration(highs: HighsBackend, n: int, share: float, seed: int) -> None:
    model = random_model(n, share, seed)
    found = hqml.sample(model, highs)
    assert found.first.energy == hqml.sample(model, "exact", reads=1).first.energy
    assert found.info["complete"]
    assert found.info["bound"] == pytest.approx(found.first.energy, abs=1e-6)
    assert found.info["gap"] == pytest.approx(0, abs=1e-6)


def test_real_coefficients_are_solved_as_well(highs: HighsBackend) -> None:
    model = DenseQubo(np.random.default_rng(0).normal(size=(14, 14)) * 1e-3)
    found = hqml.sample(model, highs)
    assert found.first.energy == pytest.approx(hqml.sample(model, "exact", reads=1).first.energy, rel=1e-12)
    assert found.info["complete"]


def test_the_petersen_graph_is_cut_in_twelve_edges(highs: HighsBackend) -> None:
    # Three of its 15 edges have to go before it is bipartite.
    weights = np.zeros((10, 10))
    for i in range(5):
        for a, b in ((i, (i + 1) % 5), (i, i + 5), (i + 5, (i + 2) % 5 + 5)):
            weights[a, b] = weights[b, a] = 1
    found = hqml.sample(MaxCut(weights), highs)
    assert (found.first.energy, found.info["complete"]) == (-12, True)


@pytest.mark.parametrize("options", [{"presolve": False}, {"mip_rel_gap": 0.5}, {"node_limit": 1}])
def test_options_reach_the_solver_and_bounds_hold(highs: HighsBackend, options: dict[str, Any]) -> None:
    model = random_model(20, 1.0, seed=4)
    lowest = hqml.sample(model, "exact", reads=1).first.energy
    found = hqml.sample(model, highs, **options)
    assert found.info["bound"] - 1e-6 <= lowest <= found.first.energy
    assert found.info["complete"] == (found.info["bound"] >= found.first.energy - 1e-6)
    if "mip_rel_gap" in options:
        assert not found.info["complete"]
        energy = found.first.energy - model.offset
        assert found.first.energy - found.info["bound"] <= 0.5 * abs(energy) + 1e-6


# When time is up.


def test_a_search_cut_by_time_gives_a_state_a_bound_and_a_gap(highs: HighsBackend) -> None:
    model = random_model(80, 1.0, seed=5)
    found = hqml.sample(model, highs, time_limit=1.0)
    assert not found.info["complete"]
    assert found.info["bound"] < found.first.energy
    assert found.info["gap"] == pytest.approx((found.first.energy - found.info["bound"]) / abs(found.info["bound"]))


def test_models_without_a_turn_come_back_as_local_minima_with_a_bound(highs: HighsBackend) -> None:
    models = [random_model(9, 1.0, seed=seed) for seed in range(3)]
    for model, found in zip(models, hqml.sample(models, highs, time_limit=1e-9), strict=True):
        [state] = states_of(found, model)
        assert all(model.energies(flipped)[0] >= found.first.energy for flipped in state ^ np.eye(9, dtype=np.int8))
        assert found.info["bound"] <= model.energies(all_states(9)).min()


def test_ctrl_c_keeps_what_is_done_and_ends_the_rest(highs: HighsBackend) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts in the background with it ignored
    easy, hard = random_model(8, 0.5, seed=0), random_model(100, 1.0, seed=1)  # nobody would wait for the second

    def press(share: float) -> None:
        if share == 1 / 3:  # the easy model is done
            threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()

    first, second, third = highs.sample([easy, hard, hard], progress=press)
    assert (first.info["complete"], first.info["interrupted"]) == (True, False)
    for found in (second, third):
        assert found.info["interrupted"]
        assert found.info["bound"] < found.first.energy < 0
    assert hqml.sample(easy, highs).info["complete"]


def test_a_descent_never_ends_above_its_start() -> None:
    model = random_model(30, 0.5, seed=2)
    starts = np.random.default_rng(0).integers(0, 2, size=(20, 30), dtype=np.int8)
    ends = np.array([descended(model, start) for start in starts])
    assert (model.energies(ends) <= model.energies(starts)).all()


# What cannot be.


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"mip_rel_gap": -0.1}, "mip_rel_gap must be a finite number of at least 0, found -0.1"),
        ({"mip_rel_gap": "small"}, "mip_rel_gap must be a finite number"),
        ({"mip_rel_gap": math.nan}, "mip_rel_gap must be a finite number"),
        ({"node_limit": 0}, "node_limit must be a whole number of at least 1, found 0"),
        ({"node_limit": 1.5}, "node_limit must be a whole number"),
        ({"presolve": 1}, "presolve must be true or false, found 1"),
    ],
)
def test_an_option_out_of_range_is_one_clear_error(highs: HighsBackend, option: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        hqml.sample(np.eye(2), highs, **option)


def test_an_option_of_another_backend_is_refused(highs: HighsBackend) -> None:
    with pytest.raises(OptionError, match="num_sweeps; it takes: mip_rel_gap, node_limit, presolve"):
        hqml.sample(np.eye(2), highs, num_sweeps=10)


def test_a_model_of_too_many_couplings_is_refused(highs: HighsBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hqml_highs.backend.MAX_COUPLINGS", 2)
    with pytest.raises(UnsupportedModel, match="at most 2 are taken, the model has 3"):
        hqml.sample(np.ones((3, 3)), highs)


def test_coefficients_that_overflow_are_refused(highs: HighsBackend) -> None:
    with pytest.raises(UnsupportedModel, match="divide the model by a constant"):
        hqml.sample(scipy.sparse.coo_array(np.diag([1e308, 1e308])), highs)


def test_how_long_it_takes_is_not_known(highs: HighsBackend) -> None:
    assert math.isnan(highs.estimate([DenseQubo(np.eye(2))]).seconds)


# The other process.


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The processes that are started from now on."""
    all_of_them: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            all_of_them.append(self)

    monkeypatch.setattr("hqml_highs.process.subprocess.Popen", Noted)
    return all_of_them


def test_one_process_serves_all_calls_until_it_is_closed(started: list[subprocess.Popen[bytes]]) -> None:
    backend = HighsBackend()
    for _ in range(2):
        hqml.sample([np.eye(2), -np.eye(2)], backend)
    [process] = started
    assert process.poll() is None
    backend.close()
    assert process.poll() is not None


def test_a_backend_that_is_forgotten_leaves_no_process(started: list[subprocess.Popen[bytes]]) -> None:
    backend = HighsBackend()
    hqml.sample(np.eye(2), backend)
    del backend
    gc.collect()
    assert started[0].poll() is not None


def test_a_pickled_backend_starts_a_process_of_its_own(started: list[subprocess.Popen[bytes]]) -> None:
    backend = HighsBackend()
    hqml.sample(np.eye(2), backend)
    copy = pickle.loads(pickle.dumps(backend))
    hqml.sample(np.eye(2), copy)
    assert len(started) == 2
    backend.close()
    copy.close()


def test_a_process_that_dies_is_an_error_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = tmp_path / "worker.py"
    worker.write_text("raise SystemExit(3)")
    monkeypatch.setattr("hqml_highs.process.WORKER", worker)
    with pytest.raises(BackendError, match="ended by itself, status 3"):
        hqml.sample(np.eye(2), HighsBackend())


def test_an_error_of_the_solver_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hqml_highs.backend._options", lambda *_: "no mapping")
    backend = HighsBackend()
    with pytest.raises(BackendError, match=r"HiGHS has failed: \w+Error: "):
        hqml.sample(np.eye(2), backend)
    backend.close()
