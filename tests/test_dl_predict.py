"""`hqml predict` with models of `hqml train`: without the framework they were trained with."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, r2_score, roc_auc_score

onnx = pytest.importorskip("onnx", reason="trained models are ONNX files")
pytest.importorskip("onnxruntime", reason="ONNX files are run with it")
pytest.importorskip("pydantic", reason="model files hold their task")

from hqml.cli import main  # noqa: E402
from hqml.dl.exchange.files import save_checked  # noqa: E402
from hqml.dl.exchange.samples import opened  # noqa: E402
from hqml.dl.signature import Signature  # noqa: E402
from hqml.dl.spec import Task  # noqa: E402
from hqml.onnx_model.graph import Graph  # noqa: E402

Run = Callable[..., tuple[int, str, str]]

FEATURES = ("red", "green", "blue")
TREES = ("ash", "beech", "cedar")
RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((60, 3)).astype(np.float32)
WEIGHTS = RANDOM.standard_normal((3, 3)).astype(np.float32)


def linear(path: Path, weights: Any, signature: Signature, y: tuple[int, ...], **data: Any) -> Path:
    """A model file of x (flattened) @ weights, shaped as (samples, *y)."""
    weights = np.asarray(weights, np.float32)
    task = Task.model_validate({"name": "trees", "model": "mlp", "data": {"source": "digits", **data}})
    graph = Graph()
    flat = graph.node("Flatten", "x", axis=1)
    product = graph.node("MatMul", flat, graph.constant(weights))
    graph.node("Reshape", product, graph.constant([-1, *y], np.int64), output="y")
    kind = onnx.TensorProto.FLOAT
    model = graph.model({"x": (kind, ["N", *signature.x])}, {"y": (kind, ["N", *y])})
    x = RANDOM.standard_normal((4, *signature.x)).astype(np.float32)
    save_checked(
        model,
        lambda batch: [(batch.reshape(len(batch), -1) @ weights).reshape(-1, *y)],
        x,
        path,
        task=task,
        signature=signature,
        outputs=["y"],
    )
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models and data of each kind."""
    place = tmp_path_factory.mktemp("models")
    linear(place / "trees.onnx", WEIGHTS, Signature((3,), (), TREES, FEATURES), (3,))
    linear(place / "two.onnx", WEIGHTS[:, :2], Signature((3,), (), ("no", "yes")), (2,))
    linear(place / "numbers.onnx", WEIGHTS[:, :1], Signature((3,), ()), ())
    linear(place / "pairs.onnx", WEIGHTS[:, :2], Signature((3,), (2,)), (2,))
    pixels = np.tile(np.eye(4, dtype=np.float32), (1, 2))  # of each pixel two logits
    linear(place / "map.onnx", pixels * np.repeat([1, -1], 4), Signature((1, 2, 2), (2, 2), ("low", "high")), (2, 2, 2))
    lines = [f"{name},{g},{r},{b}" for name, (r, g, b) in zip(truth(), X.tolist(), strict=True)]
    (place / "trees.csv").write_text("\n".join(["tree,green,red,blue", *lines]) + "\n")
    return place


def logits() -> Any:
    return X @ WEIGHTS


def truth() -> list[str]:
    """What the model says, but for each fifth."""
    chosen = logits().argmax(1)
    chosen[::5] = (chosen[::5] + 1) % 3
    return [TREES[number] for number in chosen]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        return main(["predict", *map(str, arguments)]), *capsys.readouterr()

    return run


def found_by(run: Run, *arguments: str | Path) -> dict[str, Any]:
    status, out, error = run(*arguments, "--json")
    assert (status, error) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


class TestTables:
    def test_columns_are_found_by_name(self, run: Run, folder: Path) -> None:
        found = found_by(run, folder / "trees.onnx", folder / "trees.csv", "--label", "tree")
        predicted = [TREES[number] for number in logits().argmax(1)]
        assert found["samples"] == 60
        assert found["accuracy"] == accuracy_score(truth(), predicted) == 0.8
        assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth(), predicted))
        assert found["predicted"] == {name: predicted.count(name) for name in TREES}
        assert "predictions" not in found

    def test_all_predictions_are_in_the_json_if_nothing_else_is_asked_for(self, run: Run, folder: Path) -> None:
        found = found_by(run, folder / "trees.onnx", folder / "trees.csv")
        assert found["predictions"] == [TREES[number] for number in logits().argmax(1)]

    def test_a_csv_has_the_probability_of_each_class(self, run: Run, folder: Path, tmp_path: Path) -> None:
        out = tmp_path / "p.csv"
        assert run(folder / "trees.onnx", folder / "trees.csv", "--out", out)[0] == 0
        header, *rows = csv.reader(out.read_text().splitlines())
        assert header == ["prediction", "probability_ash", "probability_beech", "probability_cedar"]
        powers = np.exp(logits())
        shares = np.array([row[1:] for row in rows], dtype=float)
        assert np.allclose(shares, powers / powers.sum(1, keepdims=True), atol=1e-6)
        assert [row[0] for row in rows] == [TREES[number] for number in logits().argmax(1)]

    def test_people_get_a_table(self, run: Run, folder: Path) -> None:
        status, out, _ = run(folder / "trees.onnx", folder / "trees.csv", "--label", "tree")
        assert status == 0
        assert "accuracy           0.8" in out


class TestArrays:
    def test_each_kind_gives_the_same(self, run: Run, folder: Path, tmp_path: Path) -> None:
        h5py = pytest.importorskip("h5py", reason="HDF5 is read with it")
        zarr = pytest.importorskip("zarr", reason="Zarr is read with it")
        y = np.array([TREES.index(name) for name in truth()])
        np.save(tmp_path / "x.npy", X)
        np.save(tmp_path / "y.npy", y)
        np.savez(tmp_path / "a.npz", x=X, y=y)
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file.create_dataset("x", data=X, chunks=(7, 3))
            file.create_dataset("y", data=[name.encode() for name in truth()])
        zarr.save_group(str(tmp_path / "a.zarr"), x=X, y=y)
        expected = found_by(run, folder / "trees.onnx", folder / "trees.csv", "--label", "tree")
        for data, label in (("x.npy", tmp_path / "y.npy"), ("a.npz", "y"), ("a.h5", "y"), ("a.zarr", "y")):
            found = found_by(run, folder / "trees.onnx", tmp_path / data, "--label", label)
            assert found == {**expected, "model": found["model"]}

    def test_of_another_name_are_named(self, run: Run, folder: Path, tmp_path: Path) -> None:
        np.savez(tmp_path / "a.npz", spectra=X)
        status, _, error = run(folder / "trees.onnx", tmp_path / "a.npz")
        assert (status, error.count("\n")) == (2, 1)
        assert "has no array 'x'" in error
        assert found_by(run, folder / "trees.onnx", tmp_path / "a.npz", "--inputs", "spectra")["samples"] == 60

    def test_have_the_name_that_the_model_was_trained_with(self, run: Run, tmp_path: Path) -> None:
        linear(tmp_path / "m.onnx", WEIGHTS, Signature((3,), (), TREES), (3,), inputs="spectra")
        np.savez(tmp_path / "a.npz", spectra=X, x=np.zeros(2))
        assert found_by(run, tmp_path / "m.onnx", tmp_path / "a.npz")["samples"] == 60

    def test_with_channels_last_are_turned_as_in_training(self, run: Run, tmp_path: Path) -> None:
        weights = RANDOM.standard_normal((12, 1)).astype(np.float32)
        linear(tmp_path / "m.onnx", weights, Signature((3, 2, 2), ()), (), layout="channels-last")
        images = RANDOM.standard_normal((5, 2, 2, 3)).astype(np.float32)
        np.save(tmp_path / "x.npy", images)
        expected = np.moveaxis(images, -1, 1).reshape(5, -1) @ weights
        assert np.allclose(found_by(run, tmp_path / "m.onnx", tmp_path / "x.npy")["predictions"], expected[:, 0])

    def test_are_read_a_part_at_a_time(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        np.save(tmp_path / "x.npy", np.arange(30.0).reshape(10, 3))
        with opened(str(tmp_path / "x.npy"), Signature((3,))) as samples:
            assert samples.x[8:99].tolist() == [[24, 25, 26], [27, 28, 29]]
            assert samples.x.shape == (10, 3)


class TestFigures:
    def test_of_two_classes_have_the_area_under_the_curve(self, run: Run, folder: Path, tmp_path: Path) -> None:
        y = RANDOM.integers(2, size=60)
        np.savez(tmp_path / "a.npz", x=X, y=y)
        found = found_by(run, folder / "two.onnx", tmp_path / "a.npz", "--label", "y")
        two = logits()[:, :2]
        assert found["auroc"] == pytest.approx(roc_auc_score(y, two[:, 1] - two[:, 0]))
        np.savez(tmp_path / "b.npz", x=X, y=np.zeros(60, int))
        assert found_by(run, folder / "two.onnx", tmp_path / "b.npz", "--label", "y")["auroc"] is None

    def test_of_numbers(self, run: Run, folder: Path, tmp_path: Path) -> None:
        y = 1e4 + RANDOM.standard_normal(60)
        np.savez(tmp_path / "a.npz", x=X, y=y)
        found = found_by(run, folder / "numbers.onnx", tmp_path / "a.npz", "--label", "y")
        predicted = logits()[:, 0]
        assert found["r2"] == pytest.approx(r2_score(y, predicted))
        assert found["rmse"] == pytest.approx(np.sqrt(np.mean((y - predicted) ** 2)))
        assert found["mean_absolute_error"] == pytest.approx(np.abs(y - predicted).mean())
        assert found["relative_l2"] == pytest.approx(np.linalg.norm(y - predicted) / np.linalg.norm(y))
        assert found["predicted"]["mean"] == pytest.approx(predicted.mean(), abs=1e-6)

    def test_of_maps_count_pixels(self, run: Run, folder: Path, tmp_path: Path) -> None:
        x = RANDOM.standard_normal((9, 1, 2, 2))
        y = np.where(x[:, 0] > 0, "low", "high")
        y[0, 0, 0] = "low" if y[0, 0, 0] == "high" else "high"
        np.savez(tmp_path / "a.npz", x=x, y=y)
        found = found_by(run, folder / "map.onnx", tmp_path / "a.npz", "--label", "y")
        assert found["accuracy"] == pytest.approx(35 / 36)

    @pytest.mark.parametrize("y", [[0, 1, 2], ["ash", "beech", "cedar"], [0.0, 1.0, 2.0], [b"ash", b"beech", b"cedar"]])
    def test_know_classes_by_name_and_by_number(self, run: Run, folder: Path, tmp_path: Path, y: list[Any]) -> None:
        chosen = logits().argmax(1)
        np.savez(tmp_path / "a.npz", x=X, y=np.array(y)[chosen])
        assert found_by(run, folder / "trees.onnx", tmp_path / "a.npz", "--label", "y")["accuracy"] == 1

    def test_take_numbers_for_names_where_classes_have_such(self, run: Run, tmp_path: Path) -> None:
        """As in the files of Landsat, whose classes are 1, 2, 3, 4, 5 and 7."""
        linear(tmp_path / "m.onnx", WEIGHTS, Signature((3,), (), ("1", "2", "7")), (3,))
        np.savez(tmp_path / "a.npz", x=X, y=np.array([1, 2, 7])[logits().argmax(1)])
        assert found_by(run, tmp_path / "m.onnx", tmp_path / "a.npz", "--label", "y")["accuracy"] == 1


class TestWhatIsWritten:
    def test_arrays_of_numbers(self, run: Run, folder: Path, tmp_path: Path) -> None:
        np.save(tmp_path / "x.npy", X)
        found = found_by(run, folder / "pairs.onnx", tmp_path / "x.npy", "--out", tmp_path / "p.npy")
        assert found["out"] == str(tmp_path / "p.npy")
        assert np.allclose(np.load(tmp_path / "p.npy"), logits()[:, :2], atol=1e-6)
        run(folder / "pairs.onnx", tmp_path / "x.npy", "--out", tmp_path / "p.csv")
        header, *rows = csv.reader((tmp_path / "p.csv").read_text().splitlines())
        assert header == ["prediction_0", "prediction_1"]
        assert np.allclose(np.array(rows, float), logits()[:, :2], atol=1e-6)

    def test_all_that_the_model_gives(self, run: Run, folder: Path, tmp_path: Path) -> None:
        np.save(tmp_path / "x.npy", X)
        run(folder / "trees.onnx", tmp_path / "x.npy", "--out", tmp_path / "p.npz")
        with np.load(tmp_path / "p.npz") as found:
            assert np.allclose(found["y"], logits(), atol=1e-6)
            assert np.allclose(found["probability"].sum(1), 1)
            assert found["prediction"].tolist() == [TREES[number] for number in logits().argmax(1)]

    def test_no_table_of_thousands_of_columns(self, run: Run, tmp_path: Path) -> None:
        linear(tmp_path / "m.onnx", np.ones((3, 2000), np.float32), Signature((3,), (2000,)), (2000,))
        np.save(tmp_path / "x.npy", X)
        status, _, error = run(tmp_path / "m.onnx", tmp_path / "x.npy", "--out", tmp_path / "p.csv")
        assert (status, error.count("\n")) == (2, 1)
        assert "2000 numbers a sample are too many for a table" in error
        assert not (tmp_path / "p.csv").exists()


class TestBadInput:
    @pytest.fixture
    def data(self, tmp_path: Path) -> Path:
        np.savez(tmp_path / "a.npz", x=X, y=np.array(truth()), short=np.zeros(3), wide=np.zeros((60, 4)), text=truth())
        np.savez(tmp_path / "none.npz", x=np.zeros((0, 3)))
        np.savez(tmp_path / "nan.npz", x=np.full((2, 3), np.nan))
        np.savez(tmp_path / "words.npz", x=np.full((2, 3), "a"))
        np.save(tmp_path / "x.npy", X)
        (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY\x01")
        (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04")
        (tmp_path / "one.csv").write_text("red\n1\n")
        return tmp_path

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("trees.onnx none.npy", "there is no such file"),
            ("trees.onnx none.csv", "there is no such file"),
            ("trees.onnx one.csv", "without 2 columns the model needs: green, blue"),
            ("trees.onnx broken.npy", "cannot be read"),
            ("trees.onnx broken.npz", "cannot be read"),
            ("trees.onnx none.npz", "holds no samples"),
            ("trees.onnx nan.npz", "sample 0 hold NaN"),
            ("trees.onnx words.npz", "must be real numbers"),
            ("trees.onnx a.npz --inputs wide", "inputs 'wide' have shape (4,) each, and the model's (3,)"),
            ("trees.onnx a.npz --inputs y", "inputs 'y' have shape () each"),
            ("trees.onnx a.npz --label z", "has no array 'z'"),
            ("trees.onnx a.npz --label short", "60 samples and 3 labels"),
            ("trees.onnx a.npz --label wide", "labels 'wide' have shape (4,)"),
            (
                "two.onnx a.npz --label y",
                "holds classes that the model does not know: ash, beech, cedar; it knows no, yes",
            ),
            ("numbers.onnx a.npz --label text", "holds text, but the model predicts numbers"),
            ("trees.onnx x.npy --label y", "holds one array, no 'y'; name another .npy file"),
            ("trees.onnx a.npz --label y --classes ash", "--classes is for models of `hqml fit`"),
            ("trees.onnx a.npz --out p.txt", "must end in .csv (or .npy, .npz)"),
            ("trees.onnx a.npz --out none/p.npy", "there is no folder"),
            ("pairs.onnx one.csv --label red", "columns"),
        ],
    )
    def test_is_one_line(self, run: Run, folder: Path, data: Path, line: str, message: str) -> None:
        model, *words = line.split()
        named = [str(data / word) if "." in word or "/" in word else word for word in words]
        status, out, error = run(folder / model, *named)
        assert (status, out, error.count("\n")) == (2, "", 1)
        assert message in error

    def test_a_label_is_no_use_without_targets(self, run: Run, tmp_path: Path, data: Path) -> None:
        linear(tmp_path / "m.onnx", np.eye(3, dtype=np.float32), Signature((3,)), (3,))
        error = run(tmp_path / "m.onnx", data / "a.npz", "--label", "y")[2]
        assert "was trained without targets" in error

    def test_machines_take_no_arrays(self, run: Run, tmp_path: Path, data: Path) -> None:
        from sklearn.datasets import make_moons

        from hqml.onnx_model import to_onnx
        from hqml.svm import QuboSVC

        to_onnx(
            QuboSVC(n_bits=1, reads=5, random_state=0).fit(*make_moons(20, random_state=0)), path=tmp_path / "m.onnx"
        )
        (tmp_path / "t.csv").write_text("u,v\n1,2\n")
        for options, message in ((["--inputs", "x"], "--inputs is for models of"), (["--out", "p.npy"], "end in .csv")):
            status, _, error = run(tmp_path / "m.onnx", tmp_path / "t.csv", *options)
            assert (status, error.count("\n")) == (2, 1)
            assert message in error

    def test_a_map_is_made_with_machines_alone(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        pytest.importorskip("rasterio", reason="maps are made with it")
        status = main(["map", str(folder / "trees.onnx"), "scene.tif", "out.tif"])
        error = capsys.readouterr().err
        assert (status, error.count("\n")) == (2, 1)
        assert "is a model of `hqml train`" in error


def test_no_framework_is_needed(run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("torch", "onnx", "onnxscript"):
        monkeypatch.setitem(sys.modules, name, None)
    assert found_by(run, folder / "trees.onnx", folder / "trees.csv", "--label", "tree")["accuracy"] == 0.8
