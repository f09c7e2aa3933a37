"""Parallel tempering on the cpu backend: exact statistics on every rung, and published optima."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

import hqml
from hqml import DenseQubo, SparseQubo
from hqml.backend import ReplicaBackend
from hqml.problems.svm_dual import svm_dual
from hqml_cpu import CpuBackend
from hqml_cpu.flips import flip_model
from hqml_cpu.tempering import EVERY, RUNGS, TemperingBlock, TemperingModel

SEED = 3


def small(form: str) -> DenseQubo | SparseQubo:
    rng = np.random.default_rng(1)
    if form == "dense":
        return DenseQubo(rng.normal(size=(4, 4)), linear=rng.normal(size=4))
    values = np.triu(rng.choice([-2, 1, 3], (4, 4)), 1)
    return SparseQubo(scipy.sparse.csr_array(values), linear=rng.choice([-2, 1, 3], 4))


def ladder(form: str, hot: float = 4.0, cold: float = 0.5) -> TemperingBlock:
    return TemperingModel(flip_model(small(form), least=RUNGS), hot, cold).start(RUNGS, np.random.SeedSequence(SEED))


@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_states_on_every_rung_come_with_their_boltzmann_probabilities(form: str) -> None:
    block = ladder(form)
    rungs = np.unique(block.temperatures)
    counts = np.zeros((len(rungs), 16))
    block.sweep(np.ones(200))
    for _ in range(8_000):
        block.sweep(np.ones(EVERY))
        at = np.searchsorted(rungs, block.temperatures)
        np.add.at(counts, (at, block.block.states() @ (1 << np.arange(4))), 1)
    seen = counts / counts.sum(axis=1, keepdims=True)
    energies = small(form).energies((np.arange(16)[:, None] >> np.arange(4)) & 1)
    expected = np.exp(-energies / rungs[:, None])
    expected /= expected.sum(axis=1, keepdims=True)
    # 8,000 samples a rung or more: four standard errors of a share are below 0.023.
    np.testing.assert_allclose(seen, expected, atol=0.023)


@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_energies_of_the_walkers_are_those_of_the_model(form: str) -> None:
    block = ladder(form)
    block.sweep(np.ones(17))
    states = block.block.states()
    np.testing.assert_allclose(block.block.energies(), small(form).energies(states), atol=1e-5)


@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_temperatures_move_between_walkers_but_none_is_lost(form: str) -> None:
    block = ladder(form)
    before = block.temperatures.copy()
    block.sweep(np.ones(20 * EVERY))
    sweeps, tried, exchanged = block.counts
    assert sweeps == 20 * EVERY
    assert 0 < exchanged < tried
    assert not np.array_equal(block.temperatures, before)
    np.testing.assert_array_equal(np.sort(block.temperatures), np.sort(before))


@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_it_does_not_matter_how_sweeps_are_cut_into_calls(form: str) -> None:
    once, often = ladder(form), ladder(form)
    once.sweep(np.ones(23))
    for sweeps in (1, 3, 7, 12):
        often.sweep(np.ones(sweeps))
    np.testing.assert_array_equal(once.states(), often.states())
    np.testing.assert_array_equal(once.temperatures, often.temperatures)


@pytest.mark.parametrize(
    ("name", "best"), [("gka1a", -3414), ("be100_1", -19412), ("bqp250-1", -45607), ("bqp500-1", -116586)]
)
def test_the_best_known_energy_is_reached(shared_data: Path, name: str, best: float) -> None:
    from hqml.io import read

    model = read(shared_data / "qubo" / f"{name}.qubo.gz").qubo
    samples = hqml.sample(model, "cpu", reads=64, seed=0, method="tempering", num_sweeps=1000)
    assert samples.first.energy == best
    assert "tempering" in samples.info["method"]


@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_few_reads_are_the_best_of_a_whole_ladder(form: str) -> None:
    one = TemperingModel(flip_model(small(form), least=RUNGS), 4.0, 0.5).start(1, np.random.SeedSequence(SEED))
    assert len(np.unique(one.temperatures)) == RUNGS
    one.sweep(np.ones(50))
    one.sweep(np.zeros(1))
    states = (np.arange(16)[:, None] >> np.arange(4)) & 1
    assert small(form).energies(one.states()) == small(form).energies(states).min()


def test_a_given_range_is_that_of_the_ladder() -> None:
    samples = hqml.sample(small("dense"), "cpu", reads=3, seed=0, method="tempering", beta_range=(0.5, 4))
    assert samples.info["beta_range"] == pytest.approx((0.5, 4))
    assert len(samples) == 3


def test_a_gram_model_is_written_out_to_be_tempered() -> None:
    labels = np.array([1, -1, 1, -1])
    model = svm_dual(np.eye(4) + 0.1, labels, n_bits=2)
    samples = hqml.sample(model, "cpu", reads=8, seed=0, method="tempering", num_sweeps=50)
    assert samples.info["method"] == "parallel tempering of single flips, dense"
    assert samples.first.energy == pytest.approx(hqml.sample(model, "exact").first.energy)


def test_long_searches_of_sparse_models_temper_by_themselves_and_say_why() -> None:
    graph = SparseQubo(scipy.sparse.random_array((40, 40), density=0.1, rng=0))
    long = hqml.sample(graph, "cpu", reads=4, seed=0, num_sweeps=6000).info
    short = hqml.sample(graph, "cpu", reads=4, seed=0, num_sweeps=100).info
    assert "tempering" in long["method"]
    assert "annealing" in short["method"]
    assert "6000 sweeps" in long["why"]


def test_the_number_of_threads_does_not_change_the_samples() -> None:
    graph = SparseQubo(scipy.sparse.random_array((100, 100), density=0.1, rng=0))
    one, four = (
        hqml.sample(graph, "cpu", reads=70, seed=1, method="tempering", num_sweeps=50, threads=threads)
        for threads in (1, 4)
    )
    np.testing.assert_array_equal(one.record.sample, four.record.sample)


class TestReplicas:
    """What the backend lends to one that tempers across ranks."""

    @pytest.mark.parametrize(("form", "wanted", "there"), [("dense", 40, 40), ("sparse", 65, 128)])
    def test_there_are_as_many_as_wanted_or_whole_vectors_of_them(self, form: str, wanted: int, there: int) -> None:
        backend = CpuBackend()
        assert isinstance(backend, ReplicaBackend)
        assert backend.replicas(small(form), wanted, seed=SEED).energies().shape == (there,)

    @pytest.mark.parametrize("form", ["dense", "sparse"])
    def test_each_keeps_the_temperature_that_it_is_given(self, form: str) -> None:
        replicas = CpuBackend().replicas(small(form), 200, seed=SEED)
        temperatures = np.resize([0.5, 1.0, 4.0], len(replicas.energies()))
        states = (np.arange(16)[:, None] >> np.arange(4)) & 1
        energies = small(form).energies(states)
        seen: list[np.ndarray] = []
        for _ in range(500):
            replicas.sweep(temperatures, 3)
            seen.append(replicas.energies())
        for temperature in (0.5, 1.0, 4.0):
            weights = np.exp(-energies / temperature)
            mean = weights @ energies / weights.sum()
            deviation = np.sqrt(weights @ (energies - mean) ** 2 / weights.sum())
            # 30,000 energies, those of one replica correlated over a few moments at the lowest temperature.
            found = np.mean(np.array(seen)[20:, temperatures == temperature])
            assert abs(found - mean) < 4 * deviation / np.sqrt(5_000)

    @pytest.mark.parametrize("form", ["dense", "sparse"])
    def test_the_lowest_states_are_below_all_that_was_met_and_no_flip_lowers_them(self, form: str) -> None:
        model = DenseQubo(np.random.default_rng(0).normal(size=(40, 40)))
        qubo = model if form == "dense" else model.to_sparse()
        replicas = CpuBackend().replicas(qubo, 70, seed=SEED)
        met = [replicas.energies()]
        for _ in range(10):
            replicas.sweep(np.full(len(met[0]), 3.0), 2)
            met.append(replicas.energies())
        states = replicas.lowest()
        assert (qubo.energies(states) <= np.min(met, axis=0) + 1e-4).all()
        assert ((1 - 2 * states) * qubo.field(states) > -1e-4).all()

    def test_the_same_seed_gives_the_same_and_the_range_is_that_of_the_backend_itself(self) -> None:
        model = DenseQubo(np.random.default_rng(0).normal(size=(40, 40)))
        one, same, other = (CpuBackend().replicas(model, 40, seed=seed) for seed in (1, 1, 2))
        np.testing.assert_array_equal(one.energies(), same.energies())
        assert not np.array_equal(one.energies(), other.energies())
        hot, cold = one.temperature_range()
        own = hqml.sample(model, "cpu", reads=4, seed=1, method="tempering", num_sweeps=5).info["beta_range"]
        assert (1 / hot, 1 / cold) == pytest.approx(own, rel=0.5)  # each quenches replicas of its own
