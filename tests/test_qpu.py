"""A QPU and a hybrid solver by the unmodified client over a real socket, against a quantum node."""

import os
import pickle
import re
import subprocess
import sys
from typing import ClassVar

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import roc_auc_score

import hqml
from hqml.adapters import BackendSampler, SamplerBackend
from hqml.backend import Backend
from hqml.errors import BudgetExceeded, OptionError, ParameterError, ServiceError, UnsupportedModel
from hqml.qubo import DenseQubo
from hqml.svm import QuboSVC, QuboSVCEnsemble
from hqml.testing import BackendConformance
from hqml_ocean import HybridBackend, QpuBackend
from hqml_ocean.cloud import client

pytest.importorskip("starlette", reason="the quantum node needs 'hqml[node]'")

from hqml_ocean.node.testing import running_node

MODELS = [np.random.default_rng(n).normal(size=(n, n)) for n in (8, 7, 8, 8)]


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """A node with a small chip, of which 3 % is missing, and where this process finds it."""
    with running_node(shape=(4,), qubit_yield=0.97, seed=1) as node, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.upper().endswith("_PROXY")]:
            patch.delenv(name)
        for name, value in node.environment.items():
            patch.setenv(name, value)
        patch.setenv("HQML_CACHE_DIR", str(tmp_path_factory.mktemp("caches")))
        yield node
        client.close_all()


@pytest.mark.usefixtures("node")
class TestQpu(BackendConformance):
    reads: ClassVar[int] = 60
    honours_time_limit: ClassVar[bool] = False  # a queue cannot be hurried: see test_qpu_faults

    @pytest.fixture
    def backend(self) -> Backend:
        return QpuBackend()


@pytest.mark.usefixtures("node")
class TestHybrid(BackendConformance):
    reads: ClassVar[int] = 1
    honours_time_limit: ClassVar[bool] = False
    grant: ClassVar[float] = 600.0

    @pytest.fixture
    def backend(self) -> Backend:
        return HybridBackend()


def energies(models):
    return [hqml.sample(model, "exact").first.energy for model in models]


def test_a_batch_is_one_submission_where_the_chip_has_room(node):
    before = len(node.jobs)
    results = hqml.sample(MODELS, "qpu", reads=50, seed=0, max_qpu_seconds=1)
    assert len(node.jobs) - before == 1
    assert [result.first.energy for result in results] == pytest.approx(energies(MODELS))
    assert all(result.info["submissions"][0]["models"] == [0, 1, 2, 3] for result in results)


def test_it_charges_what_it_estimated(node):
    backend = QpuBackend()
    usage = backend.estimate([DenseQubo(model) for model in MODELS], reads=50)
    results = hqml.sample(MODELS, backend, reads=50, max_qpu_seconds=1)
    assert sum(result.info["timing"]["qpu"] for result in results) == pytest.approx(usage.qpu_seconds)
    assert node.jobs[-1].used == pytest.approx(usage.qpu_seconds)


def test_side_by_side_saves_programming(node):
    together, apart = (
        sum(
            result.info["timing"]["programming"]
            for result in hqml.sample(MODELS, "qpu", reads=50, max_qpu_seconds=1, side_by_side=wanted)
        )
        for wanted in (True, False)
    )
    assert apart == pytest.approx(4 * together)


def test_the_time_is_told_in_parts(node):
    result = hqml.sample(MODELS[0], "qpu", reads=50, max_qpu_seconds=1, annealing_time=50.0)
    timing, [run] = result.info["timing"], result.info["submissions"]
    assert timing["qpu"] == pytest.approx(timing["programming"] + timing["sampling"])
    assert run["anneal"] == 50.0
    assert timing["sampling"] * 1e6 == pytest.approx(50 * (run["anneal"] + run["readout"] + run["delay"]))
    assert {"overhead", "embedding", "network", "queue", "solve", "build", "total"} <= set(timing)
    assert run["job"] == node.jobs[-1].id


def test_reads_that_take_longer_than_a_run_may_are_divided(node):
    before = len(node.jobs)
    result = hqml.sample(
        MODELS[0], "qpu", reads=30, annealing_time=2000.0, max_qpu_seconds=5, spin_reversal_transforms=3
    )
    assert len(result) == 30
    assert len(node.jobs) - before == 3
    many = QpuBackend().estimate([DenseQubo(MODELS[0])], reads=2000, annealing_time=2000.0)
    assert many.qpu_seconds > 4 * node.chip.longest_run


def test_the_estimate_that_is_told_is_enough(node):
    with pytest.raises(BudgetExceeded) as caught:
        hqml.sample(MODELS[0], "qpu", reads=33)
    told = float(re.search(r"max_qpu_seconds=([\d.e-]+)", str(caught.value)).group(1))
    hqml.sample(MODELS[0], "qpu", reads=33, max_qpu_seconds=told)


def test_another_seed_is_another_call(node):
    node.faults.inject("job", outcome="FAILED", message="warm")
    with pytest.raises(ServiceError, match="warm"):
        hqml.sample(MODELS[:2], "qpu", reads=5, seed=1, max_qpu_seconds=1, side_by_side=False)
    again = hqml.sample(MODELS[:2], "qpu", reads=5, seed=7, max_qpu_seconds=1, side_by_side=False)
    assert [result.info["seed"] for result in again] == [7, 7]


def test_hybrid_time_is_charged_to_the_budget_of_the_token(node):
    hqml.sample(MODELS[0], "hybrid", time_limit=2.0, max_qpu_seconds=1)
    assert node.jobs[-1].used == pytest.approx(2.0 / 20)


@pytest.mark.parametrize("granted", [None, 1e-3])
def test_nothing_is_submitted_that_was_not_granted(node, granted):
    before = len(node.jobs)
    for ask in (
        lambda: hqml.sample(MODELS, "qpu", max_qpu_seconds=granted),
        lambda: QpuBackend().sample([DenseQubo(MODELS[0])], max_qpu_seconds=granted),
        lambda: hqml.sample(MODELS, "hybrid", max_qpu_seconds=granted),
        lambda: HybridBackend().sample([DenseQubo(MODELS[0])], max_qpu_seconds=granted),
        lambda: QuboSVC(backend="qpu", max_qpu_seconds=granted).fit(np.eye(4), [0, 1, 0, 1]),
    ):
        with pytest.raises(BudgetExceeded, match="max_qpu_seconds"):
            ask()
    assert len(node.jobs) == before


def test_a_backend_as_a_sampler_is_held_to_a_grant(node):
    sampler = BackendSampler(QpuBackend())
    bqm = DenseQubo(MODELS[0]).to_bqm()
    with pytest.raises(BudgetExceeded, match="grant it time"):
        sampler.sample(bqm, num_reads=20)
    found = sampler.sample(bqm, num_reads=50, max_qpu_seconds=1)
    assert found.first.energy == pytest.approx(energies(MODELS[:1])[0])


@pytest.mark.parametrize("wrap", ["bare", "composite"])
def test_a_sampler_of_dwave_is_metered(node, wrap):
    from dwave.system import DWaveCliqueSampler, DWaveSampler, EmbeddingComposite

    arguments = {"endpoint": node.endpoint, "token": node.token, "cache_enabled": False}
    sampler = DWaveCliqueSampler(**arguments) if wrap == "bare" else EmbeddingComposite(DWaveSampler(**arguments))
    try:
        before = len(node.jobs)
        backend = SamplerBackend(sampler)
        assert (backend.capabilities.metered, backend.capabilities.kind) == (True, "qpu")
        with pytest.raises(BudgetExceeded, match="is metered; grant it time"):
            hqml.sample(MODELS[0], sampler, reads=20)
        assert len(node.jobs) == before
        needed = backend.estimate([DenseQubo(MODELS[0])], reads=20).qpu_seconds
        found = hqml.sample(MODELS[0], sampler, reads=20, max_qpu_seconds=needed)
        assert len(found) == 20
        assert node.jobs[-1].used <= needed
    finally:
        getattr(sampler, "child", sampler).close()


def test_a_hybrid_sampler_of_dwave_has_no_estimate_and_is_not_run(node):
    from dwave.system import LeapHybridSampler

    sampler = LeapHybridSampler(endpoint=node.endpoint, token=node.token, cache_enabled=False)
    try:
        with pytest.raises(BudgetExceeded, match="nothing was submitted"):
            hqml.sample(MODELS[0], sampler, max_qpu_seconds=1e9)
    finally:
        sampler.close()


def test_hybrid_takes_the_least_time_that_the_service_asks_for(node):
    result = hqml.sample(MODELS[0], "hybrid", max_qpu_seconds=1)
    assert result.first.energy == pytest.approx(energies(MODELS[:1])[0])
    # 1 s of the solver, at its rate of 20 s for one of QPU time.
    assert result.info["timing"]["qpu"] <= 1 / 20
    with pytest.raises(ParameterError, match=r"time_limit must be at least 2 s here, found 1: .* asks for 1 s a model"):
        hqml.sample(MODELS[:2], "hybrid", time_limit=1.0, max_qpu_seconds=1)
    with pytest.raises(BudgetExceeded, match=r"would take about 0\.5 s"):
        hqml.sample(MODELS[0], "hybrid", time_limit=10.0, max_qpu_seconds=0.1)


def test_slices_of_an_ensemble_fill_the_chip(node):
    most = QpuBackend().capabilities.max_variables
    X, y = np.random.default_rng(0).normal(size=(60, 3)), np.tile([0, 1], 30)
    model = QuboSVCEnsemble(QuboSVC(backend="qpu", reads=20, max_qpu_seconds=5, n_bits=2), random_state=0).fit(X, y)
    assert model.slice_size_ == most // 2
    assert model.timing_["qpu"] > 0
    copy = pickle.loads(pickle.dumps(model))
    assert np.array_equal(copy.predict(X), model.predict(X))
    assert clone(model).get_params()["estimator__backend"] == "qpu"


def test_a_fit_that_failed_goes_on_where_it_ended(node):
    X, y = np.random.default_rng(1).normal(size=(48, 3)), np.tile([0, 1], 24)
    options = {"side_by_side": False, "patience": 20.0}
    svc = QuboSVC(backend="qpu", backend_options=options, reads=20, max_qpu_seconds=5, n_bits=1)
    model = QuboSVCEnsemble(svc, slice_size=8, random_state=0)
    before = len(node.jobs)
    node.faults.inject("job", after=4, outcome="FAILED", message="chip warmed up")
    with pytest.raises(ServiceError, match=r"chip warmed up\. \d of 6 submissions are answered and kept"):
        model.fit(X, y)
    failed = len(node.jobs) - before
    model.fit(X, y)
    assert len(node.jobs) - before == 7  # six slices, and the one that failed
    assert failed in (5, 6)


def test_one_client_serves_a_process_and_can_be_closed(node):
    # In a process of its own: other tests have clients of theirs.
    program = """
import threading, time
import numpy as np, hqml
from hqml_ocean import QpuBackend
from hqml_ocean.cloud import client

def workers():
    return sum("(_do_" in thread.name for thread in threading.enumerate())  # called after what a client's thread does

counts = [workers()]
for backend in ("qpu", "qpu", QpuBackend(), "hybrid"):
    hqml.sample(np.diag([-1.0, 1.0]), backend, max_qpu_seconds=1)
    counts.append(workers())
client.close_all()
end = time.monotonic() + 60
while workers() and time.monotonic() < end:
    time.sleep(0.1)
print(*counts, workers())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    before, *held, after = map(int, done.stdout.split())
    assert (before, after) == (0, 0)
    assert held[0] > 0
    assert len(set(held)) == 1


def test_a_program_that_used_it_ends_at_once(node):
    program = (
        "import hqml, numpy as np;"
        "print(hqml.sample(np.diag([-1.0, 1.0]), 'qpu', reads=5, max_qpu_seconds=1).first.energy)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == ("-1.0\n", "", 0)


def test_a_backend_survives_pickling_with_a_live_client(node):
    backend = QpuBackend(endpoint=node.endpoint)
    hqml.sample(MODELS[0], backend, reads=5, max_qpu_seconds=1)
    again = pickle.loads(pickle.dumps(backend))
    assert repr(again) == repr(backend) == f"QpuBackend(endpoint={node.endpoint!r})"
    assert len(hqml.sample(MODELS[0], again, reads=5, max_qpu_seconds=1)) == 5


@pytest.mark.parametrize(
    ("backend", "options", "error", "words"),
    [
        ("qpu", {"token": "x"}, OptionError, "takes no option token"),
        ("qpu", {"solver": "nowhere"}, ServiceError, "no qpu solver called 'nowhere'|no such solver"),
        ("qpu", {"annealing_time": 1e6}, ParameterError, "annealing_time"),
        ("qpu", {"patience": 0}, ParameterError, "patience must be a finite number of seconds above 0"),
        ("qpu", {"side_by_side": 3}, ParameterError, "side_by_side must be true or false, found 3"),
        ("qpu", {"checkpoint": "/proc/nowhere"}, ValueError, "cannot keep answers in /proc/nowhere"),
        ("hybrid", {"solver": "nowhere"}, ServiceError, "no hybrid solver called 'nowhere'|no such solver"),
        (
            "hybrid",
            {"num_sweeps": 3},
            OptionError,
            "takes no option num_sweeps; it takes: checkpoint, endpoint, patience, profile, solver",
        ),
    ],
)
def test_an_option_that_is_wrong_is_told(node, backend, options, error, words):
    with pytest.raises(error, match=words):
        hqml.sample(MODELS[0], backend, max_qpu_seconds=1, **options)


def test_a_model_that_is_too_large_is_told(node):
    with pytest.raises(UnsupportedModel, match=r"'qpu' takes at most \d+ variables, the model has 100"):
        hqml.sample(np.ones((100, 100)), "qpu", max_qpu_seconds=1)


def test_what_a_call_has_left_is_gone_when_it_ends_well(node, tmp_path):
    hqml.sample(MODELS, "qpu", reads=5, max_qpu_seconds=1, checkpoint=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_landsat_on_the_node_is_as_good_as_on_neal(shared_data, tmp_path, monkeypatch):
    """Classes 4 against 7 in slices of 20, on a whole Advantage of which 1 % is missing."""
    parts = []
    for name in ("sat.trn", "sat.tst"):
        table = np.loadtxt(shared_data / "ml" / name)
        table = table[np.isin(table[:, -1], [4, 7])]
        parts += [table[:, :-1], table[:, -1]]
    X, y, X_test, y_test = parts
    mean, spread = X.mean(axis=0), X.std(axis=0)
    X, X_test = (X - mean) / spread, (X_test - mean) / spread

    def auroc(backend, **options):
        svc = QuboSVC(gamma=0.1, backend=backend, max_qpu_seconds=10, **options)
        model = QuboSVCEnsemble(svc, slice_size=20, random_state=0).fit(X, y)
        return roc_auc_score(y_test == 7, model.decision_function(X_test)), model

    classical, _ = auroc("neal")
    with running_node("pegasus", None, qubit_yield=0.99) as node:
        for name, value in node.environment.items():
            monkeypatch.setenv(name, value)
        quantum, model = auroc("qpu")
        apart = QpuBackend().estimate(
            [DenseQubo(np.ones((40, 40)))] * len(model.slices_), reads=100, side_by_side=False
        )
        assert len(node.jobs) * 5 <= len(model.slices_)  # each submission is programmed once
        assert model.timing_["qpu"] * 3 < apart.qpu_seconds
        client.close_all()
    assert quantum == pytest.approx(classical, abs=0.01)
