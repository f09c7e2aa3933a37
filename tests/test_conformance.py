"""Every local backend keeps the contract, and the contract catches those that do not."""

import pickle
import time

import dimod
import numpy as np
import pytest
from dwave.samplers import SimulatedAnnealingSampler

import hqml
from hqml.adapters import SamplerBackend
from hqml.backend import Backend, Capabilities
from hqml.errors import BudgetExceeded
from hqml.samples import to_sampleset
from hqml.testing import BackendConformance, MeteredBackend, RecordingBackend
from hqml_cpu import CpuBackend, ExactBackend
from hqml_ocean import NealBackend, TabuBackend


class TestCpu(BackendConformance):
    time_slack = 6.0  # other tests share the cores

    @pytest.fixture
    def backend(self) -> Backend:
        return CpuBackend()


class TestExact(BackendConformance):
    enumerates = True
    time_slack = 6.0  # other tests share the cores

    @pytest.fixture
    def backend(self) -> Backend:
        return ExactBackend()


class TestNeal(BackendConformance):
    @pytest.fixture
    def backend(self) -> Backend:
        return NealBackend()


class TestTabu(BackendConformance):
    reads = 20

    @pytest.fixture
    def backend(self) -> Backend:
        return TabuBackend()


class TestExactSolverOfDimod(BackendConformance):
    enumerates = True
    honours_time_limit = False

    @pytest.fixture
    def backend(self) -> Backend:
        return SamplerBackend(dimod.ExactSolver())


@pytest.mark.filterwarnings("ignore:All bqm biases are zero:UserWarning")  # the sampler's word on a constant model
class TestAnnealerOfDwaveSamplers(BackendConformance):
    honours_time_limit = False

    @pytest.fixture
    def backend(self) -> Backend:
        return SamplerBackend(SimulatedAnnealingSampler())


class TestRecording(BackendConformance):
    @pytest.fixture
    def backend(self) -> Backend:
        return RecordingBackend(NealBackend())


class TestMetered(BackendConformance):
    @pytest.fixture
    def backend(self) -> Backend:
        return MeteredBackend()


class Honest:
    """A backend to make liars of: descends from random states."""

    capabilities = Capabilities(kind="cpu", seedable=True, max_variables=60)

    def sample(self, qubos, *, reads=100, seed=None, time_limit=None):
        return MeteredBackend().sample(qubos, reads=reads, seed=seed, time_limit=time_limit)

    def estimate(self, qubos, *, reads=100):
        return hqml.Usage(seconds=0.0)

    def close(self):
        pass


def rewritten(result, **changes):
    """A SampleSet with some of its parts replaced, as it is, unsorted and unchecked."""
    parts = {
        "states": result.record.sample,
        "labels": list(result.variables),
        "energy": result.record.energy,
        "info": result.info,
        **changes,
    }
    return dimod.SampleSet.from_samples(
        (parts["states"], parts["labels"]), "BINARY", energy=parts["energy"], info=parts["info"], sort_labels=False
    )


class WrongEnergies(Honest):
    def sample(self, qubos, **arguments):
        return [rewritten(one, energy=one.record.energy - 1) for one in super().sample(qubos, **arguments)]


class EnergiesInSinglePrecision(Honest):
    def sample(self, qubos, **arguments):
        found = super().sample(qubos, **arguments)
        return [rewritten(one, energy=one.record.energy.astype(np.float32).astype(np.float64)) for one in found]


class WithoutOffset(Honest):
    def sample(self, qubos, **arguments):
        found = super().sample(qubos, **arguments)
        return [rewritten(s, energy=s.record.energy - q.offset) for q, s in zip(qubos, found, strict=True)]


class Unsorted(Honest):
    def sample(self, qubos, **arguments):
        found = super().sample(qubos, **arguments)
        return [rewritten(s, states=s.record.sample[::-1], energy=s.record.energy[::-1]) for s in found]


class LabelsForgotten(Honest):
    def sample(self, qubos, **arguments):
        return [rewritten(s, labels=list(range(len(s.variables)))) for s in super().sample(qubos, **arguments)]


class LabelsSorted(Honest):
    def sample(self, qubos, **arguments):
        return [rewritten(s, labels=sorted(s.variables, key=str)) for s in super().sample(qubos, **arguments)]


class OneReadTooMany(Honest):
    def sample(self, qubos, *, reads=100, **arguments):
        return super().sample(qubos, reads=reads + 1, **arguments)


class OneModelTooFew(Honest):
    def sample(self, qubos, **arguments):
        return super().sample(qubos, **arguments)[:-1]


class BatchReversed(Honest):
    def sample(self, qubos, **arguments):
        return super().sample(qubos, **arguments)[::-1]


class SeedIgnored(Honest):
    def sample(self, qubos, *, seed=None, **arguments):
        found = super().sample(qubos, seed=None, **arguments)
        return [rewritten(s, info={**s.info, "seed": seed}) for s in found]


class GlobalGenerator(Honest):
    def sample(self, qubos, **arguments):
        np.random.rand()
        return super().sample(qubos, **arguments)


class RandomStates(Honest):
    def sample(self, qubos, *, reads=100, seed=None, time_limit=None):
        rng = np.random.default_rng(seed)
        states = [rng.integers(0, 2, size=(1, q.num_variables), dtype=np.int8) for q in qubos]
        return [
            to_sampleset(q, x, backend="random", seed=seed, timing={"solve": 0.0})
            for q, x in zip(qubos, states, strict=True)
        ]


class FalselyComplete(RandomStates):
    def sample(self, qubos, **arguments):
        return [rewritten(s, info={**s.info, "complete": True}) for s in super().sample(qubos, **arguments)]


class BoundTooHigh(Honest):
    def sample(self, qubos, **arguments):
        return [rewritten(s, info={**s.info, "bound": 0.0}) for s in super().sample(qubos, **arguments)]


class SeedNotReported(RandomStates):
    # Of random states, which no two seeds have in common; two anneals may both end in the ground state.
    def sample(self, qubos, *, seed=None, **arguments):
        found = super().sample(qubos, seed=seed, **arguments)
        return [rewritten(s, info={**s.info, "seed": None}) for s in found]


class Overtime(Honest):
    def sample(self, qubos, *, time_limit=None, **arguments):
        if time_limit is not None:
            time.sleep(time_limit + BackendConformance.time_slack)
        return super().sample(qubos, time_limit=time_limit, **arguments)


class FreeLunch(Honest):
    def estimate(self, qubos, *, reads=100):
        return hqml.Usage(seconds=-1.0)


class SecretlyMetered(Honest):
    def estimate(self, qubos, *, reads=100):
        return hqml.Usage(seconds=1.0, qpu_seconds=1.0)


class NoTiming(Honest):
    def sample(self, qubos, **arguments):
        return [rewritten(s, info={**s.info, "timing": {}}) for s in super().sample(qubos, **arguments)]


class NotPicklable(Honest):
    def __init__(self):
        self.handle = lambda: None


class ClosedOnce(Honest):
    open = True

    def close(self):
        assert self.open, "closed already"
        self.open = False


def test_an_honest_backend_passes_all_that_is_asked_of_the_liars():
    for _, name, arguments in LIARS:
        getattr(BackendConformance(), name)(Honest(), *arguments)


LIARS = [
    (WrongEnergies, "test_energies_are_those_of_the_model_in_float64", ()),
    (EnergiesInSinglePrecision, "test_a_model_in_single_precision_has_energies_in_double", ()),
    (WithoutOffset, "test_a_form_that_is_claimed_is_taken", ("dense",)),
    (WithoutOffset, "test_a_constant_model_has_its_offset_as_energy", ()),
    (Unsorted, "test_the_lowest_energy_comes_first", ()),
    (LabelsForgotten, "test_variables_keep_their_labels", (["b", "a", "c"],)),
    (LabelsSorted, "test_variables_keep_their_labels", (["b", "a", "c"],)),
    (OneReadTooMany, "test_at_least_one_and_at_most_so_many_reads_come_back", (1,)),
    (OneModelTooFew, "test_each_model_of_a_batch_gets_its_sampleset_in_order", ()),
    (BatchReversed, "test_each_model_of_a_batch_gets_its_sampleset_in_order", ()),
    (BatchReversed, "test_a_large_batch_keeps_its_order", ()),
    (SeedIgnored, "test_the_same_seed_and_batch_give_the_same_samples", ()),
    (FalselyComplete, "test_what_is_called_proven_is_true", ()),
    (BoundTooHigh, "test_what_is_called_proven_is_true", ()),
    (SeedNotReported, "test_a_run_without_seed_reports_the_seed_that_repeats_it", ()),
    (GlobalGenerator, "test_the_global_random_generator_is_left_alone", ()),
    (RandomStates, "test_the_ground_state_of_a_small_model_is_found", (0,)),
    (Overtime, "test_a_batch_ends_soon_after_its_time_limit_with_samples_of_each_model", ()),
    (FreeLunch, "test_an_estimate_is_a_usage", ()),
    (SecretlyMetered, "test_an_estimate_is_a_usage", ()),
    (NoTiming, "test_info_says_who_computed_how_long_and_with_which_seed", ()),
    (NotPicklable, "test_a_backend_survives_pickling", ()),
    (ClosedOnce, "test_closing_twice_is_no_error", ()),
]


@pytest.mark.parametrize(("liar", "name", "arguments"), LIARS, ids=lambda value: getattr(value, "__name__", None))
def test_a_liar_is_caught(liar, name, arguments):
    with pytest.raises((AssertionError, AttributeError, pickle.PicklingError)):  # the last two from pickle itself
        getattr(BackendConformance(), name)(liar(), *arguments)


def test_a_metered_backend_charges_what_it_estimated():
    backend = MeteredBackend(seconds_per_read=0.001, seconds_per_model=0.02)
    models = [np.eye(3), -np.eye(4)]
    hqml.sample(models, backend, reads=10, max_qpu_seconds=0.1)
    assert backend.spent == pytest.approx(2 * (0.02 + 10 * 0.001))
    assert [len(call.qubos) for call in backend.calls] == [2]


def test_an_estimate_spends_nothing():
    backend = MeteredBackend()
    usage = backend.estimate([hqml.DenseQubo(np.eye(3))], reads=50)
    assert usage.qpu_seconds > 0
    assert backend.spent == 0
    assert backend.calls == []


def test_nothing_is_submitted_without_a_grant():
    backend = MeteredBackend()
    with pytest.raises(BudgetExceeded):
        hqml.sample(np.eye(3), backend)
    with pytest.raises(BudgetExceeded):
        hqml.sample(np.eye(3), backend, max_qpu_seconds=1e-6)
    assert backend.calls == []


def test_a_recording_backend_remembers_what_it_was_given():
    backend = RecordingBackend(NealBackend())
    hqml.sample([np.eye(3), -np.eye(4)], backend, reads=7, seed=5, num_sweeps=20)
    [call] = backend.calls
    assert [qubo.num_variables for qubo in call.qubos] == [3, 4]
    assert (call.reads, call.seed, call.time_limit) == (7, 5, None)
    assert call.options == {"num_sweeps": 20}
    assert not backend.closed
    backend.close()
    assert backend.closed
