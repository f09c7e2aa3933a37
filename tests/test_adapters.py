"""Any dimod.Sampler as a Backend, any Backend as a dimod.Sampler."""

import unittest
from typing import Any

import dimod
import dimod.testing
import numpy as np
import pytest
from dwave.samplers import SimulatedAnnealingSampler, SteepestDescentSampler

from hqml.adapters import BackendSampler, SamplerBackend, fitted
from hqml.backend import Backend, Capabilities, Kind
from hqml.errors import OptionError, UnsupportedModel
from hqml.qubo import DenseQubo, Form, GramQubo, as_qubo


@pytest.fixture
def ring() -> dimod.BinaryQuadraticModel:
    """A ring of five spins that all want to differ from their neighbours; one bond cannot be had, so -4 + 1 = -3."""
    return dimod.BinaryQuadraticModel({}, {(i, (i + 1) % 5): 1.0 for i in range(5)}, 0.0, "SPIN")


class Scattered:
    """A model in Gram form that has its matrix nowhere as a whole, like hqml_mpi's DistributedGram."""

    form = "gram"
    num_variables, labels, offset = 2, range(2), 0.0

    def energies(self, states: Any) -> Any: ...
    def field(self, states: Any) -> Any: ...
    def to_dense(self, *, limit: int = 0) -> Any:
        raise UnsupportedModel("its matrix is on many ranks")

    to_sparse = to_bqm = to_dense


class TestAFormThatTheBackendTakes:
    @staticmethod
    def backend(kind: Kind, *forms: Form) -> Backend:
        backend = SamplerBackend(dimod.ExactSolver())
        backend.capabilities = Capabilities(kind=kind, forms=frozenset(forms))
        return backend

    def test_models_in_another_form_are_written_out(self) -> None:
        gram = GramQubo(np.eye(2), [1.0])
        assert fitted(self.backend("cpu", "gram"), "any", [gram]) == [gram]
        assert [one.form for one in fitted(self.backend("cpu", "dense", "sparse"), "any", [gram])] == ["dense"]
        assert [one.form for one in fitted(self.backend("cpu", "sparse"), "any", [gram])] == ["sparse"]

    def test_a_gram_model_whose_matrix_is_spread_over_ranks_is_for_backends_of_ranks_alone(self) -> None:
        scattered = Scattered()
        assert fitted(self.backend("mpi", "gram"), "any", [scattered]) == [scattered]
        for backend in (self.backend("gpu", "gram"), self.backend("mpi", "dense")):
            with pytest.raises(UnsupportedModel, match="its matrix is on many ranks"):
                fitted(backend, "any", [scattered])


class TestASamplerAsABackend:
    def test_is_a_backend(self) -> None:
        assert isinstance(SamplerBackend(dimod.ExactSolver()), Backend)

    def test_finds_what_the_sampler_finds(self, ring: dimod.BinaryQuadraticModel) -> None:
        [found] = SamplerBackend(dimod.ExactSolver()).sample([as_qubo(ring)])
        assert found.first.energy == dimod.ExactSolver().sample(ring).first.energy == -3
        assert len(found) == 2**5

    def test_packs_the_samples_as_every_backend_must(self, ring: dimod.BinaryQuadraticModel) -> None:
        [found] = SamplerBackend(SimulatedAnnealingSampler()).sample([as_qubo(ring)], reads=20, seed=1)
        assert found.vartype is dimod.BINARY
        assert list(found.record.energy) == sorted(found.record.energy)
        assert len(found) == 20
        assert found.info.items() >= {"backend": "SimulatedAnnealingSampler", "seed": 1}.items()
        assert found.info["timing"]["solve"] > 0
        assert "beta_range" in found.info["sampler"]
        dimod.testing.assert_sampleset_energies(found, ring.change_vartype("BINARY", inplace=False))

    def test_the_same_seed_gives_the_same_samples_and_models_of_a_batch_differ(self) -> None:
        backend = SamplerBackend(SimulatedAnnealingSampler())
        assert backend.capabilities.seedable
        glass = DenseQubo(np.random.default_rng(0).normal(size=(30, 30)))

        def states(seed: int) -> list[np.ndarray]:
            return [found.record.sample for found in backend.sample([glass, glass], reads=5, seed=seed, num_sweeps=2)]

        once, again, other = states(3), states(3), states(4)
        np.testing.assert_array_equal(once, again)
        assert not np.array_equal(once[0], once[1])
        assert not np.array_equal(once[0], other[0])

    def test_a_sampler_without_a_seed_reports_none(self) -> None:
        backend = SamplerBackend(dimod.ExactSolver())
        assert not backend.capabilities.seedable
        assert backend.sample([DenseQubo(np.eye(2))], seed=5)[0].info["seed"] is None

    def test_samples_found_several_times_are_several_reads(self) -> None:
        class Aggregating(dimod.ExactSolver):  # type: ignore[misc]
            def sample(self, bqm: dimod.BinaryQuadraticModel, **arguments: Any) -> dimod.SampleSet:
                ones = dict.fromkeys(bqm.variables, 1)
                return dimod.SampleSet.from_samples_bqm(ones, bqm, num_occurrences=[3])

        [found] = SamplerBackend(Aggregating()).sample([DenseQubo(np.eye(2))])
        assert found.record.sample.tolist() == [[1, 1]] * 3

    def test_columns_follow_the_labels_whatever_order_and_vartype_the_sampler_has(self) -> None:
        class Reversing(dimod.ExactSolver):  # type: ignore[misc]
            def sample(self, bqm: dimod.BinaryQuadraticModel, **arguments: Any) -> dimod.SampleSet:
                return dimod.SampleSet.from_samples({"c": -1, "b": 1, "a": 1}, "SPIN", energy=[99])

        model = DenseQubo(np.diag([1.0, 2.0, 4.0]), labels=["a", "b", "c"])
        [found] = SamplerBackend(Reversing()).sample([model])
        assert list(found.variables) == ["a", "b", "c"]
        assert found.record.sample.tolist() == [[1, 1, 0]]
        assert found.record.energy.tolist() == [3]

    def test_a_local_search_reaches_a_local_minimum(self, ring: dimod.BinaryQuadraticModel) -> None:
        qubo = as_qubo(ring)
        [found] = SamplerBackend(SteepestDescentSampler()).sample([qubo], reads=10, seed=0)
        states = found.record.sample
        assert ((1 - 2 * states) * qubo.field(states) >= 0).all()

    def test_the_gram_form_is_written_out_for_a_sampler(self) -> None:
        gram = GramQubo(np.eye(2), [1.0, 2.0], linear=-np.ones((2, 2)))
        [found] = SamplerBackend(dimod.ExactSolver()).sample([gram])
        assert found.first.energy == gram.energies(found.record.sample).min() == -1

    def test_an_option_the_sampler_does_not_take_is_refused(self) -> None:
        with pytest.raises(
            OptionError, match=r"SimulatedAnnealingSampler takes no option sweeps; it takes: .*num_sweeps"
        ):
            SamplerBackend(SimulatedAnnealingSampler()).sample([DenseQubo(np.eye(2))], sweeps=3)

    def test_what_it_will_take_is_not_known(self) -> None:
        usage = SamplerBackend(dimod.ExactSolver()).estimate([DenseQubo(np.eye(2))])
        assert np.isnan(usage.seconds)
        assert usage.qpu_seconds == 0

    def test_closing_closes_the_sampler(self) -> None:
        class Closing(dimod.ExactSolver):  # type: ignore[misc]
            closed = 0

            def close(self) -> None:
                self.closed += 1

        sampler = Closing()
        SamplerBackend(sampler).close()
        SamplerBackend(dimod.ExactSolver()).close()
        assert sampler.closed == 1


def enumeration() -> BackendSampler:
    return BackendSampler(SamplerBackend(dimod.ExactSolver()))


@dimod.testing.load_sampler_bqm_tests(enumeration)  # type: ignore[untyped-decorator]
class TestDimodsOwnTestsOfASampler(unittest.TestCase):
    """Empty, labelled, float32 and object models, both vartypes: dimod's suite for every sampler."""

    def test_has_the_whole_interface(self) -> None:
        dimod.testing.assert_sampler_api(enumeration())


class TestABackendAsASampler:
    @pytest.mark.parametrize("vartype", ["SPIN", "BINARY"])
    def test_the_samples_have_the_vartype_of_the_model(self, ring: dimod.BinaryQuadraticModel, vartype: str) -> None:
        bqm = ring.change_vartype(vartype, inplace=False)
        found = enumeration().sample(bqm)
        assert found.vartype.name == vartype
        assert found.first.energy == -3
        dimod.testing.assert_sampleset_energies(found, bqm)

    def test_its_parameters_are_those_of_the_backend_under_dimods_names(self) -> None:
        names = set(enumeration().parameters)
        assert {"num_reads", "seed", "time_limit"} <= names
        assert not names & {"qubos", "reads", "options"}

    def test_its_properties_hold_the_capabilities(self) -> None:
        assert isinstance(enumeration().properties["capabilities"], Capabilities)

    def test_reads_and_seed_reach_the_backend(self, ring: dimod.BinaryQuadraticModel) -> None:
        sampler = BackendSampler(SamplerBackend(SimulatedAnnealingSampler()))
        assert len(sampler.sample(ring, num_reads=7, seed=1)) == 7
        first, again = (sampler.sample(ring, num_reads=7, seed=1) for _ in range(2))
        np.testing.assert_array_equal(first.record.sample, again.record.sample)

    def test_it_works_under_composites_that_keep_the_model(self, ring: dimod.BinaryQuadraticModel) -> None:
        tracked = dimod.TrackingComposite(enumeration())
        found = dimod.TruncateComposite(tracked, 4).sample(ring)
        assert found.record.energy.tolist() == [-3] * 4
        dimod.testing.assert_sampleset_energies(found, ring)
        assert tracked.input["bqm"] == ring

    def test_it_works_under_composites_that_change_the_model(self) -> None:
        """By hand: a = c = -1, b = +1 meets all three wishes, ab = bc = -1 and abc = +1."""
        sampler = dimod.PolyScaleComposite(dimod.HigherOrderComposite(enumeration()))
        found = sampler.sample_poly(dimod.BinaryPolynomial({"ab": 8.0, "bc": 8.0, "abc": -8.0}, "SPIN"), scalar=0.125)
        assert found.first.energy == -24
        assert [found.first.sample[name] for name in "abc"] == [-1, 1, -1]

    def test_a_model_larger_than_the_backend_takes_is_refused(self, ring: dimod.BinaryQuadraticModel) -> None:
        backend = SamplerBackend(dimod.ExactSolver())
        backend.capabilities = Capabilities(kind="cpu", max_variables=4)
        with pytest.raises(UnsupportedModel, match="at most 4 variables, the model has 5"):
            BackendSampler(backend).sample(ring)

    def test_there_and_back_again_is_the_same(self, ring: dimod.BinaryQuadraticModel) -> None:
        there = SamplerBackend(enumeration())
        [found] = there.sample([as_qubo(ring)])
        assert found.first.energy == -3
        assert len(found) == 2**5
