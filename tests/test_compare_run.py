"""`hqml.compare.run`: from problems of any kind to a comparison, in one call."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import dimod
import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import make_moons
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

import hqml.compare
from hqml import DenseQubo
from hqml.catalogue import CLASSIFIERS, made, parameters_of
from hqml.compare import Comparison, LearningProblem, Outcome, Solver, Study, learning_problem, qubo_problem, run
from hqml.compare.problems import kind_of, stem_of
from hqml.errors import DataError, FormatError, OptionError, ParameterError, UnknownBackend
from hqml.io import write
from hqml.problems.max_cut import MaxCut
from hqml.svm import QuboSVC, QuboSVCEnsemble, QuboSVR
from hqml.tables import Table
from hqml.testing.conformance import all_energies, random_model

RING = np.roll(np.eye(6), 1, axis=1) + np.roll(np.eye(6), -1, axis=1)
MOONS = make_moons(40, noise=0.1, random_state=0)


def done(comparison: Comparison) -> list[Outcome]:
    failed = [one.error for one in comparison.outcomes if one.status != "done"]
    assert failed == []
    return list(comparison.outcomes)


class TestProblems:
    def test_a_model_in_memory_is_minimised(self) -> None:
        model = random_model(8, seed=0)
        found = done(run(model, ["exact", "cpu"], seeds=2, reads=20))
        assert [(one.problem, one.solver, one.seed) for one in found] == [
            ("model", solver, seed) for solver in ("exact", "cpu") for seed in (0, 1)
        ]
        lowest = all_energies(model).min()
        assert all(min(energy for energy, _ in one.energies) == pytest.approx(lowest) for one in found)

    def test_values_of_a_graph_are_cuts(self) -> None:
        comparison = run(MaxCut(RING), "exact", seeds=[4], target=6)
        [row] = comparison.rows()
        assert (row["value"], row["energy"], row["target"], row["reached"], row["seed"]) == (6, -6, -6, True, 4)

    @pytest.mark.parametrize(
        "model",
        [{("a", "b"): -1}, np.eye(3), csr_array(np.eye(3)), dimod.BinaryQuadraticModel({"a": 1}, {}, 0, "SPIN")],
    )
    def test_whatever_says_a_qubo_will_do(self, model: Any) -> None:
        assert len(done(run(model, "exact", seeds=1))) == 1

    def test_several_models_are_told_apart(self) -> None:
        found = done(run([np.eye(2), np.eye(3)], "exact", seeds=1))
        assert [(one.problem, one.variables) for one in found] == [("model 1", 2), ("model 2", 3)]

    def test_data_is_learned_beside_its_references(self) -> None:
        found = run(MOONS, Solver("cpu", {"num_sweeps": 50}), seeds=1, reads=10)
        assert [(one.solver, one.kind) for one in done(found)] == [
            ("cpu num_sweeps=50", "learning"),
            ("SVC (tuned)", "learning"),
        ]
        assert all(one.scores["accuracy"] > 0.7 for one in found.outcomes)

    def test_files_are_told_apart_by_their_names_and_content(self, tmp_path: Path) -> None:
        write(tmp_path / "ring.mc.gz", MaxCut(RING))
        np.savez(tmp_path / "data.npz", X=MOONS[0], y=MOONS[1])
        np.savez(tmp_path / "matrix.npz", np.eye(3))
        (tmp_path / "d.csv").write_text("x\n1\n")
        kinds = {"ring.mc.gz": "qubo", "data.npz": "data", "matrix.npz": "qubo", "d.csv": "data", "d": "data"}
        assert {name: kind_of(tmp_path / name) for name in kinds} == kinds
        assert kind_of("s.YML") == kind_of("s.yaml") == "study"
        assert [stem_of(name) for name in ("a/ring.mc.gz", "sat.trn", "data", ".hidden")] == [
            "ring",
            "sat",
            "data",
            ".hidden",
        ]
        problems = [tmp_path / "ring.mc.gz", str(tmp_path / "data.npz")]
        found = done(run(problems, Solver("cpu", {"num_sweeps": 20}), seeds=1, reads=5, references=()))
        assert [one.problem for one in found] == ["ring", "data"]

    def test_a_study_is_run_as_it_is(self, tmp_path: Path) -> None:
        problem = qubo_problem(RING, name="ring")
        study = Study((problem,), (Solver("exact"),), (7,), name="One")
        comparison = run(study)
        assert [one.seed for one in done(comparison)] == [7]
        assert comparison.description["name"] == "One"
        pytest.importorskip("yaml", reason="pyyaml is missing: pip install 'hqml[compare]'")
        write(tmp_path / "ring.mc", MaxCut(RING))
        (tmp_path / "s.yaml").write_text("{problems: [{file: ring.mc}], solvers: [exact], seeds: 2}")
        assert len(done(run(tmp_path / "s.yaml"))) == 2


class TestDigests:
    """Cells are kept under them: equal problems have equal ones, in any process, others others."""

    def test_of_models(self) -> None:
        digests = [
            qubo_problem(one).digest
            for one in (
                np.eye(3),
                2 * np.eye(3),
                csr_array(np.eye(3)),
                DenseQubo(np.eye(3), labels="abc"),
                DenseQubo(np.eye(3), offset=1.0),
                MaxCut(RING),
                MaxCut(RING).to_qubo(),
            )
        ]
        assert len(set(digests)) == len(digests)
        assert qubo_problem(np.eye(3), name="another", best=0).digest == digests[0]

    def test_of_learning(self) -> None:
        X, y = MOONS
        different = [
            learning_problem(MOONS),
            learning_problem((X[::-1], y)),
            learning_problem((X, 1 - y)),
            learning_problem(MOONS, test=MOONS),
            learning_problem(MOONS, scale=False),
            learning_problem(MOONS, test_share=0.5),
            learning_problem(MOONS, "svc-ensemble"),
            learning_problem(MOONS, parameters={"gamma": 1}),
            learning_problem(MOONS, QuboSVCEnsemble(QuboSVC(gamma=2))),
            learning_problem(MOONS, QuboSVCEnsemble(QuboSVC(gamma=3))),
            learning_problem(MOONS, QuboSVC(kernel=np.dot)),
        ]
        assert len({one.digest for one in different}) == len(different)
        given = QuboSVC(backend="neal", backend_options={"num_sweeps": 1}, reads=3, random_state=5)
        same = [
            learning_problem(MOONS, given),
            learning_problem((np.asfortranarray(X), y.tolist()), name="another", references=()),
            learning_problem(Table(X, y, ("a", "b"), "c")),
            learning_problem((X, [str(one) for one in y])),
        ]
        assert {one.digest for one in same} == {different[0].digest}

    def test_in_another_process(self) -> None:
        program = (
            "from sklearn.datasets import make_moons; from hqml.compare import *\n"
            "import numpy as np\n"
            "moons = make_moons(40, noise=0.1, random_state=0)\n"
            "print(qubo_problem({('a', 'b'): -1}).digest, learning_problem(moons, 'svc-ensemble').digest)"
        )
        line = [sys.executable, "-W", "error", "-c", program]
        ran = subprocess.run(line, capture_output=True, text=True, check=True).stdout.split()
        assert ran == [qubo_problem({("a", "b"): -1}).digest, learning_problem(MOONS, "svc-ensemble").digest]


class TestKeys:
    """Outcomes are found again by them."""

    @staticmethod
    def key(options: dict[str, Any], seed: int = 0) -> str:
        [cell] = Study((qubo_problem(np.eye(2)),), (Solver("cpu", options),), (seed,)).cells()
        return cell.key

    def test_an_array_counts_by_all_of_its_numbers(self) -> None:
        many = np.zeros(5000)
        other = many.copy()
        other[2500] = 1e-12
        assert repr(many) == repr(other)  # which leaves the middle out
        assert self.key({"initial": many}) == self.key({"initial": many.tolist()}) != self.key({"initial": other})

    def test_an_object_counts_by_what_it_is_made_of(self) -> None:
        assert self.key({"table": Table(*MOONS, ("a", "b"), "y")}) == self.key(
            {"table": Table(*MOONS, ("a", "b"), "y")}
        )
        assert self.key({"table": Table(*MOONS, ("a", "b"), "y")}) != self.key(
            {"table": Table(*MOONS, ("a", "c"), "y")}
        )

    def test_a_number_of_numpys_is_a_number(self) -> None:
        assert self.key({"num_sweeps": np.int64(5)}, np.int64(1)) == self.key({"num_sweeps": 5}, 1)  # type: ignore[arg-type]


def test_what_numpy_gives_can_be_saved(tmp_path: Path) -> None:
    options = {"cpu": {"beta_range": np.array([0.1, 2.0])}}
    comparison = run(np.eye(2), "cpu", seeds=list(np.arange(2)), reads=5, options=options)
    done(comparison)
    comparison.save(tmp_path / "found.json")
    description = Comparison.load(tmp_path / "found.json").description
    assert description["solvers"][0]["options"] == {"beta_range": [0.1, 2.0]}
    assert description["seeds"] == [0, 1]


class TestSettings:
    def test_what_is_kept_is_not_run_again(self, tmp_path: Path) -> None:
        store = tmp_path / "cells"
        steps: list[Any] = []
        first = run(RING, "exact", seeds=2, store=store, on_cell=steps.append)
        assert steps[-1].done == 2
        steps.clear()
        again = run(RING, "exact", seeds=3, store=store, on_cell=steps.append)
        assert {step.cell.seed for step in steps} == {2}
        assert again.outcomes[:2] == first.outcomes

    def test_nothing_is_left_without_a_store(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        run(RING, "exact", seeds=1)
        assert list(tmp_path.iterdir()) == []

    def test_options_are_those_of_the_backend_they_name(self) -> None:
        found = run(RING, ["cpu", "exact"], seeds=1, reads=3, options={"cpu": {"num_sweeps": 7}})
        assert [one.options for one in done(found)] == [{"num_sweeps": 7}, {}]

    def test_a_sampler_of_dimod_is_a_backend(self) -> None:
        [one] = done(run(RING, dimod.RandomSampler(), seeds=1, reads=5))
        assert one.backend == "RandomSampler"

    def test_a_backend_that_fails_is_a_row(self) -> None:
        found = run(RING, [Solver("cpu", {"wrong": 1}), "exact"], seeds=1)
        failed, fine = found.outcomes
        assert (failed.status, fine.status) == ("failed", "done")
        assert "takes no option wrong" in failed.error

    def test_time_that_is_over_leaves_cells_open(self) -> None:
        assert run(RING, "cpu", seeds=2, seconds=1e-9).outcomes == ()

    def test_a_given_estimator_is_not_changed(self) -> None:
        own = QuboSVC(n_bits=1)
        problem = learning_problem(MOONS, own, varied={"gamma": 0.5})
        assert (own.gamma, problem.estimator.gamma, problem.estimator.n_bits) == ("scale", 0.5, 1)
        assert problem.name == "data, gamma=0.5"


SQUARE = qubo_problem(np.eye(2), name="square")
STUDY = Study((SQUARE,), (Solver("exact"),), (0,))

WRONG: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "no model": ({"problem": object()}, ValueError, "says no QUBO"),
    "a missing file": ({"problem": "nowhere.mc"}, FormatError, "there is no such file"),
    "a missing table": ({"problem": "nowhere.csv"}, FormatError, "there is no such file"),
    "no problem": ({"problem": []}, ParameterError, "needs at least one problem"),
    "no backend": ({"backends": []}, ParameterError, "needs at least one solver"),
    "an unknown backend": ({"backends": "neel"}, UnknownBackend, "did you mean 'neal'"),
    "options for nobody": ({"options": {"cqu": {}}}, ParameterError, "options are for 'cqu', .* did you mean 'cpu'"),
    "no seeds": ({"seeds": 0}, ParameterError, "seeds must be a whole number"),
    "seeds of text": ({"seeds": "3"}, ParameterError, "seeds must be a whole number"),
    "a negative seed": ({"seeds": [-1]}, ParameterError, "seed must be a whole number"),
    "no reads": ({"reads": 0}, ParameterError, "reads must be a whole number"),
    "another target": ({"target": "worst"}, ParameterError, "target must be best"),
    "no number as target": ({"target": float("inf")}, ParameterError, "target must be best"),
    "no time": ({"seconds": 0}, ParameterError, "seconds must be a finite number"),
    "an estimator for a model": ({"estimator": "svc"}, ParameterError, "estimator belongs to data"),
    "a label for a model": ({"label": "y"}, ParameterError, "label belongs to data"),
    "backends beside a study": ({"problem": STUDY, "backends": "cpu"}, ParameterError, "a study says backends itself"),
    "seeds beside a study": ({"problem": STUDY, "seeds": 3}, ParameterError, "a study says seeds itself"),
    "a study among problems": ({"problem": ["s.yaml", "a.mc"]}, ParameterError, "a study file is compared alone"),
    "an unknown estimator": ({"problem": MOONS, "estimator": "svk"}, ParameterError, "did you mean 'svc'"),
    "a regression by name": ({"problem": MOONS, "estimator": "svr"}, ParameterError, "compare takes classifiers"),
    "a regression": ({"problem": MOONS, "estimator": QuboSVR()}, ParameterError, "classifiers of hqml, found QuboSVR"),
    "a classical machine": ({"problem": MOONS, "estimator": SVC()}, ParameterError, "SVC runs on no backend"),
    "a pipeline": ({"problem": MOONS, "estimator": make_pipeline(QuboSVC())}, ParameterError, "runs on no backend"),
    "no labels": ({"problem": (MOONS[0], None)}, DataError, "X must be finite numbers"),
    "text as features": ({"problem": ("ab", "cd")}, DataError, "data must be a file, a Table, or"),
    "NaN": ({"problem": (MOONS[0] * np.nan, MOONS[1])}, DataError, "X must be finite numbers"),
    "one class": ({"problem": (MOONS[0], MOONS[1] * 0)}, DataError, "needs two classes"),
    "a share of 1": ({"problem": MOONS, "test_share": 1}, ParameterError, "test_share must be between 0 and 1"),
    "another reference": ({"problem": MOONS, "references": ["svm"]}, ParameterError, "no reference is called 'svm'"),
    "other test features": ({"problem": MOONS, "test": (MOONS[0][:, :1], MOONS[1])}, DataError, "has 1 features"),
    "a strange class": ({"problem": MOONS, "test": (MOONS[0], MOONS[1] + 1)}, DataError, "holds class 2"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_compared_is_said_in_one_line(case: str) -> None:
    arguments, error, message = WRONG[case]
    with pytest.raises(error, match=message) as caught:
        run(**{"problem": np.eye(2), **arguments})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_classifier_can_be_compared(name: str) -> None:
    problem = learning_problem(MOONS, name, parameters={"n_bits": 1})
    assert isinstance(problem, LearningProblem)
    assert "n_bits" in parameters_of(name)
    assert not {"backend", "reads", "random_state"} & set(parameters_of(name))
    inner = getattr(problem.estimator, "estimator", None) or problem.estimator
    assert inner.n_bits == 1
    for unknown in ("gama", "reads"):
        with pytest.raises(ParameterError, match=f"estimator '{name}' has no parameter '{unknown}'"):
            made(name, {unknown: 1})


def test_the_public_names_are_these() -> None:
    names = [
        *("Budget", "Comparison", "LearningProblem", "Outcome", "QuboProblem", "Solver", "Study"),
        *("learning_problem", "qubo_problem", "read_study", "run"),
    ]
    assert hqml.compare.__all__ == names == dir(hqml.compare)
    for name in names:
        assert getattr(hqml.compare, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'rum'"):
        hqml.compare.rum  # type: ignore[attr-defined]  # noqa: B018


def test_importing_it_brings_in_nothing() -> None:
    program = (
        "import sys, hqml.compare\n"
        "print(sorted({'numpy', 'dimod', 'sklearn', 'pandas', 'yaml', 'pydantic', 'jinja2'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


@pytest.mark.parametrize(
    ("argument", "hint"),
    [("backend", "did you mean 'backends'?"), ("seed", "did you mean 'seeds'?"), ("epochs", "there are: ")],
)
def test_an_argument_that_is_none_is_told(argument: str, hint: str) -> None:
    with pytest.raises(OptionError, match=rf"run\(\) has no argument '{argument}'") as raised:
        run([[1.0]], **{argument: 3})
    assert hint in str(raised.value)
