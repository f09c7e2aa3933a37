"""Saved models predict as before, hold nothing of the run, and run no code when they are loaded."""

from __future__ import annotations

import copy
import io
import json
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import dimod
import numpy as np
import pytest
import skops.io
from sklearn.datasets import load_iris, make_moons
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier

from hqml.errors import FormatError, ParameterError
from hqml.model_file import load_model, save_model
from hqml.svm import QuboSVC, QuboSVCEnsemble

X, y = make_moons(60, noise=0.1, random_state=0)
FAST = {"reads": 8, "random_state": 0}


def fitted_models() -> dict[str, Any]:
    iris = load_iris(return_X_y=True)
    return {
        "svc": make_pipeline(StandardScaler(), QuboSVC(**FAST)).fit(X, y),
        "bare": QuboSVC(kernel="linear", class_weight={0: 1.0, 1: 2.0}, **FAST).fit(X, y),
        "strings": QuboSVC(**FAST).fit(X, np.array(["wet", "dry"])[y]),
        "three classes": QuboSVC(**FAST).fit(*iris),
        "ensemble": QuboSVCEnsemble(QuboSVC(reads=8), 20, combine="weighted", random_state=0).fit(X, y),
        "votes": QuboSVCEnsemble(QuboSVC(reads=8), 20, combine="vote", random_state=0).fit(X, y),
        "more steps": make_pipeline(StandardScaler(), PCA(1), QuboSVC(**FAST)).fit(X, y),
        "classical": make_pipeline(StandardScaler(), SVC()).fit(X, y),
    }


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of saturation: these are small on purpose
        return fitted_models()


NAMES = ["svc", "bare", "strings", "three classes", "ensemble", "votes", "more steps", "classical"]


@pytest.mark.parametrize("name", NAMES)
def test_a_loaded_model_decides_as_the_saved_one_to_the_last_bit(
    models: dict[str, Any], name: str, tmp_path: Path
) -> None:
    model = models[name]
    columns = model.n_features_in_
    save_model(tmp_path / "m.skops", model, features=[f"f{n}" for n in range(columns)], label="class")
    loaded = load_model(tmp_path / "m.skops")
    points = np.random.default_rng(1).normal(size=(50, columns))
    np.testing.assert_array_equal(loaded.estimator.decision_function(points), model.decision_function(points))
    np.testing.assert_array_equal(loaded.estimator.predict(points), model.predict(points))
    assert loaded.features == tuple(f"f{n}" for n in range(columns))
    assert loaded.label == "class"


def test_raw_samples_and_backend_options_do_not_enter_the_file(tmp_path: Path) -> None:
    model = QuboSVC(gamma=5, backend="neal", backend_options={"beta_range": (0.1, 7.654321)}, **FAST).fit(X, y)
    save_model(tmp_path / "m.skops", model)
    loaded = load_model(tmp_path / "m.skops").estimator
    assert not hasattr(loaded, "sampleset_")
    assert loaded.backend_options is None
    with zipfile.ZipFile(tmp_path / "m.skops") as file:
        assert all(b"7.654321" not in file.read(name) for name in file.namelist())
    assert isinstance(model.sampleset_, dimod.SampleSet), "the model in memory keeps them"
    assert model.backend_options == {"beta_range": (0.1, 7.654321)}


def test_of_a_live_backend_only_its_name_is_kept(tmp_path: Path) -> None:
    from hqml_ocean import NealBackend

    model = make_pipeline(QuboSVCEnsemble(QuboSVC(gamma=5, backend=NealBackend(), reads=8), 20, random_state=0)).fit(
        X, y
    )
    save_model(tmp_path / "m.skops", model)
    loaded = load_model(tmp_path / "m.skops").estimator
    assert loaded[-1].estimator.backend == "neal"
    assert loaded[-1].estimator_.backend == "neal"
    assert isinstance(model[-1].estimator.backend, NealBackend), "the model in memory keeps it"


class TestSaving:
    def test_a_model_that_is_not_fitted_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ParameterError, match="QuboSVC is not a fitted estimator; call fit first"):
            save_model(tmp_path / "m.skops", QuboSVC())

    def test_what_could_not_be_loaded_again_is_refused(self, tmp_path: Path) -> None:
        def own_kernel(a: Any, b: Any) -> Any:
            return a @ b.T

        model = QuboSVC(kernel=own_kernel, **FAST).fit(X, y)
        with pytest.raises(ParameterError, match="own_kernel"):
            save_model(tmp_path / "m.skops", model)
        assert os.listdir(tmp_path) == []

    def test_leaves_the_old_file_when_it_fails(self, models: dict[str, Any], tmp_path: Path) -> None:
        (tmp_path / "m.skops").write_text("precious")
        step = make_pipeline(FunctionTransformer(np.sort), LogisticRegression()).fit(X, y)
        step.steps[0][1].func = os.system
        with pytest.raises(ParameterError):
            save_model(tmp_path / "m.skops", step)
        assert (tmp_path / "m.skops").read_text() == "precious"
        assert os.listdir(tmp_path) == ["m.skops"]

    def test_replaces_a_file_and_follows_a_link(self, models: dict[str, Any], tmp_path: Path) -> None:
        target = tmp_path / "m.skops"
        target.write_text("old")
        (tmp_path / "link").symlink_to(target)
        save_model(tmp_path / "link", models["svc"])
        assert (tmp_path / "link").is_symlink()
        assert load_model(target).features is None
        assert sorted(os.listdir(tmp_path)) == ["link", "m.skops"]

    def test_into_a_missing_folder_is_refused(self, models: dict[str, Any], tmp_path: Path) -> None:
        with pytest.raises(FormatError, match="there is no folder"):
            save_model(tmp_path / "nowhere" / "m.skops", models["svc"])


class Harm:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.system, ("touch HARMED",)


def rewritten(path: Path, change: Any) -> bytes:
    """The model file with its tree changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, change(content.decode()) if name == "schema.json" else content)
    return out.getvalue()


def zipped(**files: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, content in files.items():
            file.writestr(name, content)
    return out.getvalue()


class TestLoading:
    @pytest.fixture
    def good(self, models: dict[str, Any], tmp_path: Path) -> Path:
        save_model(tmp_path / "good.skops", models["svc"], features=["u", "v"], label="class")
        return tmp_path / "good.skops"

    def refused(self, tmp_path: Path, content: bytes, match: str) -> None:
        path = tmp_path / "bad.skops"
        path.write_bytes(content)
        with pytest.raises(FormatError, match=match) as caught:
            load_model(path)
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)

    def test_a_pickle_is_refused_and_not_run(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        self.refused(tmp_path, pickle.dumps(Harm()), "is not a model file")
        assert not (tmp_path / "HARMED").exists()

    def test_an_untrusted_type_is_refused_by_name_and_nothing_is_built(self, good: Path, tmp_path: Path) -> None:
        crafted = rewritten(
            good, lambda tree: tree.replace('"hqml.svm.qubo_svc"', '"subprocess"').replace("QuboSVC", "Popen")
        )
        self.refused(tmp_path, crafted, r"holds subprocess\.Popen, which hqml does not trust; nothing was loaded")

    def test_a_function_in_a_trusted_step_is_refused(self, tmp_path: Path) -> None:
        step = FunctionTransformer(os.system).fit(X)
        content = skops.io.dumps({"kind": "hqml model", "layout": 1, "estimator": step})
        self.refused(tmp_path, content, r"system, which hqml does not trust")

    def test_a_file_cut_short_is_refused(self, good: Path, tmp_path: Path) -> None:
        whole = good.read_bytes()
        for size in (2, 100, len(whole) // 2, len(whole) - 1):
            self.refused(tmp_path, whole[:size], "is damaged or cut short|is not a sound model file")

    def test_an_empty_file_a_table_and_other_zips_are_refused(self, tmp_path: Path) -> None:
        self.refused(tmp_path, b"", "is not a model file")
        self.refused(tmp_path, b"u,v\n1,2\n", "is not a model file")
        self.refused(tmp_path, zipped(**{"a.txt": "hello"}), "is not a sound model file")
        self.refused(tmp_path, zipped(**{"schema.json": "{}"}), "is not a sound model file")
        self.refused(tmp_path, zipped(**{"schema.json": "not json"}), "is not a sound model file")

    def test_a_skops_file_that_is_no_model_of_ours_is_refused(self, models: dict[str, Any], tmp_path: Path) -> None:
        self.refused(tmp_path, skops.io.dumps(models["classical"]), "not one of `hqml fit` or save_model")
        self.refused(tmp_path, skops.io.dumps([1, 2]), "not one of `hqml fit` or save_model")

    def test_a_layout_of_the_future_says_to_update(self, tmp_path: Path) -> None:
        content = skops.io.dumps({"kind": "hqml model", "layout": 99, "version": "9.0"})
        self.refused(tmp_path, content, r"hqml 9\.0 in a layout unknown to this version; update hqml")

    @pytest.mark.parametrize("estimator", [None, 3, StandardScaler().fit(X), SVC()])
    def test_what_cannot_predict_is_refused(self, tmp_path: Path, estimator: Any) -> None:
        content = skops.io.dumps({"kind": "hqml model", "layout": 1, "estimator": estimator})
        self.refused(tmp_path, content, "holds no fitted estimator that predicts")

    @pytest.mark.parametrize("features", [["u"], ["u", 3], "uv", 2])
    def test_column_names_that_do_not_fit_are_refused(
        self, models: dict[str, Any], tmp_path: Path, features: Any
    ) -> None:
        bundle = {"kind": "hqml model", "layout": 1, "estimator": models["classical"], "features": features}
        self.refused(tmp_path, skops.io.dumps(bundle), "column names do not fit its estimator of 2 columns")

    def test_a_sparse_array_that_points_outside_of_itself_is_refused(
        self, models: dict[str, Any], tmp_path: Path
    ) -> None:
        crafted = copy.deepcopy(models["ensemble"])
        crafted.dual_coef_.indices[0] = 10**6
        content = skops.io.dumps({"kind": "hqml model", "layout": 1, "estimator": crafted})
        self.refused(tmp_path, content, "holds no fitted estimator that predicts|is not a sound model file")

    @pytest.mark.parametrize(
        ("field", "value"), [("left_child", 10**6), ("left_child", 0), ("right_child", -5), ("feature", 10**6)]
    )
    def test_a_tree_that_points_outside_of_itself_is_refused(self, tmp_path: Path, field: str, value: int) -> None:
        self.refused(tmp_path, tree_with(**{field: value}), "holds no fitted estimator that predicts")

    def test_a_sound_tree_is_taken(self, tmp_path: Path) -> None:
        path = tmp_path / "tree.skops"
        path.write_bytes(tree_with())
        assert load_model(path).estimator.predict([[0.0, 1.0]]) == [1]

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("_dual_coef_", np.zeros((1, 1))),
            ("_intercept_", np.zeros(0)),
            ("support_", np.zeros(0, np.int32)),
            ("_probA", np.zeros(5)),
        ],
    )
    @pytest.mark.parametrize("kind", [SVC, SVR])
    def test_an_svm_of_libsvm_that_would_read_beyond_its_arrays_is_refused(
        self, tmp_path: Path, kind: Any, name: str, value: Any
    ) -> None:
        model = kind().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
        save_model(tmp_path / "sound.skops", model)
        assert load_model(tmp_path / "sound.skops").estimator.predict([[3.0]]).shape == (1,)
        setattr(model, name, value)
        content = skops.io.dumps({"kind": "hqml model", "layout": 1, "estimator": model})
        self.refused(tmp_path, content, "holds no fitted estimator that predicts")

    def test_a_model_that_lacks_something_is_one_line_of_predict(
        self, models: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        from hqml.cli import main

        crafted = copy.deepcopy(models["bare"])
        del crafted.classes_
        content = skops.io.dumps({"kind": "hqml model", "layout": 1, "estimator": crafted})
        (tmp_path / "m.skops").write_bytes(content)
        (tmp_path / "t.csv").write_text("1,2\n0.5,1\n0.25,2\n")
        assert main(["predict", str(tmp_path / "m.skops"), str(tmp_path / "t.csv")]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "the model cannot predict" in said

    def test_a_tree_of_more_features_than_its_estimator_takes_is_refused(self, tmp_path: Path) -> None:
        model = fitted_tree()
        model.n_features_in_ = 1
        content = skops.io.dumps({"kind": "hqml model", "layout": 1, "estimator": model})
        self.refused(tmp_path, content, "holds no fitted estimator that predicts")

    @pytest.mark.parametrize("kind", [GradientBoostingClassifier, RandomForestClassifier])
    def test_an_ensemble_that_uses_trees_unchecked_is_neither_saved_nor_loaded(self, tmp_path: Path, kind: Any) -> None:
        model = kind(n_estimators=2, random_state=0).fit([[0.0, 0.0], [1.0, 1.0]], [0, 1])
        with pytest.raises(ParameterError, match=r"use their trees unchecked|which would not be loaded again"):
            save_model(tmp_path / "trees.skops", model)
        content = skops.io.dumps({"kind": "hqml model", "layout": 1, "estimator": model})
        self.refused(tmp_path, content, "holds no fitted estimator that predicts|does not trust")

    def test_a_missing_file_says_how_to_make_one(self, tmp_path: Path) -> None:
        with pytest.raises(FormatError, match="there is no such model; `hqml fit"):
            load_model(tmp_path / "none.skops")
        with pytest.raises(FormatError, match="cannot be read"):
            load_model(tmp_path)

    def test_a_missing_file_says_which_was_meant(self, tmp_path: Path) -> None:
        (tmp_path / "tumours.skops").touch()
        with pytest.raises(FormatError, match=r"tumours.skop: there is no such model; did you mean tumours\.skops\?$"):
            load_model(tmp_path / "tumours.skop")

    def test_the_tree_names_no_samples_and_no_local_paths(self, good: Path) -> None:
        with zipfile.ZipFile(good) as file:
            tree = json.loads(file.read("schema.json"))
        assert "sampleset" not in json.dumps(tree)
        assert str(Path.home()) not in json.dumps(tree)


def fitted_tree() -> DecisionTreeClassifier:
    """Two features; the second decides."""
    return DecisionTreeClassifier(random_state=0).fit([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]], [0, 1, 1, 0])


def tree_with(**changes: int) -> bytes:
    """A model file whose tree has a root with other fields."""
    model = fitted_tree()
    state = model.tree_.__getstate__()
    state["nodes"] = state["nodes"].copy()
    for field, value in changes.items():
        state["nodes"][field][0] = value
    model.tree_.__setstate__(state)
    return skops.io.dumps({"kind": "hqml model", "layout": 1, "estimator": model})
