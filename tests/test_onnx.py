"""An ONNX file decides as the estimator it was made of, says where it comes from, and holds no secret."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, make_moons
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from sklearn.svm import SVC

from hqml.cli import main
from hqml.errors import DataError, FormatError, HqmlError, LibraryMissing, ParameterError
from hqml.model_file import load_model, save_model
from hqml.svm import (
    LocalQuboSVC,
    LocalSVC,
    MulticlassSVC,
    QuboMulticlassSVC,
    QuboSVC,
    QuboSVCEnsemble,
    QuboSVR,
    SVCSliceEnsemble,
)

onnx = pytest.importorskip("onnx", reason="ONNX models need 'hqml[onnx]'")
onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX models need 'hqml[onnx]'")

from hqml.onnx_model import OnnxModel, load_onnx, to_onnx  # noqa: E402
from hqml.onnx_model.machines import _groups  # noqa: E402

CANCER, DIABETES = (tuple(part[:200] for part in read(return_X_y=True)) for read in (load_breast_cancer, load_diabetes))
IRIS, MOONS = load_iris(return_X_y=True), make_moons(60, noise=0.1, random_state=0)
FAST = {"reads": 8, "backend_options": {"num_sweeps": 50}}
SVMS = {**FAST, "random_state": 0}
TOKEN = "MARKED-TOKEN-7f3a"
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # small on purpose


def random_points(X: Any, seed: int = 5) -> Any:
    """1000 points in and around the range of X, of numbers that float32 holds exactly."""
    spread = X.std(axis=0)
    points = np.random.default_rng(seed).uniform(X.min(0) - spread, X.max(0) + spread, size=(1000, X.shape[1]))
    return points.astype(np.float32).astype(np.float64)


def assert_equal_to_python(estimator: Any, model: OnnxModel, points: Any) -> None:
    found, expected = model.decision_function(points), estimator.decision_function(points)
    assert found.shape == expected.shape
    assert found.dtype == np.float64
    assert np.max(np.abs(found - expected) / np.maximum(1, np.abs(expected))) < 1e-5
    assert np.array_equal(model.classes_, estimator.classes_)
    clear = np.abs(expected) > 1e-4 if expected.ndim == 1 else np.ptp(np.sort(expected)[:, -2:], axis=1) > 1e-4
    labels = model.predict(points)
    assert np.array_equal(labels[clear], estimator.predict(points)[clear])
    assert labels.dtype.kind == estimator.classes_.dtype.kind


def loaded(estimator: Any, folder: Path, **options: Any) -> OnnxModel:
    to_onnx(estimator, path=folder / "m.onnx", **options)
    return load_onnx(folder / "m.onnx")


def scaled(estimator: Any) -> Pipeline:
    return make_pipeline(StandardScaler(), estimator)


def operators(model: Any) -> list[str]:
    return [node.op_type for node in model.graph.node]


@pytest.fixture(scope="module")
def svc() -> Any:
    return scaled(QuboSVC(**SVMS)).fit(*CANCER)


@pytest.fixture(scope="module")
def regressor() -> Any:
    return scaled(QuboSVR(**SVMS)).fit(*DIABETES)


@pytest.fixture(scope="module")
def landsat(shared_data: Path) -> tuple[Any, Any]:
    rows = np.loadtxt(shared_data / "ml" / "sat.trn")
    return rows[:, :-1], rows[:, -1].astype(int)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Moons as a table, and two models of it that differ in their kind of file alone."""
    folder = tmp_path_factory.mktemp("commands")
    rows = [f"{u},{v},{('lower', 'upper')[moon]}\n" for (u, v), moon in zip(*MOONS, strict=True)]
    (folder / "moons.csv").write_text("u,v,moon\n" + "".join(rows))
    for kind in ("skops", "onnx"):
        line = ["fit", folder / "moons.csv", "--label", "moon", "--seed", "0", "--out", folder / f"m.{kind}"]
        assert main([str(one) for one in line]) == 0
    return folder


ESTIMATORS = {
    "svc": lambda: QuboSVC(**SVMS),
    "of many multipliers": lambda: QuboSVC(n_bits=4, gamma=0.01, **SVMS),
    "one machine of all classes": lambda: QuboMulticlassSVC(**SVMS),
    "its classical twin": lambda: MulticlassSVC(),
    "slices of all classes, vote": lambda: QuboSVCEnsemble(
        QuboMulticlassSVC(**FAST), 30, combine="vote", random_state=0
    ),
    "annealed slices, mean": lambda: QuboSVCEnsemble(QuboSVC(**FAST), 30, combine="mean", random_state=0),
    "annealed slices, vote": lambda: QuboSVCEnsemble(QuboSVC(**FAST), 30, combine="vote", random_state=0),
    "annealed slices, weighted": lambda: QuboSVCEnsemble(QuboSVC(**FAST), 30, combine="weighted", random_state=0),
    "overlapping slices": lambda: QuboSVCEnsemble(
        QuboSVC(**FAST), 30, n_slices=20, sampling="bootstrap", combine="vote", random_state=0
    ),
    "classical slices, mean": lambda: SVCSliceEnsemble(slice_size=30, random_state=0),
    "classical slices, vote": lambda: SVCSliceEnsemble(slice_size=30, combine="vote", random_state=0),
    "votes of linear machines": lambda: SVCSliceEnsemble(SVC(kernel="linear"), 30, combine="vote", random_state=0),
    "annealed neighbours": lambda: LocalQuboSVC(n_neighbors=20, n_deciding=1, **SVMS),
    "three annealed neighbours": lambda: LocalQuboSVC(n_neighbors=20, n_deciding=3, **SVMS),
    "classical neighbours": lambda: LocalSVC(n_neighbors=20, n_deciding=2, random_state=0),
}


class TestDecisions:
    @pytest.mark.parametrize("data", [CANCER, IRIS], ids=["two classes", "three classes"])
    @pytest.mark.parametrize("name", ESTIMATORS)
    def test_every_estimator_decides_as_in_python(self, name: str, data: Any, tmp_path: Path) -> None:
        estimator = scaled(ESTIMATORS[name]()).fit(*data)
        assert_equal_to_python(estimator, loaded(estimator, tmp_path), random_points(data[0]))

    @pytest.mark.parametrize("data", [CANCER, IRIS], ids=["two classes", "three classes"])
    @pytest.mark.parametrize("kernel", ["linear", "poly", "rbf", "sigmoid"])
    def test_every_kernel_decides_as_in_python(self, kernel: str, data: Any, tmp_path: Path) -> None:
        estimator = scaled(QuboSVC(kernel, gamma=0.05, degree=2, coef0=0.5, **SVMS)).fit(*data)
        for precision in ("auto", "double"):
            assert_equal_to_python(estimator, loaded(estimator, tmp_path, precision=precision), random_points(data[0]))

    @pytest.mark.parametrize(
        "step",
        [
            StandardScaler(with_mean=False),
            StandardScaler(with_std=False),
            MinMaxScaler((-1, 3)),
            MinMaxScaler(clip=True),
            MaxAbsScaler(),
            RobustScaler(),
            RobustScaler(with_centering=False, unit_variance=True),
            RobustScaler(with_scaling=False),
            make_pipeline("passthrough", StandardScaler()),
            SelectKBest(k=5),
            "passthrough",
        ],
        ids=str,
    )
    def test_steps_before_the_estimator_are_written_too(self, step: Any, tmp_path: Path) -> None:
        X, y = CANCER[0] / CANCER[0].std(axis=0), CANCER[1]  # so that a step that does not scale is no trouble
        estimator = make_pipeline(step, QuboSVC(gamma=0.1, **SVMS)).fit(X, y)
        for precision in ("double", "single"):
            model, tolerance = loaded(estimator, tmp_path, precision=precision), {"double": 1e-10, "single": 1e-4}
            found, expected = model.decision_function(random_points(X)), estimator.decision_function(random_points(X))
            assert np.allclose(found, expected, rtol=0, atol=tolerance[precision])

    def test_steps_may_follow_each_other(self, tmp_path: Path) -> None:
        inner = make_pipeline(SelectKBest(k=4), MaxAbsScaler(), QuboSVC(**SVMS))
        estimator = make_pipeline(RobustScaler(), "passthrough", inner).fit(*CANCER)
        assert_equal_to_python(estimator, loaded(estimator, tmp_path), random_points(CANCER[0]))

    @pytest.mark.parametrize("classes", [["dry", "wet"], [-1, 1], [1.0, 2.0], [False, True]])
    def test_labels_are_of_the_classes_own_type(self, classes: list[Any], tmp_path: Path) -> None:
        estimator = scaled(QuboSVC(**SVMS)).fit(MOONS[0], np.array(classes)[MOONS[1]])
        assert_equal_to_python(estimator, loaded(estimator, tmp_path), random_points(MOONS[0]))

    def test_a_machine_without_multipliers_decides_by_its_bias(self, tmp_path: Path) -> None:
        estimator = QuboSVC(**SVMS).fit(*MOONS)
        estimator.support_vectors_, estimator.support_ = np.empty((0, 2)), np.empty(0, dtype=int)
        estimator.dual_coef_, estimator.intercept_ = np.empty((1, 0)), np.array([-0.25])
        for precision in ("single", "double"):
            found = loaded(estimator, tmp_path, precision=precision).decision_function(MOONS[0])
            assert found.tolist() == [-0.25] * 60

    def test_one_slice_of_all_samples_is_libsvm(self, tmp_path: Path) -> None:
        X = StandardScaler().fit_transform(CANCER[0])
        whole = SVCSliceEnsemble(SVC(C=3.0), len(X), n_slices=1, random_state=0).fit(X, CANCER[1])
        libsvm = SVC(C=3.0).fit(X, CANCER[1])
        points = random_points(X)
        found = loaded(whole, tmp_path).decision_function(points)
        assert np.allclose(found, libsvm.decision_function(points), rtol=0, atol=2e-3)  # libsvm's tolerance is 1e-3

    def test_a_decision_is_the_sum_written_out_with_loops(self, svc: Any, tmp_path: Path) -> None:
        machine, points = svc[-1], random_points(CANCER[0])[:20]
        found = loaded(svc, tmp_path, precision="double").decision_function(points)
        for point, value in zip(svc[0].transform(points), found, strict=True):
            total = float(machine.intercept_[0])
            for weight, support in zip(machine.dual_coef_[0], machine.support_vectors_, strict=True):
                total += weight * np.exp(
                    -machine.gamma_ * sum((a - b) ** 2 for a, b in zip(point, support, strict=True))
                )
            assert value == pytest.approx(total, abs=1e-10)

    @pytest.mark.parametrize("name", ["svc", "annealed slices, vote", "three annealed neighbours"])
    def test_another_runtime_agrees(self, name: str) -> None:
        """onnx's reference implementation, in numpy."""
        from onnx import reference

        estimator = scaled(ESTIMATORS[name]()).fit(*IRIS)
        evaluator = reference.ReferenceEvaluator(to_onnx(estimator, precision="double"))
        points = random_points(IRIS[0])[:50]
        labels, decisions = evaluator.run(["label", "decision"], {"X": points})
        assert np.allclose(decisions, estimator.decision_function(points), atol=1e-9)
        assert np.array_equal(labels, estimator.predict(points))

    def test_a_regressor_predicts_as_in_python(self, regressor: Any, tmp_path: Path) -> None:
        model, points = loaded(regressor, tmp_path), random_points(DIABETES[0])
        assert model.classes_ is None
        assert np.allclose(model.predict(points), regressor.predict(points), rtol=1e-5, atol=1e-5)
        with pytest.raises(DataError, match="no decision values"):
            model.decision_function(points)

    @given(st.integers(1, 5), st.integers(1, 3), st.integers(1, 12), st.integers(0, 2**31))
    def test_groups_hold_every_multiplier_once(self, groups: int, machines: int, support: int, seed: int) -> None:
        random = np.random.default_rng(seed)
        dual = scipy.sparse.random_array((groups * machines, support), density=0.3, format="csr", rng=random)
        found = _groups(dual, np.zeros((groups, machines)))
        dense = np.zeros((groups, machines, support))
        for group in range(groups):
            for place, weights in zip(found.support[group], found.weights[group], strict=True):
                dense[group, :, place] += weights
        assert np.array_equal(dense.reshape(-1, support), dual.toarray())


class TestLandsat:
    """All 4435 rows of 36 features: sums of hundreds of kernels that nearly cancel."""

    @pytest.mark.parametrize(
        ("estimator", "of"),
        [
            (SVCSliceEnsemble(SVC(C=3.0), 4435, n_slices=1, random_state=0), lambda y: y),
            (QuboSVC(reads=4, backend_options={"num_sweeps": 10}, random_state=0), lambda y: y <= 4),
            (
                QuboSVCEnsemble(QuboSVC(**FAST), 40, n_slices=30, combine="vote", random_state=0),
                lambda y: y,
            ),
        ],
        ids=["libsvm, six classes", "annealed, all rows", "30 slices"],
    )
    def test_it_decides_as_in_python(self, landsat: Any, estimator: Any, of: Any, tmp_path: Path) -> None:
        X, y = landsat
        fitted = scaled(estimator).fit(X, of(y))
        model = loaded(fitted, tmp_path)
        assert_equal_to_python(fitted, model, random_points(X))
        near = X[::4] + 0.5
        assert_equal_to_python(fitted, model, near)
        assert (tmp_path / "m.onnx").stat().st_size < 8e6

    def test_single_precision_does_not_do_for_it(self, landsat: Any, tmp_path: Path) -> None:
        X, y = landsat
        fitted = scaled(SVCSliceEnsemble(SVC(C=3.0), 4435, n_slices=1, random_state=0)).fit(X, y == 4)
        assert loaded(fitted, tmp_path).metadata["precision"] == "double"
        single = loaded(fitted, tmp_path, precision="single").decision_function(X)
        assert np.abs(single - fitted.decision_function(X)).max() > 1e-5


class TestPrecision:
    def test_what_float32_can_do_is_left_to_ai_onnx_ml(self) -> None:
        model = to_onnx(scaled(QuboSVC(gamma=1.0, **SVMS)).fit(*CANCER))
        assert {"Scaler", "SVMRegressor"} <= set(operators(model))
        assert "MatMul" not in operators(model)
        assert {one.key: one.value for one in model.metadata_props}["precision"] == "single"

    def test_what_it_cannot_do_is_left_to_standard_operators(self) -> None:
        model = to_onnx(scaled(QuboSVC(n_bits=6, gamma=0.001, **SVMS)).fit(*CANCER))
        assert {node.domain for node in model.graph.node} == {""}

    def test_the_difference_is_told(self, svc: Any) -> None:
        for precision, most in (("single", 1e-3), ("double", 1e-10)):
            facts = {one.key: one.value for one in to_onnx(svc, precision=precision).metadata_props}
            assert facts["precision"] == precision
            assert 0 < float(facts["largest_difference"]) < most

    def test_a_linear_machine_is_its_weights(self) -> None:
        estimator = QuboSVC("linear", **SVMS).fit(*MOONS)
        model = to_onnx(estimator, precision="double")
        assert len(model.SerializeToString()) < len(
            to_onnx(QuboSVC(**SVMS).fit(*MOONS), precision="double").SerializeToString()
        )
        assert [2, 2] in [list(one.dims) for one in model.graph.initializer]

    def test_votes_in_single_precision_are_refused(self) -> None:
        votes = SVCSliceEnsemble(slice_size=30, combine="vote", random_state=0).fit(*MOONS)
        with pytest.raises(ParameterError, match="a rounding in float32 turns them over"):
            to_onnx(votes, precision="single")

    def test_a_kernel_that_drowns_in_rounding_is_refused(self, tmp_path: Path) -> None:
        estimator = QuboSVC("poly", degree=2, **SVMS).fit(*MOONS)
        estimator._kernel = replace(estimator._kernel, coef0=1e14)  # its square leaves nothing of a sum that is 1
        estimator.dual_coef_ = estimator.dual_coef_ - estimator.dual_coef_.mean()
        with pytest.raises(ParameterError, match=r"differ from Python's by .*: standardise the features"):
            to_onnx(estimator, path=tmp_path / "m.onnx")
        assert not list(tmp_path.iterdir())

    def test_single_is_not_taken_where_far_away_nothing_but_kernels_decides(self) -> None:
        X, y = load_iris(return_X_y=True)
        model = scaled(QuboMulticlassSVC(gamma=3.0, random_state=0)).fit(X, y)
        exported = to_onnx(model)
        far = X.mean(axis=0) + 3 * np.random.default_rng(0).normal(size=(1000, 4))
        [label] = onnxruntime.InferenceSession(exported.SerializeToString()).run(["label"], {"X": far})
        assert (label != model.predict(far)).mean() < 0.005


class TestTheFile:
    @pytest.mark.parametrize("name", ["svc", "annealed slices, vote", "three annealed neighbours"])
    def test_the_checker_is_content(self, name: str) -> None:
        onnx.checker.check_model(to_onnx(scaled(ESTIMATORS[name]()).fit(*IRIS)), full_check=True)

    def test_inputs_and_outputs_have_their_fixed_names_types_and_shapes(self, svc: Any, regressor: Any) -> None:
        three = to_onnx(QuboSVC(**SVMS).fit(*IRIS))
        assert self.sides(to_onnx(svc)) == [
            ("X", "tensor(double)", ["N", 30]),
            ("label", "tensor(int64)", ["N"]),
            ("decision", "tensor(double)", ["N"]),
        ]
        assert self.sides(three)[2] == ("decision", "tensor(double)", ["N", 3])
        assert self.sides(to_onnx(regressor))[1:] == [("prediction", "tensor(double)", ["N"])]

    @staticmethod
    def sides(model: Any) -> list[tuple[str, str, list[Any]]]:
        session = onnxruntime.InferenceSession(model.SerializeToString())
        return [(one.name, one.type, one.shape) for one in [*session.get_inputs(), *session.get_outputs()]]

    def test_any_number_of_samples_is_taken(self, svc: Any, tmp_path: Path) -> None:
        model, X = loaded(svc, tmp_path), np.tile(CANCER[0], (5, 1))
        assert np.allclose(model.decision_function(X), svc.decision_function(X), atol=1e-5)
        assert model.decision_function(X[:1]).shape == (1,)
        assert model.predict(X[:0]).shape == (0,)
        votes = loaded(scaled(ESTIMATORS["three annealed neighbours"]()).fit(*IRIS), tmp_path)
        assert votes.decision_function(IRIS[0][:0]).shape == (0, 3)

    def test_nothing_is_left_of_a_failure(self, svc: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "m.onnx"
        path.write_bytes(b"before")
        with pytest.raises(FormatError, match="there is no folder"):
            to_onnx(svc, path=tmp_path / "no" / "m.onnx")
        monkeypatch.setattr("hqml.onnx_model.export._difference", lambda *given: 1.0)
        with pytest.raises(ParameterError, match="differ from Python's"):
            to_onnx(svc, path=path)
        assert path.read_bytes() == b"before"
        assert list(tmp_path.iterdir()) == [path]

    def test_one_too_large_for_the_format_is_refused(self, svc: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("hqml.onnx_model.graph._MOST_BYTES", 1000)
        with pytest.raises(ParameterError, match="an ONNX file holds 2 GiB"):
            to_onnx(svc, precision="double")


class TestProvenance:
    def test_it_is_that_of_the_fit(self, svc: Any, tmp_path: Path) -> None:
        names = [f"band {n}" for n in range(30)]
        model = loaded(svc, tmp_path, features=names, label="kind")
        facts, machine = model.metadata, svc[-1]
        assert (facts["estimator"], facts["backend"], facts["seed"]) == ("QuboSVC", "cpu", "0")
        assert facts["formula"] == "doi:10.1016/j.cpc.2019.107006"
        assert json.loads(facts["energies"]) == machine.energies_.tolist()
        assert (facts["n_bits"], facts["base"], facts["xi"], facts["C"]) == ("2", "2", "1.0", "3.0")
        assert (facts["kernel"], float(facts["gamma"])) == ("rbf", machine.gamma_)
        assert json.loads(facts["classes"]) == [0, 1]
        assert (model.features, model.label, json.loads(facts["features"])) == (tuple(names), "kind", names)
        from importlib.metadata import version

        assert facts["hqml_version"] == version("hqml")
        age = datetime.now().astimezone() - datetime.fromisoformat(facts["created"])
        assert timedelta(seconds=-2) < age < timedelta(hours=1)

    def test_that_of_an_ensemble_names_the_backend_and_settings_of_its_slices(self, tmp_path: Path) -> None:
        from hqml_cpu import CpuBackend

        slices = QuboSVCEnsemble(QuboSVC(n_bits=3, backend=CpuBackend(), reads=8), 20, random_state=3).fit(*MOONS)
        facts = loaded(slices, tmp_path).metadata
        assert (facts["backend"], facts["n_bits"], facts["C"], facts["seed"]) == ("cpu", "3", "7.0", "3")
        assert facts["combine"] == "mean"
        assert json.loads(facts["energies"]) == slices.energies_.tolist()
        assert facts["formula"] == "doi:10.1109/IGARSS39084.2020.9323544, doi:10.1016/j.cpc.2019.107006"

    def test_a_setting_of_0_is_told(self, tmp_path: Path) -> None:
        assert loaded(QuboSVC(xi=0.0, **SVMS).fit(*MOONS), tmp_path).metadata["xi"] == "0.0"

    def test_that_of_a_regressor_has_its_tube_and_no_classes(self, regressor: Any, tmp_path: Path) -> None:
        facts = loaded(regressor, tmp_path).metadata
        assert (facts["estimator"], facts["formula"]) == ("QuboSVR", "doi:10.1109/LGRS.2022.3200325")
        assert float(facts["epsilon"]) == regressor[-1].epsilon_
        assert "classes" not in facts

    def test_what_is_unknown_is_left_out(self, tmp_path: Path) -> None:
        facts = loaded(SVCSliceEnsemble(slice_size=30, random_state=0).fit(*MOONS), tmp_path).metadata
        assert not {"backend", "energies", "features", "label", "formula"} & set(facts)

    def test_what_was_not_annealed_has_no_energy(self, tmp_path: Path) -> None:
        local = LocalQuboSVC(n_neighbors=10, n_deciding=1, **SVMS).fit(*MOONS)
        energies = json.loads(loaded(local, tmp_path).metadata["energies"])
        assert np.isnan(local.energies_).any()
        assert [one is None for one in np.ravel(energies).tolist()] == np.isnan(local.energies_).ravel().tolist()

    def test_a_token_is_in_no_byte_of_the_file(self, tmp_path: Path) -> None:
        estimators = [
            QuboSVC(**SVMS),
            QuboSVCEnsemble(QuboSVC(**FAST), 20, random_state=0),
            LocalQuboSVC(n_neighbors=10, **SVMS),
            QuboMulticlassSVC(**SVMS),
        ]
        for estimator in estimators:
            fitted = scaled(estimator).fit(*MOONS)
            for one in (fitted[-1], getattr(fitted[-1], "estimator", None), getattr(fitted[-1], "estimator_", None)):
                if one is not None:
                    one.backend_options = {"token": TOKEN, "num_sweeps": 50}
            loaded(fitted, tmp_path)
            content = (tmp_path / "m.onnx").read_bytes()
            assert TOKEN.encode() not in content
            assert b"num_sweeps" not in content

    def test_a_saved_model_can_be_written_too(self, svc: Any, tmp_path: Path) -> None:
        save_model(tmp_path / "m.skops", svc, features=[f"f{n}" for n in range(30)], label="kind")
        saved = load_model(tmp_path / "m.skops")
        model = loaded(saved.estimator, tmp_path, features=saved.features, label=saved.label)
        assert_equal_to_python(svc, model, random_points(CANCER[0]))
        assert model.metadata["backend"] == "cpu"

    def test_names_are_taken_from_a_data_frame(self, tmp_path: Path) -> None:
        frame, y = load_iris(return_X_y=True, as_frame=True)
        model = loaded(scaled(QuboSVC(**SVMS)).fit(frame, y), tmp_path)
        assert model.features == tuple(frame.columns)


def unfitted_scaler() -> Pipeline:
    fitted = scaled(QuboSVC(**SVMS)).fit(*MOONS)
    return Pipeline([("scale", StandardScaler()), ("svc", fitted[-1])])


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "not fitted": (lambda: QuboSVC(), "QuboSVC is not fitted; call fit first"),
    "pipeline not fitted": (lambda: scaled(QuboSVC()), "is not fitted; call fit first"),
    "step not fitted": (unfitted_scaler, "StandardScaler is not fitted; call fit first"),
    "no estimator": (lambda: "svc", "'svc', which is no estimator"),
    "nothing": (lambda: None, "None, which is no estimator"),
    "a class": (lambda: QuboSVC, "no estimator|not fitted"),
    "another estimator": (lambda: LogisticRegression().fit(*MOONS), "LogisticRegression is none of hqml's .* skl2onnx"),
    "scikit-learn's SVC": (lambda: SVC().fit(*MOONS), "SVC is none of hqml's"),
    "a search": (lambda: GridSearchCV(SVC(), {"C": [1]}, cv=2).fit(*MOONS), "give its best_estimator_"),
    "a step unknown": (
        lambda: make_pipeline(PCA(1), QuboSVC(**SVMS)).fit(*MOONS),
        "step 'pca' is a PCA, which cannot be written as ONNX; known are StandardScaler",
    ),
    "an inner step unknown": (
        lambda: make_pipeline(make_pipeline(PCA(1)), QuboSVC(**SVMS)).fit(*MOONS),
        r"step 'pipeline\.pca' is a PCA",
    ),
    "a kernel function": (lambda: QuboSVC(rbf_kernel, **SVMS).fit(*MOONS), "found a function: a file cannot hold"),
    "a precomputed kernel": (
        lambda: QuboSVC("precomputed", **SVMS).fit(rbf_kernel(MOONS[0]), MOONS[1]),
        "one of linear, poly, rbf, sigmoid to be written as ONNX, found 'precomputed'",
    ),
    "a precomputed kernel of slices": (
        lambda: SVCSliceEnsemble(SVC(kernel="precomputed"), 30, random_state=0).fit(rbf_kernel(MOONS[0]), MOONS[1]),
        "found 'precomputed'",
    ),
}


class TestWhatIsRefused:
    @pytest.mark.parametrize("name", REFUSED)
    def test_what_cannot_be_written_is_told(self, name: str) -> None:
        make, message = REFUSED[name]
        with pytest.raises(ParameterError, match=message):
            to_onnx(make())

    @pytest.mark.parametrize("features", [["a"], "abc", ["a"] * 31])
    def test_names_that_do_not_fit_are_refused(self, svc: Any, features: Any) -> None:
        with pytest.raises(ParameterError, match="features must name the 30 columns of X"):
            to_onnx(svc, features=features)

    @pytest.mark.parametrize("precision", ["half", None, 64])
    def test_a_precision_unknown_is_refused(self, svc: Any, precision: Any) -> None:
        with pytest.raises(ParameterError, match="precision must be one of 'auto', 'single', 'double'"):
            to_onnx(svc, precision=precision)

    @pytest.mark.parametrize("name", ["onnx", "onnxruntime"])
    def test_a_missing_library_names_the_extra(self, svc: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(LibraryMissing, match=rf"needs {name}, .* pip install 'hqml\[onnx\]'") as caught:
            to_onnx(svc)
        assert isinstance(caught.value, HqmlError)
        assert isinstance(caught.value, ImportError)

    @pytest.mark.parametrize(
        ("X", "message"),
        [
            (np.zeros((3, 4)), r"X must have shape \(samples, 30\), found \(3, 4\)"),
            (np.zeros(30), r"found \(30,\)"),
            ([["a"] * 30], "numbers alone"),
            (np.full((1, 30), np.nan), "NaN or infinity"),
        ],
    )
    def test_data_that_do_not_fit_are_refused(self, svc: Any, tmp_path: Path, X: Any, message: str) -> None:
        model = loaded(svc, tmp_path)
        for call in (model.predict, model.decision_function):
            with pytest.raises(DataError, match=message):
                call(X)


def foreign(*, kind: int | None = None, name: str = "X", output: str = "decision") -> bytes:
    """A sound ONNX model that is not of `to_onnx`."""
    kind = onnx.TensorProto.DOUBLE if kind is None else kind
    node = onnx.helper.make_node("Identity", [name], [output])
    sides = [onnx.helper.make_tensor_value_info(one, kind, ["N", 2]) for one in (name, output)]
    graph = onnx.helper.make_graph([node], "g", sides[:1], sides[1:])
    content: bytes = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8
    ).SerializeToString()
    return content


class TestLoading:
    @pytest.fixture
    def model(self) -> Any:
        return to_onnx(QuboSVC(**SVMS).fit(*MOONS), features=["u", "v"])

    def refused(self, folder: Path, content: bytes, message: str) -> None:
        (folder / "bad.onnx").write_bytes(content)
        with pytest.raises(FormatError, match=message):
            load_onnx(folder / "bad.onnx")

    def test_what_is_no_onnx_file_is_refused(self, tmp_path: Path) -> None:
        for content in (b"", b"u,v\n1,2\n", b"\x00" * 100, bytes(range(256))):
            self.refused(tmp_path, content, "is not an ONNX file, or damaged")

    def test_a_file_cut_short_is_refused(self, model: Any, tmp_path: Path) -> None:
        whole = model.SerializeToString()
        for size in (10, 100, len(whole) // 2, len(whole) - 40):
            self.refused(
                tmp_path, whole[:size], "is not an ONNX file, or damaged|lacks the metadata|metadata is damaged"
            )

    def test_a_model_file_of_the_other_kind_is_named(self, tmp_path: Path) -> None:
        save_model(tmp_path / "m.skops", QuboSVC(**SVMS).fit(*MOONS))
        self.refused(tmp_path, (tmp_path / "m.skops").read_bytes(), "is a zip, .* rename it to end in .skops")

    def test_other_models_are_told_by_their_sides(self, tmp_path: Path) -> None:
        self.refused(
            tmp_path, foreign(name="input"), r"this one takes input tensor\(double\) \['N', 2\] and gives decision"
        )
        self.refused(tmp_path, foreign(kind=onnx.TensorProto.FLOAT), r"takes X tensor\(float\)")
        self.refused(tmp_path, foreign(), "is not a model of hqml.to_onnx")

    def test_one_without_our_metadata_is_refused(self, tmp_path: Path) -> None:
        self.refused(tmp_path, foreign(output="prediction"), "lacks the metadata that hqml.to_onnx writes")

    @pytest.mark.parametrize(
        ("key", "value", "message"),
        [
            ("classes", "[0, ", "metadata is damaged"),
            ("classes", "null", "lacks the metadata"),
            ("features", '["u"]', "column names do not fit its 2 columns"),
            ("features", "3", "metadata is damaged"),
        ],
    )
    def test_metadata_that_do_not_fit_are_refused(
        self, model: Any, tmp_path: Path, key: str, value: str, message: str
    ) -> None:
        for one in model.metadata_props:
            if one.key == key:
                one.value = value
        self.refused(tmp_path, model.SerializeToString(), message)

    def test_metadata_that_are_no_text_are_refused(self, model: Any, tmp_path: Path) -> None:
        content = model.SerializeToString().replace(b"hqml_version", b"hqml\xffversion")
        self.refused(tmp_path, content, "its metadata are damaged")

    def test_a_graph_that_does_not_run_is_told_when_it_is_used(
        self, model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def run(*_: Any) -> None:
            raise RuntimeError("Non-zero status code returned\nin detail")

        (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
        loaded = load_onnx(tmp_path / "m.onnx")
        monkeypatch.setattr(loaded._session, "run", run)
        with pytest.raises(FormatError, match=r"m.onnx: does not run \(Non-zero status code returned\)"):
            loaded.predict(MOONS[0][:3])

    def test_lengths_that_do_not_fit_are_found_when_it_is_loaded(self, tmp_path: Path) -> None:
        """They pass onnx.checker, which is why `to_onnx` runs what it writes."""
        model = to_onnx(QuboSVC(**SVMS).fit(*MOONS), precision="single")
        [node] = [node for node in model.graph.node if node.op_type == "SVMRegressor"]
        [attribute] = [one for one in node.attribute if one.name == "support_vectors"]
        del attribute.floats[-1]
        onnx.checker.check_model(model, full_check=True)
        self.refused(tmp_path, model.SerializeToString(), "is not an ONNX file, or damaged")

    def test_a_missing_file_says_how_to_make_one(self, tmp_path: Path) -> None:
        with pytest.raises(FormatError, match="there is no such model; `hqml fit"):
            load_onnx(tmp_path / "none.onnx")
        with pytest.raises(FormatError, match="cannot be read"):
            load_onnx(tmp_path)

    def test_without_onnxruntime_the_extra_is_named(
        self, model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        with pytest.raises(LibraryMissing, match=r"needs onnxruntime, .* pip install 'hqml\[onnx\]'"):
            load_onnx(tmp_path / "m.onnx")


class TestCommands:
    @pytest.fixture
    def run(self, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
        def run(*arguments: str | Path) -> tuple[int, str, str]:
            capsys.readouterr()
            return main([str(one) for one in arguments]), *capsys.readouterr()

        return run

    def test_fit_writes_onnx_where_the_name_ends_so(self, folder: Path) -> None:
        model = load_onnx(folder / "m.onnx")
        assert (model.features, model.label, model.metadata["backend"]) == (("u", "v"), "moon", "cpu")
        assert model.classes_ is not None
        assert model.classes_.tolist() == ["lower", "upper"]

    @pytest.mark.parametrize("options", [[], ["--label", "moon"], ["--label", "moon", "--classes", "upper"]])
    def test_predict_prints_the_same_of_both_kinds(self, run: Any, folder: Path, options: list[str]) -> None:
        found = [
            run("predict", folder / f"m.{kind}", folder / "moons.csv", *options, "--json") for kind in ("skops", "onnx")
        ]
        (status, one, _), (other_status, other, error) = found
        assert (status, other_status, error) == (0, 0, "")
        first, second = json.loads(one), json.loads(other)
        assert second.pop("model").endswith("m.onnx")
        assert first | {"model": None} == second | {"model": None}

    def test_predict_writes_the_same_of_both_kinds(self, run: Any, folder: Path, tmp_path: Path) -> None:
        tables = []
        for kind in ("skops", "onnx"):
            out = tmp_path / f"{kind}.csv"
            assert run("predict", folder / f"m.{kind}", folder / "moons.csv", "--out", out)[0] == 0
            tables.append(list(csv.reader(out.read_text().splitlines())))
        assert tables[0][0] == tables[1][0] == ["prediction", "decision_upper"]
        for one, other in zip(tables[0][1:], tables[1][1:], strict=True):
            assert one[0] == other[0]
            assert float(other[1]) == pytest.approx(float(one[1]), abs=1e-5)

    def test_columns_are_found_by_name(self, run: Any, folder: Path, tmp_path: Path) -> None:
        rows = [line.split(",") for line in (folder / "moons.csv").read_text().splitlines()]
        (tmp_path / "swapped.csv").write_text("".join(f"{moon},{v},{u}\n" for u, v, moon in rows))
        found = [
            json.loads(run("predict", folder / "m.onnx", data, "--json")[1])["predictions"]
            for data in (folder / "moons.csv", tmp_path / "swapped.csv")
        ]
        assert found[0] == found[1]

    def test_more_classes_have_a_column_each(self, run: Any, tmp_path: Path) -> None:
        np.savez(tmp_path / "iris.npz", X=IRIS[0], y=IRIS[1])
        line = ["--estimator", "svc-ensemble", "--slice-size", "30", "--combine", "vote", "--seed", "0"]
        assert run("fit", tmp_path / "iris.npz", *line, "--out", tmp_path / "m.onnx")[0] == 0
        assert run("predict", tmp_path / "m.onnx", tmp_path / "iris.npz", "--out", tmp_path / "p.csv")[0] == 0
        assert (tmp_path / "p.csv").read_text().startswith("prediction,decision_0,decision_1,decision_2\n")

    def test_a_regressor_gives_numbers_and_their_scores(self, run: Any, regressor: Any, tmp_path: Path) -> None:
        X, y = DIABETES
        np.savez(tmp_path / "d.npz", X=X, y=y)
        to_onnx(regressor, path=tmp_path / "m.onnx")
        found = json.loads(run("predict", tmp_path / "m.onnx", tmp_path / "d.npz", "--label", "y", "--json")[1])
        predicted = regressor.predict(X)
        assert found["r2"] == pytest.approx(r2_score(y, predicted))
        assert found["mean_absolute_error"] == pytest.approx(mean_absolute_error(y, predicted))
        assert found["predicted"]["mean"] == pytest.approx(predicted.mean())
        assert run("predict", tmp_path / "m.onnx", tmp_path / "d.npz", "--out", tmp_path / "p.csv")[0] == 0
        header, *rows = (tmp_path / "p.csv").read_text().splitlines()
        assert header == "prediction"
        assert np.allclose([float(row) for row in rows], predicted, rtol=1e-5)

    def test_a_regressor_of_one_row_has_no_r2(self, run: Any, regressor: Any, tmp_path: Path) -> None:
        X, y = DIABETES
        np.savez(tmp_path / "d.npz", X=X[:1], y=y[:1])
        to_onnx(regressor, path=tmp_path / "m.onnx")
        found = json.loads(run("predict", tmp_path / "m.onnx", tmp_path / "d.npz", "--label", "y", "--json")[1])
        assert found["r2"] is None

    def test_classes_are_no_use_to_a_regressor(self, run: Any, regressor: Any, tmp_path: Path) -> None:
        X, y = DIABETES
        np.savez(tmp_path / "d.npz", X=X, y=np.where(y > 100, "many", "few"))
        to_onnx(regressor, path=tmp_path / "m.onnx")
        line = ["predict", tmp_path / "m.onnx", tmp_path / "d.npz", "--label", "y"]
        assert run(*line)[0] == 2
        assert "holds text ('many'), but the model predicts numbers" in run(*line)[2]
        status, _, error = run(*line, "--classes", "few")
        assert (status, error.count("\n")) == (2, 1)
        assert "this model predicts numbers; drop it" in error

    def test_bad_input_is_one_line(self, run: Any, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "one.csv").write_text("u\n1\n")
        (tmp_path / "text.onnx").write_text("hello")
        (tmp_path / "foreign.onnx").write_bytes(foreign())
        for model, data, message in [
            (folder / "m.onnx", tmp_path / "one.csv", "without a column the model needs: v"),
            (tmp_path / "text.onnx", folder / "moons.csv", "is not an ONNX file"),
            (tmp_path / "foreign.onnx", folder / "moons.csv", "is not a model of hqml.to_onnx"),
            (tmp_path / "none.onnx", folder / "moons.csv", "there is no such model"),
        ]:
            status, out, error = run("predict", model, data)
            assert (status, out, error.count("\n")) == (2, "", 1)
            assert message in error

    def test_a_missing_library_is_found_before_training(
        self, run: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        monkeypatch.setattr("hqml.dispatch.sample", None)
        for line in (
            ["fit", folder / "moons.csv", "--label", "moon", "--out", tmp_path / "m.onnx"],
            ["predict", folder / "m.onnx", folder / "moons.csv"],
        ):
            status, _, error = run(*line)
            assert (status, error.count("\n")) == (2, 1)
            assert "pip install 'hqml[onnx]'" in error

    def test_what_was_trained_is_kept_where_it_cannot_be_written(
        self, run: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("hqml.onnx_model.export._difference", lambda *given: 1.0)
        status, _, error = run("fit", folder / "moons.csv", "--label", "moon", "--out", tmp_path / "m.onnx")
        assert status == 2
        assert "The model is kept in" in error
        assert [one.name for one in tmp_path.iterdir()] == ["m.onnx.skops"]
        assert run("predict", tmp_path / "m.onnx.skops", folder / "moons.csv")[0] == 0

    def test_predict_needs_neither_scikit_learn_nor_onnx(self, folder: Path) -> None:
        program = (
            "import sys; from hqml.cli import main; status = main(sys.argv[1:])\n"
            "print(status, sorted({'sklearn', 'onnx', 'hqml.svm', 'skops'} & set(sys.modules)))"
        )
        line = [
            sys.executable,
            "-W",
            "error",
            "-c",
            program,
            "predict",
            folder / "m.onnx",
            folder / "moons.csv",
            "--json",
        ]
        done = subprocess.run(line, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "0 []"
        assert done.stderr == ""


def test_a_frame_with_its_columns_in_another_order_is_refused(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="frames need pandas")
    X, y = make_moons(40, random_state=0)
    to_onnx(QuboSVC(**SVMS).fit(X, y), path=tmp_path / "named.onnx", features=["a", "b"])
    model, frame = load_onnx(tmp_path / "named.onnx"), pandas.DataFrame(X, columns=["a", "b"])
    np.testing.assert_array_equal(model.predict(frame), model.predict(X))
    with pytest.raises(DataError, match="the columns of X must be a, b, in this order"):
        model.predict(frame[["b", "a"]])


def test_a_file_by_another_ending_is_refused(tmp_path: Path, svc: Any) -> None:
    with pytest.raises(ParameterError, match=r"path must end in \.onnx"):
        to_onnx(svc, path=tmp_path / "model.skops")
