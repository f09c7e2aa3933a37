"""The `mpi` backend: on one rank, and on several that a real mpiexec starts."""

import _thread
import importlib.util
import json
import os
import pickle
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from itertools import pairwise
from math import ceil
from pathlib import Path
from textwrap import dedent
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
from hqml.qubo import DenseQubo, GramQubo, SparseQubo
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

MPIEXEC = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")

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

Launch = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    """Run a command line, or the text of a script, on so many ranks."""
    if MPIEXEC is None:
        pytest.skip("mpiexec is missing: pip install 'hqml[mpi]'")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("OMPI_", "PMIX_", "PRTE_"))},
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    }
    open_mpi = "Open MPI" in subprocess.run([MPIEXEC, "--version"], capture_output=True, text=True, check=False).stdout

    def launch(
        ranks: int, script: str = "", *command: str, ulfm: bool = False, threads: str = "multiple"
    ) -> subprocess.CompletedProcess[str]:
        if ulfm and not open_mpi:
            pytest.skip("survivors go on under Open MPI's --with-ft ulfm alone; this mpiexec is another")
        if script:
            (tmp_path / "script.py").write_text(dedent(script))
            command = (sys.executable, str(tmp_path / "script.py"))
        flags = [*(["--oversubscribe"] if open_mpi else []), *(["--with-ft", "ulfm"] if ulfm else [])]
        line = [MPIEXEC, *flags, "-n", str(ranks), *command]
        told = {**environment, "MPI4PY_RC_THREAD_LEVEL": threads}
        return subprocess.run(line, env=told, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)

    return launch


SAME_ON_ANY_NUMBER = """
    import hashlib, json
    import numpy as np
    import hqml
    from hqml_mpi import DistributedGram
    from hqml.testing.conformance import random_model

    models = [random_model(n, seed=n) for n in (30, 12, 25, 18)]
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    kernel = np.exp(-((X[:, None] - X) ** 2).sum(-1) / 3)
    asked = []

    def rows(first, last):
        asked.extend(range(first, last))
        return kernel[first:last]

    gram = DistributedGram(
        rows, 200, [1.0, 2.0], linear=np.tile([-1.0, -2.0], 200), scale=rng.choice([-1.0, 1.0], 200), shift=1.0
    )
    found = [
        *hqml.sample(models, "mpi", reads=70, seed=5, num_sweeps=50),
        hqml.sample(gram, "mpi", reads=20, seed=5, num_sweeps=80),  # past a refresh of the products
    ]
    digest = hashlib.md5(b"".join(np.ascontiguousarray(one.record.sample).tobytes() for one in found)).hexdigest()
    energies = [float(one.first.energy) for one in found]
    print(json.dumps({"digest": digest, "energies": energies, "rows": len(asked), "ranks": found[0].info["ranks"],
        "drift": found[-1].info["product_drift"], "hint": found[0].info.get("hint")}))
"""


def test_the_same_seed_gives_the_same_samples_on_any_number_of_ranks(launch: Launch) -> None:
    lines = []
    for ranks in (1, 2, 3):
        # With three of them rank 0 hands out alone, as where MPI lets one thread alone call it.
        done = launch(ranks, SAME_ON_ANY_NUMBER, threads="funneled" if ranks == 3 else "multiple")
        assert done.returncode == 0, done.stderr
        told = [json.loads(line) for line in done.stdout.splitlines()]
        assert [one["ranks"] for one in told] == [ranks] * ranks
        assert sum(one["rows"] for one in told) == 200  # every row was read by one rank
        assert max(one["rows"] for one in told) <= BLOCK * ceil(ceil(200 / BLOCK) / ranks)
        lines += told
    assert len({one["digest"] for one in lines}) == 1
    assert all(one["energies"] == lines[0]["energies"] for one in lines)
    assert all(0 < one["drift"] < 1e-5 for one in lines)
    assert all(one["hint"] is None for one in lines)


TEMPERED = """
    import hashlib, json
    from pathlib import Path
    import numpy as np
    import scipy.sparse
    import hqml
    from hqml.io import read
    from hqml_cpu import CpuBackend
    from hqml_mpi.ranks import world
    from hqml_mpi.tempering import Ladders

    rng = np.random.default_rng(1)
    dense = hqml.DenseQubo(rng.normal(size=(4, 4)), linear=rng.normal(size=4))
    couplings = scipy.sparse.csr_array(np.triu(rng.choice([-2, 1, 3], (4, 4)), 1))
    sparse = hqml.SparseQubo(couplings, linear=rng.choice([-2, 1, 3], 4))
    every = (np.arange(16)[:, None] >> np.arange(4)) & 1
    ranks, told = world(), {"seen": [], "expected": [], "moved": []}
    for model in (dense, sparse):
        ladders = Ladders.start(
            model, ranks, CpuBackend(), replicas=64, temperatures=8, beta_range=(0.25, 2), seed=(1,)
        )
        mine = ladders.level[ranks.rank :: ranks.size]  # a view
        before, energies = np.sort(mine), np.unique(model.energies(every).round(6))
        seen = np.zeros((8, len(energies)))
        for turn in range(1600):
            ladders.sweep(3)
            ladders.exchange(odd=bool(turn % 2))
            if turn >= 100:
                # Energies of replicas lack the constant of the model, which has none here.
                met = np.abs(ladders.own.energies()[:, None] - energies).argmin(axis=1)
                np.add.at(seen, (mine, met), 1)
        told["moved"].append(bool((np.sort(mine) != before).any()))
        told["seen"].append(seen.tolist())
        weights = np.exp(-ladders.betas[:, None] * model.energies(every))
        places = np.abs(model.energies(every)[:, None] - energies).argmin(axis=1)
        expected = np.stack([np.bincount(places, row / row.sum()) for row in weights])
        told["expected"].append(expected.tolist())
    models = [read(Path("FOLDER") / name).qubo for name in ("G1.mc.gz", "bqp250-1.qubo.gz")]
    once, again = (hqml.sample(models, "mpi", method="tempering", reads=40, seed=5) for _ in range(2))
    told["best"] = [float(one.first.energy) for one in once]
    told["replicas"] = [one.info["replicas"] for one in once]
    told["digests"] = [hashlib.md5(one.record.sample.tobytes()).hexdigest() for one in (*once, *again)]
    print(json.dumps(told))
"""


@pytest.mark.parametrize("ranks", [1, 2])
def test_ladders_are_climbed_by_all_ranks(launch: Launch, shared_data: Path, ranks: int) -> None:
    done = launch(ranks, TEMPERED.replace("FOLDER", str(shared_data / "qubo")))
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) == ranks
    for form in range(2):
        counts = np.sum([one["seen"][form] for one in told], axis=0)
        # 12,000 energies at each temperature, or more: four standard errors of a share are below 0.02.
        shares = counts / counts.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(shares, told[0]["expected"][form], atol=0.02)
    # A rank keeps its temperatures, unless some are exchanged with those of another rank.
    assert all(one["moved"] == [ranks > 1] * 2 for one in told)
    for one in told:
        assert one["best"] == [-11624.0, -45607.0]  # published optima
        assert one["replicas"] == [64 * ranks, 64]  # whole vectors of the sparse model on every rank
        assert one["digests"] == told[0]["digests"]
        assert one["digests"][:2] == one["digests"][2:]


def test_survivors_of_a_killed_rank_begin_the_ladders_again(launch: Launch) -> None:
    script = """
        import os, signal
        import hqml
        from hqml.testing.conformance import random_model
        from hqml_cpu import CpuBackend
        from hqml_mpi import MpiBackend
        from hqml_mpi.ranks import world

        rank = world().rank

        class Dies(CpuBackend):
            def replicas(self, qubo, count, *, seed):
                lent = super().replicas(qubo, count, seed=seed)
                sweep, sweeps = type(lent).sweep, [0]

                class Lent(type(lent)):
                    def sweep(self, temperatures, number):
                        sweeps[0] += number
                        if rank == 1 and sweeps[0] > 50:
                            os.kill(os.getpid(), signal.SIGKILL)
                        sweep(self, temperatures, number)

                return Lent(lent.model, lent.blocks, lent.sampling)

        [found] = MpiBackend(Dies()).sample([random_model(30, seed=0)], reads=9, seed=2, method="tempering")
        print(found.info["ranks"], found.info["lost_ranks"], float(found.first.energy), flush=True)
    """
    done = launch(3, script, ulfm=True)
    lowest = MpiBackend().sample([random_model(30, seed=0)], reads=9, seed=2, method="tempering")[0].first.energy
    assert done.stdout.splitlines() == [f"2 1 {lowest}"] * 2, done.stderr


BATCH = """
    import os, signal, time
    from pathlib import Path
    import numpy as np
    import hqml
    from hqml.files import discarding, discards
    from hqml.testing.conformance import random_model
    from hqml_cpu import CpuBackend
    from hqml_mpi import MpiBackend

    victim = {victim}
    rank = int(os.environ.get("OMPI_COMM_WORLD_RANK", os.environ.get("PMI_RANK", 0)))

    class Dies(CpuBackend):
        calls = 0

        def sample(self, qubos, **arguments):
            self.calls += 1
            if self.calls == 2:  # every rank has told of its first slice and has been handed a second one
                Path(f"here-{{rank}}").touch()
                while not all(Path(f"here-{{other}}").exists() for other in range({ranks})):
                    time.sleep(0.01)
                if rank == victim:
                    os.kill(os.getpid(), signal.SIGKILL)
            return super().sample(qubos, **arguments)

    models = [random_model(10 + n, seed=n) for n in range(12)]
    with discarding():
        found = MpiBackend(Dies()).sample(models, reads=4, seed=2, num_sweeps=20, checkpoint={folder!r})
        writes = not discards()
    whole = np.concatenate([one.record.sample.ravel() for one in found])
    print(rank, found[0].info["ranks"], found[0].info["lost_ranks"], int(whole.sum()),
          [float(one.first.energy) for one in found], writes, flush=True)
"""


@pytest.mark.parametrize(("ranks", "victim"), [(3, 2), (3, 0), (2, 1)])
def test_survivors_of_a_killed_rank_finish_the_batch(launch: Launch, ranks: int, victim: int) -> None:
    done = launch(ranks, BATCH.format(victim=victim, ranks=ranks, folder=None), ulfm=True)
    lines = sorted(done.stdout.splitlines())
    assert [line[0] for line in lines] == [str(rank) for rank in range(ranks) if rank != victim], done.stderr
    assert "alone" not in done.stderr  # the last one left has met the others
    models = [random_model(10 + n, seed=n) for n in range(12)]
    alone = MpiBackend(CpuBackend()).sample(models, reads=4, seed=2, num_sweeps=20)
    ones = sum(int(one.record.sample.sum()) for one in alone)
    for line in lines:
        takes_over = line == lines[0]  # the first rank that is left writes the files
        assert line[2:] == f"{ranks - 1} 1 {ones} {[float(one.first.energy) for one in alone]} {takes_over}"


@pytest.mark.parametrize(
    ("method", "threads"), [("batch", "multiple"), ("batch", "funneled"), ("tempering", "multiple")]
)
def test_ctrl_c_at_rank_0_gives_the_best_so_far_on_all(launch: Launch, method: str, threads: str) -> None:
    """MPICH's mpiexec sends it to all ranks; one of them is enough."""
    script = f"""
        import os, signal, threading
        from hqml.testing.conformance import random_model
        from hqml_cpu import CpuBackend
        from hqml_mpi import MpiBackend
        from hqml_mpi.ranks import world

        ranks = world()
        pid = ranks.from_first(os.getpid())

        def press():
            if not ranks.first:  # rank 0 has begun then as well
                threading.Timer(0.5, os.kill, (pid, signal.SIGINT)).start()

        class Pressed(CpuBackend):
            def sample(self, *arguments, **options):
                press()
                self.sample = super().sample
                return self.sample(*arguments, **options)

            def replicas(self, *arguments, **options):
                press()
                self.replicas = super().replicas
                return self.replicas(*arguments, **options)

        models = [random_model(200, seed=n) for n in range(2)]
        if {method!r} == "batch":
            options = {{"reads": 10**6, "reads_at_once": 32}}
        else:
            options = {{"reads": 40, "num_sweeps": 10**8}}
        found = MpiBackend(Pressed(threads=1)).sample(models, method={method!r}, seed=0, **options)
        info = found[0].info
        print(f"{{info['ranks']}} {{info['interrupted']}} {{info['cut_short']}} {{len(found)}}\\n", end="", flush=True)
    """
    done = launch(2, script, threads=threads)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["2 True False 2"] * 2


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc, in which mpiexec is found")
def test_ctrl_c_at_mpiexec_leaves_the_finished_slices(launch: Launch, tmp_path: Path) -> None:
    """Open MPI ends the ranks and shows nothing of them, MPICH lets them end with the best so far."""
    script = f"""
        import os, signal
        from pathlib import Path
        from hqml.testing.conformance import random_model
        from hqml_mpi import MpiBackend

        def parent(process):
            return int(Path(f"/proc/{{process}}/stat").read_text().rpartition(")")[2].split()[1])

        mpiexec = os.getppid()
        while parent(mpiexec) != {os.getpid()}:
            mpiexec = parent(mpiexec)
        pressed = False

        def press(share):
            global pressed
            if not pressed and len(list(Path("kept").glob("*.npz"))) >= 2:
                pressed = True
                os.kill(mpiexec, signal.SIGINT)

        MpiBackend("cpu", threads=1).sample(
            [random_model(200, seed=0)], reads=10**6, reads_at_once=32, seed=0, checkpoint="kept", progress=press
        )
    """
    launch(2, script)
    assert 2 <= len(list((tmp_path / "kept").glob("*.npz"))) < 10**6 // 32


def test_without_fault_tolerance_a_killed_rank_ends_the_others_and_leaves_the_finished_slices(
    launch: Launch, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    done = launch(2, BATCH.format(victim=1, ranks=2, folder=str(folder)))
    assert done.returncode != 0
    assert "when another rank was lost" in done.stderr
    assert f"they are in {folder}: the same call goes on from there" in done.stderr
    finished = len(list(folder.iterdir()))
    assert 2 <= finished < 12
    resumed = launch(2, BATCH.format(victim=-1, ranks=2, folder=str(folder)))
    assert resumed.returncode == 0, resumed.stderr
    assert len(list(folder.iterdir())) == 12


def test_what_fails_on_one_rank_is_raised_on_all(launch: Launch) -> None:
    script = """
        import os
        import hqml
        from hqml_cpu import CpuBackend
        from hqml_mpi import MpiBackend
        from hqml.testing.conformance import random_model

        class Fails(CpuBackend):
            def sample(self, qubos, **arguments):
                if qubos[0].num_variables == 7:
                    raise ZeroDivisionError("of course")
                return super().sample(qubos, **arguments)

        models = [random_model(n, seed=n) for n in range(2, 12)]
        try:
            MpiBackend(Fails()).sample(models, reads=4)
        except hqml.errors.BackendError as error:
            print(error, flush=True)
        rank = int(os.environ.get("OMPI_COMM_WORLD_RANK", os.environ.get("PMI_RANK", 0)))
        other = {"reads": 2, "seed": 1, "checkpoint": "script.py" if rank == 0 else "folder"}
        for batch, options in ((models[: 3 + rank], {}), (random_model(9, seed=rank), {}), (models, other)):
            try:
                hqml.sample(batch, "mpi", **options)
            except hqml.errors.HqmlError as error:
                print(str(error)[:46], flush=True)
    """
    done = launch(2, script)
    assert done.returncode == 0, done.stderr
    expected = [
        "a slice failed: ZeroDivisionError: of course",
        "the ranks call 'mpi' with different things, th",
        "the ranks hold different models; give a seed (",
        "checkpoint must be a folder, found 'script.py'",
    ]
    assert sorted(done.stdout.splitlines()) == sorted(2 * expected)


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


class TestTheCommandUnderMpiexec:
    @pytest.fixture
    def model(self, tmp_path: Path) -> Path:
        np.save(tmp_path / "model.npy", random_model(14, seed=1).matrix)
        return tmp_path / "model.npy"

    def test_rank_0_alone_prints_and_writes(self, launch: Launch, model: Path, tmp_path: Path) -> None:
        command = [sys.executable, "-m", "hqml.cli", "solve", str(model), "--backend", "mpi", "--seed", "0", "--json"]
        done = launch(2, "", *command, "--out", str(tmp_path / "out.npz"))
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        [line] = done.stdout.splitlines()
        lowest = all_energies(DenseQubo(np.load(model))).min()
        assert json.loads(line)["energy"] == lowest
        with np.load(tmp_path / "out.npz") as out:
            assert out["energies"][0] == lowest
        assert sorted(path.name for path in tmp_path.iterdir()) == ["model.npy", "out.npz"]

    def test_a_failure_is_told_once_and_is_the_exit_status(self, launch: Launch, model: Path) -> None:
        command = [sys.executable, "-m", "hqml.cli", "solve", str(model), "--backend=mpi:neal", "--option", "speed=1"]
        done = launch(2, "", *command)
        assert done.returncode == 2
        told = [line for line in done.stderr.splitlines() if "hqml:" in line]
        assert len(told) == 1
        assert "'mpi:neal' takes no option speed" in told[0]

    def test_a_failure_of_another_rank_names_it(self, launch: Launch, model: Path) -> None:
        rank = "${OMPI_COMM_WORLD_RANK:-$PMI_RANK}"
        command = (
            f"{sys.executable} -m hqml.cli solve {model.parent}/$(test {rank} = 1 && echo no-)model.npy --backend mpi"
        )
        done = launch(2, "", "sh", "-c", command)
        assert done.returncode == 2
        assert "[rank 1] hqml: " in done.stderr
        assert "no-model.npy: there is no such file" in done.stderr


def test_the_states_travel_unchanged() -> None:
    model = random_model(13, seed=0)
    samples = CpuBackend().sample([model], reads=9, seed=0)[0]
    from hqml_mpi.units import Found

    copy = pickle.loads(pickle.dumps(Found.of(model, samples)))
    assert np.array_equal(copy.states, states_of(samples, model))
