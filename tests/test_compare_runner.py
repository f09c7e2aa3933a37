"""Running a study: in order, beside others, past failures and ends of all kinds, within its budget."""

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest

import hqml
from hqml.backend import Usage
from hqml.compare import budget, open_cells
from hqml.compare.budget import Budget
from hqml.compare.estimates import Estimates
from hqml.compare.metered import MARGIN
from hqml.compare.outcome import Outcome, labels_of
from hqml.compare.problems import qubo_problem
from hqml.compare.runner import Progress, plan, run_study
from hqml.compare.store import Store
from hqml.compare.study import Cell, Solver, Study
from hqml.errors import FormatError, ParameterError
from hqml.testing.conformance import random_model
from hqml.testing.stand_ins import MeteredBackend

SECONDS = 10.0
"""That a cell says to have taken."""


def study_of(problems: int = 2, solvers: tuple[Solver, ...] = (Solver("cpu"),), seeds: int = 2) -> Study:
    models = (qubo_problem(np.diag([1.0, -2.0 - n]), name=f"problem {n}") for n in range(problems))
    return Study(tuple(models), solvers, tuple(range(seeds)), reads=5)


class Runs:
    """A stand-in for `run_cell` that remembers its calls; it fails at the cells that `fails` says."""

    def __init__(self, fails: Callable[[Cell], bool] = lambda cell: False, access: float = 0.0) -> None:
        self.fails, self.access = fails, access
        self.cells: list[tuple[str, str, int]] = []
        self.granted: list[float | None] = []
        self.first: list[bool] = []

    def __call__(self, cell: Cell, *, max_qpu_seconds: float | None, first: bool) -> Outcome:
        self.cells.append((cell.problem.name, cell.solver_label, cell.seed))
        self.granted.append(max_qpu_seconds)
        self.first.append(first)
        failed = self.fails(cell)
        found: dict[str, Any] = {"status": "failed", "error": "of course"} if failed else {"status": "done"}
        about = {
            "qpu": {"access": self.access},
            "started": 1.0,
            "ended": 1.0 + SECONDS,
            "process": f"{len(self.cells)}",
        }
        return Outcome(**labels_of(cell), **found, **about)


def estimated(seconds: float = math.nan, qpu_seconds: float = 0.0) -> Callable[[Cell], Usage]:
    return lambda cell: Usage(seconds, qpu_seconds)


def refuse(cell: Cell, **_: Any) -> Outcome:
    raise AssertionError(f"{cell} was to be in the store")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cells")


class TestOneProcess:
    def test_cells_are_run_in_the_order_of_the_study_and_found_again(self, store: Store) -> None:
        study = study_of(solvers=(Solver("cpu"), Solver("neal")))
        runs = Runs()
        outcomes = run_study(study, store, run_cell=runs)
        in_order = [(cell.problem.name, cell.solver_label, cell.seed) for cell in study.cells()]
        assert runs.cells == in_order
        assert runs.first == [seed == 0 for *_, seed in in_order]
        assert [(one.problem, one.solver, one.seed) for one in outcomes] == in_order
        again = run_study(study, Store(store.path), run_cell=refuse)
        assert [one.to_json() for one in again] == [one.to_json() for one in outcomes]
        assert store.description() == json.loads(json.dumps(study.describe()))

    def test_more_seeds_are_run_without_those_there_are(self, store: Store) -> None:
        run_study(study_of(seeds=1), store, run_cell=Runs())
        runs = Runs()
        assert len(run_study(study_of(seeds=3), store, run_cell=runs)) == 6
        assert [seed for *_, seed in runs.cells] == [1, 1, 2, 2]

    def test_what_fails_is_a_row_and_is_tried_again_in_the_next_run(self, store: Store) -> None:
        runs = Runs(fails=lambda cell: cell.problem.name == "problem 0")
        outcomes = run_study(study_of(), store, run_cell=runs)
        assert [one.status for one in outcomes] == ["failed", "done"] * 2
        assert outcomes[0].error == "of course"
        kept = run_study(study_of(), store, run_cell=refuse, retry_failed=False)
        assert [one.status for one in kept] == ["failed", "done"] * 2
        retried = Runs()
        assert {one.status for one in run_study(study_of(), store, run_cell=retried)} == {"done"}
        assert {problem for problem, *_ in retried.cells} == {"problem 0"}

    def test_each_step_is_told(self, store: Store) -> None:
        told: list[Progress] = []
        runs = Runs(fails=lambda cell: cell.seed == 1)
        run_study(study_of(problems=1, seeds=3), store, run_cell=runs, on_cell=told.append)
        steps = [(one.state, one.done, one.failed, one.total) for one in told]
        expected = [
            ("begun", 0, 0),
            ("ended", 1, 0),
            ("begun", 1, 0),
            ("ended", 1, 1),
            ("begun", 1, 1),
            ("ended", 2, 1),
        ]
        assert steps == [(*step, 3) for step in expected]
        assert [one.cell.seed for one in told] == [0, 0, 1, 1, 2, 2]
        assert [one.outcome is None for one in told] == [True, False] * 3

    def test_real_cells_run_and_a_backend_that_is_not_there_is_a_row(self, store: Store) -> None:
        solvers = (Solver("cpu"), Solver("exact"), Solver("cpu", {"nonsense": 1}))
        study = replace(study_of(problems=1, solvers=solvers, seeds=1))
        cpu, exact, failed = run_study(study, store)
        assert cpu.energies[0][0] == exact.energies[0][0] == -2.0
        assert "takes no option nonsense" in failed.error

    def test_a_damaged_cell_is_run_again_with_a_warning(self, store: Store) -> None:
        study = study_of()
        outcomes = run_study(study, store, run_cell=Runs())
        path = store.path / "cells" / f"{outcomes[1].key}.json"
        path.write_text(path.read_text()[:50])
        runs = Runs()
        with pytest.warns(UserWarning, match="was cut off"):
            run_study(study, store, run_cell=runs)
        assert runs.cells == [("problem 1", "cpu", 0)]
        path.write_text("not ours")
        with pytest.raises(FormatError, match=str(path)):
            run_study(study, store, run_cell=refuse)


class TestEnds:
    @pytest.mark.parametrize("error", [KeyboardInterrupt, FormatError("no space"), ZeroDivisionError])
    def test_whatever_ends_a_run_leaves_what_is_done_and_no_claim(self, store: Store, error: Any) -> None:
        runs = Runs()

        def ends(cell: Cell, **arguments: Any) -> Outcome:
            if cell.seed:
                raise error
            return runs(cell, **arguments)

        with pytest.raises(error if isinstance(error, type) else type(error)):
            run_study(study_of(), store, run_cell=ends)
        rest = Runs()
        assert len(run_study(study_of(), store, run_cell=rest)) == 4
        assert [seed for *_, seed in rest.cells] == [1, 1]

    @pytest.mark.parametrize("ignored", [False, True])
    def test_sigterm_ends_a_run_as_ctrl_c_does(self, store: Store, ignored: bool) -> None:
        before = signal.getsignal(signal.SIGINT)

        def ends(cell: Cell, **arguments: Any) -> Outcome:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(20)
            raise AssertionError("SIGTERM was to end this")

        if ignored:  # as in the background of a shell
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            with pytest.raises(KeyboardInterrupt):
                run_study(study_of(), store, run_cell=ends)
        finally:
            signal.signal(signal.SIGINT, before)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert len(run_study(study_of(), store, run_cell=Runs())) == 4

    def test_a_handler_of_sigterm_that_is_there_stays(self, store: Store) -> None:
        def own(number: int, frame: Any) -> None:
            raise AssertionError("nobody sends it")

        signal.signal(signal.SIGTERM, own)
        try:
            seen = []
            runs = Runs(fails=lambda cell: bool(seen.append(signal.getsignal(signal.SIGTERM))))
            run_study(study_of(problems=1, seeds=1), store, run_cell=runs)
            assert seen == [own]
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


PROCESS = """
    import json, os, sys, time
    import numpy as np
    from pathlib import Path
    from hqml.compare.outcome import Outcome, labels_of
    from hqml.compare.problems import qubo_problem
    from hqml.compare.runner import run_study
    from hqml.compare.store import Store
    from hqml.compare.study import Solver, Study

    folder, name, pause = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])

    def run(cell, **_):
        with open(folder / f"log {name}", "a") as log:
            print("begun", cell.key, time.monotonic(), file=log, flush=True)
            time.sleep(pause)
            print("ended", cell.key, time.monotonic(), file=log, flush=True)
        return Outcome(**labels_of(cell), status="done", process=name)

    problems = tuple(qubo_problem(np.diag([1.0, -2.0 - n]), name=f"problem {n}") for n in range(3))
    study = Study(problems, (Solver("cpu"),), tuple(range(8)), reads=5)
    (folder / f"here {name}").touch()
    while len(list(folder.glob("here *"))) < int(sys.argv[4]):
        time.sleep(0.005)
    print(len(run_study(study, Store(folder / "store"), run_cell=run)), flush=True)
"""


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a process that runs a study of 24 cells, once so many processes are there."""
    script = tmp_path / "process.py"
    script.write_text(dedent(PROCESS))
    all_: list[subprocess.Popen[str]] = []

    def start(name: str, *, pause: float = 0.01, of: int = 1) -> subprocess.Popen[str]:
        line = [sys.executable, str(script), str(tmp_path), name, str(pause), str(of)]
        all_.append(subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return all_[-1]

    yield start
    for one in all_:
        one.kill()
        one.communicate()


def intervals(folder: Path) -> dict[str, list[tuple[float, float]]]:
    """When each cell was run, by all processes."""
    found: dict[str, list[tuple[float, float]]] = {}
    for log in folder.glob("log *"):
        lines = [line.split() for line in log.read_text().splitlines()]
        begun = {(key, moment): None for what, key, moment in lines if what == "begun"}
        ends = {key: float(moment) for what, key, moment in lines if what == "ended"}
        for key, moment in begun:
            found.setdefault(key, []).append((float(moment), ends.get(key, float("inf"))))
    return found


class TestSeveralProcesses:
    def test_they_divide_the_cells_and_each_has_all_outcomes(
        self, tmp_path: Path, started: Callable[..., subprocess.Popen[str]]
    ) -> None:
        both = [started(name, of=2) for name in "ab"]
        for one in both:
            out, err = one.communicate(timeout=60)
            assert (out, err) == ("24\n", "")
        ran = intervals(tmp_path)
        assert len(ran) == 24
        assert all(len(times) == 1 for times in ran.values())
        assert all((tmp_path / f"log {name}").exists() for name in "ab")

    def test_the_cell_of_a_killed_process_is_taken_over_while_the_others_go_on(
        self, tmp_path: Path, started: Callable[..., subprocess.Popen[str]]
    ) -> None:
        victim = started("victim", pause=60, of=3)
        others = [started(name, pause=0.001, of=3) for name in "ab"]
        until(lambda: (tmp_path / "log victim").exists() and "begun" in (tmp_path / "log victim").read_text())
        until(lambda: len(list((tmp_path / "store" / "cells").glob("*.json"))) >= 23)
        time.sleep(0.2)
        assert [one.poll() for one in others] == [None, None]  # they wait for the last one
        victim.kill()
        victim.wait()
        for one in others:
            assert one.communicate(timeout=60) == ("24\n", "")
        again = [times for times in intervals(tmp_path).values() if len(times) > 1]
        assert [len(times) for times in again] == [2]  # the victim's cell, once more

    def test_a_killed_run_is_gone_on_with(self, tmp_path: Path, started: Callable[..., subprocess.Popen[str]]) -> None:
        first = started("first", pause=0.05)
        until(lambda: len(list((tmp_path / "store" / "cells").glob("*.json"))) >= 3)
        first.kill()
        first.wait()
        done = len(list((tmp_path / "store" / "cells").glob("*.json")))
        assert 3 <= done < 24
        assert started("second", pause=0).communicate(timeout=60) == ("24\n", "")
        assert (tmp_path / "log second").read_text().count("ended") == 24 - done

    def test_what_others_store_between_two_looks_is_not_run_again(self, tmp_path: Path) -> None:
        looked: set[str] = set()

        class Racing(Store):
            def load(self, cell: Cell) -> Outcome | None:
                found = super().load(cell)
                if cell.key not in looked:
                    looked.add(cell.key)
                    self.keep(Outcome(**labels_of(cell), status="done", process="another"))
                return found

        outcomes = run_study(study_of(), Racing(tmp_path / "store"), run_cell=refuse)
        assert [one.process for one in outcomes] == ["another"] * 4

    def test_who_does_not_wait_leaves_the_cells_of_others_open(self, store: Store) -> None:
        study = study_of()
        with store.claims() as others:
            others.take(study.cells()[1].key)
            outcomes = run_study(study, store, run_cell=Runs(), wait=False)
        assert [one.key for one in outcomes] == [cell.key for n, cell in enumerate(study.cells()) if n != 1]

    def test_the_outcome_of_another_process_is_awaited(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(open_cells, "_POLL", 0.01)
        study, told = study_of(), list[Progress]()
        cell = study.cells()[1]
        with store.claims() as others:
            taken = others.take(cell.key)
            assert taken is not None

            def finish() -> None:
                store.keep(Outcome(**labels_of(cell), status="failed", error="there"))
                others.give_back(taken)

            threading.Timer(0.1, finish).start()
            runs = Runs()
            outcomes = run_study(study, store, run_cell=runs, on_cell=told.append)
        assert outcomes[1].error == "there"  # settled in this run, though it failed
        assert len(runs.cells) == 3
        assert [(one.state, one.cell.key) for one in told][-1] == ("elsewhere", cell.key)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class TestTheBudgetOfTime:
    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """The seconds since the run began; each cell adds its own."""
        now = [0.0]
        monkeypatch.setattr(budget, "perf_counter", lambda: now[0])
        return now

    def passing(self, clock: list[float]) -> Runs:
        def pass_(cell: Cell) -> bool:
            clock[0] += SECONDS
            return False

        return Runs(fails=pass_)

    def test_no_cell_begins_when_it_is_used_up(self, store: Store, clock: list[float]) -> None:
        runs = self.passing(clock)
        outcomes = run_study(study_of(seeds=5), store, budget=Budget(15), run_cell=runs, estimate_cell=estimated())
        assert len(outcomes) == 2  # nobody knew how long the second would take
        rest = self.passing(clock)
        assert len(run_study(study_of(seeds=5), store, run_cell=rest)) == 10
        assert rest.cells == [(f"problem {n}", "cpu", seed) for seed in range(1, 5) for n in range(2)]

    def test_no_cell_begins_that_would_overrun_it(self, store: Store, clock: list[float]) -> None:
        runs = self.passing(clock)
        asked = estimated(seconds=SECONDS)
        assert len(run_study(study_of(), store, budget=Budget(35), run_cell=runs, estimate_cell=asked)) == 3

    def test_cells_that_are_done_tell_better_than_the_backend(self, store: Store, clock: list[float]) -> None:
        runs, asked = self.passing(clock), estimated(seconds=0.1)
        study = study_of(problems=1, seeds=5)
        assert len(run_study(study, store, budget=Budget(25), run_cell=runs, estimate_cell=asked)) == 2

    def test_a_shorter_cell_may_begin_where_a_longer_one_may_not(self, store: Store, clock: list[float]) -> None:
        study = study_of(solvers=(Solver("neal"), Solver("cpu")), problems=1)
        runs = self.passing(clock)
        outcomes = run_study(
            study,
            store,
            budget=Budget(15),
            run_cell=runs,
            estimate_cell=lambda cell: Usage(20.0 if cell.solver_label == "neal" else 1.0),
        )
        assert [one.solver for one in outcomes] == ["cpu"]

    def test_it_ends_the_waiting_as_well(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(open_cells, "_POLL", 0.01)
        study = study_of(problems=1, seeds=1)
        with store.claims() as others:
            others.take(study.cells()[0].key)
            assert run_study(study, store, budget=Budget(0.05), run_cell=refuse, estimate_cell=estimated()) == []

    @pytest.mark.parametrize("limits", [{"seconds": 0}, {"seconds": math.nan}, {"qpu_seconds": -1}, {"seconds": "1m"}])
    def test_a_budget_is_above_0(self, limits: dict[str, Any]) -> None:
        with pytest.raises(ParameterError, match=f"{next(iter(limits))} must be a finite number of seconds above 0"):
            Budget(**limits)

    def test_a_start_up_does_not_count_for_the_cells_to_come(self) -> None:
        cell = study_of(problems=1, seeds=1).cells()[0]
        took = Outcome(
            **labels_of(cell), status="done", timing={"total": 0.25, "startup": 2.0}, started=10.0, ended=15.0
        )
        estimates = Estimates(estimated(seconds=7.0))
        estimates.learn([took])
        assert estimates.seconds(cell) == 0.25
        estimates.learn([replace(took, timing={"total": 0.25}, ended=10.75)])
        assert estimates.seconds(cell) == 0.5

    def test_what_has_gone_by_is_taken_off_the_clock_alone(self) -> None:
        assert Budget(10, qpu_seconds=2).after(4) == Budget(6, qpu_seconds=2)
        assert Budget(10).after(40).seconds == pytest.approx(0.001)
        assert Budget().after(40) == Budget()


METERED = Solver(MeteredBackend(), name="metered")


class TestTheBudgetOfMeteredTime:
    def test_cells_run_as_long_as_it_suffices_and_are_tried_again_with_more(self, store: Store) -> None:
        study, asked = study_of(problems=1, solvers=(METERED,), seeds=5), estimated(qpu_seconds=1.0)
        runs = Runs(access=1.0)
        outcomes = run_study(study, store, budget=Budget(qpu_seconds=3.2), run_cell=runs, estimate_cell=asked)
        assert runs.granted == pytest.approx([MARGIN] * 3)
        assert [one.status for one in outcomes] == ["done"] * 3 + ["failed"] * 2
        assert outcomes[3].error == (
            "BudgetExceeded: it may take 1.1 s of metered time (the estimate and 10%), and of the study's 3.2 s there "
            "are 0.2 s left; nothing was submitted. Grant more, or ask for fewer reads"
        )
        kept = [store.load(cell) for cell in study.cells()]
        assert [one is None for one in kept] == [False] * 3 + [True] * 2  # what was refused is not final
        more = Runs(access=1.0)
        outcomes = run_study(study, store, budget=Budget(qpu_seconds=5.2), run_cell=more, estimate_cell=asked)
        assert len(more.cells) == 2
        assert {one.status for one in outcomes} == {"done"}

    def test_what_a_solver_granted_itself_counts_as_well(self, store: Store) -> None:
        one, two = (study_of(problems=1, solvers=(METERED,), seeds=seeds) for seeds in (1, 2))
        run_study(one, store, run_cell=Runs(access=1.0))
        asked, limit = estimated(qpu_seconds=1.0), Budget(qpu_seconds=2.0)
        outcomes = run_study(two, store, budget=limit, run_cell=refuse, estimate_cell=asked)
        assert [one.status for one in outcomes] == ["done", "failed"]

    def test_what_failed_has_cost_as_well(self, store: Store) -> None:
        study, asked = study_of(problems=1, solvers=(METERED,), seeds=1), estimated(qpu_seconds=1.0)
        limit = Budget(qpu_seconds=2.5)
        for status in ("failed", "failed", "refused"):
            runs = Runs(fails=lambda cell: True, access=1.0)
            [outcome] = run_study(study, store, budget=limit, run_cell=runs, estimate_cell=asked)
            assert ("BudgetExceeded" in outcome.error) == (status == "refused")

    def test_what_others_have_reserved_is_awaited(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(open_cells, "_POLL", 0.01)
        study, asked = study_of(problems=1, solvers=(METERED,), seeds=2), estimated(qpu_seconds=1.0)
        limit = Budget(qpu_seconds=2.0)
        with store.claims() as others:
            taken = others.take("another cell", qpu=1.5)
            assert taken is not None
            assert run_study(study, store, budget=limit, run_cell=refuse, estimate_cell=asked, wait=False) == []
            threading.Timer(0.1, others.give_back, (taken, 0.5)).start()
            outcomes = run_study(study, store, budget=limit, run_cell=Runs(access=1.0), estimate_cell=asked)
        assert [one.status for one in outcomes] == ["done", "failed"]
        claimed = {path.name for path in (store.path / "claims").glob("[!.]*")}
        assert claimed == {"another cell.0", f"{outcomes[0].key}.0"}  # waiting claims nothing

    def test_stand_ins_and_others_need_none_and_use_none(self, store: Store) -> None:
        study = study_of(problems=1, seeds=3)
        runs = Runs(access=100.0)  # modelled
        outcomes = run_study(
            study, store, budget=Budget(qpu_seconds=0.1), run_cell=runs, estimate_cell=estimated(qpu_seconds=9.0)
        )
        assert [one.status for one in outcomes] == ["done"] * 3
        assert runs.granted == [None] * 3

    def test_the_estimate_of_a_cell_that_is_paid_already_is_not_that_of_the_others(self, store: Store) -> None:
        study = study_of(problems=1, solvers=(METERED,), seeds=3)
        runs = Runs(access=1.0)

        def asked(cell: Cell) -> Usage:
            return Usage(1.0, 0.0 if cell.seed == 0 else 1.0)

        run_study(study, store, budget=Budget(qpu_seconds=10.0), run_cell=runs, estimate_cell=asked)
        assert 0 < runs.granted[0] < 1e-3  # type: ignore[operator]
        assert runs.granted[1:] == pytest.approx([MARGIN] * 2)

    def test_a_metered_backend_is_asked_once_and_never_charges_more(self, store: Store) -> None:
        backend = MeteredBackend(seconds_per_read=1e-3)
        study = study_of(problems=1, solvers=(Solver(backend, name="qpu"), Solver("cpu")), seeds=6)
        price = backend.estimate([random_model(2, seed=0)], reads=5).qpu_seconds
        outcomes = run_study(study, store, budget=Budget(qpu_seconds=3.5 * price))
        done = [one.solver for one in outcomes if one.status == "done"]
        assert (done.count("qpu"), done.count("cpu")) == (3, 6)
        assert backend.spent == pytest.approx(3 * price)

    def test_without_a_budget_metered_hardware_does_not_run(self, store: Store) -> None:
        backend = MeteredBackend()
        [outcome] = run_study(study_of(problems=1, solvers=(Solver(backend),), seeds=1), store)
        assert "is metered; grant it time" in outcome.error
        assert backend.calls == []


class TestThePlan:
    def test_it_adds_up_what_is_missing(self, store: Store) -> None:
        solvers = (Solver("cpu"), METERED)
        run_study(study_of(solvers=solvers, seeds=1), store, run_cell=Runs())
        asked: list[tuple[str, str]] = []

        def estimate(cell: Cell) -> Usage:
            asked.append((cell.problem.name, cell.solver_label))
            return Usage(math.nan, 0.5)

        found = plan(study_of(problems=3, solvers=solvers, seeds=4), store, estimate_cell=estimate)
        assert (found.total, found.cells) == (24, 20)
        assert found.seconds == 4 * 3 * SECONDS  # of what was done; the new problem's time nobody knows
        assert found.unknown == 2 * 4
        assert found.qpu_seconds == pytest.approx((3 + 3 + 4) * 0.5)
        assert [(row.problem, row.solver, row.cells) for row in found.rows] == [
            *((f"problem {n}", solver, 3) for n in range(2) for solver in ("cpu", "metered")),
            *(("problem 2", solver, 4) for solver in ("cpu", "metered")),
        ]
        assert len(asked) == len(set(asked))

    def test_it_tells_why_a_backend_cannot_be_asked_without_its_token(self, store: Store) -> None:
        def estimate(cell: Cell) -> Usage:
            raise hqml.errors.BackendUnavailable("no access\nwith DEV-0123456789")

        study = study_of(problems=1, solvers=(Solver("cpu", {"token": "DEV-0123456789"}),))
        [row] = plan(study, store, estimate_cell=estimate).rows
        assert row.error == "BackendUnavailable: no access with (hidden)"
        assert math.isnan(row.seconds)

    def test_nothing_is_left_of_a_study_that_is_done(self, store: Store) -> None:
        run_study(study_of(), store, run_cell=Runs(fails=lambda cell: cell.seed == 0))
        assert plan(study_of(), store, retry_failed=False).rows == ()
        assert plan(study_of(), store).cells == 2

    def test_real_backends_are_asked_and_nothing_is_submitted(self, store: Store) -> None:
        backend = MeteredBackend()
        study = study_of(problems=1, solvers=(Solver("cpu"), Solver(backend), Solver("qpu-lost")), seeds=1)
        cpu, metered, lost = plan(study, store).rows
        assert cpu.seconds > 0
        assert metered.qpu_seconds == backend.estimate([random_model(2, seed=0)], reads=5).qpu_seconds
        assert "UnknownBackend: no backend is called 'qpu-lost'" in lost.error
        assert backend.calls == []
