"""A time limit without num_sweeps: rounds of ever more sweeps, until they agree or time is up."""

from __future__ import annotations

import _thread
import threading
from pathlib import Path

import numpy as np
import pytest

import hqml
from hqml import DenseQubo
from hqml.io import read
from hqml.problems.svm_dual import svm_dual
from hqml_cpu import CpuBackend, search


def dense(n: int, seed: int = 0) -> DenseQubo:
    return DenseQubo(np.random.default_rng(seed).normal(size=(n, n)))


def test_a_search_ends_where_two_rounds_agree() -> None:
    model = dense(14)
    samples = hqml.sample(model, "cpu", seed=0, time_limit=60.0)
    assert samples.first.energy == pytest.approx(hqml.sample(model, "exact").first.energy)
    assert samples.info["rounds"] == 2
    assert samples.info["num_sweeps"] == 4000
    assert not samples.info["cut_short"]
    assert len(samples) == 100


def test_what_ends_by_agreement_repeats_with_the_seed() -> None:
    models = [dense(30, 1), dense(12, 2)]
    once, again = (hqml.sample(models, "cpu", seed=3, time_limit=60.0) for _ in range(2))
    for one, other in zip(once, again, strict=True):
        np.testing.assert_array_equal(one.record.sample, other.record.sample)


def test_a_search_that_does_not_end_uses_its_time_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "AGREED", 2.0)  # of all reads twice as many: no round can
    shown: list[float] = []
    [samples] = CpuBackend().sample([dense(50)], reads=8, seed=0, time_limit=1.0, progress=shown.append)
    assert samples.info["cut_short"]
    assert samples.info["rounds"] > 1
    assert len(samples) == 8
    assert shown == sorted(shown)
    assert 0 <= shown[0] < shown[-1] <= 1


def test_with_a_number_of_sweeps_there_is_one_round() -> None:
    samples = hqml.sample(dense(20), "cpu", reads=5, seed=0, time_limit=60.0, num_sweeps=50)
    assert samples.info["rounds"] == 1
    assert samples.info["num_sweeps"] == 50


def test_a_gram_model_takes_one_round() -> None:
    X = np.random.default_rng(0).normal(size=(30, 3))
    model = svm_dual(X @ X.T, np.where(X[:, 0] > 0, 1, -1))
    gram, flat = hqml.sample([model, dense(10)], "cpu", reads=10, seed=0, time_limit=60.0)
    assert (gram.info["rounds"], flat.info["rounds"]) == (1, 2)


def test_ctrl_c_ends_a_search_with_the_best_so_far() -> None:
    timer = threading.Timer(1.0, _thread.interrupt_main)
    timer.start()
    try:
        samples = hqml.sample(dense(900), "cpu", reads=20, seed=0, time_limit=100.0)
    finally:
        timer.cancel()
    assert samples.info["interrupted"]
    assert not samples.info["cut_short"]
    assert samples.first.energy < 0


@pytest.mark.parametrize(("name", "cut"), [("G1", 11624), ("G43", 6660), ("w09_100_0", 2121)])
def test_the_best_known_cut_is_found_and_the_search_ends(shared_data: Path, name: str, cut: int) -> None:
    model = read(shared_data / "qubo" / f"{name}.mc.gz").qubo
    samples = hqml.sample(model, "cpu", seed=0, time_limit=100.0)
    assert samples.first.energy == -cut
    assert not samples.info["cut_short"]
