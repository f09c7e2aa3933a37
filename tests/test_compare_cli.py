"""`hqml compare` as a user types it: what it prints, what it writes, how it ends and goes on."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sklearn.datasets import make_moons

from hqml.cli import main
from hqml.cli.compare import command as compare
from hqml.cli.ranks import rank_of
from hqml.compare import Comparison

SQUARE = "4 4\n1 2 1\n2 3 1\n3 4 1\n1 4 1\n"


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Ended]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run `hqml compare` in this process, in a folder of its own with a graph, a table and a study."""
    monkeypatch.chdir(tmp_path)
    Path("square.mc").write_text(SQUARE)
    X, y = make_moons(40, noise=0.1, random_state=0)
    rows = [f"{a},{b},{'upper' if one == 0 else 'lower'}" for (a, b), one in zip(X.tolist(), y, strict=True)]
    Path("moons.csv").write_text("\n".join(["u,v,moon", *rows]) + "\n")
    Path("s.yaml").write_text("{problems: [{file: square.mc}], solvers: [exact], seeds: 2, name: A square}")

    def run(*arguments: str | Path) -> Ended:
        capsys.readouterr()
        status = main(["compare", *map(str, arguments)])
        out, err = capsys.readouterr()
        return Ended(status, out, err)

    return run


def answered(command: Command, *arguments: str | Path) -> Any:
    """The JSON of a command that ends well."""
    ended = command(*arguments, "--json")
    assert ended.status == 0, ended.err
    return ended.json


class TestWhatIsCompared:
    def test_json_is_a_row_a_backend_and_seed(self, command: Command) -> None:
        rows = answered(command, "square.mc", "--backends", "exact,cpu", "--seeds", "2", "--reads", "5")
        assert [(row["solver"], row["seed"], row["value"]) for row in rows] == [
            (solver, seed, 4) for solver in ("exact", "cpu") for seed in (0, 1)
        ]
        assert {row["problem"] for row in rows} == {"square"}

    def test_solvers_have_options_reads_and_names(self, command: Command) -> None:
        words = ("--solver", "cpu num_sweeps=7 reads=3 name='cpu, quick'", "--solver", "neal beta-range=(0.1,2)")
        first, second = answered(command, "square.mc", *words, "--seeds", "5,", "--reads", "4", "--target", "75%")
        assert (first["solver"], first["backend"], first["reads"], first["seed"]) == ("cpu, quick", "cpu", 3, 5)
        assert json.loads(first["options"]) == {"num_sweeps": 7}
        assert (second["solver"], second["reads"]) == ("neal beta_range=[0.1, 2]", 4)
        assert first["target"] == -3

    def test_data_with_a_grid_beside_a_model(self, command: Command) -> None:
        words = ("--label", "moon", "--estimator", "svc-ensemble", "--grid", "slice-size=10,20", "--gamma", "0.5")
        rows = answered(command, "square.mc", "moons.csv", *words, "--seeds", "1", "--reads", "5")
        assert [(row["problem"], row["solver"]) for row in rows] == [
            ("square", "cpu"),
            ("moons, slice_size=10", "cpu"),
            ("moons, slice_size=10", "SVC (tuned)"),
            ("moons, slice_size=20", "cpu"),
            ("moons, slice_size=20", "SVC (tuned)"),
        ]
        assert rows[1]["accuracy"] > 0.6
        assert rows[1]["test_rows"] == 14

    def test_rows_to_be_scored_on(self, command: Command) -> None:
        lines = Path("moons.csv").read_text().splitlines()
        Path("test.csv").write_text("\n".join([lines[0], *lines[-9:]]) + "\n")
        rows = answered(command, "moons.csv", "--label", "moon", "--test", "test.csv", "--seeds", "1", "--reads", "5")
        assert {(row["train_rows"], row["test_rows"]) for row in rows} == {(40, 9)}

    def test_a_study(self, command: Command) -> None:
        pytest.importorskip("yaml", reason="pyyaml is missing: pip install 'hqml[compare]'")
        rows = answered(command, "s.yaml")
        assert [(row["solver"], row["seed"]) for row in rows] == [("exact", 0), ("exact", 1)]


class TestWhatBecomesOfIt:
    def test_a_table_and_words_for_people(self, command: Command) -> None:
        ended = command("square.mc", "--backends", "exact,neal", "--seeds", "2", "--reads", "5")
        assert ended.status == 0
        assert re.search(r"^ square +exact +2 +4 +1 ", ended.out, re.MULTILINE)
        assert "4 cells done, 0 failed: 2 solvers, 1 problem, 2 seeds." in ended.out
        assert "hqml: 4 of 4 cells to run" in ended.err
        assert ended.err.splitlines()[-1].endswith("kept in square.compare")

    def test_files_and_the_command_that_repeats_them(self, command: Command) -> None:
        for library in ("pandas", "matplotlib", "jinja2"):
            pytest.importorskip(library, reason=f"{library} is missing: pip install 'hqml[compare]'")
        words = ("square.mc", "--solver", "exact", "--seeds", "2", "--report", "o.html", "--out", "t.csv")
        assert command(*words).status == 0
        assert Path("square.compare").is_dir()
        page = Path("o.html").read_text()
        assert "hqml compare square.mc --solver exact --seeds 2 --report o.html --out t.csv" in page
        assert [row["value"] for row in csv.DictReader(Path("t.csv").read_text().splitlines())] == ["4.0", "4.0"]
        loaded = Comparison.load("t.json")
        assert loaded.description["command"].startswith("hqml compare square.mc")
        # Again: from the store alone.
        Path("o.html").unlink()
        ended = command(*words)
        assert ended.err == "hqml: all 2 cells are there, kept in square.compare\n"
        assert Comparison.load("t.json").outcomes == loaded.outcomes
        assert len(Path("o.html").read_text()) == len(page)

    def test_no_token_is_written_anywhere(self, command: Command) -> None:
        words = ("--solver", "cpu token=SECRET-9281", "--solver", "exact", "--seeds", "1", "--out", "t.json")
        ended = command("square.mc", *words)
        assert ended.status == 0
        written = [path.read_text() for path in Path().rglob("*") if path.is_file()]
        assert not any("SECRET-9281" in text for text in (*written, ended.out, ended.err))
        assert "token=(hidden)" in Comparison.load("t.json").description["command"]

    def test_an_estimate_runs_nothing(self, command: Command) -> None:
        words = ("square.mc", "--backends", "cpu,qpu-offline", "--seeds", "3", "--estimate", "--store", "here")
        ended = command(*words)
        assert ended.status == 0
        assert "6 of 6 cells to run" in ended.out
        rows = answered(command, *words)
        assert [(row["solver"], row["cells"]) for row in rows] == [("cpu", 3), ("qpu-offline", 3)]
        assert all(row["seconds"] > 0 for row in rows)
        assert not list(Path("here", "cells").iterdir())

    def test_cells_beyond_the_budget_stay_open(self, command: Command) -> None:
        ended = command("square.mc", "--seeds", "2", "--budget", "0.001ms")
        assert ended.status == 1
        assert ended.err.splitlines()[-1] == (
            "hqml: no cell was begun: none would have ended within the budget; give a larger one"
        )

    def test_a_backend_that_fails_is_a_row_and_a_line(self, command: Command) -> None:
        ended = command("square.mc", "--solver", "cpu wrong=1", "--solver", "exact", "--seeds", "2", "--json")
        assert ended.status == 0
        assert [row["status"] for row in ended.json] == ["failed", "failed", "done", "done"]
        last = ended.err.splitlines()[-1]
        assert last.startswith(
            "hqml: cpu wrong=1: 2 of 2 cells failed: OptionError: backend 'cpu' takes no option wrong"
        )

    def test_if_every_cell_fails_so_does_the_command(self, command: Command) -> None:
        ended = command("square.mc", "--solver", "cpu wrong=1", "--seeds", "1", "--json")
        assert ended.status == 1
        assert ended.json[0]["status"] == "failed"
        assert ended.err.endswith("hqml: every cell failed\n")


WRONG = {
    "no problem": ((), "Missing argument 'PROBLEM...'"),
    "a missing file": (("nowhere.mc",), "nowhere.mc: there is no such file"),
    "an unknown backend": (("square.mc", "--backends", "cpu,neel"), "did you mean 'neal'"),
    "no backend": (("square.mc", "--backends", ","), "needs at least one solver"),
    "a solver of nothing": (("square.mc", "--solver", ""), "found '', write a backend and its options"),
    "an open quote": (("square.mc", "--solver", "cpu name='x"), "write a backend and its options"),
    "an option of no value": (("square.mc", "--solver", "cpu quick"), "found 'quick', write it as name=value"),
    "reads of text": (("square.mc", "--solver", "cpu reads=many"), "reads must be a whole number"),
    "the same twice": (("square.mc", "--backends", "cpu,cpu"), "solver 'cpu' is there twice"),
    "no seeds": (("square.mc", "--seeds", "0"), "found '0', write how many, or the seeds"),
    "seeds of text": (("square.mc", "--seeds", "a,b"), "found 'a,b', write how many, or the seeds"),
    "a negative seed": (("square.mc", "--seeds", "0,-1"), "found '0,-1'"),
    "another target": (("square.mc", "--target", "worst"), "target must be best"),
    "no number as target": (("square.mc", "--target", "nan"), "target must be best"),
    "a solver without an end": (("square.mc", "--solver", "cpu token='abc"), "found 'cpu token=(hidden)'"),
    "a wrong budget": (("square.mc", "--budget", "gpu=3"), "a budget is a time, or qpu=TIME"),
    "no page": (("square.mc", "--report", "o.txt"), "'o.txt' must end in .html"),
    "no table": (("square.mc", "--out", "o.xls"), "'o.xls' must end in .parquet, .csv, .json"),
    "a missing folder": (("square.mc", "--report", "no/o.html"), "there is no folder"),
    "a folder of other things": (("square.mc", "--store", "."), "is no store of a comparison"),
    "a label for a model": (("square.mc", "--label", "x"), "no PROBLEM is a table of data; drop --label"),
    "a kernel for a model": (("square.mc", "--gamma", "1"), "no PROBLEM is a table of data; drop --gamma"),
    "backends beside a study": (
        ("s.yaml", "--backends", "cpu"),
        "a study file says it itself; change it there, or drop",
    ),
    "a label beside a study": (("s.yaml", "--label", "x"), "or drop --label"),
    "a study among problems": (("s.yaml", "square.mc"), "s.yaml is a study, which is compared alone"),
    "no label": (("moons.csv",), "moons.csv:2: "),
    "no such label": (("moons.csv", "--label", "mon"), "did you mean 'moon'"),
    "a regression": (("moons.csv", "--label", "moon", "--estimator", "svr"), "'svr' is not one of"),
    "slices of none": (("moons.csv", "--label", "moon", "--slice-size", "9"), "--slice-size belongs to svc-ensemble"),
    "a grid of nothing": (
        ("moons.csv", "--label", "moon", "--grid", "n_bits"),
        "found 'n_bits', write it as NAME=VALUE",
    ),
    "a grid of another": (("moons.csv", "--label", "moon", "--grid", "bits=1,2"), "has no parameter 'bits'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_one_line(command: Command, case: str) -> None:
    words, message = WRONG[case]
    if "s.yaml" in words:
        pytest.importorskip("yaml", reason="pyyaml is missing: pip install 'hqml[compare]'")
    ended = command(*words)
    assert ended.status == 2
    assert message in ended.err
    assert ended.err.count("\n") == 1
    assert ended.out == ""
    assert not list(Path().rglob("cells/*"))


@pytest.mark.parametrize("library", ["pandas", "matplotlib", "jinja2"])
def test_a_missing_library_is_told_before_anything_runs(
    command: Command, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    ended = command("square.mc", "--report", "o.html")
    assert ended.status == 2
    assert f"comparing needs {library}, which cannot be imported; run: pip install 'hqml[compare]'" in ended.err
    assert not Path("square.compare").exists()


def test_the_help_has_an_example_and_each_option_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--help"]) == 0
    page = capsys.readouterr().out
    assert "\n    hqml compare " in page
    for option in compare.params:
        if option.param_type_name == "option":
            assert sum(line.strip().startswith(f"{option.opts[0]} ") for line in page.splitlines()) == 1, option.name
    assert "epsilon" not in page


def test_help_needs_no_library(tmp_path: Path) -> None:
    program = (
        "import sys; from hqml.cli import main; main(['compare', '--help'])\n"
        "print(sorted({'numpy', 'dimod', 'sklearn', 'pandas', 'matplotlib'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.endswith("\n[]\n")


class TestInterrupts:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_what_has_ended_is_kept_reported_and_gone_on_with(self, command: Command, number: signal.Signals) -> None:
        long = "cpu num_sweeps=100000000 reads=64"
        words = ["square.mc", "--solver", "exact", "--solver", long, "--seeds", "1", "--out", "t.json"]
        line = [sys.executable, "-m", "hqml.cli", "compare", *words]
        process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            until(lambda: list(Path().glob("square.compare/cells/*.json")) and claims() == 2)
            time.sleep(0.3)
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
        assert process.returncode == 130
        assert out == ""
        assert err.splitlines()[-1] == (
            "hqml: interrupted: 1 of 2 cells are kept in square.compare; the same command goes on"
        )
        assert [one.solver for one in Comparison.load("t.json").outcomes] == ["exact"]
        ended = command("square.mc", "--solver", "exact", "--seeds", "1", "--store", "square.compare")
        assert "all 1 cells are there" in ended.err


def claims() -> int:
    return len(list(Path().glob("square.compare/claims/*.0")))


def until(true: Callable[[], object]) -> None:
    for _ in range(600):
        if true():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come to that within a minute")


class TestRanks:
    def test_every_compare_under_a_launcher_has_a_rank(self) -> None:
        environment = {"OMPI_COMM_WORLD_RANK": "1"}
        assert rank_of(("compare", "x.mc", "--backends", "cpu"), environment) == 1
        assert rank_of(("--debug", "compare", "x.mc"), environment) == 1
        assert rank_of(("solve", "compare"), environment) is None
        assert rank_of(("compare",), {}) is None

    @pytest.mark.mpi
    def test_ranks_share_the_cells_and_one_speaks(self, command: Command) -> None:
        mpiexec = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
        pytest.importorskip("mpi4py", reason="mpi4py is missing: pip install 'hqml[mpi]'")
        if mpiexec is None:
            pytest.skip("mpiexec is missing: pip install 'hqml[mpi]'")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OMPI_", "PMIX_", "PRTE_"))}
        root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
        version = subprocess.run([mpiexec, "--version"], capture_output=True, text=True, check=False).stdout
        line = [mpiexec, *(["--oversubscribe"] if "Open MPI" in version else []), "-n", "2", sys.executable]
        line += ["-m", "hqml.cli", "compare", "square.mc", "--backends", "mpi:cpu,exact", "--seeds", "2", "--json"]
        ran = subprocess.run(
            [*line, "--out", "t.json", "--reads", "5"],
            capture_output=True, text=True, timeout=120, check=False, env={**kept, **root},
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        rows = json.loads(ran.stdout)
        assert [row["status"] for row in rows] == ["done"] * 4
        assert ran.stderr.count("cells to run") == 1
        outcomes = Comparison.load("t.json").outcomes
        assert len({one.key for one in outcomes}) == len(rows)
        assert len(list(Path().glob("square.compare/claims/*.0"))) == len(rows)
        assert not list(Path().glob("square.compare/claims/*.1"))
