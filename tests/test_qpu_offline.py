"""The stand-in for a QPU: what is embedded, scaled, broken, repaired and timed is what a chip would have been given."""

import itertools
from collections.abc import Mapping
from typing import Any, ClassVar

import dimod
import numpy as np
import pytest
import scipy.sparse
from dwave.embedding import MinimizeEnergy, embed_bqm
from dwave.embedding.chain_strength import uniform_torque_compensation

import hqml
from hqml.backend import Backend
from hqml.errors import ParameterError, UnsupportedModel
from hqml.qubo import DenseQubo, SparseQubo
from hqml.samples import states_of
from hqml.testing import BackendConformance
from hqml_ocean import QpuOfflineBackend
from hqml_ocean.chip.program import check
from hqml_ocean.chip.topologies import made_chip
from hqml_ocean.embedded import Annealing, embedded, repaired
from hqml_ocean.plan import planned, programmed

CHIP = made_chip("pegasus", shape=(4,), qubit_yield=0.97, seed=1)
"""A small Advantage: 264 qubits but for the missing ones, cliques up to about 36."""


@pytest.fixture(autouse=True)
def _caches(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("HQML_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "caches"))


def dense(n, seed=0):
    return DenseQubo(np.random.default_rng(seed).normal(size=(n, n)))


def small() -> QpuOfflineBackend:
    return QpuOfflineBackend(shape=(4,), qubit_yield=0.97, chip_seed=1)


class TestQpuOffline(BackendConformance):
    reads: ClassVar[int] = 60
    time_slack: ClassVar[float] = 12.0  # other tests share the cores, and the first embedding is searched for

    @pytest.fixture
    def backend(self) -> Backend:
        return small()


class TestAModelOnAChip:
    @pytest.fixture
    def plan(self):
        return planned([dense(12)], CHIP, 10, Annealing())

    def test_is_what_dwave_embeds(self, plan) -> None:
        [placed] = plan.submissions[0].placed
        model = dense(12)
        ours = embedded(model, placed.embedding, CHIP, Annealing())
        spins = model.to_bqm().change_vartype(dimod.SPIN, inplace=False)
        theirs = embed_bqm(
            spins,
            dict(enumerate(placed.embedding)),
            CHIP.graph,
            chain_strength=uniform_torque_compensation(spins),
        )
        assert ours.chain_strength == pytest.approx(uniform_torque_compensation(spins))
        for qubit, h in zip(ours.qubits.tolist(), ours.h, strict=True):
            assert h == pytest.approx(theirs.linear[qubit] * ours.scale)
        for (a, b), J in zip(ours.qubits[ours.pairs].tolist(), ours.J, strict=True):
            assert pytest.approx(theirs.quadratic[a, b] * ours.scale) == J
        assert len(ours.J) == theirs.num_interactions

    @pytest.mark.parametrize("gauges", [0, 1])
    @pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
    def test_fills_the_ranges_and_keeps_within_them_in_any_gauge(self, gauges, unit) -> None:
        models = [DenseQubo(dense(n, n).matrix * unit) for n in (12, 11)]
        plan = planned(models, CHIP, 10, Annealing(spin_reversal_transforms=gauges))
        for submission, seed in itertools.product(plan.submissions, range(5)):
            program = programmed(plan, submission, models, seed).program
            check(program, CHIP)
            assert np.abs(program.J).max() > 0.9  # something is at its limit: precision is not given away

    def test_a_state_without_broken_chains_comes_back_as_it_was(self, plan) -> None:
        model = dense(12)
        [submission] = plan.submissions
        states = np.random.default_rng(0).integers(0, 2, size=(20, 12), dtype=np.int8)
        ready = programmed(plan, submission, [model], seed=3)
        [embedded_model], [places], [gauge] = ready.models, ready.places, ready.gauges
        spins = np.empty((20, len(ready.program.qubits)), dtype=np.int8)
        spins[:, places] = (2 * states - 1)[:, embedded_model.owner] * gauge
        [(found, broken)] = ready.decoded(spins, Annealing())
        assert np.array_equal(found, states)
        assert not broken.any()

    def test_its_energy_differs_from_the_models_by_a_factor_and_a_constant(self, plan) -> None:
        # The chip's energies, divided by the scale, are the model's but for a constant: all states, one by one.
        model = dense(12)
        [submission] = plan.submissions
        states = np.random.default_rng(1).integers(0, 2, size=(50, 12), dtype=np.int8)
        ready = programmed(plan, submission, [model], seed=4)
        [embedded_model], [places], [gauge] = ready.models, ready.places, ready.gauges
        spins = np.empty((50, len(ready.program.qubits)), dtype=np.int8)
        spins[:, places] = (2 * states - 1)[:, embedded_model.owner] * gauge
        difference = ready.program.energies(spins) / embedded_model.scale - model.energies(states)
        np.testing.assert_allclose(difference, difference[0], rtol=1e-9)

    def test_a_broken_chain_says_what_most_of_its_qubits_say(self, plan) -> None:
        [placed] = plan.submissions[0].placed
        chain = next(index for index, chain in enumerate(placed.embedding) if len(chain) >= 3)
        model = embedded(dense(12), placed.embedding, CHIP, Annealing())
        spins = -np.ones((1, len(model.qubits)), dtype=np.int8)
        spins[0, np.flatnonzero(model.owner == chain)[1:]] = 1
        states, broken = repaired(spins, model, "majority")
        assert states[0].tolist() == [int(index == chain) for index in range(12)]
        assert broken.tolist() == [1 / 12]

    @pytest.mark.parametrize("form", ["dense", "sparse"])
    def test_minimising_the_energy_repairs_as_dwave_does(self, plan, form) -> None:
        [placed] = plan.submissions[0].placed
        model = dense(12) if form == "dense" else dense(12).to_sparse()
        on_chip = embedded(model, placed.embedding, CHIP, Annealing())
        spins = np.random.default_rng(2).choice([-1, 1], size=(30, len(on_chip.qubits))).astype(np.int8)
        ours, _ = repaired(spins, on_chip, "minimize-energy")
        ends = np.cumsum([len(chain) for chain in placed.embedding])
        chains = [list(range(end - len(chain), end)) for end, chain in zip(ends, placed.embedding, strict=True)]
        logical = model.to_bqm().change_vartype(dimod.SPIN, inplace=False)
        theirs, _ = MinimizeEnergy(logical, dict(enumerate(chains)))(spins, chains)
        assert np.array_equal(2 * ours - 1, theirs)
        votes, _ = repaired(spins, on_chip, "majority")
        assert model.energies(ours).mean() < model.energies(votes).mean()

    @pytest.mark.parametrize("strength", [0.5, 20.0])
    def test_a_given_chain_strength_is_in_units_of_the_model(self, strength) -> None:
        model = dense(12)
        [samples] = small().sample([model], reads=5, seed=0, chain_strength=strength)
        assert samples.info["chain_strength"] == strength

    def test_weak_chains_break_and_strong_ones_hold(self) -> None:
        weak, strong = (
            small().sample([dense(20)], reads=50, seed=0, chain_strength_prefactor=factor)[0].info["chain_breaks"]
            for factor in (0.1, 2.0)
        )
        assert weak > 0.2
        assert strong < 0.1


class TestAPlan:
    def test_models_of_like_size_go_side_by_side_on_disjoint_qubits(self) -> None:
        models = [dense(n, seed=n) for n in (8, 7, 8, 8, 7)]
        plan = planned(models, CHIP, 10, Annealing())
        assert len(plan.submissions) < len(models)
        for submission in plan.submissions:
            qubits = [q for placed in submission.placed for chain in placed.embedding for q in chain]
            assert len(qubits) == len(set(qubits)) == submission.qubits
        placed = sorted(one.model for submission in plan.submissions for one in submission.placed)
        assert placed == list(range(5))
        for submission in plan.submissions:
            for one in submission.placed:
                assert len(one.embedding) == models[one.model].num_variables

    def test_reads_are_divided_into_runs_that_the_chip_allows(self) -> None:
        plan = planned([dense(8)], CHIP, 12_345, Annealing(annealing_time=200.0))
        assert sum(submission.reads for submission in plan.submissions) == 12_345
        assert len(plan.submissions) > 1
        assert all(plan.qpu_seconds(submission) <= CHIP.longest_run for submission in plan.submissions)

    @pytest.mark.parametrize(("reads", "gauges", "runs"), [(10, 1, 1), (10, 0, 1), (10, 4, 4), (2, 4, 2)])
    def test_gauges_are_runs(self, reads, gauges, runs) -> None:
        plan = planned([dense(5)], CHIP, reads, Annealing(spin_reversal_transforms=gauges))
        assert len(plan.submissions) == runs
        assert sum(submission.reads for submission in plan.submissions) == reads

    def test_a_sparse_model_larger_than_any_clique_fits(self) -> None:
        n = 60
        ring = scipy.sparse.coo_array((np.ones(n), (np.arange(n), (np.arange(n) + 1) % n)), shape=(n, n))
        model = SparseQubo(ring, linear=-np.ones(n))
        assert small().capabilities.max_variables < n
        samples = hqml.sample(model, small(), reads=50, seed=0)
        # Of a ring of 60, every other variable: 30 times -1, and no coupling is paid.
        assert samples.first.energy == -30

    def test_a_dense_model_larger_than_any_clique_is_refused(self) -> None:
        with pytest.raises(UnsupportedModel, match=r"takes at most \d+ variables, the model has 60"):
            hqml.sample(dense(60), small())


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HQML_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "caches"))
        return small().sample([dense(n, n) for n in (10, 9, 10)], reads=20, seed=5)


class TestAResult:
    def test_says_that_it_is_a_stand_in(self, samples) -> None:
        assert all("classical stand-in" in one.info["stand_in"] for one in samples)

    def test_has_the_time_a_chip_would_have_taken(self, samples) -> None:
        total = sum(one.info["timing"]["qpu"] for one in samples)
        runs = {tuple(one["models"]): one for found in samples for one in found.info["submissions"]}
        assert total == pytest.approx(sum(CHIP.access_seconds(one["qubits"], one["reads"]) for one in runs.values()))
        parts = sum(one.info["timing"]["programming"] + one.info["timing"]["sampling"] for one in samples)
        assert parts == pytest.approx(total)

    def test_has_its_chains(self, samples) -> None:
        for one, n in zip(samples, (10, 9, 10), strict=True):
            assert len(one.info["embedding"]) == n
            assert one.info["chain_length"] == max(map(len, one.info["embedding"]))
            assert 0 <= one.info["chain_breaks"] <= 1

    def test_is_plain_data(self, samples) -> None:
        import json

        assert json.loads(json.dumps(samples[0].info)) == samples[0].info


def test_control_errors_make_it_worse() -> None:
    models = [dense(24, seed) for seed in range(4)]
    means: dict[Any, float] = {}
    for noise in ((0.0, 0.0), (0.3, 0.3)):
        backend = QpuOfflineBackend(shape=(4,), qubit_yield=0.97, chip_seed=1, noise=noise)
        found = backend.sample(models, reads=40, seed=0)
        means[noise] = float(np.mean([samples.record.energy.mean() for samples in found]))
    assert means[0.0, 0.0] < means[0.3, 0.3]


def test_a_real_size_chip_solves_a_dense_model() -> None:
    # 24 dense variables on a full Advantage; the minimum is that of the proven enumeration.
    model = dense(24, seed=3)
    best = hqml.sample(model, "exact").first.energy
    found = hqml.sample(model, "qpu-offline", reads=200, seed=0, qubit_yield=0.98)
    assert found.info["chip"]
    assert found.first.energy == pytest.approx(best)
    np.testing.assert_allclose(found.record.energy, model.energies(states_of(found, model)))


WRONG: list[tuple[Mapping[str, Any], str]] = [
    ({"annealing_time": 0}, "annealing_time must be a finite number of microseconds above 0"),
    ({"annealing_time": 1e9}, "annealing_time"),
    ({"chain_strength": -1}, "chain_strength must be a finite number of the model's energy above 0"),
    ({"chain_strength_prefactor": "a"}, "chain_strength_prefactor must be a finite number"),
    ({"chain_break_method": "vote"}, "chain_break_method must be one of 'majority', 'minimize-energy', found 'vote'"),
    ({"spin_reversal_transforms": -1}, "spin_reversal_transforms must be a whole number of at least 0"),
    ({"topology": "kagome"}, "topology must be one of 'chimera', .*found 'kagome'"),
    ({"qubit_yield": 1.5}, "qubit_yield"),
    ({"noise": (-1, 0)}, "noise of h must be a finite number of at least 0"),
    ({"noise": 3}, "noise must be two standard deviations, of h and of J, found 3"),
    ({"shape": (1, 2, 3)}, "shape"),
    ({"shape": "six"}, "shape must be a whole number of at least 2, found 'six'"),
    ({"shape": 6.5}, "shape must be a whole number of at least 2, found 6.5"),
]


@pytest.mark.parametrize(("option", "words"), WRONG, ids=lambda value: str(value)[:30])
def test_an_option_out_of_its_range_is_told(option, words) -> None:
    with pytest.raises(ParameterError, match=words):
        hqml.sample(np.eye(3), "qpu-offline", **{"shape": (3,), **option})
