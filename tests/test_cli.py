"""The `hqml` command as a user types it: what it prints, what it writes, how it ends."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hqml
from hqml.cli import main, show

SQUARE = "4 4\n1 2 1\n2 3 1\n3 4 1\n1 4 1\n"


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Outcome]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run one command line in this process."""

    def run(*arguments: str | Path) -> Outcome:
        capsys.readouterr()
        status = main([str(one) for one in arguments])
        out, err = capsys.readouterr()
        return Outcome(status, out, err)

    return run


def process_that_tells_progress(arguments: Sequence[str]) -> subprocess.Popen[str]:
    """A command in a process of its own that says `begun` on stderr each time its backend reports progress."""
    script = (
        "import sys; from hqml.cli import main; from hqml.progress import reporting\n"
        "with reporting(lambda share: print('begun', file=sys.stderr, flush=True)): sys.exit(main(sys.argv[1:]))"
    )
    line = [sys.executable, "-c", script, *arguments]
    return subprocess.Popen(line, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.fixture
def square(tmp_path: Path) -> Path:
    path = tmp_path / "square.mc"
    path.write_text(SQUARE)
    return path


@pytest.fixture
def moons(tmp_path: Path) -> Path:
    """A header, two features, a class of text."""
    from sklearn.datasets import make_moons

    X, y = make_moons(60, noise=0.1, random_state=0)
    path = tmp_path / "moons.csv"
    rows = [f"{a},{b},{'upper' if one == 0 else 'lower'}" for (a, b), one in zip(X.tolist(), y, strict=True)]
    path.write_text("\n".join(["u,v,moon", *rows]) + "\n")
    return path


class TestHelp:
    def test_version_is_that_of_the_package(self, command: Command) -> None:
        outcome = command("--version")
        assert (outcome.status, outcome.out, outcome.err) == (0, f"hqml {hqml.__version__}\n", "")

    def test_nothing_at_all_shows_the_commands(self, command: Command) -> None:
        outcome = command()
        assert outcome.status == 0
        for name in ("backends", "solve", "fit", "predict"):
            assert f"\n  {name} " in outcome.out

    @pytest.mark.parametrize("name", ["job", "site", "node", "kernel", "container", "model"])
    def test_a_group_of_commands_alone_shows_what_it_has(self, command: Command, name: str) -> None:
        outcome = command(name)
        assert (outcome.status, outcome.err) == (0, "")
        assert outcome.out == command(name, "--help").out

    @pytest.mark.parametrize("name", ["backends", "solve", "fit", "predict"])
    def test_every_command_has_help_with_an_example(self, command: Command, name: str) -> None:
        outcome = command(name, "--help")
        assert (outcome.status, outcome.err) == (0, "")
        assert f"\n    hqml {name} " in outcome.out

    def test_the_script_hqml_is_this_command(self) -> None:
        from importlib.metadata import entry_points

        [script] = [point for point in entry_points(group="console_scripts") if point.name == "hqml"]
        assert script.load() is main


class TestBackends:
    def test_json_is_a_list_with_the_fixed_names(self, command: Command) -> None:
        outcome = command("backends", "--json")
        assert outcome.status == 0
        assert outcome.out.count("\n") == 1
        for one in outcome.json:
            assert set(one) == {"name", "available", "reason", "kind", "max_variables", "metered"}
        cpu = next(one for one in outcome.json if one["name"] == "cpu")
        assert (cpu["available"], cpu["kind"], cpu["metered"]) == (True, "cpu", False)

    def test_a_table_names_each_and_why_one_is_missing(self, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        from hqml import registry

        broken = registry.BackendInfo("gpu", available=False, reason="needs torch; run: pip install 'hqml[torch]'")
        monkeypatch.setattr(registry, "available_backends", lambda: [broken])
        outcome = command("backends")
        assert "gpu" in outcome.out
        assert "pip install 'hqml[torch]'" in outcome.out

    def test_a_reason_is_told_once_with_the_names_it_is_about(
        self, command: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from hqml import registry

        reasons = {"gpu": "backend 'gpu' needs 'torch'", "hybrid": "no token", "qpu": "no token"}
        missing = [registry.BackendInfo(name, available=False, reason=reason) for name, reason in reasons.items()]
        monkeypatch.setattr(registry, "available_backends", lambda: missing)
        assert command("backends").out.splitlines()[-2:] == ["backend 'gpu' needs 'torch'", "hybrid, qpu: no token"]


class TestSolve:
    def test_json_of_a_graph_has_the_fixed_names(self, command: Command, square: Path) -> None:
        outcome = command("solve", square, "--backend", "cpu", "--reads", "20", "--seed", "3", "--json")
        assert (outcome.status, outcome.err) == (0, "")
        found = outcome.json
        assert set(found) == {"backend", "variables", "reads", "energy", "cut", "seed", "timing"}
        assert (found["backend"], found["variables"], found["reads"], found["seed"]) == ("cpu", 4, 20, 3)
        assert (found["cut"], found["energy"]) == (4, -4)
        timing = found["timing"]
        assert set(timing) == {"build", "solve", "total"}
        assert timing["total"] == pytest.approx(timing["build"] + timing["solve"])

    def test_a_gap_is_told_only_where_there_is_a_bound(self, command: Command, square: Path) -> None:
        assert "gap" not in command("solve", square, "--backend", "neal", "--seed", "0", "--json").json
        bounded = command("solve", square, "--backend", "neal", "--seed", "0", "--bound", "5", "--json").json
        assert bounded["gap"] == pytest.approx(1 / 5)
        assert command("solve", square, "--backend", "exact", "--json").json["gap"] == 0

    def test_a_qubo_has_no_cut(self, command: Command, tmp_path: Path) -> None:
        (tmp_path / "m.qubo").write_text("2 3\n1 1 -1\n1 2 1\n2 2 -1\n")
        found = command("solve", tmp_path / "m.qubo", "--backend", "exact", "--json").json
        assert found["energy"] == -1, "x'Qx of a single variable; both together cost -1 - 1 + 2 * 1 = 0"
        assert "cut" not in found

    def test_a_table_for_people_shows_the_same(self, command: Command, square: Path) -> None:
        outcome = command("solve", square, "--seed", "0", "--reads", "5")
        assert outcome.status == 0
        assert [line.split() for line in outcome.out.splitlines() if line.startswith(("energy", "cut"))] == [
            ["energy", "-4"],
            ["cut", "4"],
        ]

    def test_options_reach_the_backend(self, command: Command, square: Path) -> None:
        run = ("solve", square, "--backend", "neal", "--reads", "3", "--seed", "0", "--json")
        assert command(*run, "--num-sweeps", "7", "--option", "beta_range=[0.1, 2]").status == 0
        assert command(*run, "--option", "colour=red").err == (
            "hqml: backend 'neal' takes no option colour; it takes: beta_range, beta_schedule_type, num_sweeps\n"
        )

    def test_the_same_seed_gives_the_same_samples(self, command: Command, square: Path, tmp_path: Path) -> None:
        for name in ("a.csv", "b.csv"):
            command("solve", square, "--seed", "5", "--reads", "9", "--out", tmp_path / name)
        assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()

    def test_without_a_seed_the_one_drawn_is_told(self, command: Command, square: Path) -> None:
        drawn = command("solve", square, "--json").json["seed"]
        assert isinstance(drawn, int)
        assert drawn >= 0


class TestSamplesFile:
    def samples(self, command: Command, square: Path, out: Path) -> Outcome:
        outcome = command("solve", square, "--reads", "6", "--seed", "0", "--json", "--out", out)
        assert (outcome.status, outcome.err) == (0, "")
        assert outcome.json["out"] == str(out)
        return outcome

    def check(self, states: Any, energies: Any, cuts: Any) -> None:
        states = np.asarray(states)
        assert states.shape == (6, 4)
        sides = states[:, [0, 1, 2, 3]] != states[:, [1, 2, 3, 0]]
        assert list(cuts) == sides.sum(axis=1).tolist(), "edges of the square with ends on two sides"
        assert list(energies) == [-cut for cut in cuts]
        assert sorted(energies) == list(energies)

    def test_npz(self, command: Command, square: Path, tmp_path: Path) -> None:
        self.samples(command, square, tmp_path / "s.npz")
        with np.load(tmp_path / "s.npz") as file:
            assert file["labels"].tolist() == [0, 1, 2, 3]
            assert file["states"].dtype == np.int8
            self.check(file["states"], file["energies"], file["cuts"])

    def test_csv(self, command: Command, square: Path, tmp_path: Path) -> None:
        self.samples(command, square, tmp_path / "s.csv")
        with (tmp_path / "s.csv").open(newline="") as file:
            header, *rows = csv.reader(file)
        assert header == ["energy", "cut", "0", "1", "2", "3"]
        numbers = np.array(rows, dtype=float)
        self.check(numbers[:, 2:], numbers[:, 0], numbers[:, 1])

    def test_json(self, command: Command, square: Path, tmp_path: Path) -> None:
        printed = self.samples(command, square, tmp_path / "s.json").json
        found = json.loads((tmp_path / "s.json").read_text())
        assert found["energy"] == printed["energy"]
        self.check(found["states"], found["energies"], found["cuts"])

    def test_a_failed_run_leaves_the_old_file_alone(self, command: Command, square: Path, tmp_path: Path) -> None:
        out = tmp_path / "s.csv"
        out.write_text("precious")
        assert command("solve", square, "--backend", "nowhere", "--out", out).status == 2
        assert out.read_text() == "precious"
        assert sorted(os.listdir(tmp_path)) == ["s.csv", "square.mc"]

    def test_a_place_that_cannot_be_written_is_told_before_the_work(
        self, command: Command, square: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def never(*_: Any, **__: Any) -> None:
            pytest.fail("the work had begun")

        monkeypatch.setattr("hqml.dispatch.sample", never)
        for out in (tmp_path / "no" / "s.csv", tmp_path, tmp_path / "s.xyz"):
            assert command("solve", square, "--out", out).status == 2


class TestBenchmarks:
    """Values proven optimal, from the tables in shared/data/qubo/README.md."""

    @pytest.mark.parametrize(
        ("name", "best"), [("gka1a", -3414), ("bqp100-1", -7970), ("be100_1", -19412), ("bqp250-1", -45607)]
    )
    def test_the_cpu_backend_finds_the_optimum(
        self, command: Command, shared_data: Path, name: str, best: float
    ) -> None:
        file = shared_data / "qubo" / f"{name}.qubo.gz"
        found = command("solve", file, "--backend", "cpu", "--reads", "200", "--seed", "0", "--json").json
        assert found["energy"] == best

    def test_g1_is_cut_well_within_five_seconds(self, command: Command, shared_data: Path) -> None:
        found = command("solve", shared_data / "qubo" / "G1.mc.gz", "--time-limit", "5", "--seed", "0", "--json").json
        assert 11600 <= found["cut"] <= 11624
        assert found["energy"] == -found["cut"]


SATURATED = pytest.mark.filterwarnings("default::sklearn.exceptions.ConvergenceWarning")  # a warning is no failure here


@SATURATED
class TestFitAndPredict:
    def test_json_of_fit_has_the_fixed_names(self, command: Command, moons: Path, tmp_path: Path) -> None:
        outcome = command("fit", moons, "--label", "moon", "--seed", "0", "--out", tmp_path / "m.skops", "--json")
        assert outcome.status == 0
        found = outcome.json
        assert {"estimator", "backend", "samples", "features", "energy", "train", "timing"} <= set(found)
        assert (found["estimator"], found["backend"], found["samples"], found["features"]) == ("svc", "cpu", 60, 2)
        assert set(found["train"]) == {"accuracy", "balanced_accuracy", "auroc"}
        assert found["energy"] < 0
        assert found["classes"] == ["lower", "upper"]

    def test_predict_scores_as_fit_did_on_the_same_rows(self, command: Command, moons: Path, tmp_path: Path) -> None:
        model = tmp_path / "m.skops"
        fitted = command("fit", moons, "--label", "moon", "--seed", "0", "--out", model, "--json").json
        outcome = command("predict", model, moons, "--label", "moon", "--json")
        assert (outcome.status, outcome.err) == (0, "")
        assert {name: outcome.json[name] for name in fitted["train"]} == fitted["train"]
        assert outcome.json["accuracy"] > 0.8

    def test_predictions_are_written_row_by_row(self, command: Command, moons: Path, tmp_path: Path) -> None:
        model, out = tmp_path / "m.skops", tmp_path / "p.csv"
        command("fit", moons, "--label", "moon", "--seed", "0", "--out", model)
        assert command("predict", model, moons, "--out", out).status == 0
        header, *rows = [line.split(",") for line in out.read_text().splitlines()]
        assert header == ["prediction", "decision_upper"]
        assert all((one == "upper") == (float(decision) > 0) for one, decision in rows)
        listed = command("predict", model, moons, "--json").json
        assert listed["predictions"] == [one for one, _ in rows]

    def test_columns_are_found_by_name(self, command: Command, moons: Path, tmp_path: Path) -> None:
        model = tmp_path / "m.skops"
        command("fit", moons, "--label", "moon", "--seed", "0", "--out", model)
        swapped = tmp_path / "swapped.csv"
        rows = [line.split(",") for line in moons.read_text().splitlines()]
        swapped.write_text("\n".join(f"{moon},x,{v},{u}" for u, v, moon in rows).replace("x", "extra", 1) + "\n")
        before = command("predict", model, moons, "--json").json["predictions"]
        assert command("predict", model, swapped, "--json").json["predictions"] == before

    def test_more_than_two_classes_have_no_auroc(self, command: Command, tmp_path: Path) -> None:
        from sklearn.datasets import load_iris

        X, y = load_iris(return_X_y=True)
        np.savez(tmp_path / "iris.npz", X=X, y=y)
        fitted = command("fit", tmp_path / "iris.npz", "--out", tmp_path / "m", "--seed", "0", "--json").json
        assert set(fitted["train"]) == {"accuracy", "balanced_accuracy"}
        assert fitted["train"]["accuracy"] > 0.9
        command("predict", tmp_path / "m", tmp_path / "iris.npz", "--out", tmp_path / "p.csv")
        assert (tmp_path / "p.csv").read_text().startswith("prediction,decision_0,decision_1,decision_2\n")

    def test_every_parameter_reaches_the_estimator(self, command: Command, moons: Path, tmp_path: Path) -> None:
        from hqml.model_file import load_model

        words = (
            "--estimator svc-ensemble --backend neal --reads 4 --num-sweeps 10 --kernel poly --gamma 0.5 --degree 2 "
            "--coef0 1 --C 4 --n-bits 3 --base 3 --xi 0.5 --n-solutions 5 --aggregate best --bias zero "
            "--class-weight upper=2 --class-weight lower=1 --slice-size 20 --n-slices 4 --sampling balanced "
            "--combine vote --seed 7 --no-scale --time-limit 20"
        )
        outcome = command("fit", moons, "--label", "moon", "--out", tmp_path / "m", *words.split())
        assert outcome.status == 0, outcome.err
        [(_, ensemble)] = load_model(tmp_path / "m").estimator.steps
        slices = {"slice_size": 20, "n_slices": 4, "sampling": "balanced", "combine": "vote", "random_state": 7}
        assert {name: getattr(ensemble, name) for name in slices} == slices
        expected = {"kernel": "poly", "gamma": 0.5, "degree": 2, "coef0": 1, "C": 4, "n_bits": 3, "base": 3, "xi": 0.5}
        expected |= {"n_solutions": 5, "aggregate": "best", "bias": "zero", "reads": 4, "time_limit": 20}
        expected |= {"class_weight": {"upper": 2, "lower": 1}, "backend": "neal"}
        assert {name: getattr(ensemble.estimator, name) for name in expected} == expected

    def test_an_option_of_the_ensemble_is_not_ignored_silently(
        self, command: Command, moons: Path, tmp_path: Path
    ) -> None:
        outcome = command("fit", moons, "--label", "moon", "--out", tmp_path / "m", "--slice-size", "20")
        assert outcome.status == 2
        assert "--slice-size belongs to svc-ensemble" in outcome.err

    def test_warnings_are_one_line_each(self, command: Command, moons: Path, tmp_path: Path) -> None:
        # A price this low for every multiplier drives all of them to their limit.
        run = ("fit", moons, "--label", "moon", "--out", tmp_path / "m", "--seed", "0", "--C", "0.001")
        outcome = command(*run)
        assert outcome.status == 0
        lines = outcome.err.splitlines()
        assert lines
        assert all(line.startswith("hqml: warning: ") for line in lines)


@SATURATED
class TestPublishedSets:
    """As a user types it. The floors are the slice and full baselines of reference/svm.md, less .03 for chance."""

    @pytest.mark.parametrize(("name", "floor"), [("sonar.csv", 0.95), ("ionosphere.csv", 0.94)])
    def test_csv_with_a_header(
        self, command: Command, shared_data: Path, tmp_path: Path, name: str, floor: float
    ) -> None:
        data = shared_data / "ml" / name
        assert command("fit", data, "--label", "class", "--out", tmp_path / "m.skops", "--seed", "0").status == 0
        found = command("predict", tmp_path / "m.skops", data, "--label", "class", "--json").json
        assert found["auroc"] >= floor

    def test_landsat_without_a_header(self, command: Command, shared_data: Path, tmp_path: Path) -> None:
        train, test = shared_data / "ml" / "sat.trn", shared_data / "ml" / "sat.tst"
        words = [
            "--label",
            "-1",
            "--classes",
            "4,7",
            "--estimator",
            "svc-ensemble",
            "--slice-size",
            "40",
            "--gamma",
            "0.1",
            "--seed",
            "0",
        ]
        fitted = command("fit", train, *words, "--out", tmp_path / "m.skops", "--json")
        assert fitted.json["samples"] == 415 + 1038
        found = command("predict", tmp_path / "m.skops", test, "--label", "37", "--classes", "4,7", "--json").json
        assert found["samples"] == 211 + 470
        assert found["auroc"] >= 0.915 - 0.03
        assert command("predict", tmp_path / "m.skops", test).status == 0, "the label column is simply not looked at"

    def test_libsvm_text(self, command: Command, shared_data: Path, tmp_path: Path) -> None:
        train, test = shared_data / "ml" / "svmguide1", shared_data / "ml" / "svmguide1.t"
        words = ["--estimator", "svc-ensemble", "--slice-size", "100", "--seed", "0"]
        assert command("fit", train, *words, "--out", tmp_path / "m.skops").status == 0
        found = command("predict", tmp_path / "m.skops", test, "--label", "label", "--json").json
        assert found["auroc"] >= 0.99


class TestHowItEnds:
    def test_a_failure_nobody_expected_is_one_line_and_status_1(
        self, command: Command, square: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: Any, **__: Any) -> None:
            raise ZeroDivisionError("by chance\nand more")

        monkeypatch.setattr("hqml.dispatch.sample", fail)
        outcome = command("solve", square)
        expected = "hqml: ZeroDivisionError: by chance and more (run `hqml --debug ...` to see where)\n"
        assert (outcome.status, outcome.err) == (1, expected)
        debugged = command("--debug", "solve", square)
        assert debugged.status == 1
        assert "Traceback" in debugged.err

    def test_a_backend_that_fails_at_work_is_status_1(
        self, command: Command, square: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: Any, **__: Any) -> None:
            raise hqml.errors.BackendError("the device went away; try again")

        monkeypatch.setattr("hqml.dispatch.sample", fail)
        outcome = command("solve", square)
        assert (outcome.status, outcome.err) == (1, "hqml: the device went away; try again\n")

    def test_ctrl_c_outside_of_a_search_is_one_line_and_status_130(
        self, command: Command, square: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def press(*_: Any, **__: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("hqml.io.read", press)
        outcome = command("solve", square)
        assert (outcome.status, outcome.err) == (130, "hqml: interrupted; nothing was written\n")

    def test_no_bar_where_stderr_is_no_terminal(self, command: Command, square: Path) -> None:
        assert command("solve", square).err == ""

    def test_a_bar_counts_things_and_shows_names_as_they_are(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name, value in {"TERM": "xterm", "TTY_COMPATIBLE": "1", "NO_COLOR": "1", "COLUMNS": "80"}.items():
            monkeypatch.setenv(name, value)
        with show.live_bar("cells", 3, done=1, counted=True) as tell:
            tell(2, "[red]apple")
        assert re.search(r"\[red\]apple .* 2/3 0:00:0", capsys.readouterr().err)

    def test_solve_does_not_load_scikit_learn(self, square: Path) -> None:
        script = (
            "import sys; from hqml.cli import main; status = main(sys.argv[1:]);"
            "sys.exit(status or any(name.split('.')[0] in ('sklearn', 'pandas') for name in sys.modules))"
        )
        line = [sys.executable, "-c", script, "solve", str(square), "--backend", "neal", "--reads", "2"]
        assert subprocess.run(line, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(os.name != "posix", reason="signals and terminals as POSIX has them")
class TestInterrupts:
    @pytest.mark.parametrize("what", ["solve", "fit"])
    def test_ctrl_c_in_a_search_reports_the_best_so_far(self, what: str, tmp_path: Path, moons: Path) -> None:
        endless = ["--reads", "64", "--num-sweeps", "100000000", "--seed", "0", "--json"]
        solve = ["solve", str(large_model(tmp_path)), *endless]
        fit = ["fit", str(moons), "--label", "moon", "--out", str(tmp_path / "m.skops"), *endless]
        with process_that_tells_progress(solve if what == "solve" else fit) as run:
            assert run.stderr is not None
            assert run.stderr.readline() == "begun\n"
            run.send_signal(signal.SIGINT)
            out, err = run.communicate(timeout=60)
        assert run.returncode == 0, err
        assert [line for line in err.splitlines() if "warning" not in line and line != "begun"] == [
            "hqml: interrupted: this is the best found so far"
            if what == "solve"
            else "hqml: interrupted: the model is made of the best found so far"
        ]
        assert json.loads(out)["energy"] < 0

    def test_head_closes_the_pipe_and_nothing_is_said(self, tmp_path: Path, square: Path) -> None:
        read_end, write_end = os.pipe()
        os.close(read_end)
        line = [sys.executable, "-m", "hqml.cli", "backends", "--json"]
        run = subprocess.run(line, stdout=write_end, stderr=subprocess.PIPE, text=True, check=False)
        os.close(write_end)
        assert (run.returncode, run.stderr) == (0, "")

    def test_a_terminal_shows_a_bar_on_stderr(self, tmp_path: Path) -> None:
        file = large_model(tmp_path)
        ours, theirs = pty.openpty()
        line = [sys.executable, "-m", "hqml.cli", "solve", str(file), "--time-limit", "1.5", "--json"]
        run = subprocess.run(
            line, stdout=subprocess.PIPE, stderr=theirs, text=True, check=False, env={**os.environ, "TERM": "xterm"}
        )
        os.close(theirs)
        shown = os.read(ours, 65536).decode()
        os.close(ours)
        assert run.returncode == 0
        assert json.loads(run.stdout)["variables"] == 400
        assert "cpu: 400 variables" in shown
        assert "%" in shown

    @pytest.mark.parametrize(("launcher", "styled"), [({}, True), ({"OMPI_COMM_WORLD_RANK": "0"}, False)])
    def test_the_terminal_that_mpiexec_makes_gets_plain_tables(
        self, monkeypatch: pytest.MonkeyPatch, launcher: dict[str, str], styled: bool
    ) -> None:
        for name, value in {"TERM": "xterm", "COLUMNS": "80", **launcher}.items():
            monkeypatch.setenv(name, value)
        ours, theirs = pty.openpty()
        with os.fdopen(theirs, "w") as terminal:
            monkeypatch.setattr(sys, "stdout", terminal)
            show.as_pairs("train.csv", {"classes": "a" * 100})
        shown = os.read(ours, 65536).decode()
        os.close(ours)
        assert ("\x1b" in shown) is styled
        assert ("a" * 100 in shown) is not styled


def large_model(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    path = folder / "large.npy"
    np.save(path, rng.normal(size=(400, 400)))
    return path
