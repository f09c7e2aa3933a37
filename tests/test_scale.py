"""Large Gram models: the kernel in memory once, and runs that are interrupted and taken up again."""

from __future__ import annotations

import _thread
import itertools
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

import hqml
from hqml import DenseQubo, GramQubo, HqmlError, Qubo, SparseQubo
from hqml.errors import DataError
from hqml.problems.svm_dual import svm_dual
from hqml.qubo import Floats
from hqml.svm import QuboSVC, _kernels
from hqml_cpu import CpuBackend, checkpoint, runner

POINTS = 3000


def gram(points: int = 300, seed: int = 0) -> GramQubo:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(points, 3))
    labels = np.where(x[:, 0] + 0.3 * rng.normal(size=points) > 0, 1, -1)
    kernel = np.exp(-((x[:, None] - x) ** 2).sum(axis=2)).astype(np.float32)
    return svm_dual(kernel, labels, n_bits=3)


def dense(seed: int = 0) -> DenseQubo:
    return DenseQubo(np.random.default_rng(seed).normal(size=(400, 400)))


def sparse() -> SparseQubo:
    drawn = scipy.sparse.random_array((3000, 3000), density=0.01, rng=np.random.default_rng(0))
    return SparseQubo(drawn, linear=np.full(3000, -2.0))


PEAK = """
import resource, sys
import numpy as np
{prepare}
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
{work}
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""

DATA = f"""
rng = np.random.default_rng(0)
def data(points):
    X = rng.normal(size=(points, 8)).astype(np.float32)
    return X, np.where(X[:, 0] + 0.5 * rng.normal(size=points) > 0, 1, -1)
POINTS = {POINTS}
"""


def peak(prepare: str, work: str) -> float:
    """Bytes by which `work` raised the peak memory of a process of its own."""
    if sys.platform != "linux":
        pytest.skip("peak memory is read in Linux' units")
    done = subprocess.run(
        [sys.executable, "-c", PEAK.format(prepare=prepare, work=work)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def test_a_gram_model_is_built_annealed_and_evaluated_without_a_copy_of_its_kernel() -> None:
    prepare = f"""{DATA}
import hqml
from hqml.problems.svm_dual import svm_dual
def run(kernel, labels):
    hqml.sample(svm_dual(kernel, labels, n_bits=4), "cpu", reads=16, num_sweeps=3, seed=0)
X, y = data(64)
run(X @ X.T, y)  # loads and compiles
X, y = data(POINTS)
kernel = np.empty((POINTS, POINTS), np.float32)
np.matmul(X, X.T, out=kernel)
"""
    kernel_bytes = 4 * POINTS**2
    assert peak(prepare, "run(kernel, y)") < 0.6 * kernel_bytes


def test_a_classifier_of_many_samples_holds_its_kernel_once() -> None:
    prepare = f"""{DATA}
from hqml.svm import QuboSVC, _kernels
_kernels.SINGLE_ABOVE, _kernels._TILE = 1000, 256
def run(X, y):
    QuboSVC(n_bits=4, reads=4, backend_options={{"num_sweeps": 5}}, random_state=0).fit(X, y)
import sklearn, warnings
sklearn.set_config(working_memory=32)  # a fixed sum, which is small beside large kernels only
warnings.simplefilter("ignore")
run(*data(64))
X, y = data(POINTS)
"""
    kernel_bytes = 4 * POINTS**2
    assert peak(prepare, "run(X.astype(np.float64), y)") < 1.6 * kernel_bytes


@pytest.mark.parametrize("kernel", ["rbf", "linear", "poly", "sigmoid", lambda a, b: a @ b.T])
def test_a_kernel_made_in_tiles_is_the_kernel_in_single_precision(
    kernel: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    X = np.random.default_rng(0).normal(size=(50, 4))
    resolved = _kernels.resolved(kernel, 0.3, 3, 0.5, X)
    whole = resolved.gram(X, slice(None))
    monkeypatch.setattr(_kernels, "SINGLE_ABOVE", 20)
    monkeypatch.setattr(_kernels, "_TILE", 16)
    tiled = resolved.gram(X, slice(None))
    assert tiled.dtype == np.float32
    np.testing.assert_allclose(tiled, whole, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(tiled, tiled.T)


def test_a_kernel_in_tiles_is_computed_a_tile_at_a_time_and_only_above_its_diagonal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """50 points are 16 + 16 + 16 + 2. No more points than allowed are one piece, in double precision."""
    shapes = []

    def kernel(left: Floats, right: Floats) -> Floats:
        shapes.append((len(left), len(right)))
        return left @ right.T

    X = np.random.default_rng(0).normal(size=(50, 4))
    monkeypatch.setattr(_kernels, "_TILE", 16)
    monkeypatch.setattr(_kernels, "SINGLE_ABOVE", 49)
    of_X = _kernels.resolved(kernel, 1, 3, 0.0, X)
    assert of_X.gram(X, slice(None)).dtype == np.float32
    assert sorted(shapes) == [(2, 2), *[(16, 2)] * 3, *[(16, 16)] * 6]
    monkeypatch.setattr(_kernels, "SINGLE_ABOVE", 50)
    assert of_X.gram(X, slice(None)).dtype == np.float64
    assert shapes[10:] == [(50, 50)]


def test_a_kernel_too_large_for_single_precision_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a warning of numpy before it, in either precision."""
    monkeypatch.setattr(_kernels, "SINGLE_ABOVE", 20)
    X = np.random.default_rng(0).normal(size=(40, 2)) * 1e25
    for given in (X, X.astype(np.float32)):
        with pytest.raises(DataError, match="infinity"):
            QuboSVC("linear", gamma=1, reads=2).fit(given, np.arange(40) % 2)


def test_entries_too_small_for_single_precision_are_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """exp(-9) is kept, exp(-81) = 7e-36 and exp(-144) are not."""
    monkeypatch.setattr(_kernels, "SINGLE_ABOVE", 2)
    gram = _kernels.Kernel("rbf", 1.0, 3, 0.0).gram(np.array([[0.0], [3.0], [12.0]]), slice(None))
    expected = np.exp(-np.float32(9))
    np.testing.assert_allclose(gram, [[1, expected, 0], [expected, 1, 0], [0, 0, 1]], rtol=1e-6)


def test_a_classifier_decides_the_same_with_a_kernel_in_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4))
    y = X[:, 0] + 0.3 * rng.normal(size=120) > 0
    model = QuboSVC(n_bits=3, aggregate="validation", reads=30, random_state=0)
    whole = model.fit(X, y).decision_function(X)
    monkeypatch.setattr(_kernels, "SINGLE_ABOVE", 20)
    monkeypatch.setattr(_kernels, "_TILE", 16)
    np.testing.assert_allclose(model.fit(X, y).decision_function(X), whole, atol=1e-3)


class Interrupted(Exception):
    """Stands for the end of a process."""


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(gram(), id="gram"),
        pytest.param(dense(), id="dense"),
        pytest.param(sparse(), id="sparse"),
        pytest.param([gram(200), dense(1)], id="batch"),
    ],
)
@pytest.mark.parametrize("method", ["annealing", "tempering"])
@pytest.mark.usefixtures("often")
def test_a_run_interrupted_again_and_again_gives_the_samples_of_one_that_was_not(
    model: Qubo | list[Qubo], method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = model if isinstance(model, list) else [model]
    options = {"reads": 40, "seed": 3, "num_sweeps": 200, "method": method}
    expected = hqml.sample(models, "cpu", **options)
    path, asked = tmp_path / "run.npz", itertools.count(1)
    # Time is up whenever it is asked for the fifth time: every few sweeps, however fast the machine is.
    monkeypatch.setattr(runner.Control, "late", lambda self: next(asked) % 5 == 0)
    for interruptions in range(200):  # noqa: B007 - counted, and read below
        found = hqml.sample(models, "cpu", checkpoint=path, **options)
        if not path.exists():
            break
        assert all(one.info["cut_short"] and len(one) for one in found)
    assert not path.exists()
    assert interruptions >= 3
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.record.sample, other.record.sample)
        assert not one.info["cut_short"]


@pytest.mark.usefixtures("often")
def test_what_a_killed_process_leaves_behind_is_taken_up(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    options = {"reads": 40, "seed": 3, "num_sweeps": 2000}

    def die(share: float) -> None:
        if path.exists() and share > 0.2:
            raise Interrupted

    with pytest.raises(Interrupted):
        CpuBackend().sample([gram()], checkpoint=path, progress=die, **options)
    seen: list[float] = []
    [found] = CpuBackend().sample([gram()], checkpoint=path, progress=seen.append, **options)
    assert seen[0] > 0.1
    expected = hqml.sample(gram(), "cpu", **options)
    np.testing.assert_array_equal(found.record.sample, expected.record.sample)


def test_ctrl_c_leaves_a_checkpoint_and_the_best_so_far(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    options = {"reads": 64, "seed": 3, "num_sweeps": 100_000}
    timer = threading.Timer(1.5, _thread.interrupt_main)
    timer.start()
    try:
        samples = hqml.sample(gram(), "cpu", checkpoint=path, **options)
    finally:
        timer.cancel()
    assert samples.info["interrupted"]
    assert samples.first.energy < 0
    assert path.exists()


@pytest.fixture
def left_behind(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "run.npz"
    hqml.sample(gram(), "cpu", reads=40, seed=3, num_sweeps=5000, checkpoint=path, time_limit=0.05)
    assert path.exists()
    yield path
    assert path.exists(), "a refused checkpoint must stay"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seed": 4}, "seed=3, this call has seed=4"),
        ({"reads": 41}, "reads=40, this call has reads=41"),
        ({"num_sweeps": 100}, "num_sweeps=.5000., this call has num_sweeps=.100."),
        ({"beta_range": (0.1, 10)}, "beta_range"),
        ({"model": gram(seed=1)}, "its models differ"),
        ({"model": dense()}, "its models differ"),
    ],
)
def test_the_checkpoint_of_another_run_is_refused(left_behind: Path, change: dict[str, object], told: str) -> None:
    arguments = {"model": gram(), "seed": 3, "reads": 40, "num_sweeps": 5000} | change
    with pytest.raises(HqmlError, match=f"belongs to another run: .*{told}"):
        hqml.sample(arguments.pop("model"), "cpu", checkpoint=left_behind, **arguments)


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    notes = tmp_path / "notes.npz"
    for content in (b"my notes", b""):
        notes.write_bytes(content)
        with pytest.raises(HqmlError, match="is no checkpoint of hqml"):
            hqml.sample(gram(), "cpu", seed=0, checkpoint=notes)
    np.savez(notes, about=np.array("1"))
    with pytest.raises(HqmlError, match="is no checkpoint of hqml"):
        hqml.sample(gram(), "cpu", seed=0, checkpoint=notes)
    np.savez(notes, mine=np.ones(3))
    with pytest.raises(HqmlError, match="is no checkpoint of hqml"):
        hqml.sample(gram(), "cpu", seed=0, checkpoint=notes)
    with pytest.raises(HqmlError, match="there is no folder"):
        hqml.sample(gram(), "cpu", seed=0, checkpoint=tmp_path / "missing" / "run.npz")


def test_a_checkpoint_without_a_seed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HqmlError, match="needs a seed"):
        hqml.sample(gram(), "cpu", checkpoint=tmp_path / "run.npz")
