"""The cpu backend: published optima, exact statistics, the same result on any number of threads."""

from __future__ import annotations

import _thread
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

import hqml
from hqml import DenseQubo, GramQubo, HqmlError, Qubo, SparseQubo
from hqml.problems.svm_dual import svm_dual
from hqml_cpu import CpuBackend, runner
from hqml_cpu.flips import DenseModel, SparseModel, flip_model
from hqml_cpu.multipliers import GramModel, without_tiny

SEEDS = np.random.SeedSequence(7)


def dense(n: int, seed: int = 0) -> DenseQubo:
    rng = np.random.default_rng(seed)
    return DenseQubo(rng.normal(size=(n, n)), linear=rng.normal(size=n), offset=1.5)


def sparse(n: int, values: list[float], seed: int = 0) -> SparseQubo:
    rng = np.random.default_rng(seed)
    drawn = scipy.sparse.random_array((n, n), density=0.1, rng=rng, data_sampler=lambda size: rng.choice(values, size))
    return SparseQubo(drawn, linear=rng.choice(values, n), offset=-2.0)


def gram(points: int, digits: int, seed: int = 0) -> GramQubo:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(points, 3))
    labels = np.where(x[:, 0] + 0.3 * rng.normal(size=points) > 0, 1, -1)
    kernel = np.exp(-((x[:, None] - x) ** 2).sum(axis=2))
    return svm_dual(kernel, labels, n_bits=digits)


MODELS = [
    pytest.param(dense(90), id="dense"),
    pytest.param(sparse(150, [-1, 1]), id="sparse-int8"),
    pytest.param(sparse(150, [-700, 31, 999]), id="sparse-int16"),
    pytest.param(sparse(150, [-0.3, 0.7]), id="sparse-float32"),
    pytest.param(sparse(150, [-1e9, 1e9, 1.5]), id="sparse-float64"),
    pytest.param(gram(60, 3), id="gram"),
]


@pytest.mark.parametrize("model", MODELS)
def test_the_number_of_threads_does_not_change_the_samples(model: Qubo) -> None:
    alone, together = (
        hqml.sample(model, CpuBackend(threads=threads), reads=70, seed=5, num_sweeps=20) for threads in (1, 5)
    )
    np.testing.assert_array_equal(alone.record.sample, together.record.sample)
    other_seed = hqml.sample(model, "cpu", reads=70, seed=6, num_sweeps=20)
    assert not np.array_equal(alone.record.sample, other_seed.record.sample)


@pytest.mark.parametrize("model", MODELS)
def test_no_single_flip_or_multiplier_improves_a_sample(model: Qubo) -> None:
    samples = hqml.sample(model, "cpu", reads=30, seed=1, num_sweeps=50)
    states = samples.record.sample
    if isinstance(model, GramQubo):
        best = _best_multiplier_gain(model, states)
    else:
        best = ((1 - 2 * states) * model.field(states)).min()
    assert best >= -1e-4 * np.abs(model.field(states)).max()


def _best_multiplier_gain(model: GramQubo, states: np.ndarray) -> float:
    digits = np.array(list(product([0, 1], repeat=model.num_digits)))
    gains = []
    for state in states[:3]:
        for point in range(model.num_points):
            trials = np.repeat(state[None], len(digits), axis=0)
            trials[:, point * model.num_digits : (point + 1) * model.num_digits] = digits
            gains.append(model.energies(trials).min() - model.energies(state)[0])
    return min(gains)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [([-1, 1], "int8"), ([-0.5, 0.5, 1.5], "int8"), ([-700, 31, 999], "int16"), ([-0.3, 0.7], "float32")],
)
def test_sparse_models_of_whole_multiples_of_a_unit_are_annealed_in_narrow_integers(
    values: list[float], dtype: str
) -> None:
    model = SparseModel.of(sparse(150, values))
    assert model.linear.dtype == dtype


@pytest.mark.parametrize("model", MODELS[:5])
def test_fields_kept_through_many_flips_are_those_of_the_model(model: DenseQubo | SparseQubo) -> None:
    kernel_model = SparseModel.of(model) if isinstance(model, SparseQubo) else DenseModel.of(model)
    block = kernel_model.start(kernel_model.replicas_at_once, SEEDS)
    largest = kernel_model.largest_change()
    assert block.sweep(np.geomspace(largest, largest / 100, 30)) > 1000
    kept = np.sort(block.barriers())
    states = block.states()
    exact = np.sort(((1 - 2 * states) * model.field(states)).ravel())
    np.testing.assert_allclose(kept, exact, rtol=0, atol=1e-5 * largest)


def test_products_kept_through_many_moves_are_those_of_the_model() -> None:
    model = gram(60, 3)
    block = GramModel.of(model).start(4, SEEDS)
    assert block.sweep(np.geomspace(10, 0.1, 100)) > 1000
    a = model.multipliers(block.states())
    np.testing.assert_allclose(block.product, (a * model.scale) @ model.gram, atol=1e-3)


def _visited(kernel_model: GramModel | DenseModel | SparseModel, temperature: float, n: int) -> np.ndarray:
    """How often each of the 2**n states is seen at a fixed temperature."""
    block = kernel_model.start(kernel_model.replicas_at_once, SEEDS)
    counts = np.zeros(2**n)
    block.sweep(np.full(100, temperature))
    for _ in range(4000):
        block.sweep(np.full(3, temperature))
        np.add.at(counts, block.states() @ (1 << np.arange(n)), 1)
    return counts / counts.sum()


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(dense(4), id="dense"),
        pytest.param(SparseQubo(scipy.sparse.csr_array(np.triu(np.ones((4, 4)), 1)), linear=[-1, 2, -2, 1]), id="int8"),
        pytest.param(
            SparseQubo(scipy.sparse.csr_array(np.triu(np.full((4, 4), 0.3), 1)), linear=[0.1] * 4), id="float"
        ),
        pytest.param(gram(2, 2), id="gram"),
    ],
)
def test_at_a_fixed_temperature_states_come_with_their_boltzmann_probabilities(model: Qubo) -> None:
    kernel_model = {"dense": DenseModel, "sparse": SparseModel, "gram": GramModel}[model.form].of(model)  # type: ignore[attr-defined]
    temperature = 1.3
    states = (np.arange(16)[:, None] >> np.arange(4)) & 1
    weights = np.exp(-model.energies(states) / temperature)
    seen = _visited(kernel_model, temperature, 4)
    # 64,000 nearly independent samples or more: four standard errors of a share are below 0.01.
    np.testing.assert_allclose(seen, weights / weights.sum(), atol=0.01)


@pytest.mark.parametrize(
    ("name", "best"),
    [("gka1a", -3414), ("gka1b", -133), ("bqp100-1", -7970), ("be100_1", -19412), ("bqp250-1", -45607)],
)
def test_proven_optima_are_found(shared_data: Path, name: str, best: float) -> None:
    from hqml.io import read

    model = read(shared_data / "qubo" / f"{name}.qubo.gz").qubo
    assert hqml.sample(model, "cpu", reads=200, seed=0).first.energy == best


def test_the_best_known_cuts_of_two_torus_and_random_graphs_are_reached(shared_data: Path) -> None:
    from hqml.io import read

    for name, best in (("G48", 6000), ("G1", 11624)):  # 6000 is proven: the graph is bipartite
        model = read(shared_data / "qubo" / f"{name}.mc.gz").qubo
        assert -hqml.sample(model, "cpu", reads=128, seed=0).first.energy >= best * 0.999


def test_heat_bath_reaches_the_ground_state_of_a_small_machine() -> None:
    model = gram(9, 2)
    states = (np.arange(2**18)[:, None] >> np.arange(18)) & 1
    assert hqml.sample(model, "cpu", reads=50, seed=2).first.energy == pytest.approx(model.energies(states).min())


def test_a_time_limit_gives_fewer_reads_and_says_so() -> None:
    model = dense(1500)
    started = time.perf_counter()
    samples = hqml.sample(model, "cpu", reads=2000, seed=0, time_limit=1.0)
    assert time.perf_counter() - started < 10  # loaded machines are slow, but 2000 reads would take minutes
    assert 1 <= len(samples) < 2000
    assert samples.info["cut_short"]


def test_under_a_time_limit_every_model_of_a_batch_gets_its_turn() -> None:
    results = hqml.sample([dense(800, seed) for seed in range(5)], "cpu", reads=500, seed=0, time_limit=0.5)
    assert all(len(samples) >= 1 for samples in results)


def test_ctrl_c_returns_the_best_so_far() -> None:
    timer = threading.Timer(1.0, _thread.interrupt_main)
    timer.start()
    try:
        samples = hqml.sample(dense(1500), "cpu", reads=5000, seed=0)
    finally:
        timer.cancel()
    assert samples.info["interrupted"]
    assert len(samples) >= 1


def test_progress_rises_from_zero_to_one() -> None:
    seen: list[float] = []
    CpuBackend().sample([dense(300)], reads=60, seed=0, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1.0)


def test_the_info_tells_how_a_sample_came_about() -> None:
    info = hqml.sample(gram(20, 2), "cpu", reads=10, num_sweeps=30, beta_range=(0.5, 50)).info
    assert info["method"] == "heat bath over multipliers"
    assert info["num_sweeps"] == 30
    assert info["beta_range"] == pytest.approx((0.5, 50))
    again = hqml.sample(gram(20, 2), "cpu", reads=10, num_sweeps=30, beta_range=(0.5, 50), seed=info["seed"])
    assert again.info["seed"] == info["seed"]


def test_more_digits_than_a_heat_bath_can_try_are_annealed_flip_by_flip() -> None:
    samples = hqml.sample(gram(6, 11), "cpu", reads=5, seed=0, num_sweeps=50)
    assert "single flips" in samples.info["method"]


def test_a_model_without_any_coefficient_is_sampled() -> None:
    samples = hqml.sample(DenseQubo(np.zeros((3, 3)), offset=4.0), "cpu", reads=8, seed=0)
    assert set(samples.record.energy) == {4.0}


@pytest.mark.parametrize("backend", ["cpu", "gpu"])
@pytest.mark.parametrize("form", [DenseQubo, lambda matrix: SparseQubo(scipy.sparse.coo_array(matrix))])
def test_the_smallest_and_the_largest_numbers(backend: str, form: Any) -> None:
    if backend == "gpu":
        pytest.importorskip("torch", reason="torch is missing: pip install 'hqml[torch]'")
    options = {"device": "cpu"} if backend == "gpu" else {}
    for matrix in ([[5e-324]], [[0.0, 5e-324], [5e-324, 0.0]], [[-1e-310, 1e-320], [1e-320, 0.0]]):
        samples = hqml.sample(form(np.array(matrix)), backend, reads=2, seed=0, **options)
        assert samples.first.energy == min(matrix[0][0], 0.0)
    with pytest.raises(HqmlError, match="more than float64 can hold"):
        hqml.sample(form(np.full((2, 2), 1.5e308)), backend, reads=2, seed=0, **options)


@pytest.mark.parametrize("bad", [(1, 0.1), (0, 1), (-1, 1), (1,), "ab", (1, np.inf), (np.nan, 1)])
def test_a_bad_beta_range_is_told(bad: object) -> None:
    with pytest.raises(HqmlError, match="beta_range must be two inverse temperatures"):
        hqml.sample(dense(5), "cpu", beta_range=bad)


@pytest.mark.parametrize("option", ["num_sweeps", "threads"])
@pytest.mark.parametrize("bad", [0, -3, 1.5, True, "many"])
def test_a_bad_count_is_told(option: str, bad: object) -> None:
    with pytest.raises(HqmlError, match=f"{option} must be a whole number of at least 1"):
        hqml.sample(dense(5), "cpu", **{option: bad})


def test_entries_of_a_kernel_that_no_sum_feels_are_set_to_zero_in_a_copy() -> None:
    gram = np.array([[1, 1e-40, 1e-3], [1e-40, 1, -1e-35], [1e-3, -1e-35, 1]], np.float32)
    kept = gram.copy()
    np.testing.assert_array_equal(without_tiny(gram), np.float32([[1, 0, 1e-3], [0, 1, 0], [1e-3, 0, 1]]))
    np.testing.assert_array_equal(gram, kept)
    plain = np.eye(3, dtype=np.float32)
    assert without_tiny(plain) is plain


@pytest.mark.parametrize("power", [-300, -60, 60, 300])
@pytest.mark.parametrize("form", ["dense", "sparse", "gram"])
def test_the_size_of_the_coefficients_changes_no_state(form: str, power: int) -> None:
    rng, factor = np.random.default_rng(0), 2.0**power
    if form == "gram":
        x = rng.normal(size=(20, 3))
        one, other = (GramQubo(c * (x @ x.T + 0.1), [1, 2], linear=np.full((20, 2), -3.0 * c)) for c in (1.0, factor))
    else:
        matrix, linear = np.triu(rng.normal(size=(20, 20)), 1), rng.normal(size=20)
        one, other = (DenseQubo(c * matrix, linear=c * linear) for c in (1.0, factor))
    if form == "sparse":
        one, other = one.to_sparse(), other.to_sparse()
    expected, found = (hqml.sample(q, "cpu", reads=10, seed=0, num_sweeps=100, bound=False) for q in (one, other))
    np.testing.assert_array_equal(found.record.sample, expected.record.sample)
    assert found.first.energy == pytest.approx(factor * expected.first.energy, rel=1e-9)


@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_states_come_with_their_boltzmann_probabilities(form: str) -> None:
    rng = np.random.default_rng(3)
    model = DenseQubo(np.triu(rng.normal(size=(6, 6)), 1), linear=rng.normal(size=6))
    kernel = flip_model(model if form == "dense" else model.to_sparse())
    block = kernel.start(16, np.random.SeedSequence(1))
    counts = np.zeros(64)
    block.sweep(np.ones(500))
    for _ in range(6000):
        block.sweep(np.ones(25))
        counts += np.bincount(block.states() @ (1 << np.arange(6)), minlength=64)
    expected = np.exp(-model.energies((np.arange(64)[:, None] >> np.arange(6)) & 1))
    expected *= counts.sum() / expected.sum()
    # Chi squared of 63 degrees of freedom: above 120 once in 100,000. A table of noise that is too small gives 235.
    assert ((counts - expected) ** 2 / expected).sum() < 120


def test_ctrl_c_while_the_work_is_handed_out_ends_what_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    controls, submitted = [], ThreadPoolExecutor.submit

    class Watched(runner.Control):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            controls.append(self)

    def submit(pool: ThreadPoolExecutor, *arguments: Any) -> Any:
        if arguments[1] == 1:  # the second model
            raise KeyboardInterrupt
        return submitted(pool, *arguments)

    monkeypatch.setattr(runner, "Control", Watched)
    monkeypatch.setattr(ThreadPoolExecutor, "submit", submit)
    with pytest.raises(KeyboardInterrupt):
        hqml.sample([dense(20), dense(20)], "cpu", reads=64, num_sweeps=10, seed=0)
    [control] = controls
    assert control.stop.is_set()


FIRST_SAMPLES = """
import numpy as np, scipy.sparse, hqml
from hqml.problems.svm_dual import svm_dual
whole = np.triu(np.random.default_rng(0).integers(-3, 4, (50, 50))).astype(float)
kernel = np.exp(-np.subtract.outer(np.arange(20), np.arange(20)) ** 2 / 9)
for model in (whole, whole * 0.1234, scipy.sparse.csr_matrix(whole), svm_dual(kernel, np.resize([1, -1], 20))):
    hqml.sample(model, "cpu", reads=5, seed=0)
hqml.sample(whole, "cpu", reads=5, seed=0, method="tempering")
hqml.sample(whole[:9, :9], "exact")
"""


def test_what_one_process_compiled_the_next_finds_on_disk(tmp_path: Path) -> None:
    kept = []
    for _ in range(2):
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
        subprocess.run([sys.executable, "-c", FIRST_SAMPLES], check=True, env=environment)
        kept.append(sorted(path.name for path in tmp_path.rglob("*.nbc")))
    assert kept[0] == kept[1]
    assert len(kept[0]) >= 6
