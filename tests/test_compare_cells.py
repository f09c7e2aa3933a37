"""Cells whose problem is a model: what an outcome says, checked against enumeration and against the backends' word."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dimod
import numpy as np
import pytest

import hqml
from hqml.backend import Usage
from hqml.compare import cold_start, warm_up
from hqml.compare.accounting import ENTRIES, Call, qpu_of, timing_of
from hqml.compare.cells import estimate_cell, run_cell
from hqml.compare.outcome import Outcome
from hqml.compare.provenance import machine
from hqml.compare.sampled import MOST_ENERGIES, distribution, schedule
from hqml.compare.small_calls import tiny_model
from hqml.compare.study import Cell, QuboProblem, Solver
from hqml.errors import UnsupportedModel
from hqml.io import LoadedModel
from hqml.problems.svm_dual import svm_dual
from hqml.qubo import DenseQubo, Form, Qubo
from hqml.secrets import scrubbed, without_secrets
from hqml.testing import MeteredBackend, RecordingBackend
from hqml.testing.conformance import all_energies, random_model
from hqml_cpu import CpuBackend

MODEL = random_model(10, seed=3)
IN_FRESH_PROCESS = cold_start._in_fresh_process
HAS_OCEAN = importlib.util.find_spec("dwave.system") is not None
SMALL_CHIP = {"topology": "pegasus", "shape": 3}

offline = pytest.mark.skipif(not HAS_OCEAN, reason="dwave-system is missing: pip install 'hqml[dwave]'")
with_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is missing")
with_mpi = pytest.mark.skipif(importlib.util.find_spec("mpi4py") is None, reason="mpi4py is missing")

SOLVERS = [
    Solver("cpu", {"num_sweeps": 20}),
    Solver("exact"),
    Solver("neal", {"num_sweeps": 20}),
    Solver("tabu", {"timeout": 1}),
    Solver("path-integral", {"num_sweeps": 20}),
    pytest.param(Solver("gpu", {"device": "cpu", "num_sweeps": 20}), marks=with_torch),
    pytest.param(Solver("mpi", {"num_sweeps": 20}), marks=with_mpi),
    pytest.param(Solver("qpu-offline", SMALL_CHIP), marks=offline),
    Solver(dimod.ExactSolver()),
    Solver(CpuBackend(threads=1), {"num_sweeps": 20}),
]


pytestmark = pytest.mark.usefixtures("cold_process")


def problem(model: Qubo = MODEL) -> QuboProblem:
    return QuboProblem("random", LoadedModel(model), digest="random")


def cell(solver: Solver, *, seed: int = 0, reads: int = 8, model: Qubo = MODEL) -> Cell:
    return Cell(problem(model), solver, seed, reads)


def done(solver: Solver, **arguments: Any) -> Outcome:
    outcome = run_cell(cell(solver, **arguments))
    assert outcome.status == "done", outcome.error
    return outcome


class Failing(RecordingBackend):
    """Fails with what it is given."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(CpuBackend())
        self.error = error

    def sample(self, *given: Any, **arguments: Any) -> list[dimod.SampleSet]:
        raise self.error


class TestEverySolver:
    @pytest.mark.parametrize("solver", SOLVERS, ids=lambda solver: solver.backend_name)
    def test_the_entries_of_the_timing_sum_to_its_total(self, solver: Solver) -> None:
        timing = done(solver).timing
        assert set(timing) == {*ENTRIES, "total", "startup"}
        assert all(seconds >= 0 for seconds in timing.values())
        assert timing["total"] == pytest.approx(sum(timing[name] for name in ENTRIES))
        assert timing["sampling"] > 0

    @pytest.mark.parametrize("solver", SOLVERS, ids=lambda solver: solver.backend_name)
    def test_an_outcome_is_read_as_it_was_written(self, solver: Solver) -> None:
        outcome = done(solver)
        again = Outcome.from_json(outcome.to_json())
        assert again.to_json() == outcome.to_json()
        assert (again.problem, again.solver, again.seed, again.reads) == ("random", solver.label, 0, 8)
        assert again.started <= again.ended
        assert again.process.split()[1] == str(os.getpid())

    @pytest.mark.parametrize("solver", SOLVERS, ids=lambda solver: solver.backend_name)
    def test_energies_are_those_of_states_with_the_number_of_reads(self, solver: Solver) -> None:
        outcome = done(solver)
        of_states = all_energies(MODEL)
        energies = [energy for energy, _ in outcome.energies]
        assert energies == sorted(set(energies))
        assert all(np.abs(of_states - energy).min() < 1e-9 for energy in energies)
        assert sum(reads for _, reads in outcome.energies) == (2**10 if "ExactSolver" in outcome.solver else 8)
        if outcome.backend in ("exact", "ExactSolver"):
            assert energies[0] == pytest.approx(of_states.min())

    def test_the_reads_are_those_of_sample(self) -> None:
        outcome = done(Solver("cpu", {"num_sweeps": 3}), seed=5, reads=50)
        counted = Counter(hqml.sample(MODEL, "cpu", reads=50, seed=5, num_sweeps=3).record.energy.tolist())
        assert outcome.energies == [[energy, counted[energy]] for energy in sorted(counted)]

    def test_enumeration_is_complete(self) -> None:
        assert done(Solver("exact")).complete
        assert not done(Solver("cpu")).complete

    def test_a_gram_model_has_the_bound_that_dispatch_proves(self) -> None:
        X = np.random.default_rng(0).normal(size=(12, 2))
        model = svm_dual(np.exp(-((X[:, None] - X) ** 2).sum(axis=2)), np.where(X[:, 0] > 0, 1, -1))
        outcome = done(Solver("cpu"), model=model)
        assert outcome.bound == hqml.sample(model, "cpu", seed=0, reads=8).info["bound"]
        assert outcome.bound <= outcome.energies[0][0]

    def test_it_says_how_it_was_annealed(self) -> None:
        told = done(Solver("cpu", {"num_sweeps": 20, "threads": 1})).schedule
        assert told["num_sweeps"] == 20
        assert len(told["beta_range"]) == 2
        assert told["threads"] == 1
        assert not {"timing", "backend", "seed", "interrupted"} & set(told)


class TestFailures:
    def test_an_unknown_backend_is_an_outcome(self) -> None:
        outcome = run_cell(cell(Solver("nonesuch")))
        assert (outcome.status, outcome.variables) == ("failed", 10)
        assert outcome.error.startswith("UnknownBackend: no backend is called 'nonesuch'")

    @pytest.mark.parametrize(
        "error", [ValueError("two\n  lines"), MemoryError(), OSError(28, "no space"), StopIteration()]
    )
    def test_whatever_is_raised_is_one_line(self, error: Exception) -> None:
        outcome = run_cell(cell(Solver(Failing(error))))
        assert outcome.status == "failed"
        assert outcome.error == " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
        assert Outcome.from_json(outcome.to_json()).error == outcome.error

    def test_a_long_error_is_cut(self) -> None:
        assert len(run_cell(cell(Solver(Failing(ValueError("x" * 10_000))))).error) < 1100

    def test_an_option_that_the_backend_does_not_know_is_told_by_its_name(self) -> None:
        outcome = run_cell(cell(Solver("cpu", {"num_swoops": 3})))
        assert "OptionError: backend 'cpu' takes no option num_swoops; it takes:" in outcome.error

    def test_an_option_that_is_the_studys_is_told(self) -> None:
        outcome = run_cell(cell(Solver("cpu", {"reads": 3})))
        assert outcome.error == "OptionError: solver 'cpu reads=3' cannot have the option reads: the study says it"

    def test_ctrl_c_goes_through(self) -> None:
        with pytest.raises(KeyboardInterrupt):
            run_cell(cell(Solver(Failing(KeyboardInterrupt()))))

    def test_ctrl_c_that_a_backend_made_the_best_of_goes_through(self) -> None:
        class Best(RecordingBackend):
            def sample(self, *given: Any, **arguments: Any) -> list[dimod.SampleSet]:
                found = super().sample(*given, **arguments)
                found[0].info["interrupted"] = True
                return found

        with pytest.raises(KeyboardInterrupt):
            run_cell(cell(Solver(Best(CpuBackend()))))

    def test_a_warning_is_kept_once(self) -> None:
        class Warm(RecordingBackend):
            def sample(self, *given: Any, **arguments: Any) -> list[dimod.SampleSet]:
                import warnings

                warnings.warn("the chip is warm", stacklevel=1)
                return super().sample(*given, **arguments)

        assert run_cell(cell(Solver(Warm(CpuBackend())))).warnings == ["the chip is warm"]


class TestSecrets:
    TOKEN = "MARK-0123456789-abcdef"

    @pytest.fixture
    def outcome(self, monkeypatch: pytest.MonkeyPatch) -> Outcome:
        monkeypatch.setenv("DWAVE_API_TOKEN", self.TOKEN)
        error = ValueError(f"refused {self.TOKEN} at https://ann:{self.TOKEN}@example.org/sapi")
        options = {"token": self.TOKEN, "region": {"api_key": self.TOKEN}, "endpoint": f"https://ann:{self.TOKEN}@host"}
        return run_cell(cell(Solver(Failing(error), options)))

    def test_a_token_is_in_no_outcome(self, outcome: Outcome) -> None:
        assert outcome.status == "failed"
        assert self.TOKEN not in outcome.to_json()

    def test_a_token_of_the_options_alone_is_not_in_the_error(self) -> None:
        outcome = run_cell(cell(Solver(Failing(ValueError(f"bad token {self.TOKEN!r}")), {"token": self.TOKEN})))
        assert outcome.error == "ValueError: bad token '(hidden)'"

    def test_no_token_is_in_what_is_told_of_the_machine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DWAVE_API_TOKEN", self.TOKEN)
        assert self.TOKEN not in json.dumps(machine())

    @pytest.mark.parametrize(
        ("text", "left"),
        [
            ("cpu token=ab reads=5", "cpu token=(hidden) reads=5"),
            ("cpu token='a b' reads=5", "cpu token=(hidden) reads=5"),
            ("no end: cpu token='ab", "no end: cpu token=(hidden)"),
            ("https://host/sapi?api_key=ab&page=2", "https://host/sapi?api_key=(hidden)&page=2"),
            ("https://ann:a@b@host/", "https://host/"),
        ],
    )
    def test_what_is_assigned_to_a_secret_name_is_hidden_however_short(self, text: str, left: str) -> None:
        assert scrubbed(text) == left
        assert without_secrets({"endpoint": text}) == {"endpoint": left}

    @pytest.mark.parametrize(
        "options",
        [{"tiers": [{"token": TOKEN}]}, {"credentials": {"user": "ann", "value": TOKEN}}, {"tokens": [TOKEN]}],
    )
    def test_a_secret_at_any_depth_is_hidden(self, options: dict[str, Any]) -> None:
        assert scrubbed(f"refused {self.TOKEN}", options) == "refused (hidden)"
        assert self.TOKEN not in str(without_secrets(options))

    def test_a_short_value_is_not_looked_for_in_texts(self) -> None:
        assert scrubbed("the answer is on", {"token": "on"}) == "the answer is on"

    def test_no_secret_is_in_the_schedule(self) -> None:
        told = schedule({"sampler": {"token": self.TOKEN, "beta": 2.0}, "solver": "hybrid"})
        assert told == {"sampler": {"beta": 2.0}, "solver": "hybrid"}


class TestWarmUp:
    def test_the_first_cell_of_a_process_is_warmed_up_and_the_others_are_warm(self) -> None:
        backend = RecordingBackend(CpuBackend())
        first, second = (done(Solver(backend), seed=seed) for seed in (0, 1))
        assert [(call.reads, call.seed) for call in backend.calls] == [(1, 0), (1, 0), (8, 0), (8, 1)]
        assert second.timing["startup"] == 0
        assert first.timing["startup"] >= 0

    def test_what_an_estimate_has_warmed_up_is_told_by_the_first_cell(self) -> None:
        estimate_cell(cell(Solver("cpu")))
        assert [done(Solver("cpu"), seed=seed).timing["startup"] for seed in (0, 1)] == [0.5, 0.0]

    @offline
    def test_solvers_on_one_chip_both_tell_of_the_embedding_that_the_first_found(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        taken = iter([0.1, 0.2, 30.0, 0.1, 0.0, 0.0])  # of each solver: opening it, a tiny model, the model
        monkeypatch.setattr(warm_up, "extra", lambda call: (call(), next(taken))[1])
        fast, slow = (Solver("qpu-offline", {**SMALL_CHIP, "annealing_time": one}) for one in (5, 50))
        assert [done(one).timing["startup"] for one in (fast, slow)] == [30.5, 30.5]

    def test_nothing_metered_is_warmed_up(self) -> None:
        backend = MeteredBackend()
        outcome = run_cell(cell(Solver(backend)), max_qpu_seconds=1)
        assert [call.reads for call in backend.calls] == [8]
        assert outcome.timing["startup"] == 0

    def test_a_long_read_is_left_to_the_estimate(self) -> None:
        class Long(RecordingBackend):
            def estimate(self, qubos: Sequence[Qubo], *, reads: int = 100, **options: Any) -> Usage:
                return Usage(seconds=10.0 * reads)

        backend = Long(CpuBackend())
        done(Solver(backend))
        assert [call.reads for call in backend.calls] == [8]

    def test_a_model_that_does_not_fit_is_not_tried_again(self) -> None:
        class Small(RecordingBackend):
            def estimate(self, qubos: Sequence[Qubo], *, reads: int = 100, **options: Any) -> Usage:
                self.estimates += 1
                raise UnsupportedModel("no embedding was found within 120 s")

        backend = Small(CpuBackend())
        with pytest.raises(UnsupportedModel):
            estimate_cell(cell(Solver(backend)))
        outcomes = [run_cell(cell(Solver(backend), seed=seed)) for seed in (0, 1)]
        assert {one.error for one in outcomes} == {"UnsupportedModel: no embedding was found within 120 s"}
        assert (backend.estimates, backend.calls) == (1, [])

    def test_a_time_limit_reaches_the_call_and_is_short_in_the_warm_up(self) -> None:
        backend = RecordingBackend(CpuBackend())
        done(Solver(backend, {"time_limit": 1.5, "num_sweeps": 5}))
        assert [call.time_limit for call in backend.calls] == [1.0, 1.0, 1.5]


SHARED = """
import time
time.sleep(0.5)
"""
PLUGIN = """
import sys
from hqml_cpu import CpuBackend

class Backend(CpuBackend):
    def __init__(self, *, token=""):
        super().__init__()
        assert token not in " ".join(sys.orig_argv) or not token

    def sample(self, qubos, **arguments):
        import slow_to_import
        print("a greeting")
        return super().sample(qubos, **arguments)
"""


class TestColdStart:
    """In a process of their own, two backends that share a library, which takes half a second to import."""

    @pytest.fixture(autouse=True)
    def _plugins(self, cold_process: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setattr(cold_start, "_in_fresh_process", IN_FRESH_PROCESS)
        about = tmp_path / "slow-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: slow\nVersion: 1.0\n")
        names = "".join(f"{name} = slow_plugin:Backend\n" for name in ("first", "second"))
        (about / "entry_points.txt").write_text(f"[hqml.backends]\n{names}")
        (tmp_path / "slow_to_import.py").write_text(SHARED)
        (tmp_path / "slow_plugin.py").write_text(PLUGIN)
        monkeypatch.syspath_prepend(tmp_path)
        yield
        for name in ("slow_to_import", "slow_plugin"):
            sys.modules.pop(name, None)

    @pytest.fixture
    def started(self, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
        """What processes were started with."""
        seen: list[dict[str, Any]] = []
        run = subprocess.run

        def watched(command: list[str], **arguments: Any) -> Any:
            seen.append({"command": command, **arguments})
            return run(command, **arguments)

        monkeypatch.setattr(cold_start.subprocess, "run", watched)
        return seen

    def test_whoever_runs_first_does_not_pay_for_the_others(self, started: list[dict[str, Any]]) -> None:
        outcomes = [done(Solver(name), seed=seed) for seed in (0, 1) for name in ("first", "second")]
        startups = [one.timing["startup"] for one in outcomes]
        assert min(startups[:2]) > 0.25
        assert startups[2:] == [0, 0]
        assert len(started) == 2

    def test_a_secret_is_on_no_command_line(self, started: list[dict[str, Any]]) -> None:
        secret = "MARK-0123456789-abcdef"
        outcome = done(Solver("first", {"token": secret, "num_sweeps": 5}))
        assert outcome.timing["startup"] > 0.25
        assert outcome.warnings == []
        assert secret in started[0].pop("input")
        assert secret not in str(started)

    def test_no_rank_is_started(self, monkeypatch: pytest.MonkeyPatch) -> None:
        given: dict[str, Any] = {}

        def run(command: list[str], **arguments: Any) -> Any:
            given.update(arguments)
            return subprocess.CompletedProcess(command, 0, stdout="a greeting\n0.75\n")

        monkeypatch.setattr(cold_start.subprocess, "run", run)
        monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
        monkeypatch.setenv("PMI_RANK", "1")
        monkeypatch.setenv("MARKED", "handed on")
        assert cold_start.cold_start(Solver("first"), "dense") == 0.75
        assert not {"OMPI_COMM_WORLD_SIZE", "PMI_RANK"} & set(given["env"])
        assert given["env"]["MARKED"] == "handed on"

    @pytest.mark.parametrize("form", ["dense", "sparse", "gram"])
    def test_the_model_is_of_the_form_of_the_problems(self, form: Form) -> None:
        model = tiny_model(form)
        assert (model.form, model.num_variables) == (form, 8)

    @pytest.mark.parametrize(
        ("setting", "kind"),
        [(("PATIENCE", 0.01), "TimeoutExpired"), (("sys.executable", "/no/python"), "FileNotFound")],
    )
    def test_where_it_fails_this_process_is_measured(
        self, setting: tuple[str, Any], kind: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(f"hqml.compare.cold_start.{setting[0]}", setting[1])
        outcome = done(Solver("first"))
        assert outcome.timing["startup"] > 0.25
        assert "the start-up of 'first' could not be measured in a process of its own" in outcome.warnings[0]
        assert kind in outcome.warnings[0]

    @pytest.mark.parametrize(
        "solver", [Solver(CpuBackend()), Solver("cpu", {"beta_range": np.array([0.1, 2.0])}), Solver(MeteredBackend())]
    )
    def test_what_no_other_process_could_build_is_measured_in_this_one(
        self, solver: Solver, started: list[dict[str, Any]]
    ) -> None:
        assert run_cell(cell(solver), max_qpu_seconds=1).timing["startup"] >= 0
        assert started == []

    def test_a_file_that_the_solver_keeps_is_left_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[str] = []
        monkeypatch.setattr(cold_start, "_in_fresh_process", lambda text, solver: asked.append(text))
        cold_start.cold_start(Solver("first", {"checkpoint": "kept", "time_limit": 5, "num_sweeps": 5}), "dense")
        assert json.loads(asked[0])["options"] == {"num_sweeps": 5}


class TestMetered:
    def test_without_a_grant_nothing_is_submitted(self) -> None:
        backend = MeteredBackend()
        outcome = run_cell(cell(Solver(backend)))
        assert outcome.error.startswith("BudgetExceeded: backend 'MeteredBackend' is metered; grant it time")
        assert backend.calls == []

    def test_what_is_charged_is_told(self) -> None:
        backend = MeteredBackend()
        outcome = run_cell(cell(Solver(backend)), max_qpu_seconds=1)
        assert outcome.qpu == {"access": pytest.approx(0.015 + 8 * 2e-4)}
        assert outcome.qpu["access"] == pytest.approx(backend.spent)
        assert outcome.joules is None

    def test_the_less_of_what_solver_and_study_allow_is_granted(self) -> None:
        assert run_cell(cell(Solver(MeteredBackend(), {"max_qpu_seconds": 1e-3})), max_qpu_seconds=1).status == "failed"
        assert run_cell(cell(Solver(MeteredBackend(), {"max_qpu_seconds": 1})), max_qpu_seconds=1e-3).status == "failed"
        assert run_cell(cell(Solver(MeteredBackend(), {"max_qpu_seconds": 1}))).status == "done"

    def test_an_estimate_submits_nothing(self) -> None:
        backend = MeteredBackend()
        assert estimate_cell(cell(Solver(backend))).qpu_seconds == pytest.approx(0.015 + 8 * 2e-4)
        assert backend.calls == []

    def test_what_was_paid_before_a_failure_is_told(self) -> None:
        """A service keeps what it has answered, so its estimate of the same call falls by what was paid."""

        class HalfWay(MeteredBackend):
            left = 0.5

            def estimate(self, qubos: Sequence[Qubo], *, reads: int = 100) -> Usage:
                return Usage(self.left, self.left)

            def sample(self, *given: Any, **arguments: Any) -> list[dimod.SampleSet]:
                self.left = 0.3
                raise ConnectionError("the line is dead")

        outcome = run_cell(cell(Solver(HalfWay())), max_qpu_seconds=1)
        assert outcome.error == "ConnectionError: the line is dead"
        assert outcome.qpu == {"access": pytest.approx(0.2)}


class TestEstimates:
    def test_a_backend_is_asked_with_its_options(self) -> None:
        short, long = (
            estimate_cell(cell(Solver("cpu", {"num_sweeps": sweeps}), reads=1000)).seconds for sweeps in (10, 10_000)
        )
        assert 0 < short < long

    def test_no_more_than_the_time_limit_is_expected(self) -> None:
        assert estimate_cell(cell(Solver("cpu", {"time_limit": 1e-6}))).seconds <= 1e-6

    def test_a_sampler_that_says_nothing_is_not_known(self) -> None:
        assert math.isnan(estimate_cell(cell(Solver(dimod.ExactSolver()))).seconds)

    @with_mpi
    def test_ranks_that_work_together_are_not_known(self) -> None:
        assert math.isnan(estimate_cell(cell(Solver("mpi"))).seconds)

    def test_an_unavailable_backend_says_so(self) -> None:
        with pytest.raises(hqml.errors.UnknownBackend, match="nonesuch"):
            estimate_cell(cell(Solver("nonesuch")))


@offline
class TestStandIn:
    @pytest.fixture
    def outcomes(self) -> tuple[Outcome, Outcome]:
        one = cell(Solver("qpu-offline", SMALL_CHIP))
        return run_cell(one), run_cell(one, first=False)

    def test_times_are_those_that_ocean_publishes_for_such_a_chip(self, outcomes: tuple[Outcome, Outcome]) -> None:
        from dwave.cloud.solver import StructuredSolver

        from hqml_ocean.chip.topologies import made_chip

        outcome = outcomes[0]
        chip = made_chip("pegasus", shape=(3,), qubit_yield=0.99, seed=0)
        properties = {"supported_problem_types": ["ising"], "qubits": [], "couplers": [], "parameters": {}}
        properties["problem_timing_data"] = chip.properties["problem_timing_data"]
        ocean = StructuredSolver(None, {"identity": {"name": "chip"}, "properties": properties})
        qubits = sum(map(len, outcome.embedding["chains"].values()))
        access = ocean.estimate_qpu_access_time(qubits, num_reads=8, annealing_time=20.0) / 1e6
        assert outcome.qpu["access"] == pytest.approx(access)
        assert outcome.qpu["programming"] + outcome.qpu["sampling"] == pytest.approx(access)
        assert outcome.timing["programming"] == outcome.qpu["programming"]
        assert outcome.timing["sampling"] == outcome.qpu["sampling"]
        assert outcome.timing["other"] == pytest.approx(outcome.qpu["overhead"], abs=1e-3)
        assert "classical stand-in" in outcome.stand_in

    def test_the_embedding_of_the_first_seed_is_kept(self, outcomes: tuple[Outcome, Outcome]) -> None:
        import dwave.graphs

        kept, left = (outcome.embedding for outcome in outcomes)
        assert left is None
        assert kept["chip"].startswith("hqml_pegasus")
        assert list(kept["chains"]) == [str(variable) for variable in range(10)]
        drawn = dwave.graphs.pegasus_layout(dwave.graphs.pegasus_graph(3))
        used = [qubit for chain in kept["chains"].values() for qubit in chain]
        assert sorted(map(int, kept["positions"])) == sorted(used)
        for qubit in used:
            assert kept["positions"][str(qubit)] == pytest.approx(list(drawn[qubit]))

    def test_chains_are_told_for_each_seed(self, outcomes: tuple[Outcome, Outcome]) -> None:
        kept, left = outcomes
        assert kept.chain_length == max(map(len, kept.embedding["chains"].values()))
        assert left.chain_length == kept.chain_length
        assert 0 <= left.chain_breaks <= 1

    def test_the_submission_is_described(self, outcomes: tuple[Outcome, Outcome]) -> None:
        told = outcomes[0].schedule
        assert (told["submissions"], told["anneal"]) == (1, 20.0)
        assert told["qubits"] == sum(map(len, outcomes[0].embedding["chains"].values()))


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    pytest.importorskip("starlette", reason="the quantum node needs 'hqml[node]'")
    from hqml_ocean.cloud import client
    from hqml_ocean.node.testing import running_node

    with running_node(shape=(3,), seed=1) as node, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.upper().endswith("_PROXY")]:
            patch.delenv(name)
        for name, value in node.environment.items():
            patch.setenv(name, value)
        patch.setenv("HQML_CACHE_DIR", str(tmp_path_factory.mktemp("caches")))
        yield node
        client.close_all()


@offline
class TestNode:
    """A stand-in behind a service: a quantum node in another process."""

    def test_a_qpu_that_is_none_says_so_and_counts_no_simulation(self, node: Any) -> None:
        outcome = run_cell(cell(Solver("qpu")), max_qpu_seconds=1)
        assert outcome.status == "done", outcome.error
        assert "no quantum physics" in outcome.stand_in
        assert outcome.qpu["access"] == pytest.approx(node.jobs[-1].used)
        assert outcome.timing["queue"] == 0
        assert outcome.timing["total"] == pytest.approx(sum(outcome.timing[name] for name in ENTRIES))
        assert set(outcome.embedding["positions"]) == {
            str(qubit) for chain in outcome.embedding["chains"].values() for qubit in chain
        }
        assert node.environment["DWAVE_API_TOKEN"] not in outcome.to_json()

    def test_its_estimate_is_what_it_charges_and_submits_nothing(self, node: Any) -> None:
        before = len(node.jobs)
        usage = estimate_cell(cell(Solver("qpu"), seed=9))
        assert len(node.jobs) == before
        assert usage.qpu_seconds == pytest.approx(
            run_cell(cell(Solver("qpu"), seed=9), max_qpu_seconds=1).qpu["access"]
        )


def call(seconds: float, *timings: dict[str, float], **info: Any) -> Call:
    energies = [np.zeros(1) for _ in timings]
    return Call([{"timing": timing, **info} for timing in timings], energies, [1] * len(timings), seconds)


class TestAccounting:
    def test_a_batch_at_once_is_prepared_once(self) -> None:
        timing = timing_of([call(10, *[{"prepare": 2.0, "solve": 8.0}] * 3)], build=1.0, total=12.0)
        assert timing == dict.fromkeys(ENTRIES, 0.0) | {"build": 3.0, "sampling": 8.0, "other": 1.0, "total": 12.0}

    def test_models_one_after_the_other_are_built_each(self) -> None:
        timing = timing_of([call(10, *[{"model": 1.0, "solve": 2.0}] * 3)], build=0.0, total=10.0)
        assert (timing["build"], timing["sampling"], timing["total"]) == (3.0, 7.0, 10.0)

    def test_submissions_of_a_service_wait_side_by_side(self) -> None:
        """Two models on a chip, each waiting 6 s for the queue and 3 s for the network: 10 s in all on the clock."""
        told = {"qpu": 0.5, "programming": 0.2, "sampling": 0.3, "overhead": 0.1, "embedding": 1.0}
        told |= {"queue": 6.0, "network": 3.0, "solve": 5.0}
        timing = timing_of([call(10.0, told, told)], build=0.0, total=10.0)
        assert timing["programming"] == pytest.approx(0.4)
        assert timing["sampling"] == pytest.approx(0.6)
        assert timing["embedding"] == pytest.approx(2.0)
        assert timing["queue"] == pytest.approx(7 * 2 / 3)
        assert timing["network"] == pytest.approx(7 / 3)
        assert timing["total"] == pytest.approx(10.0)

    def test_answers_kept_from_an_earlier_call_count_what_they_took(self) -> None:
        told = {"qpu": 5.0, "programming": 2.0, "sampling": 3.0, "embedding": 0.0, "queue": 9.0, "network": 9.0}
        timing = timing_of([call(0.1, told)], build=0.0, total=0.1)
        assert (timing["programming"], timing["sampling"], timing["queue"], timing["total"]) == (2.0, 3.0, 0.0, 5.0)

    def test_a_hybrid_solver_runs_and_is_waited_for(self) -> None:
        calls = [call(5.0, {"run": 3.0, "qpu": 0.15, "network": 1.5, "solve": 5.0})]
        timing = timing_of(calls, build=0.5, total=5.5)
        assert (timing["sampling"], timing["network"], timing["other"]) == (3.0, 1.5, pytest.approx(0.5))
        assert timing["total"] == 5.5
        assert qpu_of(calls) == {"access": 0.15}

    def test_a_stand_in_behind_a_service_counts_no_simulation(self) -> None:
        told = {"qpu": 0.5, "programming": 0.2, "sampling": 0.3, "overhead": 0.1, "embedding": 1.0}
        told |= {"queue": 60.0, "network": 0.25, "solve": 62.0}
        timing = timing_of([call(62.0, told, stand_in="a stand-in")], build=0.0, total=62.5)
        assert timing["queue"] == 0
        assert timing["total"] == pytest.approx(0.2 + 0.3 + 0.1 + 1.0 + 0.25 + 0.5)

    def test_local_backends_meter_nothing(self) -> None:
        assert qpu_of([call(1.0, {"solve": 1.0})]) == {}

    def test_no_model_takes_no_sampling(self) -> None:
        assert timing_of([], build=0.0, total=2.0)["other"] == 2.0


class TestWhatIsKept:
    def test_energies_are_counted(self) -> None:
        assert distribution(np.array([2.0, -1.0, 2.0, 2.0])) == [[-1.0, 1], [2.0, 3]]

    def test_of_very_many_energies_the_higher_ones_are_put_together(self) -> None:
        energies = np.random.default_rng(0).normal(size=3 * MOST_ENERGIES)
        kept = distribution(energies)
        assert len(kept) == MOST_ENERGIES
        assert sum(reads for _, reads in kept) == len(energies)
        assert sum(energy * reads for energy, reads in kept) / len(energies) == pytest.approx(energies.mean())
        assert kept[: MOST_ENERGIES // 2] == [[energy, 1] for energy in sorted(energies)[: MOST_ENERGIES // 2]]
        assert sorted(kept) == kept
        for target in (-0.9, 0.0, 2.0):
            hits = sum(reads for energy, reads in kept if energy <= target)
            assert hits == pytest.approx(np.sum(energies <= target), abs=5)

    def test_one_energy_too_many_puts_two_together(self) -> None:
        kept = distribution(np.repeat(np.arange(MOST_ENERGIES + 1.0), 2))
        assert len(kept) == MOST_ENERGIES
        assert sorted(reads for _, reads in kept)[-2:] == [2, 4]

    def test_what_is_no_setting_is_left_out_of_the_schedule(self) -> None:
        info = {"num_sweeps": np.int64(7), "beta_range": (0.1, np.float64(2.0)), "trace": list(range(1000))}
        info |= {"worst": math.inf, "object": object(), "timing": {"solve": 1.0}, "embedding": [[1]], "fast": True}
        assert schedule(info) == {"num_sweeps": 7, "beta_range": [0.1, 2.0], "fast": True}

    def test_options_that_are_objects_are_told_by_their_class(self) -> None:
        class Takes(RecordingBackend):
            pass

        outcome = run_cell(cell(Solver(Takes(CpuBackend()), {"rank": None, "inner": dimod.ExactSolver()})))
        assert outcome.options == {"rank": None, "inner": "ExactSolver"}

    def test_the_machine_is_told_with_its_versions(self) -> None:
        told = done(Solver("cpu")).machine
        assert json.loads(json.dumps(told)) == machine()
        assert told["versions"]["dimod"] == version("dimod")
        assert told["cores"] >= 1
        assert told["memory_gib"] > 0
        assert told["processor"]
        assert told["host"]

    def test_threads_are_told_as_they_are_set_now(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OMP_NUM_THREADS", "3")
        assert machine()["threads"]["OMP_NUM_THREADS"] == "3"
        monkeypatch.delenv("OMP_NUM_THREADS")
        assert "OMP_NUM_THREADS" not in machine()["threads"]


def test_a_model_with_labels_and_an_offset_keeps_its_energy() -> None:
    model = DenseQubo(np.array([[-1.0, 0.5], [0.0, -2.0]]), offset=10.0, labels=("a", "b"))
    assert done(Solver("exact"), model=model).energies[0] == [7.5, 1]


def test_a_backend_made_by_name_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[RecordingBackend] = []

    def opening(name: str, **options: Any) -> RecordingBackend:
        made.append(RecordingBackend(CpuBackend()))
        return made[-1]

    monkeypatch.setattr("hqml.dispatch.load_backend", opening)
    done(Solver("cpu"))
    assert made
    assert all(backend.closed for backend in made)


def test_a_backend_that_was_given_stays_open() -> None:
    backend = RecordingBackend(CpuBackend())
    done(Solver(backend))
    assert not backend.closed


def test_capabilities_are_asked_before_a_metered_service_is_used() -> None:
    """A service that fails when it is asked is a row as well."""

    class Down(MeteredBackend):
        def estimate(self, qubos: Sequence[Qubo], *, reads: int = 100) -> Usage:
            raise ConnectionError("no service")

    assert run_cell(cell(Solver(Down())), max_qpu_seconds=1).error == "ConnectionError: no service"
