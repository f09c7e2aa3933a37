"""`hqml fit` and `hqml predict` with every estimator: which options belong to which, and what is reported."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.metrics import mean_absolute_error, r2_score

import hqml.svm
from hqml.catalogue import KINDS
from hqml.cli import main
from hqml.cli.estimators import SECTIONS
from hqml.cli.fit import command as fit
from hqml.model_file import load_model

Run = Callable[..., Any]

QUICK = ("--seed", "0", "--reads", "20", "--num-sweeps", "50")
CLASSIFIERS = [name for name, kind in KINDS.items() if not kind.predicts_numbers]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line that ends well, and give its JSON."""

    def ran(*arguments: Any) -> Any:
        capsys.readouterr()
        status = main([*map(str, arguments), "--json"])
        out, err = capsys.readouterr()
        assert status == 0, err
        return json.loads(out)

    return ran


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command line that is refused, and give the one line that says why."""

    def ran(*arguments: Any) -> str:
        capsys.readouterr()
        assert main([*map(str, arguments)]) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        return err

    return ran


@pytest.fixture(scope="module")
def iris(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """90 flowers of three species, named."""
    X, y = load_iris(return_X_y=True)
    rows = [[*map(str, one), ("setosa", "versicolor", "virginica")[code]] for one, code in zip(X, y, strict=True)]
    return written(tmp_path_factory.mktemp("iris") / "iris.csv", [*"abcd", "species"], rows[::2])


@pytest.fixture(scope="module")
def diabetes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 patients and how their disease went on after a year."""
    X, y = load_diabetes(return_X_y=True)
    rows = [[*map(str, one), str(value)] for one, value in zip(X[:120], y[:120], strict=True)]
    return written(tmp_path_factory.mktemp("diabetes") / "d.csv", [*load_diabetes().feature_names, "progress"], rows)


def written(path: Path, header: list[str], rows: list[list[str]]) -> Path:
    path.write_text("\n".join(",".join(row) for row in [header, *rows]) + "\n")
    return path


@pytest.mark.filterwarnings("default::sklearn.exceptions.ConvergenceWarning")  # a warning is no failure here
class TestClassifiers:
    @pytest.mark.parametrize("estimator", CLASSIFIERS)
    def test_each_is_trained_saved_and_predicts_as_reported(
        self, run: Run, iris: Path, tmp_path: Path, estimator: str
    ) -> None:
        model = tmp_path / "m.skops"
        small = ("--slice-size", "30") if KINDS[estimator].sliced else ()
        small = ("--n-neighbors", "30") if estimator == "local-svc" else small
        fitted = run("fit", iris, "--label", "species", "--estimator", estimator, "--out", model, *QUICK, *small)
        assert fitted["estimator"] == estimator
        assert fitted["classes"] == ["setosa", "versicolor", "virginica"]
        assert fitted["train"]["accuracy"] > 0.9
        assert fitted["energy"] < 0
        assert fitted["seed"] == 0
        again = run("predict", model, iris, "--label", "species")
        assert {name: again[name] for name in fitted["train"]} == fitted["train"]

    def test_neighbourhoods_of_one_class_have_no_energy_to_add(self, run: Run, tmp_path: Path) -> None:
        rng = np.random.default_rng(0)
        far = [[str(value), str(int(value > 5))] for value in [*rng.normal(size=30), *(10 + rng.normal(size=30))]]
        data = written(tmp_path / "far.csv", ["x", "side"], far)
        words = ("--estimator", "local-svc", "--n-neighbors", "10", *QUICK)
        fitted = run("fit", data, "--label", "side", "--out", tmp_path / "m", *words)
        assert fitted["energy"] == 0
        assert fitted["train"]["accuracy"] == 1


@pytest.mark.filterwarnings("default::sklearn.exceptions.ConvergenceWarning")
class TestRegression:
    def test_it_reports_r2_and_the_mean_absolute_error(self, run: Run, diabetes: Path, tmp_path: Path) -> None:
        model, out = tmp_path / "m.skops", tmp_path / "p.csv"
        fitted = run("fit", diabetes, "--label", "progress", "--estimator", "svr", "--out", model, *QUICK)
        assert set(fitted["train"]) == {"r2", "mean_absolute_error"}
        assert "classes" not in fitted
        assert fitted["train"]["r2"] > 0.5

        again = run("predict", model, diabetes, "--label", "progress", "--out", out)
        assert {name: again[name] for name in fitted["train"]} == fitted["train"]
        header, *lines = out.read_text().splitlines()
        predicted, truth = np.array(lines, dtype=float), load_diabetes().target[:120]
        assert header == "prediction"
        assert fitted["train"]["r2"] == pytest.approx(r2_score(truth, predicted))
        assert fitted["train"]["mean_absolute_error"] == pytest.approx(mean_absolute_error(truth, predicted))
        assert run("predict", model, diabetes)["predictions"] == predicted.tolist()

    def test_whole_numbers_are_numbers_too(self, run: Run, tmp_path: Path) -> None:
        rows = [[str(x / 10), str(x * x)] for x in range(-20, 21)]
        data = written(tmp_path / "squares.csv", ["x", "square"], rows)
        fitted = run("fit", data, "--label", "square", "--estimator", "svr", "--out", tmp_path / "m", *QUICK)
        assert fitted["train"]["r2"] > 0.9

    def test_a_model_in_onnx_predicts_the_same(self, run: Run, diabetes: Path, tmp_path: Path) -> None:
        pytest.importorskip("onnx")
        pytest.importorskip("onnxruntime")
        words = ("fit", diabetes, "--label", "progress", "--estimator", "svr", *QUICK)
        for name in ("m.skops", "m.onnx"):
            run(*words, "--out", tmp_path / name)
        found = [run("predict", tmp_path / name, diabetes)["predictions"] for name in ("m.skops", "m.onnx")]
        np.testing.assert_allclose(found[0], found[1], rtol=1e-5)

    def test_text_as_label_is_refused_before_training(
        self, refused: Callable[..., str], iris: Path, tmp_path: Path
    ) -> None:
        line = refused("fit", iris, "--label", "species", "--estimator", "svr", "--out", tmp_path / "m")
        assert "column 'species' holds text (setosa), where svr needs numbers" in line

    def test_a_classifier_refuses_fractions_and_names_the_regression(
        self, refused: Callable[..., str], tmp_path: Path
    ) -> None:
        data = written(tmp_path / "d.csv", ["x", "y"], [["1", "2"], ["2", "0.25"], ["3", "4"]])
        line = refused("fit", data, "--label", "y", "--out", tmp_path / "m")
        assert "column 'y' holds fractions (0.25)" in line
        assert "--estimator svr" in line

    def test_classes_are_refused(self, refused: Callable[..., str], iris: Path, tmp_path: Path) -> None:
        words = ("--label", "species", "--estimator", "svr", "--classes", "setosa,virginica", "--out", tmp_path / "m")
        assert "--classes chooses rows by their class, but svr predicts numbers" in refused("fit", iris, *words)


# Options

GIVEN: dict[str, tuple[list[str], Any]] = {
    "kernel": (["--kernel", "poly"], "poly"),
    "gamma": (["--gamma", "0.5"], 0.5),
    "degree": (["--degree", "2"], 2),
    "coef0": (["--coef0", "1"], 1),
    "n_bits": (["--n-bits", "1"], 1),
    "n_solutions": (["--n-solutions", "5"], 5),
    "aggregate": (["--aggregate", "best"], "best"),
    "C": (["--C", "2"], 2),
    "base": (["--base", "3"], 3),
    "xi": (["--xi", "0.5"], 0.5),
    "bias": (["--bias", "zero"], "zero"),
    "class_weight": (["--class-weight", "balanced"], "balanced"),
    "beta": (["--beta", "0.4"], 0.4),
    "mu": (["--mu", "0.2"], 0.2),
    "slice_size": (["--slice-size", "30"], 30),
    "n_slices": (["--n-slices", "2"], 2),
    "sampling": (["--sampling", "balanced"], "balanced"),
    "combine": (["--combine", "vote"], "vote"),
    "n_neighbors": (["--n-neighbors", "25"], 25),
    "assigned": (["--assigned", "0.3"], 0.3),
    "n_deciding": (["--n-deciding", "2"], 2),
    "epsilon": (["--epsilon", "0.2"], 0.2),
    "scale_target": (["--no-scale-target"], False),
}


def defaults(name: str) -> dict[str, Any]:
    """The constructor's own, of an ensemble those of a slice as well."""
    kind = KINDS[name]
    found: dict[str, Any] = getattr(hqml.svm, kind.name)().get_params(deep=False)
    return found | (hqml.svm.QuboSVCEnsemble().get_params(deep=False) if kind.sliced else {})


@pytest.mark.filterwarnings("default::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("estimator", KINDS)
def test_every_option_that_belongs_to_an_estimator_reaches_it(
    run: Run, iris: Path, diabetes: Path, tmp_path: Path, estimator: str
) -> None:
    kind = KINDS[estimator]
    data, label = (diabetes, "progress") if kind.predicts_numbers else (iris, "species")
    words = [word for name, (words, _) in GIVEN.items() if name in kind.options for word in words]
    run_words = ("--backend", "neal", "--reads", "4", "--num-sweeps", "10", "--seed", "7", "--time-limit", "60")
    out = tmp_path / "m"
    run("fit", data, "--label", label, "--estimator", estimator, "--out", out, "--no-scale", *run_words, *words)
    [(_, model)] = load_model(out).estimator.steps
    inner = model.estimator if kind.sliced else model
    assert type(inner).__name__ == kind.name
    for name in kind.options:
        holder = model if hasattr(model, name) else inner
        assert getattr(holder, name) == GIVEN[name][1], name
    assert (inner.backend, inner.reads, inner.time_limit, model.random_state) == ("neal", 4, 60, 7)


OTHERS = [(kind, name) for kind in KINDS for name in GIVEN if name not in KINDS[kind].options]


@pytest.mark.parametrize(("estimator", "option"), OTHERS)
def test_an_option_of_another_estimator_is_not_ignored_silently(
    refused: Callable[..., str], iris: Path, tmp_path: Path, estimator: str, option: str
) -> None:
    words, _ = GIVEN[option]
    line = refused("fit", iris, "--label", "species", "--estimator", estimator, "--out", tmp_path / "m", *words)
    owner = next(kind for kind in KINDS if option in KINDS[kind].options)
    assert f"--{option.replace('_', '-')} belongs to {owner}" in line
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("out", ["model.onx", "model.pkl"])
def test_a_model_by_another_ending_is_refused_before_training(out: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "nowhere.csv", "--label", "y", "--out", out]) == 2
    assert "must end in .skops, or in .onnx" in capsys.readouterr().err


@pytest.mark.parametrize("estimator", KINDS)
def test_the_defaults_of_the_help_are_those_of_the_estimator(estimator: str) -> None:
    """None leaves it to the estimator."""
    own = defaults(estimator)
    read = fit.make_context("fit", ["data.csv", "--out", "model"]).params
    found = {name: read[name] for name in KINDS[estimator].options if read[name] is not None}
    assert found == {name: own[name] for name in found}


def test_the_help_lists_every_option_once_under_a_heading_of_those_it_belongs_to(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert set(GIVEN) == set().union(*(kind.options for kind in KINDS.values()))
    placed = [name for names in SECTIONS.values() for name in names]
    assert len(placed) == len(set(placed))
    assert set(GIVEN) <= set(placed) <= {option.name for option in fit.params}
    assert main(["fit", "--help"]) == 0
    page = capsys.readouterr().out
    for option in fit.params:
        if isinstance(option, click.Option):
            assert sum(line.strip().startswith(option.opts[0] + " ") for line in page.splitlines()) == 1, option.name
    for heading in SECTIONS:
        assert f"\n{heading}:\n" in page
        for name, kind in KINDS.items():
            if heading.startswith("Only ") and name in heading.split(" "):
                assert set(SECTIONS[heading]) <= kind.options
