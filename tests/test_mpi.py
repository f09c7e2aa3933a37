"""The `mpi` backend in one process; `test_mpiexec.py` has it on several ranks."""

import _thread
import importlib.util
import pickle
import sys
import threading
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse

import hqml
from hqml.backend import Backend
from hqml.cli.ranks import as_rank, rank_of
from hqml.errors import (
    BackendError,
    ModelError,
    OptionError,
    ParameterError,
    UnknownBackend,
    UnsupportedModel,
)
from hqml.files import take_over
from hqml.qubo import GramQubo, SparseQubo
from hqml.samples import states_of
from hqml.testing import BackendConformance, MeteredBackend, RecordingBackend
from hqml.testing.conformance import all_energies, random_model
from hqml_cpu import CpuBackend, ExactBackend

if importlib.util.find_spec("mpi4py") is None:
    pytest.skip("mpi4py is missing: pip install 'hqml[mpi]'", allow_module_level=True)

from hqml_mpi import DistributedGram, MpiBackend
from hqml_mpi.counters import keys
from hqml_mpi.distributed import BLOCK, bounds
from hqml_mpi.heat_bath import HeatBath
from hqml_mpi.inner import device_of
from hqml_mpi.ranks import Ranks
from hqml_mpi.units import units_of

pytestmark = pytest.mark.mpi


class TestMpi(BackendConformance):
    @pytest.fixture
    def backend(self) -> Backend:
        return MpiBackend()


class TestMpiOverNeal(BackendConformance):
    @pytest.fixture
    def backend(self) -> Backend:
        return hqml.load_backend("mpi:neal")


class TestTempering(BackendConformance):
    options = {"method": "tempering"}  # noqa: RUF012

    @pytest.fixture
    def backend(self) -> Backend:
        return MpiBackend()


def gram_model(points: int, *, digits: int = 2, seed: int = 0) -> GramQubo:
    """The dual of a small support vector machine, its kernel in float32 as it will be distributed."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(points, 3))
    kernel = np.exp(-((X[:, None] - X) ** 2).sum(-1) / 3).astype(np.float32)
    weights = 2.0 ** np.arange(digits)
    return GramQubo(
        kernel, weights, linear=np.tile(-weights, (points, 1)), scale=rng.choice([-1.0, 1.0], points), shift=1
    )


def distributed(model: GramQubo) -> DistributedGram:
    return DistributedGram(
        lambda first, last: model.gram[first:last],
        model.num_points,
        model.weights,
        linear=model.linear,
        scale=model.scale,
        shift=model.shift,
        offset=model.offset,
    )


def maximum_cut(n: int) -> SparseQubo:
    return SparseQubo(scipy.sparse.random_array((n, n), density=4 / n, rng=0, data_sampler=lambda size: np.ones(size)))


def boltzmann_mean(model: hqml.Qubo, beta: float) -> tuple[float, float]:
    """Mean and standard deviation of the energy at one temperature, by enumeration."""
    energies = all_energies(model)
    weights = np.exp(-beta * (energies - energies.min()))
    weights /= weights.sum()
    mean = float(weights @ energies)
    return mean, float(np.sqrt(weights @ (energies - mean) ** 2))


class TestNames:
    def test_the_inner_backend_follows_a_colon(self) -> None:
        found = hqml.sample(random_model(6, seed=0), "mpi:exact", reads=3)
        assert found.info["backend"] == "mpi"
        assert found.info["inner"] == "exact"

    def test_plain_mpi_runs_cpu(self) -> None:
        assert hqml.sample(random_model(6, seed=0), "mpi", reads=3).info["inner"] == "cpu"

    def test_a_backend_that_runs_no_other_takes_no_inner(self) -> None:
        with pytest.raises(UnknownBackend, match="'cpu:neal': 'cpu' runs no other backend inside; say 'neal' alone"):
            hqml.load_backend("cpu:neal")

    def test_an_unknown_inner_backend_is_told_like_any_unknown_one(self) -> None:
        with pytest.raises(UnknownBackend, match="'nael'; did you mean 'neal'"):
            hqml.load_backend("mpi:nael")

    def test_an_unknown_outer_backend_is_told_like_any_unknown_one(self) -> None:
        with pytest.raises(UnknownBackend, match="'mip'; did you mean 'mpi'"):
            hqml.load_backend("mip:neal")

    def test_ranks_inside_ranks_are_refused(self) -> None:
        with pytest.raises(OptionError, match="twice; write 'mpi:cpu'"):
            hqml.load_backend("mpi:mpi:cpu")

    def test_options_of_the_inner_constructor_reach_it(self) -> None:
        backend = hqml.load_backend("mpi:cpu", threads=1)
        [found] = backend.sample([random_model(6, seed=0)], reads=2)
        assert found.info["slots"] == 1


class TestOnOneRank:
    def test_a_hint_says_how_to_spread_the_work(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found = hqml.sample(random_model(6, seed=0), "mpi", reads=3)
        assert "mpiexec" in found.info["hint"]
        assert (found.info["ranks"], found.info["lost_ranks"]) == (1, 0)

    def test_a_unit_of_work_gets_the_same_call_whatever_else_is_in_the_batch(self) -> None:
        models = [random_model(30, seed=n) for n in range(3)]
        whole = MpiBackend().sample(models, reads=5, seed=3)
        again = MpiBackend().sample(models[:1], reads=5, seed=3)
        assert np.array_equal(whole[0].record.sample, again[0].record.sample)

    def test_reads_of_a_model_are_cut_into_slices(self) -> None:
        inner = RecordingBackend(CpuBackend())
        assert sorted(call.reads for call in _calls(inner, reads=10, reads_at_once=4)) == [2, 4, 4]
        seeds = {call.seed for call in inner.calls}
        assert len(seeds) == 3

    @pytest.mark.parametrize(("reads", "slices"), [(63, 1), (64, 2), (100, 3)])
    def test_by_themselves_slices_have_32_reads_or_more(self, reads: int, slices: int) -> None:
        [found] = MpiBackend().sample([random_model(6, seed=0)], reads=reads, num_sweeps=5)
        assert (len(found), found.info["slices"]) == (reads, slices)

    def test_reads_of_a_backend_that_does_not_sweep_are_not_cut(self) -> None:
        [found] = MpiBackend(ExactBackend()).sample([random_model(6, seed=0)], reads=64)
        assert found.info["slices"] == 1
        assert len(np.unique(found.record.sample, axis=0)) == 64

    def test_an_option_that_nobody_takes_is_refused(self) -> None:
        with pytest.raises(OptionError, match=r"'mpi:cpu' takes no option no_such_option; it takes: .*num_sweeps"):
            hqml.sample(random_model(3, seed=0), "mpi", no_such_option=1)
        with pytest.raises(OptionError, match=r"no option no_such_option; it takes: .*exchange_every"):
            hqml.sample(random_model(3, seed=0), "mpi", method="tempering", no_such_option=1)

    def test_a_method_that_nobody_has_is_told_with_all_there_are(self) -> None:
        methods = (
            r"'annealing', 'tempering', found 'foo'; .* 'mpi' itself has 'auto', 'batch', 'tempering', 'distributed'"
        )
        with pytest.raises(ParameterError, match=methods):
            hqml.sample(random_model(3, seed=0), "mpi", method="foo")
        with pytest.raises(ParameterError, match="method must be one of 'auto', 'batch', 'tempering', 'distributed'"):
            hqml.sample(random_model(3, seed=0), "mpi:neal", method="foo")

    def test_a_method_of_the_inner_backend_is_run_in_a_batch(self) -> None:
        info = hqml.sample(random_model(6, seed=0), "mpi", reads=3, method="annealing").info
        assert (info["method"], info["inner"]) == ("batch", "cpu")
        assert info["why"] == "method='annealing' was asked for"

    def test_metered_backends_are_refused(self) -> None:
        with pytest.raises(UnsupportedModel, match="metered"):
            MpiBackend(MeteredBackend())

    def test_what_fails_inside_is_raised(self) -> None:
        class Fails(CpuBackend):
            def sample(self, qubos, **arguments):
                raise ZeroDivisionError("of course")

        with pytest.raises(BackendError, match="a slice failed: ZeroDivisionError: of course"):
            MpiBackend(Fails()).sample([random_model(3, seed=0)])

    def test_a_backend_that_gives_up_at_ctrl_c_ends_the_batch(self) -> None:
        class GivesUp(CpuBackend):
            def sample(self, qubos, **arguments):
                raise KeyboardInterrupt

        with pytest.raises(BackendError, match="a slice failed: KeyboardInterrupt"):
            MpiBackend(GivesUp()).sample([random_model(3, seed=0)])

    @pytest.mark.parametrize(("call", "reads"), [(1, 16), (3, 32)])
    def test_ctrl_c_between_the_steps_of_a_backend_gives_the_best_so_far(self, call: int, reads: int) -> None:
        class Between(CpuBackend):
            calls = 0

            def sample(self, qubos, **arguments):
                self.calls += 1
                if self.calls == call:
                    raise KeyboardInterrupt
                return super().sample(qubos, **arguments)

        [found] = MpiBackend(Between(threads=1)).sample([random_model(20, seed=0)], reads=64, reads_at_once=16)
        assert len(found) == reads
        assert (found.info["interrupted"], found.info["cut_short"]) == (True, False)

    def test_what_progress_raises_ends_the_batch(self) -> None:
        def stop(share: float) -> None:
            raise StopAsyncIteration

        for threads in (1, 2):
            with pytest.raises(StopAsyncIteration):
                MpiBackend("cpu", threads=threads).sample([random_model(3, seed=0)], progress=stop)

    def test_ctrl_c_gives_the_best_so_far_of_every_model(self) -> None:
        class Interrupted(CpuBackend):
            def sample(self, qubos, **arguments):
                found = super().sample(qubos, **arguments)
                found[0].info["interrupted"] = True
                return found

        models = [random_model(20, seed=n) for n in range(3)]
        results = MpiBackend(Interrupted()).sample(models, reads=64, reads_at_once=16)
        assert [len(one) for one in results] == [16, 16, 16]
        assert all(one.info["interrupted"] for one in results)

    def test_the_estimate_is_that_of_the_inner_backend(self) -> None:
        models = [random_model(100, seed=0)]
        assert MpiBackend().estimate(models, reads=100).seconds > 0
        assert np.isnan(MpiBackend().estimate(models, method="tempering").seconds)


class TestThreadsOfARank:
    """A rank that has several processors gives one to each slice."""

    def test_the_samples_are_those_of_one_thread(self) -> None:
        models = [random_model(n, seed=n) for n in (30, 12, 25)]
        one, three = (MpiBackend("cpu", threads=n).sample(models, reads=70, seed=1, num_sweeps=50) for n in (1, 3))
        assert [found[0].info["slots"] for found in (one, three)] == [1, 3]
        for first, second in zip(one, three, strict=True):
            assert np.array_equal(first.record.sample, second.record.sample)

    def test_ctrl_c_breaks_off_the_slices_under_way(self) -> None:
        models = [random_model(300, seed=n) for n in range(2)]
        threading.Timer(0.5, _thread.interrupt_main).start()
        found = MpiBackend("cpu", threads=2).sample(models, reads=16, seed=0, num_sweeps=10_000_000)
        assert [len(one) for one in found] == [16, 16]
        assert all(one.info["interrupted"] for one in found)

    def test_a_failure_in_one_of_them_is_raised(self) -> None:
        backend = MpiBackend("cpu", threads=2)
        with pytest.raises(ParameterError, match="beta_range"):
            backend.sample([random_model(5, seed=0)], reads=64, beta_range=(2.0, 1.0))


def _calls(inner: RecordingBackend, **options):
    MpiBackend(inner).sample([random_model(6, seed=0)], num_sweeps=5, **options)
    return inner.calls


def test_units_do_not_depend_on_anything_but_the_batch() -> None:
    units = units_of(3, 40, 7, 16)
    assert [unit.model for unit in units] == [0, 1, 2] * 3
    assert [unit.reads for unit in units] == [16] * 6 + [8] * 3
    assert [unit.first for unit in units] == [True] * 3 + [False] * 6
    assert len({unit.seed for unit in units}) == 9


class TestCheckpoint:
    def test_a_second_call_takes_up_what_is_finished(self, tmp_path: Path) -> None:
        models = [random_model(12, seed=n) for n in range(3)]
        once = RecordingBackend(CpuBackend())
        first = MpiBackend(once).sample(models, reads=4, seed=1, checkpoint=tmp_path, num_sweeps=20)
        assert len(list(tmp_path.iterdir())) == len(once.calls) == 3
        next(tmp_path.iterdir()).unlink()
        again = RecordingBackend(CpuBackend())
        second = MpiBackend(again).sample(models, reads=4, seed=1, checkpoint=tmp_path, num_sweeps=20)
        assert len(again.calls) == 1
        for one, other in zip(first, second, strict=True):
            assert np.array_equal(one.record.sample, other.record.sample)

    @pytest.mark.parametrize("change", [{"seed": 2}, {"reads": 5}, {"num_sweeps": 21}])
    def test_another_call_finds_nothing_there(self, tmp_path: Path, change: dict[str, int]) -> None:
        inner = RecordingBackend(CpuBackend())
        arguments = {"reads": 4, "seed": 1, "num_sweeps": 20}
        MpiBackend(inner).sample([random_model(12, seed=0)], checkpoint=tmp_path, **arguments)
        MpiBackend(inner).sample([random_model(12, seed=0)], checkpoint=tmp_path, **{**arguments, **change})
        MpiBackend(inner).sample([random_model(12, seed=1)], checkpoint=tmp_path, **arguments)
        assert len(inner.calls) == 3

    def test_a_damaged_file_is_computed_anew(self, tmp_path: Path) -> None:
        inner = RecordingBackend(CpuBackend())
        for _ in range(2):
            MpiBackend(inner).sample([random_model(12, seed=0)], reads=4, seed=1, checkpoint=tmp_path)
            [file] = tmp_path.iterdir()
            file.write_bytes(file.read_bytes()[:100])
        assert len(inner.calls) == 2

    def test_a_slice_that_was_cut_short_is_not_kept(self, tmp_path: Path) -> None:
        MpiBackend().sample(
            [random_model(300, seed=0)],
            reads=100_000,
            seed=0,
            time_limit=0.2,
            checkpoint=tmp_path,
            reads_at_once=100_000,
        )
        assert not list(tmp_path.iterdir())

    def test_a_file_is_no_folder(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(ParameterError, match="checkpoint must be a folder"):
            hqml.sample(random_model(3, seed=0), "mpi", seed=0, checkpoint=tmp_path / "file")

    def test_a_number_is_no_path(self) -> None:
        with pytest.raises(ParameterError, match="checkpoint must be the path of a folder, found 3"):
            hqml.sample(random_model(3, seed=0), "mpi", seed=0, checkpoint=3)

    def test_a_checkpoint_needs_a_seed(self, tmp_path: Path) -> None:
        with pytest.raises(ParameterError, match="needs a seed"):
            hqml.sample(random_model(3, seed=0), "mpi", checkpoint=tmp_path)


class TestTemperingByItself:
    def test_equal_temperatures_always_exchange(self) -> None:
        info = hqml.sample(random_model(10, seed=0), "mpi", method="tempering", beta_range=(0.1, 0.1), seed=0).info
        assert info["swap_acceptance"] == [1.0] * 31
        assert info["inner"] == "cpu"

    def test_the_share_of_exchanges_is_reported_for_each_pair(self) -> None:
        found = hqml.sample(random_model(40, seed=0), "mpi", method="tempering", num_temperatures=6, seed=0)
        assert len(found.info["swap_acceptance"]) == 5
        assert all(0 < share <= 1 for share in found.info["swap_acceptance"])

    def test_whole_vectors_of_a_sparse_model_are_tempered_and_what_no_ladder_holds_as_well(self) -> None:
        options = {"method": "tempering", "reads": 20, "num_temperatures": 6, "num_sweeps": 20, "seed": 0}
        dense = hqml.sample(random_model(40, seed=0), "mpi", **options).info
        sparse = hqml.sample(maximum_cut(40), "mpi", **options).info
        assert (dense["replicas"], dense["ladders"]) == (24, 4)
        assert (sparse["replicas"], sparse["ladders"]) == (64, 10)

    def test_the_lowest_of_all_replicas_are_given_in_order(self) -> None:
        model = random_model(60, seed=0)
        found = hqml.sample(model, "mpi", method="tempering", reads=300, num_sweeps=50, seed=0)
        assert (len(found), found.info["replicas"]) == (300, 128 + 128 + 64)
        states = states_of(found, model)
        assert (np.diff(model.energies(states)) >= 0).all()
        assert ((1 - 2 * states) * model.field(states) >= -1e-9).all()  # no flip lowers any

    def test_an_interval_of_time_is_kept(self) -> None:
        found = hqml.sample(
            maximum_cut(300), "mpi", method="tempering", reads=200, num_sweeps=10**8, time_limit=0.3, seed=0
        )
        assert found.info["cut_short"]
        assert 1 <= len(found) <= 200
        assert 0 < found.info["num_sweeps"] < 10**8

    def test_ctrl_c_gives_the_best_so_far(self) -> None:
        threading.Timer(0.5, _thread.interrupt_main).start()
        found = hqml.sample(maximum_cut(300), "mpi", method="tempering", reads=40, num_sweeps=10**8, seed=0)
        assert found.info["interrupted"]
        assert len(found) == 40

    def test_an_inner_backend_that_lends_no_replicas_is_refused(self) -> None:
        with pytest.raises(OptionError, match=r"inner backend that lends replicas, as 'mpi:cpu' has; found 'neal'"):
            hqml.sample(random_model(3, seed=0), "mpi:neal", method="tempering")

    def test_a_gram_model_is_written_out(self) -> None:
        model = gram_model(5)
        found = hqml.sample(model, "mpi", method="tempering", reads=20, num_sweeps=200, seed=0)
        assert found.first.energy == pytest.approx(all_energies(model).min())


class TestDistributedGram:
    def test_it_is_the_model_it_is_made_of(self) -> None:
        model = gram_model(70)
        shared = distributed(model)
        states = np.random.default_rng(0).integers(0, 2, (5, model.num_variables))
        np.testing.assert_allclose(shared.energies(states), model.energies(states), rtol=1e-12)
        np.testing.assert_allclose(shared.field(states), model.field(states), rtol=1e-9, atol=1e-9)

    @pytest.mark.parametrize("seed", range(3))
    def test_the_ground_state_of_a_small_model_is_found(self, seed: int) -> None:
        model = gram_model(6, seed=seed)
        found = hqml.sample(distributed(model), "mpi", reads=16, seed=0)
        assert found.info["method"] == "distributed"
        assert found.first.energy == pytest.approx(all_energies(model).min(), abs=1e-9)

    def test_a_plain_gram_model_is_distributed_when_asked_for(self) -> None:
        model = gram_model(20)
        one = hqml.sample(model, "mpi", method="distributed", reads=5, seed=0)
        other = hqml.sample(distributed(model), "mpi", reads=5, seed=0)
        assert np.array_equal(one.record.sample, other.record.sample)

    def test_it_is_as_good_as_the_annealer_of_one_process(self) -> None:
        model = gram_model(300, digits=3)
        shared = hqml.sample(distributed(model), "mpi", reads=16, seed=0)
        whole = hqml.sample(model, "cpu", reads=16, seed=0)
        assert np.mean(shared.record.energy) == pytest.approx(np.mean(whole.record.energy), rel=0.01)

    def test_multipliers_have_their_boltzmann_distribution(self) -> None:
        model = gram_model(4)
        shared = distributed(model)
        bath = HeatBath.start(shared, Ranks(), keys(2000, 5))
        for _ in range(30):
            bath.sweep(0.7)
        found = shared.energies(bath.states())
        exact, deviation = boltzmann_mean(model, 1 / 0.7)
        assert abs(found.mean() - exact) < 4 * deviation / np.sqrt(2000)

    def test_kept_products_are_those_of_the_multipliers(self) -> None:
        model = gram_model(150)
        bath = HeatBath.start(distributed(model), Ranks(), keys(3, 0))
        for _ in range(20):
            bath.sweep(1.0)
        a = bath.values[bath.levels()] * model.scale
        np.testing.assert_allclose(bath.product, a @ model.gram.astype(np.float64), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(bath.balance, a.sum(axis=1), atol=1e-6)

    @pytest.mark.parametrize("size", [1, 2, 3, 7])
    def test_ranks_hold_whole_blocks_that_cover_all_points(self, size: int) -> None:
        edges = bounds(300, size)
        assert edges[0][0] == 0
        assert edges[-1][1] == 300
        assert all(last == first for (_, last), (first, _) in pairwise(edges))
        assert all(first % BLOCK == 0 for first, last in edges if first < last)

    def test_it_is_never_written_out(self) -> None:
        for backend in (CpuBackend(), "exact", "neal", "mpi:neal"):
            with pytest.raises(
                UnsupportedModel, match=r"sampled by backend 'mpi' alone.*12 variables are never written"
            ):
                hqml.sample(distributed(gram_model(6)), backend)

    def test_rows_that_are_not_symmetric_are_refused(self) -> None:
        with pytest.raises(ModelError, match="not those of a symmetric matrix"):
            hqml.sample(DistributedGram(np.arange(100.0).reshape(10, 10), 10, [1.0]), "mpi")

    def test_rows_of_another_shape_are_refused(self) -> None:
        with pytest.raises(ModelError, match=r"rows 0 to 9 must have shape \(10, 10\), found \(10, 9\)"):
            hqml.sample(DistributedGram(lambda first, last: np.ones((last - first, 9)), 10, [1.0]), "mpi")

    def test_it_comes_with_its_own_method_alone(self) -> None:
        with pytest.raises(ParameterError, match="method='distributed'"):
            hqml.sample(distributed(gram_model(6)), "mpi", method="tempering")
        with pytest.raises(ParameterError, match="Gram models alone"):
            hqml.sample(random_model(3, seed=0), "mpi", method="distributed")

    def test_an_interval_of_time_is_kept(self) -> None:
        found = hqml.sample(distributed(gram_model(400)), "mpi", reads=3200, time_limit=0.5, seed=0)
        assert found.info["cut_short"]
        assert 1 <= len(found) < 3200
        assert found.info["timing"]["total"] < 2.5


# With ranks. Each start of mpiexec takes a second or two, so every script looks at several things.


class TestOneDeviceARank:
    @pytest.mark.parametrize(("rank", "device"), [(4, "cuda:0"), (5, "cuda:1"), (6, "cuda:0")])
    def test_ranks_of_a_node_take_its_devices_in_turn(
        self, rank: int, device: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=SimpleNamespace(device_count=lambda: 2)))
        node = SimpleNamespace(rank=rank, neighbours=lambda: [(4, frozenset()), (5, frozenset()), (6, frozenset())])
        assert device_of(node) == device

    def test_a_device_that_the_launcher_chose_is_left_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=SimpleNamespace(device_count=lambda: 1)))
        assert device_of(SimpleNamespace(rank=1, neighbours=lambda: [(0, frozenset()), (1, frozenset())])) is None


class TestWhichRankSpeaks:
    MPI = ("solve", "x.mc", "--backend", "mpi:neal")

    @pytest.mark.parametrize(
        ("environment", "rank"),
        [
            ({}, None),
            ({"OMPI_COMM_WORLD_RANK": "2"}, 2),
            ({"PMI_RANK": "1", "SLURM_PROCID": "0"}, 1),
            ({"SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "4"}, 3),
            ({"SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "1"}, None),  # alone in its part of a heterogeneous job
            ({"SLURM_PROCID": "0"}, None),  # a batch script, no srun
        ],
    )
    def test_the_launcher_tells_the_rank(self, environment: dict[str, str], rank: int | None) -> None:
        assert rank_of(self.MPI, environment) == rank

    def test_other_backends_have_no_ranks(self) -> None:
        assert rank_of(("solve", "--backend=cpu", "mpi"), {"PMI_RANK": "1"}) is None
        assert rank_of(("solve", "--backend=mpi"), {"PMI_RANK": "1"}) == 1

    def test_a_rank_keeps_quiet_unless_it_takes_over(self, capsys: pytest.CaptureFixture[str]) -> None:
        def work(last: bool) -> int:
            if last:
                take_over()
            print("found")
            return 0

        assert as_rank(1, lambda: work(last=False)) == 0
        assert capsys.readouterr().out == ""
        assert as_rank(1, lambda: work(last=True)) == 0
        assert capsys.readouterr().out == "found\n"

    def test_ranks_that_do_not_meet_are_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")
        hint = MpiBackend()._hint(Ranks())["hint"]
        assert hint.startswith("4 processes were started, but MPI tells each that it is alone")


def test_the_states_travel_unchanged() -> None:
    model = random_model(13, seed=0)
    samples = CpuBackend().sample([model], reads=9, seed=0)[0]
    from hqml_mpi.units import Found

    copy = pickle.loads(pickle.dumps(Found.of(model, samples)))
    assert np.array_equal(copy.states, states_of(samples, model))
