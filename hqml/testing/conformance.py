"""The contract of a backend, as tests."""

from __future__ import annotations

import inspect
import math
import pickle
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any, ClassVar

import dimod
import numpy as np
import pytest

import hqml
from hqml.backend import Backend, Usage
from hqml.errors import BudgetExceeded, OptionError, UnsupportedModel
from hqml.qubo import DenseQubo, Floats, GramQubo, Qubo, SparseQubo
from hqml.samples import states_of, version


class BackendConformance:
    """What every backend must do. Subclass it and say which backend:

        class TestMine(BackendConformance):
            @pytest.fixture
            def backend(self) -> Backend:
                return MyBackend()

    Class attributes say what is particular about a backend; each has a default that suits most.

    Attributes:
        reads: with so many reads the backend is expected to find the ground state of 8 variables.
        options: given to each call, e.g. fewer sweeps for a faster test.
        enumerates: more rows than `reads` may come back.
        honours_time_limit: a call ends soon after its time limit.
        time_slack: seconds a call may take beyond its time limit: building models, and a read that is under way.
        grant: metered seconds granted to a call, where the backend is metered.
    """

    reads: ClassVar[int] = 100
    options: ClassVar[Mapping[str, Any]] = {}
    enumerates: ClassVar[bool] = False
    honours_time_limit: ClassVar[bool] = True
    time_slack: ClassVar[float] = 2.0
    grant: ClassVar[float] = 60.0

    @pytest.fixture
    def backend(self) -> Backend:
        raise NotImplementedError("override the fixture `backend`: it returns the backend to be tested")

    # A batch gives one SampleSet a model.

    def test_each_model_of_a_batch_gets_its_sampleset_in_order(self, backend: Backend) -> None:
        models = [random_model(n, seed=n) for n in (3, 7, 5)]
        results = self.sample(backend, models)
        assert [len(result.variables) for result in results] == [3, 7, 5]

    def test_an_empty_batch_gives_no_samplesets(self, backend: Backend) -> None:
        assert self.sample(backend, []) == []

    def test_each_model_of_a_batch_is_solved_as_itself(self, backend: Backend) -> None:
        models = [random_model(n, seed=n) for n in (2, 8, 1, 5)]
        for model, result in zip(models, self.sample(backend, models), strict=True):
            assert_lowest(model, result)

    def test_a_large_batch_keeps_its_order(self, backend: Backend) -> None:
        # The minimum of model k is the binary notation of k, so that no two may be confused.
        models = [DenseQubo(np.diag([-1.0 if k >> i & 1 else 1.0 for i in range(5)])) for k in range(32)]
        for k, result in enumerate(self.sample(backend, models)):
            assert sum(result.first.sample[i] << i for i in range(5)) == k

    # A SampleSet has binary states, lowest first, with energies of the model in float64.

    def test_samples_are_binary(self, backend: Backend) -> None:
        [result] = self.sample(backend, [random_model(6, seed=0)])
        assert result.vartype is dimod.BINARY
        assert set(np.unique(result.record.sample)) <= {0, 1}

    def test_variables_are_numbered_from_zero(self, backend: Backend) -> None:
        [result] = self.sample(backend, [random_model(6, seed=0)])
        assert set(result.variables) == set(range(6))

    @pytest.mark.parametrize("labels", [["b", "a", "c"], [2, 0, 1], [("pixel", 4), "x", -1]])
    def test_variables_keep_their_labels(self, backend: Backend, labels: list[Any]) -> None:
        model = DenseQubo(np.diag([1.0, -2.0, 3.0]), labels=labels)
        [result] = self.sample(backend, [model])
        assert dict(result.first.sample) == {labels[0]: 0, labels[1]: 1, labels[2]: 0}

    @pytest.mark.parametrize("reads", [1, 2, 17])
    def test_at_least_one_and_at_most_so_many_reads_come_back(self, backend: Backend, reads: int) -> None:
        [result] = self.sample(backend, [random_model(6, seed=0)], reads=reads)
        rows = int(result.record.num_occurrences.sum())
        assert rows >= 1
        assert rows <= reads or self.enumerates

    def test_the_lowest_energy_comes_first(self, backend: Backend) -> None:
        [result] = self.sample(backend, [random_model(8, seed=1)])
        assert np.all(np.diff(result.record.energy) >= 0)

    def test_energies_are_those_of_the_model_in_float64(self, backend: Backend) -> None:
        model = random_model(8, seed=2)
        [result] = self.sample(backend, [model])
        assert result.record.energy.dtype == np.float64
        np.testing.assert_allclose(result.record.energy, model.energies(states_of(result, model)), rtol=1e-12, atol=0)

    def test_a_model_in_single_precision_has_energies_in_double(self, backend: Backend) -> None:
        single = np.random.default_rng(3).normal(size=(6, 6)).astype(np.float32)
        model = DenseQubo(single)
        [result] = self.sample(backend, [model])
        states = states_of(result, model).astype(np.float64)
        by_hand = [state @ single.astype(np.float64) @ state for state in states]
        np.testing.assert_allclose(result.record.energy, by_hand, rtol=1e-12, atol=1e-12)

    def test_info_says_who_computed_how_long_and_with_which_seed(self, backend: Backend) -> None:
        [result] = self.sample(backend, [random_model(4, seed=0)], seed=11)
        assert result.info["backend"]
        assert result.info["version"] == version()
        assert result.info["seed"] == 11 or not backend.capabilities.seedable
        assert result.info["timing"]
        assert all(isinstance(seconds, float) and seconds >= 0 for seconds in result.info["timing"].values())

    # Every form that is claimed is taken, with linear terms and offset.

    @pytest.mark.parametrize("form", ["dense", "sparse", "gram"])
    def test_a_form_that_is_claimed_is_taken(self, backend: Backend, form: str) -> None:
        if form not in backend.capabilities.forms:
            pytest.skip(f"the backend does not claim the {form} form")
        for seed in range(3):
            model = random_model_of_form(form, seed=seed)
            [result] = backend.sample(
                [model], reads=self.reads, seed=seed, **self.options, **own_grant(backend, self.grant)
            )
            assert_lowest(model, result)

    def test_forms_may_be_mixed_in_a_batch(self, backend: Backend) -> None:
        models = [random_model_of_form(form, seed=5) for form in sorted(backend.capabilities.forms)]
        for model, result in zip(models, self.sample(backend, models), strict=True):
            assert_lowest(model, result)

    # Small models are solved.

    @pytest.mark.parametrize("seed", range(5))
    def test_the_ground_state_of_a_small_model_is_found(self, backend: Backend, seed: int) -> None:
        model = random_model(8, seed=100 + seed)
        [result] = self.sample(backend, [model])
        assert_lowest(model, result)

    @pytest.mark.parametrize(("bias", "value"), [(1.5, 0), (-1.5, 1)])
    def test_one_variable_follows_its_bias(self, backend: Backend, bias: float, value: int) -> None:
        [result] = self.sample(backend, [DenseQubo([[bias]])])
        assert result.first.sample == {0: value}
        assert result.first.energy == bias * value

    def test_a_constant_model_has_its_offset_as_energy(self, backend: Backend) -> None:
        [result] = self.sample(backend, [DenseQubo(np.zeros((4, 4)), offset=2.5)])
        assert np.all(result.record.energy == 2.5)

    def test_the_unit_of_energy_does_not_matter(self, backend: Backend) -> None:
        model = random_model(8, seed=7)
        for unit in (1e-6, 1e6):
            scaled = DenseQubo(model.matrix * unit, offset=model.offset * unit)
            [result] = self.sample(backend, [scaled])
            assert_lowest(scaled, result)

    def test_what_is_called_proven_is_true(self, backend: Backend) -> None:
        # Of many backends `info` says neither: nothing is claimed then. One read, so that luck does not make it true.
        for seed in range(5):
            model = random_model(8, seed=seed)
            [result] = self.sample(backend, [model], reads=1)
            lowest, slack = all_energies(model).min(), 1e-9 * np.abs(all_energies(model)).max()
            assert result.info.get("bound", -math.inf) <= lowest + slack
            assert not result.info.get("complete", False) or result.first.energy <= lowest + slack

    # Seeds.

    def test_the_same_seed_and_batch_give_the_same_samples(self, backend: Backend) -> None:
        self.need_seed(backend)
        models = [random_model(20, seed=n) for n in range(3)]
        once, again = (self.sample(backend, models, reads=5, seed=3) for _ in range(2))
        assert_same(once, again)

    def test_a_run_without_seed_reports_the_seed_that_repeats_it(self, backend: Backend) -> None:
        self.need_seed(backend)
        model = random_model(20, seed=0)
        once = self.sample(backend, [model], reads=5, seed=None)
        assert_same(once, self.sample(backend, [model], reads=5, seed=once[0].info["seed"]))

    @pytest.mark.parametrize("seed", [0, 2**32, 2**63 - 1])
    def test_any_seed_of_63_bits_is_taken(self, backend: Backend, seed: int) -> None:
        model = random_model(4, seed=0)
        [result] = self.sample(backend, [model], seed=seed)
        assert_lowest(model, result)

    def test_the_global_random_generator_is_left_alone(self, backend: Backend) -> None:
        self.need_seed(backend)
        before = np.random.get_state(legacy=False)["state"]
        self.sample(backend, [random_model(6, seed=0)], seed=1)
        after = np.random.get_state(legacy=False)["state"]
        assert before["pos"] == after["pos"]
        assert np.array_equal(before["key"], after["key"])

    # Time, money and manners.

    def test_a_batch_ends_soon_after_its_time_limit_with_samples_of_each_model(self, backend: Backend) -> None:
        if not self.honours_time_limit:
            pytest.skip("the backend cannot cut a call short")
        self.sample(backend, [random_model(4, seed=0)])  # whatever is done once, such as compiling, is done now
        models = [random_model(self.size_that_takes_long(backend), seed=n) for n in range(3)]
        started = perf_counter()
        results = self.sample(backend, models, reads=100_000, time_limit=0.3)
        assert perf_counter() - started < 0.3 + self.time_slack
        assert all(len(result) >= 1 for result in results)

    def test_an_estimate_is_a_usage(self, backend: Backend) -> None:
        models = [self.taken(backend, random_model(6, seed=n)) for n in range(2)]
        usage = backend.estimate(models, reads=self.reads, **self.options)
        assert isinstance(usage, Usage)
        assert math.isnan(usage.seconds) or usage.seconds >= 0
        assert usage.qpu_seconds >= 0
        assert usage.qpu_seconds == 0 or backend.capabilities.metered

    def test_models_are_left_as_they_were(self, backend: Backend) -> None:
        for form in sorted(backend.capabilities.forms):
            model = random_model_of_form(form, seed=0)
            before = pickle.loads(pickle.dumps(model)).to_dense()
            backend.sample([model], reads=3, seed=0, **self.options, **own_grant(backend, self.grant))
            after = model.to_dense()
            assert np.array_equal(after.matrix, before.matrix)
            assert np.array_equal(after.linear, before.linear)
            assert (after.offset, list(after.labels)) == (before.offset, list(before.labels))

    def test_progress_rises_to_one(self, backend: Backend) -> None:
        if "progress" not in inspect.signature(backend.sample).parameters:
            pytest.skip("the backend reports no progress")
        shares: list[float] = []
        self.sample(backend, [random_model(6, seed=n) for n in range(3)], options={"progress": shares.append})
        assert shares == sorted(shares)
        assert shares[0] >= 0
        assert shares[-1] == pytest.approx(1.0)

    def test_a_backend_survives_pickling(self, backend: Backend) -> None:
        copy = pickle.loads(pickle.dumps(backend))
        assert copy.capabilities == backend.capabilities
        model = random_model(4, seed=0)
        [result] = self.sample(copy, [model])
        assert_lowest(model, result)
        copy.close()

    def test_closing_twice_is_no_error(self, backend: Backend) -> None:
        backend.close()
        backend.close()

    # The road through hqml.

    def test_it_is_a_backend(self, backend: Backend) -> None:
        assert isinstance(backend, Backend)

    def test_hqml_sample_uses_it(self, backend: Backend) -> None:
        model = random_model(6, seed=4)
        result = hqml.sample(model, backend, reads=self.reads, seed=0, **self.granted(backend), **self.options)
        assert_lowest(model, result)
        assert result.info["timing"]["total"] > 0

    def test_hqml_solve_decodes_its_best_sample(self, backend: Backend) -> None:
        bqm = dimod.BinaryQuadraticModel({"a": 1.0, "b": -1.0}, {("a", "b"): 1.0}, 0.0, "BINARY")
        best = hqml.solve(bqm, backend, reads=self.reads, seed=0, **self.granted(backend), **self.options)
        assert best == {"a": 0, "b": 1}

    def test_an_unknown_option_is_refused(self, backend: Backend) -> None:
        parameters = inspect.signature(backend.sample).parameters.values()
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            pytest.skip("the signature of sample has **options, so any option is let through")
        with pytest.raises(OptionError, match="no_such_option"):
            hqml.sample(random_model(3, seed=0), backend, no_such_option=1, **self.granted(backend))

    def test_a_model_that_is_too_large_is_refused(self, backend: Backend) -> None:
        able = backend.capabilities
        if able.max_variables is None:
            pytest.skip("the backend has no largest model")
        limit = max(able.max_variables, able.max_sparse_variables or 0)  # the model below is sparse
        with pytest.raises(UnsupportedModel, match=str(limit)):
            hqml.sample(empty_model(limit + 1), backend, **self.granted(backend))

    def test_metered_time_must_be_granted(self, backend: Backend) -> None:
        if not backend.capabilities.metered:
            pytest.skip("the backend is not metered")
        model = random_model(6, seed=0)
        with pytest.raises(BudgetExceeded, match="max_qpu_seconds"):
            hqml.sample(model, backend, reads=self.reads)
        with pytest.raises(BudgetExceeded, match="max_qpu_seconds"):
            hqml.sample(model, backend, reads=self.reads, max_qpu_seconds=1e-9)
        if own_grant(backend, self.grant):
            with pytest.raises(BudgetExceeded, match="max_qpu_seconds"):
                backend.sample([self.taken(backend, model)], reads=self.reads)

    # What the tests above share.

    def sample(
        self,
        backend: Backend,
        models: Sequence[Qubo],
        *,
        reads: int | None = None,
        seed: int | None = 0,
        time_limit: float | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> list[dimod.SampleSet]:
        """Call the backend as dispatch does: in a form it takes."""
        prepared = [self.taken(backend, model) for model in models]
        given = {**self.options, **own_grant(backend, self.grant), **(options or {})}
        return backend.sample(prepared, reads=reads or self.reads, seed=seed, time_limit=time_limit, **given)

    def taken(self, backend: Backend, model: Qubo) -> Qubo:
        forms = backend.capabilities.forms
        if model.form in forms:
            return model
        return model.to_dense() if "dense" in forms else model.to_sparse()

    def granted(self, backend: Backend) -> dict[str, Any]:
        return {"max_qpu_seconds": self.grant} if backend.capabilities.metered else {}

    def need_seed(self, backend: Backend) -> None:
        if not backend.capabilities.seedable:
            pytest.skip("the backend is not seedable")

    def size_that_takes_long(self, backend: Backend) -> int:
        limit = backend.capabilities.max_variables
        return 300 if limit is None else min(limit, 300)


def own_grant(backend: Backend, seconds: float) -> dict[str, Any]:
    """The grant of a direct call, where a backend holds itself to one."""
    takes = "max_qpu_seconds" in inspect.signature(backend.sample).parameters
    return {"max_qpu_seconds": seconds} if takes else {}


def random_model(n: int, *, seed: int) -> DenseQubo:
    """A dense model of n variables with whole-numbered coefficients, linear terms and an offset."""
    rng = np.random.default_rng(seed)
    matrix = rng.integers(-9, 10, size=(n, n)).astype(np.float64)
    return DenseQubo(matrix, linear=rng.integers(-9, 10, size=n), offset=float(rng.integers(-9, 10)))


def random_model_of_form(form: str, *, seed: int) -> Qubo:
    """A model of 8 variables with linear terms and an offset."""
    rng = np.random.default_rng(seed)
    if form == "gram":
        points = rng.normal(size=(4, 3))
        scale = rng.choice([-1.0, 1.0], size=4)
        linear = rng.normal(size=(4, 2))
        return GramQubo(points @ points.T, [1.0, 2.0], linear=linear, scale=scale, shift=0.5, offset=-1.5)
    dense = random_model(8, seed=seed)
    return dense.to_sparse() if form == "sparse" else dense


def empty_model(n: int) -> SparseQubo:
    import scipy.sparse

    return SparseQubo(scipy.sparse.coo_array((n, n)))


def all_energies(model: Qubo) -> Floats:
    """Energies of all 2**n states, by the definition of a QUBO."""
    n = model.num_variables
    states = (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(np.float64)
    dense = model.to_dense()
    upper = np.triu(dense.couplings, 1)
    return np.asarray(((states @ upper) * states).sum(axis=1) + states @ dense.linear + dense.offset)


def assert_lowest(model: Qubo, result: dimod.SampleSet) -> None:
    """The best sample has the lowest of all energies, and really has it."""
    lowest = all_energies(model).min()
    scale = np.abs(all_energies(model)).max()
    assert result.first.energy == pytest.approx(lowest, rel=0, abs=1e-9 * scale)
    assert model.energies(states_of(result, model))[0] == pytest.approx(lowest, rel=0, abs=1e-9 * scale)


def assert_same(once: Sequence[dimod.SampleSet], again: Sequence[dimod.SampleSet]) -> None:
    """Sample for sample."""
    for first, second in zip(once, again, strict=True):
        assert list(first.variables) == list(second.variables)
        assert np.array_equal(first.record.sample, second.record.sample)
