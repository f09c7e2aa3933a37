"""The one road: what is checked, what is converted, what is spent, what comes back."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import dimod
import numpy as np
import pytest
import scipy.sparse

import hqml
from hqml import progress
from hqml.adapters import SamplerBackend
from hqml.backend import Backend, Capabilities, Usage
from hqml.dispatch import EXACT_UP_TO, choose_backend
from hqml.errors import (
    BackendError,
    BackendUnavailable,
    BudgetExceeded,
    HqmlError,
    ModelError,
    OptionError,
    ParameterError,
    UnsupportedModel,
)
from hqml.problems.max_cut import MaxCut
from hqml.qubo import DenseQubo, Form, GramQubo, Qubo, SparseQubo
from hqml.samples import to_sampleset

SQUARE = np.array([[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]])


@dataclass
class Recorder:
    """A backend that finds the state of zeros and remembers how it was asked."""

    capabilities: Capabilities = field(default_factory=lambda: Capabilities(kind="cpu"))
    usage: Usage = field(default_factory=lambda: Usage(seconds=0.0))
    calls: list[dict[str, Any]] = field(default_factory=list)
    closed: int = 0

    def sample(
        self,
        qubos: Sequence[Qubo],
        *,
        reads: int = 100,
        seed: int | None = None,
        time_limit: float | None = None,
        num_sweeps: int = 10,
        progress: Callable[[float], None] | None = None,
    ) -> list[dimod.SampleSet]:
        self.calls.append({"qubos": list(qubos), "reads": reads, "seed": seed, "time_limit": time_limit})
        self.calls[-1] |= {"num_sweeps": num_sweeps, "progress": progress}
        if progress is not None:
            progress(1.0)
        zeros = [np.zeros((reads, qubo.num_variables), dtype=np.int8) for qubo in qubos]
        return [
            to_sampleset(qubo, states, backend="recorder", seed=seed, timing={"solve": 0.0})
            for qubo, states in zip(qubos, zeros, strict=True)
        ]

    def estimate(self, qubos: Sequence[Qubo], *, reads: int = 100, num_sweeps: int = 10) -> Usage:
        return self.usage

    def close(self) -> None:
        self.closed += 1


def exact() -> SamplerBackend:
    return SamplerBackend(dimod.ExactSolver())


class TestModels:
    def test_one_model_gives_one_sampleset_lowest_energy_first(self) -> None:
        found = hqml.sample(np.diag([-1.0, 2.0]), exact())
        assert isinstance(found, dimod.SampleSet)
        assert found.record.energy.tolist() == [-1, 0, 1, 2]
        assert found.first.sample == {0: 1, 1: 0}

    def test_a_list_of_models_is_one_batch_in_order(self) -> None:
        backend = Recorder()
        found = hqml.sample([DenseQubo(np.eye(2), offset=1), DenseQubo(np.eye(3), offset=2)], backend, reads=5)
        assert [sampleset.first.energy for sampleset in found] == [1, 2]
        assert [len(sampleset) for sampleset in found] == [5, 5]
        assert len(backend.calls) == 1

    def test_an_empty_list_is_an_empty_batch(self) -> None:
        assert hqml.sample([], Recorder()) == []

    @pytest.mark.parametrize(
        "model",
        [
            np.diag([-1.0, 2.0]),
            scipy.sparse.csr_array(np.diag([-1.0, 2.0])),
            {(0, 0): -1.0, (1, 1): 2.0},
            dimod.BinaryQuadraticModel({0: -1.0, 1: 2.0}, {}, 0.0, "BINARY"),
            dimod.BinaryQuadraticModel({0: -1.0, 1: 2.0}, {}, 0.0, "BINARY").change_vartype("SPIN", inplace=False),
            DenseQubo(np.diag([-1.0, 2.0])),
            GramQubo(np.diag([1.0, 4.0]), [1.0], linear=[-1.5, 0.0]),
        ],
        ids=["numpy", "scipy", "mapping", "binary", "spin", "dense", "gram"],
    )
    def test_anything_that_says_a_model_is_taken(self, model: Any) -> None:
        found = hqml.sample(model, exact())
        assert found.vartype is dimod.BINARY
        assert found.record.energy.tolist() == pytest.approx([-1, 0, 1, 2])

    def test_what_says_no_model_is_refused(self) -> None:
        with pytest.raises(ModelError, match="found str"):
            hqml.sample("G1.mc", exact())

    def test_labels_come_back(self) -> None:
        assert hqml.sample({("x", "x"): -1.0, ("y", "y"): 1.0}, exact()).first.sample == {"x": 1, "y": 0}

    def test_timing_tells_build_solve_and_total_seconds(self) -> None:
        timing = hqml.sample(SQUARE, exact()).info["timing"]
        assert {"build", "solve", "total"} <= set(timing)
        assert 0 <= timing["build"] <= timing["total"]


class TestConversion:
    @pytest.mark.parametrize(
        ("forms", "expected"),
        [
            ({"dense", "sparse"}, ["dense", "sparse", "dense"]),
            ({"dense"}, ["dense", "dense", "dense"]),
            ({"sparse"}, ["sparse", "sparse", "sparse"]),
            ({"gram", "dense"}, ["dense", "dense", "gram"]),
        ],
    )
    def test_a_backend_gets_the_forms_it_takes(self, forms: set[Form], expected: list[Form]) -> None:
        models = [DenseQubo(np.eye(2)), SparseQubo(scipy.sparse.eye_array(2)), GramQubo(np.eye(2), [1.0])]
        backend = Recorder(Capabilities(kind="cpu", forms=frozenset(forms)))
        hqml.sample(models, backend)
        assert [qubo.form for qubo in backend.calls[0]["qubos"]] == expected

    def test_a_model_that_is_too_large_is_refused_before_anything_runs(self) -> None:
        backend = Recorder(Capabilities(kind="gpu", max_variables=3))
        with pytest.raises(UnsupportedModel, match=r"'Recorder' takes at most 3 variables, the model has 4"):
            hqml.sample([np.eye(3), np.eye(4)], backend)
        assert backend.calls == []
        hqml.sample(np.eye(3), backend)


class TestParameters:
    def test_they_reach_the_backend(self) -> None:
        backend = Recorder()
        hqml.sample(SQUARE, backend, reads=7, seed=3, time_limit=2.5, num_sweeps=20)
        assert backend.calls[0].items() >= {"reads": 7, "seed": 3, "time_limit": 2.5, "num_sweeps": 20}.items()

    def test_numpy_numbers_are_numbers(self) -> None:
        assert len(hqml.sample(SQUARE, Recorder(), reads=np.int64(2), seed=np.uint32(1))) == 2  # type: ignore[call-overload]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"reads": 0},
            {"reads": -1},
            {"reads": 1.5},
            {"reads": True},
            {"reads": "many"},
            {"reads": None},
            {"seed": -1},
            {"seed": 2**63},
            {"seed": 0.5},
            {"seed": "a"},
            {"seed": True},
            {"time_limit": 0},
            {"time_limit": -1},
            {"time_limit": float("nan")},
            {"time_limit": float("inf")},
            {"time_limit": "5"},
            {"time_limit": True},
            {"max_qpu_seconds": 0},
            {"max_qpu_seconds": float("nan")},
        ],
        ids=str,
    )
    def test_what_is_out_of_range_is_refused_by_name(self, wrong: dict[str, Any]) -> None:
        [(name, value)] = wrong.items()
        backend = Recorder()
        with pytest.raises(ParameterError, match=f"^{name} must be .*found {value!r}$") as caught:
            hqml.sample(SQUARE, backend, **wrong)
        assert isinstance(caught.value, ValueError)
        assert backend.calls == []

    def test_an_option_the_backend_does_not_take_is_refused_with_those_it_takes(self) -> None:
        backend = Recorder()
        with pytest.raises(
            OptionError, match=r"'Recorder' takes no option betas, sweeps; it takes: num_sweeps$"
        ) as caught:
            hqml.sample(SQUARE, backend, sweeps=3, betas=2)
        assert isinstance(caught.value, TypeError)
        assert backend.calls == []

    def test_it_is_refused_before_a_named_backend_is_built(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def unavailable(self: Any) -> None:
            raise BackendUnavailable("no token")

        monkeypatch.setattr(Recorder, "__init__", unavailable)
        takes = inspect.signature(Recorder.sample).parameters
        monkeypatch.setattr("hqml.dispatch.constructor_options", lambda name: frozenset({"device"}))
        monkeypatch.setattr("hqml.dispatch.sample_parameters", lambda name: takes)
        monkeypatch.setattr("hqml.dispatch.load_backend", lambda name, **options: Recorder())
        with pytest.raises(OptionError, match=r"'gpu' takes no option devic; it takes: device, num_sweeps$"):
            hqml.sample(np.eye(2), "gpu", devic="cpu")
        with pytest.raises(BackendUnavailable, match="no token"):
            hqml.sample(np.eye(2), "gpu", num_sweeps=3)

    def test_an_option_a_sampler_does_not_take_is_refused_too(self) -> None:
        with pytest.raises(OptionError, match="ExactSolver takes no option num_sweeps; it takes: none"):
            hqml.sample(SQUARE, dimod.ExactSolver(), num_sweeps=3)


class TestBackends:
    def test_any_sampler_is_a_backend(self) -> None:
        assert hqml.sample(np.diag([-1.0, 2.0]), dimod.ExactSolver()).first.energy == -1

    @pytest.mark.parametrize("wrong", [None, 3, object(), ["cpu"]])
    def test_what_is_no_backend_is_refused(self, wrong: Any) -> None:
        with pytest.raises(ParameterError, match=f"found {type(wrong).__name__}; see `hqml backends`"):
            hqml.sample(SQUARE, wrong)

    def test_a_class_is_not_an_instance(self) -> None:
        with pytest.raises(ParameterError, match=r"write Recorder\(\.\.\.\)"):
            hqml.sample(SQUARE, Recorder)  # type: ignore[call-overload]

    @pytest.mark.parametrize(
        "amiss",
        [
            lambda found: None,
            lambda found: found[0],
            lambda found: found[:1],
            lambda found: [one.record for one in found],
            lambda found: [dimod.SampleSet.from_samples([{0: 0, 1: 0}], "BINARY", 0.0) for _ in found],
        ],
        ids=["nothing", "a SampleSet alone", "too few", "no SampleSets", "not packed"],
    )
    def test_a_plug_in_is_told_what_its_sample_must_give(
        self, monkeypatch: pytest.MonkeyPatch, amiss: Callable[[Any], Any]
    ) -> None:
        right = Recorder.sample
        monkeypatch.setattr(Recorder, "sample", lambda self, qubos, **options: amiss(right(self, qubos, **options)))
        with pytest.raises(BackendError, match=r"backend 'Recorder' is broken: .* a list of one SampleSet a model"):
            hqml.sample([np.eye(2), np.eye(2)], Recorder())

    def test_a_backend_that_was_given_stays_open(self) -> None:
        backend = Recorder()
        hqml.sample(SQUARE, backend)
        assert backend.closed == 0

    @pytest.mark.parametrize("fails", [False, True])
    def test_a_backend_that_was_loaded_by_name_is_closed(self, monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
        backend = Recorder(Capabilities(kind="cpu", max_variables=1 if fails else None))
        monkeypatch.setattr("hqml.dispatch.load_backend", lambda name: backend)
        if fails:
            with pytest.raises(UnsupportedModel, match="backend 'mine'"):
                hqml.sample(SQUARE, "mine")
        else:
            hqml.sample(SQUARE, "mine")
        assert backend.closed == 1

    def test_capabilities_name_kinds_and_forms_that_there_are(self) -> None:
        with pytest.raises(ParameterError, match=r"kind must be one of 'cpu', .*found 'laptop'"):
            Capabilities(kind="laptop")  # type: ignore[arg-type]
        for forms, found in (
            (frozenset({"dense", "ising"}), r"\['dense', 'ising'\]"),
            ([], "none"),
            ("ising", "ising"),
        ):
            with pytest.raises(ParameterError, match=f"forms must be some of 'dense', .*found .*{found}"):
                Capabilities(kind="cpu", forms=forms)  # type: ignore[arg-type]
        for given in (["dense"], ("dense",), {"dense"}, "dense"):
            assert Capabilities(kind="cpu", forms=given).forms == frozenset({"dense"})  # type: ignore[arg-type]


class TestMeteredTime:
    def metered(self, qpu_seconds: float) -> Recorder:
        return Recorder(Capabilities(kind="qpu", metered=True), Usage(seconds=1.0, qpu_seconds=qpu_seconds))

    def test_nothing_runs_without_a_grant(self) -> None:
        backend = self.metered(0.02)
        with pytest.raises(BudgetExceeded, match=r"'Recorder' is metered; .*max_qpu_seconds=0\.02 \(estimate\)"):
            hqml.sample(SQUARE, backend)
        assert backend.calls == []

    @pytest.mark.parametrize("estimate", [0.51, float("inf"), float("nan")])
    def test_nothing_runs_over_the_grant_or_without_an_estimate(self, estimate: float) -> None:
        backend = self.metered(estimate)
        with pytest.raises(
            BudgetExceeded, match=r"(max_qpu_seconds is 0\.5|no grant covers it); nothing was submitted"
        ) as caught:
            hqml.sample(SQUARE, backend, max_qpu_seconds=0.5)
        assert backend.calls == []
        assert isinstance(caught.value, HqmlError)

    def test_it_runs_within_the_grant(self) -> None:
        backend = self.metered(0.5)
        hqml.sample(SQUARE, backend, max_qpu_seconds=0.5)
        assert len(backend.calls) == 1

    def test_what_is_not_metered_needs_no_grant(self) -> None:
        hqml.sample(SQUARE, Recorder(usage=Usage(seconds=1.0, qpu_seconds=99.0)))


class TestProgress:
    def test_a_report_in_force_is_handed_to_the_backend(self) -> None:
        shares: list[float] = []
        with progress.reporting(shares.append):
            hqml.sample(SQUARE, Recorder())
        assert shares == [1.0]

    def test_nobody_asking_means_no_report(self) -> None:
        backend = Recorder()
        with progress.reporting(lambda share: None):
            pass
        hqml.sample(SQUARE, backend)
        assert backend.calls[0]["progress"] is None

    def test_a_backend_that_cannot_report_is_not_asked_to(self) -> None:
        shares: list[float] = []
        with progress.reporting(shares.append):
            hqml.sample(SQUARE, dimod.ExactSolver())
        assert shares == []


class TestSolve:
    def test_a_square_is_cut_into_its_two_diagonals(self) -> None:
        assert set(hqml.solve(MaxCut(SQUARE), exact())) == {frozenset({0, 2}), frozenset({1, 3})}

    def test_of_a_plain_model_the_best_sample_comes_back(self) -> None:
        assert hqml.solve({("x", "x"): -1.0, ("y", "y"): 1.0}, exact()) == {"x": 1, "y": 0}

    def test_a_list_of_problems_gives_a_list_of_answers(self) -> None:
        [cut, best] = hqml.solve([MaxCut(SQUARE), np.diag([-1.0])], exact())
        assert set(cut) == {frozenset({0, 2}), frozenset({1, 3})}
        assert best == {0: 1}


class TestChooseBackend:
    @pytest.mark.parametrize(("n", "name"), [(1, "exact"), (EXACT_UP_TO, "exact"), (EXACT_UP_TO + 1, "cpu")])
    def test_small_models_are_enumerated(self, n: int, name: str) -> None:
        choice = choose_backend(np.eye(n))
        assert choice.name == name
        assert choice.reason.startswith(f"{n} variables")

    def test_metered_hardware_is_never_chosen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        metered = Recorder(Capabilities(kind="qpu", metered=True))
        monkeypatch.setattr("hqml.dispatch.load_backend", lambda name: metered)
        assert choose_backend(np.eye(2)).name == "cpu"

    def test_a_backend_that_is_not_available_is_not_chosen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def missing(name: str) -> Backend:
            raise BackendUnavailable("no numba")

        monkeypatch.setattr("hqml.dispatch.load_backend", missing)
        assert choose_backend(np.eye(2)).name == "cpu"

    def test_no_other_backend_is_asked_for_it_may_be_a_service(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = []
        monkeypatch.setattr("hqml.dispatch.load_backend", lambda name: asked.append(name) or Recorder())
        choose_backend(np.eye(2))
        choose_backend(np.eye(2000))
        assert asked == ["exact"]


def test_the_recorder_is_a_backend() -> None:
    assert isinstance(Recorder(), Backend)
