"""Studies in YAML: what they become, and the one line that says what is wrong and where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_moons

pytest.importorskip("yaml", reason="pyyaml is missing: pip install 'hqml[compare]'")
pytest.importorskip("pydantic", reason="pydantic is missing: pip install 'hqml[compare]'")

from hqml.compare import Budget, LearningProblem, QuboProblem, Solver, read_study
from hqml.durations import in_seconds, limits
from hqml.errors import FormatError, ParameterError
from hqml.svm import QuboSVC, QuboSVCEnsemble

SQUARE = "4 4\n1 2 1\n2 3 1\n3 4 1\n1 4 1\n"

LEAST = "problems: [{file: square.mc}]\nsolvers: [cpu]\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph, and moons of three kinds."""
    path = tmp_path_factory.mktemp("study")
    (path / "square.mc").write_text(SQUARE)
    X, y = make_moons(60, noise=0.1, random_state=0)
    names = np.array(["upper", "lower"])[y]
    names[:6] = "new"
    rows = [f"{a},{b},{name}" for (a, b), name in zip(X.tolist(), names, strict=True)]
    (path / "moons.csv").write_text("\n".join(["u,v,moon", *rows]) + "\n")
    (path / "test.csv").write_text("\n".join(["moon,v,u", "upper,0.5,0.1", "lower,1,2", "new,1,1"]) + "\n")
    (path / "plain.csv").write_text("0,1,1\n1,0,2\n1,1,1\n0,0,2\n")
    (path / "fractions.csv").write_text("x,y\n0,1.5\n1,2.5\n2,1.5\n3,2.5\n")
    return path


def written(folder: Path, text: str) -> Path:
    path = folder / "s.yaml"
    path.write_text(text)
    return path


def test_the_shortest_study(folder: Path) -> None:
    study, budget = read_study(written(folder, LEAST))
    [problem] = study.problems
    assert isinstance(problem, QuboProblem)
    assert (problem.name, problem.sign, problem.best, problem.target) == ("square", -1, None, None)
    assert problem.model.qubo.num_variables == 4
    assert study.solvers == (Solver("cpu"),)
    assert (study.seeds, study.reads, study.target, study.name) == (tuple(range(10)), 100, "best", "Comparison")
    assert budget == Budget(None, None)


def test_all_that_can_be_said(folder: Path) -> None:
    text = """
name: Moons and a square
seeds: [3, 5]
reads: 20
target: 90%
budget: {seconds: 1.5h, qpu_seconds: 2}
problems:
  - {file: square.mc, name: a square, best: 4, target: 3, skip: [slow]}
  - data: moons.csv
    test: test.csv
    label: moon
    classes: [upper, lower]
    estimator: svc-ensemble
    parameters: {gamma: 0.1, sampling: balanced}
    grid: {slice_size: [10, 20], n_bits: [1, 2]}
    references: []
    name: moons
    scale: false
    test_share: 0.2
solvers:
  - cpu
  - {backend: neal, options: {num_sweeps: 5}, reads: 7, name: slow}
  - {backend: tabu, grid: {num_restarts: [0, 1]}}
  - {backend: neal, grid: {num_sweeps: [1, 2]}, name: quick}
"""
    study, budget = read_study(written(folder, text))
    assert (study.name, study.seeds, study.reads, study.target) == ("Moons and a square", (3, 5), 20, "90%")
    assert budget == Budget(5400, 2)
    square, *moons = study.problems
    assert isinstance(square, QuboProblem)
    assert (square.name, square.best, square.target, square.skip) == ("a square", 4, 3, ("slow",))
    assert [one.name for one in moons] == [f"moons, slice_size={s}, n_bits={b}" for s in (10, 20) for b in (1, 2)]
    assert len({one.digest for one in moons}) == 4
    first = moons[0]
    assert isinstance(first, LearningProblem)
    assert isinstance(first.estimator, QuboSVCEnsemble)
    assert (first.estimator.slice_size, first.estimator.sampling) == (10, "balanced")
    assert (first.estimator.estimator.gamma, first.estimator.estimator.n_bits) == (0.1, 1)
    assert (first.parameters, first.references) == ({"slice_size": 10, "n_bits": 1}, ())
    assert (first.scale, first.test_share) == (False, 0.2)
    assert set(first.data.labels()) == {"upper", "lower"}
    assert first.test is not None
    assert first.test.features == ("u", "v")  # in the order of the training rows
    assert first.test.X.tolist() == [[0.1, 0.5], [2, 1]]
    assert [one.label for one in study.solvers] == [
        "cpu",
        "slow",
        "tabu num_restarts=0",
        "tabu num_restarts=1",
        "quick, num_sweeps=1",
        "quick, num_sweeps=2",
    ]
    assert (study.solvers[1].options, study.solvers[1].reads) == ({"num_sweeps": 5}, 7)
    assert len(study.cells()) == 2 * (6 - 1 + 4 * 6)


def test_columns_and_classes_may_be_numbers(folder: Path) -> None:
    text = "problems: [{data: plain.csv, label: -1, classes: [1, 2]}]\nsolvers: [cpu]\n"
    [problem] = read_study(written(folder, text))[0].problems
    assert isinstance(problem, LearningProblem)
    assert problem.data.labels().tolist() == [1, 2, 1, 2]
    assert isinstance(problem.estimator, QuboSVC)


def of(problem: str, solver: str = "cpu") -> str:
    return f"problems:\n- {problem}\nsolvers:\n- {solver}\n"


MOONS = "data: moons.csv, label: moon"

# Of a file s.yaml: the line, and how the message goes on.
WRONG: dict[str, tuple[str, str]] = {
    "no problems": ("solvers: [cpu]\n", "1: problems: this key is missing"),
    "an empty list": ("problems: []\nsolvers: [cpu]\n", "1: problems: must have at least 1 item, found []"),
    "an unknown key": (LEAST + "sedes: 3\n", "3: sedes: unknown key; did you mean 'seeds'?"),
    "an unknown key of a solver": (
        of("{file: square.mc}", "{backend: cpu, optoins: {}}"),
        "4: solvers[0].optoins: unknown key; did you mean 'options'?",
    ),
    "an unknown key of a model": (
        of("{file: square.mc, label: x}"),
        "2: problems[0].label: unknown key; there are: file",
    ),
    "an unknown key of data": (
        of("{data: moons.csv, labl: moon}"),
        "2: problems[0].labl: unknown key; did you mean 'label'?",
    ),
    "neither file nor data": (of("{name: x}"), "2: problems[0].file: this key is missing"),
    "an unknown backend": (
        of("{file: square.mc}", "neel"),
        "4: solvers[0].backend: no backend is called 'neel'; did you mean 'neal'?",
    ),
    "a backend inside of another": (
        of("{file: square.mc}", "cpu:neal"),
        "4: solvers[0].backend: no backend is called 'cpu:neal'",
    ),
    "a missing file": (of("{file: circle.mc}"), "2: problems[0].file: FOLDER/circle.mc: there is no such file"),
    "a missing table": (
        of("{data: moon.csv}"),
        "2: problems[0].data: FOLDER/moon.csv: there is no such file; did you mean moons.csv?",
    ),
    "a file of no model": (of("{file: moons.csv}"), "2: problems[0].file: FOLDER/moons.csv: expected a suffix of"),
    "no label": (of("{data: moons.csv}"), "2: problems[0].data: FOLDER/moons.csv:2: "),
    "no label of numbers": (
        of("{data: plain.csv}"),
        "2: problems[0].data: FOLDER/plain.csv: say which column is the label",
    ),
    "no such label": (
        of("{data: moons.csv, label: mon}"),
        "2: problems[0].data: FOLDER/moons.csv: has no column 'mon'; did you mean 'moon'?",
    ),
    "no such class": (of(f"{{{MOONS}, classes: [upper, lowr]}}"), "2: problems[0].data: no row is of class 'lowr'"),
    "one class": (
        of(f"{{{MOONS}, classes: upper}}"),
        "2: problems[0].data: FOLDER/moons.csv: comparing needs two classes",
    ),
    "fractions as classes": (
        of("{data: fractions.csv, label: y}"),
        "2: problems[0].data: FOLDER/fractions.csv: column 'y' holds fractions (1.5)",
    ),
    "a missing test file": (
        of(f"{{{MOONS}, test: tset.csv}}"),
        "2: problems[0].test: FOLDER/tset.csv: there is no such file",
    ),
    "no such class by number": (
        of("{data: plain.csv, label: -1, classes: '1,3'}"),
        "2: problems[0].data: no row is of class '3'",
    ),
    "an unknown estimator": (
        of(f"{{{MOONS}, estimator: svm}}"),
        "2: problems[0].estimator: no estimator is called 'svm'; did you mean 'svc'?",
    ),
    "a regression": (
        of(f"{{{MOONS}, estimator: svr}}"),
        "2: problems[0].estimator: 'svr' predicts numbers; compare takes classifiers",
    ),
    "an unknown parameter": (
        of(f"{{{MOONS}, parameters: {{gama: 1}}}}"),
        "2: problems[0].parameters.gama: estimator 'svc' has no parameter 'gama'; did you mean 'gamma'?",
    ),
    "a parameter of slices": (
        of(f"{{{MOONS}, grid: {{slice_size: [10]}}}}"),
        "2: problems[0].grid.slice_size: estimator 'svc' has no parameter 'slice_size'",
    ),
    "a parameter of the run": (
        of(f"{{{MOONS}, parameters: {{reads: 3}}}}"),
        "2: problems[0].parameters.reads: estimator 'svc' has no parameter 'reads'",
    ),
    "an empty grid": (
        of(f"{{{MOONS}, grid: {{n_bits: []}}}}"),
        "2: problems[0].grid.n_bits: must have at least 1 item, found []",
    ),
    "a grid without a list": (
        of(f"{{{MOONS}, grid: {{n_bits: 2}}}}"),
        "2: problems[0].grid.n_bits: must be a list, found 2",
    ),
    "another reference": (
        of(f"{{{MOONS}, references: [svc]}}"),
        "2: problems[0].references[0]: must be 'tuned', found 'svc'",
    ),
    "a share of 1": (of(f"{{{MOONS}, test_share: 1}}"), "2: problems[0].test_share: must be less than 1, found 1"),
    "the same problem twice": (
        "problems: [{file: square.mc}, {file: square.mc}]\nsolvers: [cpu]\n",
        "1: problem 'square' is there twice",
    ),
    "the same solver twice": ("problems: [{file: square.mc}]\nsolvers: [cpu, cpu]\n", "1: solver 'cpu' is there twice"),
    "a solver to skip that is none": (
        of("{file: square.mc, skip: [qpu]}"),
        "1: problem 'square' is to skip 'qpu', which is no solver here",
    ),
    "no seeds": (LEAST + "seeds: 0\n", "3: seeds: the number of seeds must be a whole number of at least 1, found 0"),
    "seeds of text": (LEAST + "seeds: many\n", "3: seeds: the number of seeds must be a whole number"),
    "a negative seed": (LEAST + "seeds: [1, -1]\n", "3: seeds[1]: must be greater than or equal to 0, found -1"),
    "no reads": (LEAST + "reads: 0\n", "3: reads: must be greater than or equal to 1, found 0"),
    "seeds without end": (
        LEAST + "seeds: 9223372036854775808\n",
        "3: seeds: the number of seeds must be at most 100000",
    ),
    "a grid without end": (
        LEAST.replace("[cpu]", "[{backend: cpu, grid: {" + ", ".join(f"a{n}: [1, 2]" for n in range(40)) + "}}]"),
        "2: solvers[0].grid: the grid has 1099511627776 combinations, at most 100000 are taken",
    ),
    "a target of no size": (LEAST + f"target: {'9' * 400}\n", "3: target: target must be best, a number, or a share"),
    "no target": (LEAST + "target: worst\n", "3: target: target must be best, a number, or a share"),
    "a target of a problem": (
        of("{file: square.mc, target: 0%}"),
        "2: problems[0].target: target must be best, a number, or a share",
    ),
    "a budget of nothing": (
        LEAST + "budget: {seconds: 0}\n",
        "3: budget.seconds: a duration must be a finite number of seconds above 0, found 0",
    ),
    "a budget of text": (
        LEAST + "budget: {qpu_seconds: much}\n",
        "3: budget.qpu_seconds: a duration must be a time such as 90",
    ),
    "a budget alone": (LEAST + "budget: 10m\n", "3: budget: must be a mapping, found '10m'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_one_line_with_its_place(folder: Path, case: str) -> None:
    text, message = WRONG[case]
    path = written(folder, text)
    with pytest.raises(FormatError) as caught:
        read_study(path)
    assert str(caught.value).startswith(f"{path}:{message.replace('FOLDER', str(folder))}")
    assert "\n" not in str(caught.value)


def test_a_backend_that_cannot_be_used_here_is_no_mistake_of_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a row of the comparison, with its error."""
    monkeypatch.setitem(__import__("sys").modules, "hqml_torch", None)
    study, _ = read_study(written(folder, of("{file: square.mc}", "gpu")))
    assert study.solvers[0].label == "gpu"


@pytest.mark.parametrize(
    ("span", "seconds"),
    [(90, 90), ("90", 90), ("90s", 90), ("10m", 600), ("2h", 7200), (" .5 MIN ", 30), ("1d", 86400)],
)
def test_spans_of_time(span: Any, seconds: float) -> None:
    assert in_seconds(span) == seconds


@pytest.mark.parametrize("span", ["", "m", "-1", "1 week", "1e3", "nan", "0m", 0, -1, True, None, [1]])
def test_what_is_no_span_of_time(span: Any) -> None:
    with pytest.raises(ParameterError, match="a duration must be"):
        in_seconds(span)


def test_budgets_of_a_command() -> None:
    assert limits(["10m,qpu=2s"]) == {"seconds": 600, "qpu_seconds": 2}
    assert limits(["qpu=1m", "time=1h"]) == {"seconds": 3600, "qpu_seconds": 60}
    for wrong in ("gpu=3", "", "10m,20m", "qpu=", "=5"):
        with pytest.raises(ParameterError, match=r"budget"):
            limits([wrong])
