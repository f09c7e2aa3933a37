"""The gpu backend on torch's cpu device, and on an accelerator where there is one."""

from __future__ import annotations

import _thread
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'hqml[torch]'")

import hqml  # noqa: E402
from hqml import Backend, DenseQubo, GramQubo, HqmlError, Qubo, SparseQubo  # noqa: E402
from hqml.errors import BackendUnavailable, ModelTooLarge, ParameterError  # noqa: E402
from hqml.problems.max_cut import MaxCut  # noqa: E402
from hqml.problems.svm_dual import svm_dual  # noqa: E402
from hqml.testing import BackendConformance  # noqa: E402
from hqml_torch import TorchBackend, devices  # noqa: E402
from hqml_torch.bifurcation import Bifurcation, Forces  # noqa: E402
from hqml_torch.dense import DenseStack  # noqa: E402
from hqml_torch.multipliers import GramStack  # noqa: E402
from hqml_torch.sparse import SparseStack, colouring  # noqa: E402

CPU = torch.device("cpu")
METHODS = ("annealing", "bifurcation", "ballistic", "discrete")


@pytest.fixture
def backend() -> TorchBackend:
    return TorchBackend(device="cpu")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def dense(n: int, seed: int = 0) -> DenseQubo:
    rng = np.random.default_rng(seed)
    return DenseQubo(rng.normal(size=(n, n)), linear=rng.normal(size=n), offset=1.5)


def sparse(n: int, seed: int = 0, density: float = 0.1) -> SparseQubo:
    rng = np.random.default_rng(seed)
    drawn = scipy.sparse.random_array((n, n), density=density, rng=rng, data_sampler=lambda size: rng.normal(size=size))
    return SparseQubo(drawn, linear=rng.normal(size=n), offset=-2.0)


def gram(points: int, digits: int, seed: int = 0) -> GramQubo:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(points, 3))
    labels = np.where(x[:, 0] + 0.3 * rng.normal(size=points) > 0, 1, -1)
    kernel = np.exp(-((x[:, None] - x) ** 2).sum(axis=2))
    return svm_dual(kernel, labels, n_bits=digits)


def complete_graph(n: int, seed: int = 0) -> Qubo:
    """Edges of weight -1 or +1 between all vertices, as in K2000."""
    upper = np.triu(np.random.default_rng(seed).choice([-1.0, 1.0], size=(n, n)), 1)
    return MaxCut(upper + upper.T).to_qubo()


def all_states(n: int) -> np.ndarray:
    return (np.arange(2**n)[:, None] >> np.arange(n)) & 1


class TestTorchOnCpu(BackendConformance):
    @pytest.fixture
    def backend(self) -> Backend:
        return TorchBackend(device="cpu")


@pytest.mark.gpu
class TestTorchOnAccelerator(BackendConformance):
    @pytest.fixture
    def backend(self) -> Backend:
        try:
            return TorchBackend()
        except BackendUnavailable as missing:
            pytest.skip(str(missing).split(";")[0])


# --- results known from elsewhere ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["auto", *METHODS])
@pytest.mark.parametrize("model", [dense(12), sparse(14, density=0.2), gram(5, 2)], ids=["dense", "sparse", "gram"])
def test_each_method_finds_the_enumerated_optimum_in_each_form(backend: TorchBackend, model: Qubo, method: str) -> None:
    lowest = model.energies(all_states(model.num_variables)).min()
    [samples] = backend.sample([model], reads=64, seed=0, method=method)
    assert samples.first.energy == pytest.approx(lowest, abs=1e-9)


@pytest.mark.parametrize("method", ["auto", "annealing", "bifurcation"])
@pytest.mark.parametrize(("name", "best"), [("be100_1", -19412), ("bqp100-1", -7970), ("gka1a", -3414)])
def test_published_optima_are_found(
    backend: TorchBackend, shared_data: Path, name: str, best: float, method: str
) -> None:
    from hqml.io import read

    model = read(shared_data / "qubo" / f"{name}.qubo.gz").qubo
    [samples] = backend.sample([model], reads=200, seed=0, method=method, num_sweeps=300)
    assert samples.first.energy == best


def test_bifurcation_of_a_graph_with_edges_of_one_sign_stays_stable(backend: TorchBackend, shared_data: Path) -> None:
    # G1 has a mode that is faster than all others: with the time step of K2000 every agent ends at a cut below 11350.
    from hqml.io import read

    model = read(shared_data / "qubo" / "G1.mc.gz").qubo
    [samples] = backend.sample([model], reads=64, seed=0, method="ballistic", num_sweeps=200)
    assert -np.median(samples.record.energy) >= 0.995 * 11624


def _visited(stack: DenseStack | SparseStack | GramStack, temperature: float, models: int) -> list[np.ndarray]:
    """How often each state of each model is seen at a fixed temperature, by 500 replicas in 150 sweeps."""
    walk = stack.walk(500, generator())
    spread = stack.spread([temperature / unit for unit in stack.units])
    counts: list[np.ndarray] = [np.zeros(16) for _ in range(models)]
    for sweep in range(-30, 150):
        with devices.suited_threads(CPU, 0):
            walk.sweep(spread)
        for count, states in zip(counts, walk.states(), strict=True):
            np.add.at(count, states @ (1 << np.arange(states.shape[1])), sweep >= 0)
    return [count / count.sum() for count in counts]


@pytest.mark.parametrize(
    ("stack", "models"),
    [
        pytest.param(DenseStack, [dense(4, 1), dense(3, 2)], id="dense"),
        pytest.param(SparseStack, [sparse(4, 1, 0.5), dense(3, 2).to_sparse()], id="sparse"),
        pytest.param(GramStack, [gram(2, 2, 1), gram(2, 2, 2)], id="gram"),
    ],
)
def test_at_a_fixed_temperature_states_come_with_their_boltzmann_probabilities(
    stack: type[DenseStack | SparseStack | GramStack], models: list[Qubo]
) -> None:
    for model, seen in zip(models, _visited(stack.of(models, CPU), 1.3, len(models)), strict=True):  # type: ignore[arg-type]
        states = all_states(model.num_variables)
        weights = np.exp(-model.energies(states) / 1.3)
        # 75,000 samples, nearly independent: four standard errors of a share are below 0.01.
        np.testing.assert_allclose(seen[: len(states)], weights / weights.sum(), atol=0.01)


def test_boltzmann_probabilities_hold_across_blocks_of_spins(monkeypatch: pytest.MonkeyPatch) -> None:
    model = dense(4, 3)
    monkeypatch.setattr("hqml_torch.dense.blocks_of", lambda n: [slice(0, 2), slice(2, 3), slice(3, n)])
    [seen] = _visited(DenseStack.of([model], CPU), 1.3, 1)
    weights = np.exp(-model.energies(all_states(4)) / 1.3)
    np.testing.assert_allclose(seen, weights / weights.sum(), atol=0.01)


def test_boltzmann_probabilities_hold_across_blocks_of_points(monkeypatch: pytest.MonkeyPatch) -> None:
    model = gram(4, 1, 3)
    monkeypatch.setattr("hqml_torch.multipliers.blocks_of", lambda n: [slice(0, 1), slice(1, 3), slice(3, n)])
    [seen] = _visited(GramStack.of([model], CPU), 1.3, 1)
    weights = np.exp(-model.energies(all_states(4)) / 1.3)
    np.testing.assert_allclose(seen, weights / weights.sum(), atol=0.01)


def test_the_forces_between_digits_of_a_gram_model_are_those_of_the_written_out_one() -> None:
    model = gram(6, 3)
    positions = torch.randn(1, 18, 7, generator=generator())
    through, written_out = torch.empty_like(positions), torch.empty_like(positions)
    whole, stack = DenseStack.of([model.to_dense()], CPU), GramStack.of([model], CPU)
    stack.multiplier(torch.float32)(positions, through)
    whole.multiplier(torch.float32)(positions, written_out)
    unit = whole.units[0] / stack.units[0]
    torch.testing.assert_close(through, written_out * unit, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(stack.spin_field(), whole.spin_field() * unit, rtol=1e-4, atol=1e-4)
    assert stack.strengths()[0] == pytest.approx(whole.strengths()[0] * unit, rel=1e-4)


def test_no_two_coupled_variables_share_a_colour() -> None:
    model = sparse(300, density=0.05)
    colours = colouring(model.couplings)
    row, column = model.couplings.nonzero()
    assert (colours[row] != colours[column]).all()
    assert colours.max() <= np.diff(model.couplings.indptr).max()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("model", [dense(90), sparse(150), gram(40, 3)], ids=["dense", "sparse", "gram"])
def test_no_single_flip_improves_a_sample(backend: TorchBackend, model: Qubo, method: str) -> None:
    [samples] = backend.sample([model], reads=30, seed=1, num_sweeps=20, method=method)
    states = samples.record.sample
    changes = (1 - 2 * states) * model.field(states)
    assert changes.min() >= -1e-4 * np.abs(model.field(states)).max()


# --- the unit of energy ---------------------------------------------------------------------------------------------


def times(model: Qubo, factor: float) -> Qubo:
    """The same model in another unit of energy."""
    if isinstance(model, GramQubo):
        linear, shift = model.linear * factor, model.shift * factor
        return GramQubo(model.gram * factor, model.weights, linear=linear, scale=model.scale, shift=shift)
    if isinstance(model, SparseQubo):
        return SparseQubo(scipy.sparse.triu(model.couplings, 1) * factor, linear=model.linear * factor)
    assert isinstance(model, DenseQubo)
    return DenseQubo(np.triu(model.couplings, 1) * factor, linear=model.linear * factor)


def indefinite(points: int, digits: int) -> GramQubo:
    """A Gram model without linear terms whose optimum is not all zeros."""
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=(points, points))
    return GramQubo(drawn + drawn.T, 2.0 ** np.arange(digits), scale=rng.uniform(0.5, 1.5, points))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "model",
    [dense(12), sparse(14, density=0.2), gram(5, 2), indefinite(5, 2)],
    ids=["dense", "sparse", "gram", "gram without linear terms"],
)
def test_the_enumerated_optimum_is_found_in_any_unit_of_energy(backend: TorchBackend, model: Qubo, method: str) -> None:
    states = all_states(model.num_variables)
    lowest = model.energies(states).min() - model.offset
    for factor in (1e-30, 1e-18, 1e18, 1e30):
        [samples] = backend.sample([times(model, factor)], reads=64, seed=0, method=method)
        assert samples.first.energy / factor == pytest.approx(lowest, abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("model", [dense(60), sparse(100), gram(40, 3)], ids=["dense", "sparse", "gram"])
def test_a_power_of_two_as_the_unit_of_energy_leaves_each_sample_as_it_is(
    backend: TorchBackend, model: Qubo, method: str
) -> None:
    once, *others = (
        backend.sample([times(model, factor)], reads=20, seed=0, method=method, num_sweeps=50)[0].record.sample
        for factor in (1.0, 2.0, 2.0**-100, 2.0**-61, 2.0**60, 2.0**101)
    )
    for other in others:
        assert np.array_equal(once, other)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("factor", [1e-30, 1e-18, 1e18, 1e30])
def test_a_kernel_may_be_of_another_magnitude_than_the_linear_terms(
    backend: TorchBackend, factor: float, method: str
) -> None:
    model = gram(5, 2)
    model = GramQubo(model.gram * factor, model.weights, linear=model.linear, scale=model.scale)
    [samples] = backend.sample([model], reads=64, seed=0, method=method)
    lowest = model.energies(all_states(10)).min()
    assert samples.first.energy == pytest.approx(lowest, rel=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_ordinary_kernel_in_single_precision_is_not_copied(dtype: type) -> None:
    kernel = gram(20, 2).gram.astype(dtype)
    held = GramStack.of([GramQubo(kernel, [1.0, 2.0], shift=3.0)], CPU).gram
    assert np.shares_memory(held.numpy(), kernel) == (dtype is np.float32)


# --- bifurcation does not collapse --------------------------------------------------------------------------------


def _final_states(model: Qubo, *, heating: bool, discrete: float = 0.0) -> np.ndarray:
    forces = Forces.of(DenseStack.of([model.to_dense()], CPU), torch.float32, generator())
    agents = Bifurcation(forces, 64, generator(), heating=heating, discrete=discrete)
    with devices.suited_threads(CPU, 0):
        agents.run(np.linspace(1, 0, 2000).tolist())
    return np.unique(agents.bits()[0].numpy(), axis=1).T


def test_heated_agents_stay_apart_where_plain_ballistic_ones_end_in_one_state() -> None:
    model = complete_graph(200)
    plain, heated = _final_states(model, heating=False), _final_states(model, heating=True)
    assert len(plain) <= 8
    assert len(heated) >= 4 * len(plain)
    assert model.energies(heated).min() <= model.energies(plain).min()
    assert len(_final_states(model, heating=True, discrete=1.0)) >= 4 * len(plain)


# --- batches, seeds, dtypes ---------------------------------------------------------------------------------------


def test_models_of_all_sizes_and_forms_share_a_batch_and_keep_their_optima(backend: TorchBackend) -> None:
    models: list[Qubo] = [dense(10, 1), sparse(12, 2), gram(4, 2), dense(100, 3), gram(3, 3), sparse(5, 4), dense(7, 5)]
    for method in ("auto", "annealing", "bifurcation"):
        for model, samples in zip(models, backend.sample(models, reads=50, seed=0, method=method), strict=True):
            assert len(samples.variables) == model.num_variables
            if model.num_variables <= 12:
                lowest = model.energies(all_states(model.num_variables)).min()
                assert samples.first.energy == pytest.approx(lowest, abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_padding_does_not_change_what_a_model_is_worth(backend: TorchBackend, method: str) -> None:
    models = [dense(n, n) for n in (60, 50, 40)]
    together = backend.sample(models, reads=40, seed=0, method=method)
    for model, samples in zip(models, together, strict=True):
        [alone] = backend.sample([model], reads=40, seed=0, method=method)
        assert samples.first.energy == pytest.approx(alone.first.energy, abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("model", [complete_graph(100), sparse(200), gram(60, 2)], ids=["dense", "sparse", "gram"])
def test_a_seed_repeats_the_samples_and_another_gives_others(backend: TorchBackend, model: Qubo, method: str) -> None:
    once, again, other = (
        backend.sample([model], reads=33, seed=seed, method=method, num_sweeps=3)[0] for seed in (5, 5, 6)
    )
    assert np.array_equal(once.record.sample, again.record.sample)
    assert not np.array_equal(once.record.sample, other.record.sample)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("model", [complete_graph(100), sparse(200), gram(60, 2)], ids=["dense", "sparse", "gram"])
def test_the_bursts_in_which_steps_are_launched_do_not_change_the_samples(
    backend: TorchBackend, monkeypatch: pytest.MonkeyPatch, model: Qubo, method: str
) -> None:
    """Their lengths follow the clock: single steps, a few, all that there are."""
    found = []
    for seconds in (0.0, 0.0002, 0.002, 100.0):
        monkeypatch.setattr("hqml_torch.course._SECONDS_A_BURST", seconds)
        [samples] = backend.sample([model], reads=33, seed=5, method=method, num_sweeps=101)
        found.append(samples.record.sample)
    for other in found[1:]:
        assert np.array_equal(found[0], other)


def test_a_step_of_a_bifurcation_knows_its_own_detuning_alone() -> None:
    """Also where time is short and strides are long: however a way is cut, the agents end in the same place."""
    forces = Forces.of(DenseStack.of([complete_graph(60)], CPU), torch.float32, generator())
    way = np.linspace(1, 0, 67).tolist()
    ends = []
    for length in (67, 1, 3, 8, 20):
        agents = Bifurcation(forces, 16, generator(), discrete=0.5)
        with devices.suited_threads(CPU, 0):
            for first in range(0, len(way), length):
                agents.run(way[first : first + length])
        ends.append(agents.x)
    for other in ends[1:]:
        assert torch.equal(ends[0], other)


def test_reads_in_several_chunks_are_all_there_and_differ(
    backend: TorchBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(devices.ELEMENTS_AT_ONCE, "cpu", 40 * 8)
    [samples] = backend.sample([complete_graph(40)], reads=20, seed=0, num_sweeps=2, method="annealing")
    assert len(samples) == 20
    assert len(np.unique(samples.record.sample, axis=0)) > 7


def test_random_numbers_may_be_drawn_in_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    models = [dense(150)]
    whole = DenseStack.of(models, CPU).walk(8, generator())
    monkeypatch.setattr("hqml_torch.walks._NOISE_BYTES", 4 * 8 * 70)
    parts = DenseStack.of(models, CPU).walk(8, generator())
    for walk in (whole, parts):
        walk.sweep(None)
    assert torch.equal(whole.x, parts.x)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("model", [complete_graph(100), sparse(200), gram(60, 2)], ids=["dense", "sparse", "gram"])
def test_a_captured_step_gives_the_same_samples(
    backend: TorchBackend, monkeypatch: pytest.MonkeyPatch, model: Qubo, method: str
) -> None:
    """As on cuda, where a graph is captured after the step has run twice; what that changes must be put back."""

    def captured(step: Callable[[], None], device: torch.device) -> Callable[[], None]:
        for _ in range(2):
            step()
        return step

    arguments = {"reads": 8, "seed": 0, "num_sweeps": 20, "method": method}
    [plain] = backend.sample([model], **arguments)
    monkeypatch.setattr("hqml_torch.walks.replayed", captured)
    monkeypatch.setattr("hqml_torch.bifurcation.replayed", captured)
    [replayed] = backend.sample([model], **arguments)
    assert np.array_equal(plain.record.sample, replayed.record.sample)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_bifurcation_multiplies_in_the_dtype_that_is_asked_for(dtype: str) -> None:
    model = dense(12)
    [samples] = TorchBackend(device="cpu", dtype=dtype).sample([model], reads=64, seed=0, method="ballistic")
    assert samples.info["dtype"] == dtype
    assert samples.first.energy == pytest.approx(model.energies(all_states(12)).min(), abs=1e-9)


def test_torchs_own_random_numbers_and_threads_are_left_alone(backend: TorchBackend) -> None:
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    backend.sample([dense(10), sparse(10), gram(4, 2)], reads=5, seed=0)
    assert torch.equal(before, torch.get_rng_state())
    assert torch.get_num_threads() == threads


# --- what a result tells ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "method"),
    [
        (dense(10), "bifurcation"),
        (sparse(10), "annealing of single flips, sparse"),
        (gram(4, 2), "heat bath over multipliers"),
        (gram(2, 11), "bifurcation"),
    ],
    ids=["dense", "sparse", "gram", "gram of too many digits"],
)
def test_auto_says_what_it_took_and_why(backend: TorchBackend, model: Qubo, method: str) -> None:
    [samples] = backend.sample([model], reads=4, seed=0, num_sweeps=7)
    info = samples.info
    assert info["method"] == method
    assert info["why"]
    assert info["device"] == "cpu"
    assert info["num_sweeps"] == 7
    assert set(info["timing"]) == {"prepare", "solve"}
    assert not info["interrupted"]
    assert not info["cut_short"]
    assert ("num_steps" in info) == (method == "bifurcation")
    assert ("beta_range" in info) != (method == "bifurcation")


@pytest.mark.parametrize("model", [dense(10), sparse(10), gram(4, 2)], ids=["dense", "sparse", "gram"])
def test_a_beta_range_is_used_as_given(backend: TorchBackend, model: Qubo) -> None:
    [samples] = backend.sample([model], reads=4, seed=0, num_sweeps=5, method="annealing", beta_range=(0.5, 20.0))
    assert samples.info["beta_range"] == pytest.approx((0.5, 20.0))


@pytest.mark.parametrize("method", ["bifurcation", "ballistic", "discrete"])
def test_a_beta_range_is_refused_where_nothing_has_a_temperature(backend: TorchBackend, method: str) -> None:
    for call in (backend.sample, backend.estimate):
        with pytest.raises(ParameterError, match=f"beta_range.*'{method}'.*use method='annealing'"):
            call([dense(10)], method=method, beta_range=(0.5, 20.0))


@pytest.mark.parametrize("model", [dense(10), gram(2, 11)], ids=["dense", "gram of too many digits"])
def test_auto_anneals_where_a_beta_range_is_given(backend: TorchBackend, model: Qubo) -> None:
    [samples] = backend.sample([model], reads=4, seed=0, num_sweeps=5, beta_range=(0.5, 20.0))
    assert samples.info["method"].startswith("annealing")
    assert samples.info["why"] == "beta_range was given"
    assert samples.info["beta_range"] == pytest.approx((0.5, 20.0))


@pytest.mark.parametrize(("option", "bad"), [("method", "foo"), ("num_sweeps", 0), ("beta_range", (1, 0.1))])
def test_an_estimate_refuses_what_sampling_refuses(backend: TorchBackend, option: str, bad: object) -> None:
    for call in (backend.sample, backend.estimate):
        with pytest.raises(ParameterError, match=option):
            call([dense(5)], **{option: bad})


def test_an_estimate_grows_with_reads_and_sweeps(backend: TorchBackend) -> None:
    few = backend.estimate([dense(300)], reads=10, num_sweeps=10)
    many = backend.estimate([dense(300)], reads=10_000, num_sweeps=1000)
    assert 0 < few.seconds < many.seconds


# --- ends, limits, errors -----------------------------------------------------------------------------------------


def test_ctrl_c_returns_the_best_so_far(backend: TorchBackend) -> None:
    timer = threading.Timer(0.5, _thread.interrupt_main)
    timer.start()
    try:
        [samples] = backend.sample([dense(300)], reads=100_000, seed=0, num_sweeps=10_000)
    finally:
        timer.cancel()
    assert samples.info["interrupted"]
    assert not samples.info["cut_short"]
    assert len(samples) >= 1


@pytest.mark.parametrize(
    "model", [dense(300), sparse(2000, density=0.01), gram(300, 3)], ids=["dense", "sparse", "gram"]
)
def test_a_time_limit_gives_fewer_reads_and_says_so(backend: TorchBackend, model: Qubo) -> None:
    started = time.perf_counter()
    [samples] = backend.sample([model], reads=100_000, seed=0, num_sweeps=5000, time_limit=0.3)
    assert time.perf_counter() - started < 20  # loaded machines are slow, but all reads would take many minutes
    assert 1 <= len(samples) < 100_000
    assert samples.info["cut_short"]
    assert 1 <= samples.info["num_sweeps"] < 5000  # those that were made


@pytest.mark.parametrize("method", ["annealing", "bifurcation"])
def test_without_time_a_descent_is_left_after_a_few_sweeps_and_says_so(backend: TorchBackend, method: str) -> None:
    [full] = backend.sample([dense(300)], reads=8, seed=0, num_sweeps=1, method=method)
    [left] = backend.sample([dense(300)], reads=8, seed=0, num_sweeps=1, method=method, time_limit=0.0)
    assert not full.info["cut_short"]
    assert left.info["cut_short"]
    assert full.first.energy <= left.first.energy < 0.9 * full.first.energy


@pytest.mark.parametrize("method", METHODS)
def test_a_model_that_does_not_fit_is_refused_with_what_it_needs(
    backend: TorchBackend, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(devices, "free_bytes", lambda device: 2**20)
    with pytest.raises(
        ModelTooLarge, match=r"1 model\(s\) of up to 1000 variables needs \d.* MiB on cpu.*1\.0 MiB free"
    ):
        backend.sample([DenseQubo(np.ones((1000, 1000)))], reads=4, method=method)


def test_a_small_device_takes_fewer_replicas_at_once(backend: TorchBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "free_bytes", lambda device: 2**17)
    [samples] = backend.sample([dense(50)], reads=200, seed=0, num_sweeps=2)
    assert len(samples) == 200


def test_memory_that_runs_out_is_told_as_such() -> None:
    with (
        pytest.raises(ModelTooLarge, match="the batch does not fit on cpu"),
        devices.refusing_out_of_memory(CPU, "the batch"),
    ):
        torch.empty(2**58)


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "", 3])
def test_a_device_that_is_none_is_told(name: object) -> None:
    with pytest.raises(ParameterError, match="device must be cuda, rocm, mps or cpu"):
        TorchBackend(device=name)  # type: ignore[arg-type]


def test_without_an_accelerator_the_error_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    for name in (None, "cuda", "rocm", "mps"):
        with pytest.raises(BackendUnavailable, match="device='cpu'"):
            TorchBackend(device=name)


@pytest.mark.parametrize("dtype", ["int8", [1], torch.float32])
def test_a_dtype_that_is_none_is_told(dtype: object) -> None:
    with pytest.raises(ParameterError, match="dtype must be one of 'float32', 'bfloat16', 'float16', found "):
        TorchBackend(device="cpu", dtype=dtype)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("option", "bad"), [("num_sweeps", 0), ("num_sweeps", 1.5), ("method", "magic"), ("beta_range", (1, 0.1))]
)
def test_a_bad_option_is_told(backend: TorchBackend, option: str, bad: object) -> None:
    with pytest.raises(HqmlError, match=option):
        hqml.sample(dense(5), backend, **{option: bad})


def test_a_backend_given_by_name_takes_its_device() -> None:
    assert hqml.sample(dense(6), "gpu", device="cpu", reads=5, seed=0, num_sweeps=5).info["backend"] == "gpu"
    with pytest.raises(ParameterError, match="device"):
        hqml.sample(dense(6), "gpu", device="tpu")


def test_without_an_accelerator_it_is_listed_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    [line] = [one for one in hqml.available_backends() if one.name == "gpu"]
    assert not line.available
    assert "device='cpu'" in line.reason


def test_importing_hqml_leaves_torch_alone() -> None:
    done = subprocess.run([sys.executable, "-c", "import hqml, hqml.dispatch, sys; sys.exit('torch' in sys.modules)"])
    assert done.returncode == 0
