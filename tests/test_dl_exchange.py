"""Trained models as ONNX files, and back."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="trained models are exported with torch")
onnx = pytest.importorskip("onnx", reason="trained models are ONNX files")
pytest.importorskip("onnxscript", reason="torch's exporter needs it")
ort = pytest.importorskip("onnxruntime", reason="ONNX files are checked with it")

import hqml.dl  # noqa: E402
from hqml.dl.building import Built, build  # noqa: E402
from hqml.dl.exchange import ExportError, Predictor, export, files, load, metadata  # noqa: E402
from hqml.dl.exchange.arrays import packed, unpacked  # noqa: E402
from hqml.dl.exchange.checking import checked  # noqa: E402
from hqml.dl.signature import Signature  # noqa: E402
from hqml.dl.spec import Task  # noqa: E402
from hqml.dl.zoo import ARCHITECTURES  # noqa: E402
from hqml.errors import DataError, FormatError, ParameterError  # noqa: E402

CLASSES = ("ash", "beech", "cedar")
SIGNATURE = Signature((6,), (), CLASSES, tuple("abcdef"))


def task(family: str = "mlp", parameters: dict[str, Any] | None = None, **keys: Any) -> Task:
    given = {"hidden": [8]} if parameters is None and family == "mlp" else parameters or {}
    return Task.model_validate({"name": "trees", "model": {"family": family, **given}, "data": "digits", **keys})


def model_of(one: Task, signature: Signature = SIGNATURE, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return build(one, signature).model.eval()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path, float]:
    path = tmp_path_factory.mktemp("written") / "model.onnx"
    model = model_of(task())
    rest = {"critic.weight": torch.arange(6.0).reshape(2, 3), "file": torch.tensor(3)}
    figures = {"accuracy": np.float32(0.5), "loss": float("nan")}
    error = export(model, task(), SIGNATURE, path, rest=rest, metadata={"metrics": figures, "figure": "accuracy"})
    return model, path, error


def flat(found: Any) -> list[Any]:
    return list(found) if isinstance(found, tuple) else [found]


class TestAFile:
    def test_computes_what_torch_does_on_any_batch(self, written: tuple[Any, Path, float]) -> None:
        model, path, error = written
        assert 0 <= error <= 1e-5
        session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
        [taken], [given] = session.get_inputs(), session.get_outputs()
        assert (taken.name, taken.type, taken.shape[1:], given.name) == ("x", "tensor(float)", [6], "y")
        for samples in (1, 2, 7, 1000):
            x = np.random.default_rng(samples).standard_normal((samples, 6), dtype=np.float32)
            [found] = session.run(None, {"x": x})
            assert np.allclose(found, model(torch.from_numpy(x)).detach(), atol=1e-5)

    def test_gives_the_same_model_again(self, written: tuple[Any, Path, float]) -> None:
        model, path, _ = written
        before = torch.get_rng_state()
        loaded = hqml.dl.load(path)
        assert torch.equal(torch.get_rng_state(), before)
        for (name, one), (other_name, other) in zip(
            model.state_dict().items(), loaded.model.state_dict().items(), strict=True
        ):
            assert name == other_name
            assert one.dtype == other.dtype
            assert torch.equal(one, other)
        assert (loaded.task, loaded.signature) == (task(), SIGNATURE)
        assert not loaded.model.training

    def test_is_loaded_ready_to_train(self, written: tuple[Any, Path, float]) -> None:
        model = load(written[1]).model
        model(torch.ones(2, 6)).sum().backward()
        assert all(parameter.grad is not None for parameter in model.parameters())

    def test_holds_what_trained_beside_the_model(self, written: tuple[Any, Path, float]) -> None:
        rest = load(written[1]).rest
        assert torch.equal(rest["critic.weight"], torch.arange(6.0).reshape(2, 3))
        assert rest["file"].item() == 3

    def test_says_what_it_is(self, written: tuple[Any, Path, float]) -> None:
        facts = load(written[1]).metadata
        assert json.loads(facts["metrics"]) == {"accuracy": 0.5, "loss": None}
        assert facts["figure"] == "accuracy"
        assert json.loads(facts["versions"])["torch"] == torch.__version__
        assert json.loads(facts["task"])["model"] == {"family": "mlp", "parameters": {"hidden": [8]}}
        assert json.loads(facts["signature"])["classes"] == list(CLASSES)
        assert float(facts["onnx_error"]) == pytest.approx(written[2], rel=0.1)
        assert facts["created"].endswith("+00:00")

    def test_tells_nothing_of_the_machine_that_wrote_it(self, written: tuple[Any, Path, float]) -> None:
        content = written[1].read_bytes()
        assert b"stack_trace" not in content
        assert b".py" not in content.replace(b"torch==", b"")

    def test_can_be_run_by_runtimes_of_2023(self, written: tuple[Any, Path, float]) -> None:
        model = onnx.load(written[1])
        onnx.checker.check_model(model, full_check=True)
        assert [(one.domain, one.version) for one in model.opset_import] == [("", 18)]
        assert model.ir_version <= 10


SHAPES: dict[str, tuple[Signature, dict[str, Any]]] = {
    "mlpf": (Signature((20, 6), (20,), CLASSES), {}),
    "resnet": (Signature((4, 8, 8), (), CLASSES), {}),
}
"""Small samples for families with two outputs, or counters. tests/zoo does the same with all, trained."""


@pytest.mark.parametrize("family", sorted(SHAPES))
def test_a_family_goes_there_and_back(family: str, tmp_path: Path) -> None:
    signature, parameters = SHAPES[family]
    one, path = task(family, parameters), tmp_path / "m.onnx"
    model = model_of(one, signature)
    for module in model.modules():  # as after training
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_()
            module.num_batches_tracked += 7
    assert export(model, one, signature, path) <= 1e-4
    loaded = load(path)
    assert all(torch.equal(value, loaded.model.state_dict()[name]) for name, value in model.state_dict().items())
    x = torch.randn(5, *signature.x)
    with torch.no_grad():
        expected = flat(model(x))
    assert all(torch.equal(a, b) for a, b in zip(expected, flat(loaded.model(x)), strict=True))
    found = Predictor(path).run(x.numpy())
    assert list(found) == list(ARCHITECTURES[family].outputs)
    for one_output, other in zip(found.values(), expected, strict=True):
        assert np.allclose(one_output, other, rtol=1e-4, atol=1e-4 * float(other.abs().max()))


class Odd(torch.nn.Module):  # type: ignore[misc]
    """What an exporter drops: a buffer and weights that predictions do not need, a counter, a weight used twice."""

    def __init__(self, fixed: bool = False) -> None:
        super().__init__()
        self.fixed = fixed
        self.norm = torch.nn.BatchNorm1d(6)
        self.one = torch.nn.Linear(6, 3)
        self.tied = torch.nn.Linear(6, 3)
        self.tied.weight = self.one.weight
        self.unused = torch.nn.Linear(2, 2)
        self.register_buffer("flags", torch.tensor([True, False]))

    def forward(self, x: Any) -> Any:
        x = self.norm(x)
        y = self.one(x) + self.tied(x)
        return y.sum(0, keepdim=True) if self.fixed else y


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> Odd:
    """A model that no family of the zoo is, built where an mlp would be."""
    monkeypatch.setattr("hqml.dl.building.build", lambda *given: Built(ARCHITECTURES["mlp"], Odd()))
    torch.manual_seed(1)
    model = Odd()
    model.norm.running_var.uniform_(0.5, 2)
    model.norm.num_batches_tracked += 3
    return model


class TestExport:
    def test_keeps_what_the_graph_does_not_need(self, odd: Odd, tmp_path: Path) -> None:
        export(odd, task(), SIGNATURE, tmp_path / "m.onnx")
        found = load(tmp_path / "m.onnx").model.state_dict()
        assert found["norm.num_batches_tracked"] == 3
        assert found["flags"].tolist() == [True, False]
        assert all(torch.equal(value, found[name]) for name, value in odd.state_dict().items())

    def test_leaves_the_model_as_it_is(self, odd: Odd, tmp_path: Path) -> None:
        odd.train()
        before = {name: value.clone() for name, value in odd.state_dict().items()}
        export(odd, task(), SIGNATURE, tmp_path / "m.onnx")
        assert odd.training
        assert odd.one.weight.requires_grad
        assert all(torch.equal(value, before[name]) for name, value in odd.state_dict().items())

    def test_writes_doubles_in_float32(self, odd: Odd, tmp_path: Path) -> None:
        assert export(odd.double(), task(), SIGNATURE, tmp_path / "m.onnx") < 1e-5
        assert odd.one.weight.dtype == torch.float64
        assert load(tmp_path / "m.onnx").model.one.weight.dtype == torch.float32

    def test_compares_on_the_samples_that_are_given(self, tmp_path: Path) -> None:
        x = np.random.default_rng(0).standard_normal((5, 6))
        assert export(model_of(task()), task(), SIGNATURE, tmp_path / "m.onnx", example=x) < 1e-5
        with pytest.raises(DataError, match=r"must have shape \(samples, 6\), found \(5, 3\)"):
            export(model_of(task()), task(), SIGNATURE, tmp_path / "m.onnx", example=x[:, :3])

    def test_refuses_a_model_that_mixes_its_samples(self, tmp_path: Path) -> None:
        with pytest.raises(ExportError, match=r"has shape \(1, 3\) for 3 samples"):
            export(Odd(fixed=True), task(), SIGNATURE, tmp_path / "m.onnx")
        assert not list(tmp_path.iterdir())

    def test_refuses_a_model_that_torch_cannot_trace(self, tmp_path: Path) -> None:
        class Branching(torch.nn.Module):  # type: ignore[misc]
            def forward(self, x: Any) -> Any:
                return x * 2 if float(x.sum()) > 0 else x

        with pytest.raises(ExportError, match="torch cannot write the model as ONNX") as caught:
            export(Branching(), task(), SIGNATURE, tmp_path / "m.onnx")
        assert "\n" not in str(caught.value)

    def test_refuses_a_model_that_has_diverged(self, tmp_path: Path) -> None:
        model = model_of(task())
        next(model.parameters()).data[0] = float("nan")
        with pytest.raises(ExportError, match="holds NaN or infinity; train it anew with a lower rate"):
            export(model, task(), SIGNATURE, tmp_path / "m.onnx")

    def test_keeps_the_file_before_where_the_check_fails(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "m.onnx").write_text("before")
        monkeypatch.setattr("hqml.dl.exchange.of_torch.predicted", lambda model, x: [np.ones((len(x), 3)) + x[:, :1]])
        with pytest.raises(ExportError, match=r"differs from the framework's by .* more than 1e-04"):
            export(model_of(task()), task(), SIGNATURE, tmp_path / "m.onnx")
        assert (tmp_path / "m.onnx").read_text() == "before"
        assert len(list(tmp_path.iterdir())) == 1

    def test_refuses_what_it_cannot_write_before_it_works(self, tmp_path: Path) -> None:
        with pytest.raises(ParameterError, match=r"must end in \.onnx"):
            export(None, task(), SIGNATURE, tmp_path / "m.pt")
        with pytest.raises(FormatError, match="there is no folder"):
            export(None, task(), SIGNATURE, tmp_path / "none" / "m.onnx")
        nameless = Task.model_validate({"name": "x", "model": {"file": "m.onnx"}, "data": "digits"})
        with pytest.raises(ParameterError, match="names no model family"):
            export(None, nameless, SIGNATURE, tmp_path / "m.onnx")
        with pytest.raises(ParameterError, match="metadata 'task' is hqml's own"):
            export(model_of(task()), task(), SIGNATURE, tmp_path / "m.onnx", metadata={"task": "mine"})

    def test_says_that_a_file_ends_at_2_gib(self) -> None:
        with pytest.raises(ExportError, match=r"takes 3\.0 GiB, and an ONNX file holds 2 GiB"):
            files.check_size(3 * 2**30)

    def test_measures_against_the_size_of_each_output(self, written: tuple[Any, Path, float]) -> None:
        """A value near zero among large ones is right to the digits that float32 has of the large ones."""
        content, x = written[1].read_bytes(), np.zeros((4, 6), np.float32)
        [values] = ort.InferenceSession(content).run(None, {"x": x})
        worse = values + np.float32(1e-3) * np.sqrt(np.mean(values**2, dtype=np.float64))
        assert checked(content, lambda batch: [worse[: len(batch)]], x, ["y"], tolerance=1) == pytest.approx(
            1e-3, rel=0.6
        )

    def test_is_as_strict_with_small_outputs(self) -> None:
        """Models whose values are physical quantities in SI units, 1e-11 or so."""
        given, taken = (onnx.helper.make_tensor_value_info(name, 1, ["n", 6]) for name in ("y", "x"))
        unit = onnx.numpy_helper.from_array(np.float32([1e-11]), "unit")
        graph = onnx.helper.make_graph(
            [onnx.helper.make_node("Mul", ["x", "unit"], ["y"])], "g", [taken], [given], [unit]
        )
        opset = [onnx.helper.make_opsetid("", 18)]
        content = onnx.helper.make_model(graph, ir_version=10, opset_imports=opset).SerializeToString()
        x = np.random.default_rng(0).standard_normal((4, 6), dtype=np.float32)
        assert checked(content, lambda batch: [batch * np.float32(1e-11)], x, ["y"]) < 1e-6
        with pytest.raises(ExportError, match="differs from the framework's by"):
            checked(content, lambda batch: [batch * np.float32(3e-11)], x, ["y"])


class TestSecrets:
    def test_are_in_no_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LAB_TOKEN", "hunter2-hunter2")
        one = task(
            tracking={"tool": "mlflow", "uri": "https://joe:pa55word@tracking.lab/x"},
            run={"environment": {"API_KEY": "k-1234567", "NOTE": "use hunter2-hunter2 here", "OMP_NUM_THREADS": 1}},
        )
        found = metadata.properties(one, SIGNATURE, ["y"], {"note": "of hunter2-hunter2", "password": "xyz-secret"})
        text = json.dumps(found)
        assert not [secret for secret in ("hunter2", "pa55word", "joe", "k-1234567", "xyz-secret") if secret in text]
        again = metadata.task_of(found, "it")
        assert again.run.environment["OMP_NUM_THREADS"] == 1
        assert again.tracking is not None

    def test_in_a_name_are_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LAB_TOKEN", "trees-of-the-lab")
        one = task().model_copy(update={"name": "trees-of-the-lab"})
        with pytest.raises(ParameterError, match=r"name of the task holds what .* a secret"):
            metadata.properties(one, SIGNATURE, ["y"])


def changed(path: Path, to: Path, change: Callable[[Any, dict[str, str]], None]) -> Path:
    """A file with other contents, or metadata."""
    model = onnx.load(path)
    texts = {one.key: one.value for one in model.metadata_props}
    change(model, texts)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, texts)
    to.write_bytes(model.SerializeToString())
    return to


def zipped(content: bytes, compression: int = zipfile.ZIP_STORED) -> str:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as bundle:
        bundle.writestr("flags.npy", content)
    return base64.b64encode(stream.getvalue()).decode()


def npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def claim(shape: str) -> bytes:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()


BAD_TEXTS = {
    "a newer layout": ("hqml_layout", "2", r"was written by hqml .* in layout 2, .* pip install --upgrade hqml"),
    "a layout that is none": ("hqml_layout", "x", "in layout x"),
    "no layout": ("hqml_layout", None, "is an ONNX file, but not one of `hqml train`"),
    "no signature": ("signature", None, "its metadata are damaged"),
    "a signature cut short": ("signature", '{"x": [6', "its metadata are damaged"),
    "a signature of another kind": ("signature", "[6]", "its metadata are damaged"),
    "a shape of text": ("signature", '{"x": "6", "y": [], "classes": null, "features": null}', "metadata are damaged"),
    "a negative shape": ("signature", '{"x": [-6], "y": [], "classes": null, "features": null}', "are damaged"),
    "classes of numbers": ("signature", '{"x": [6], "y": [], "classes": [1], "features": null}', "are damaged"),
    "another signature": (
        "signature",
        '{"x": [7], "y": [], "classes": null, "features": null}',
        r"weight \S+ is float32 \(6,\), and the task makes it \(7,\)",
    ),
    "no outputs": ("outputs", "[]", "its metadata are damaged"),
    "no task": ("task", None, "its task is missing"),
    "a task cut short": ("task", '{"name": ', "its task is damaged: the whole"),
    "a task with a strange key": ("task", '{"name": "x", "run": {"evil": 1}}', "its task is damaged: "),
    "an unknown family": ("task", '{"name": "x", "model": "mpl", "data": "digits"}', "there is no model family 'mpl'"),
    "no family": ("task", '{"name": "x", "model": {}, "data": "digits"}', "its task does not make its model"),
    "another family": ("task", '{"name": "x", "model": "lstm", "data": "digits"}', "its task does not make its model"),
    "bad parameters": (
        "task",
        '{"name": "x", "model": {"family": "mlp", "hidden": [-1]}, "data": "digits"}',
        "does not make its model .*at least 1",
    ),
    "other parameters": (
        "task",
        '{"name": "x", "model": {"family": "mlp", "hidden": [9]}, "data": "digits"}',
        r"and the task makes it \(9, 6\)",
    ),
    "arrays that are no base64": ("rest", "%%%", "arrays in its metadata are damaged"),
    "arrays that are no zip": ("rest", base64.b64encode(b"hello").decode(), "arrays in its metadata are damaged"),
    "arrays that are code": (
        "rest",
        zipped(npy(np.array([print], dtype=object))),
        "arrays in its metadata are damaged",
    ),
    "a small file of large arrays": (
        "rest",
        zipped(npy(np.zeros(10**6)), zipfile.ZIP_DEFLATED),
        r"are damaged \(compressed\)",
    ),
    "an array that claims much": ("rest", zipped(claim("(1000000000000000,)")), "arrays in its metadata are damaged"),
    "an array cut short": ("rest", zipped(npy(np.zeros(9))[:-8]), "arrays in its metadata are damaged"),
}


class TestLoad:
    @pytest.mark.parametrize("case", BAD_TEXTS)
    def test_refuses_metadata_that_are_wrong(self, case: str, written: tuple[Any, Path, float], tmp_path: Path) -> None:
        key, text, message = BAD_TEXTS[case]

        def change(model: Any, texts: dict[str, str]) -> None:
            texts.pop(key, None)
            if text is not None:
                texts[key] = text

        path = changed(written[1], tmp_path / "m.onnx", change)
        with pytest.raises(FormatError, match=message) as caught:
            load(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda tensor: tensor.dims.__setitem__(0, 3), "damaged|and the task makes it"),
            (lambda tensor: setattr(tensor, "raw_data", tensor.raw_data[:-4]), "is damaged"),
            (lambda tensor: setattr(tensor, "name", "other"), "is missing, and the task makes it"),
            (lambda tensor: setattr(tensor, "data_type", onnx.TensorProto.BFLOAT16), "is damaged|and the task makes"),
            (lambda tensor: setattr(tensor, "data_location", onnx.TensorProto.EXTERNAL), "are in another file"),
        ],
    )
    def test_refuses_weights_that_are_wrong(
        self, written: tuple[Any, Path, float], tmp_path: Path, change: Any, message: str
    ) -> None:
        def of_first(model: Any, texts: dict[str, str]) -> None:
            change(next(one for one in model.graph.initializer if one.name.endswith("weight")))

        with pytest.raises(FormatError, match=message):
            load(changed(written[1], tmp_path / "m.onnx", of_first))

    def test_refuses_a_file_that_is_cut_short(self, written: tuple[Any, Path, float], tmp_path: Path) -> None:
        content, path = written[1].read_bytes(), tmp_path / "m.onnx"
        for share in (0, 0.1, 0.5, 0.9, 0.999):
            path.write_bytes(content[: int(share * len(content))])
            for read in (load, Predictor):
                with pytest.raises(FormatError, match=r"ONNX file|damaged|is missing"):
                    read(path)

    def test_refuses_what_others_wrote(self, tmp_path: Path) -> None:
        from hqml.onnx_model.graph import Graph

        graph = Graph()
        graph.node("Identity", "x", output="y")
        sides = {name: (onnx.TensorProto.FLOAT, ["N", 6]) for name in "xy"}
        (tmp_path / "m.onnx").write_bytes(graph.model({"x": sides["x"]}, {"y": sides["y"]}).SerializeToString())
        for read in (load, Predictor):
            with pytest.raises(FormatError, match="is an ONNX file, but not one of `hqml train`; run it with"):
                read(tmp_path / "m.onnx")

    def test_refuses_a_missing_file(self, tmp_path: Path) -> None:
        for read in (load, Predictor):
            with pytest.raises(FormatError, match=r"there is no such model; .*`hqml train`"):
                read(tmp_path / "m.onnx")

    def test_names_the_library_that_is_missing(
        self, written: tuple[Any, Path, float], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "onnx", None)
        with pytest.raises(ImportError, match=r"needs onnx, .* pip install 'hqml\[dl\]'"):
            load(written[1])


class TestPredictor:
    def test_needs_onnxruntime_alone(self, written: tuple[Any, Path, float]) -> None:
        code = f"""
import sys
for name in ("torch", "onnx", "onnxscript", "pydantic", "sklearn", "pandas"):
    sys.modules[name] = None
from hqml.dl.exchange import Predictor
import numpy as np
print(Predictor({str(written[1])!r}).predict(np.ones((2, 6))).tolist())
"""
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
        model = written[0]
        name = CLASSES[int(model(torch.ones(1, 6)).argmax())]
        assert found.stdout.strip() == str([name, name])

    def test_names_the_classes(self, written: tuple[Any, Path, float]) -> None:
        predictor, x = Predictor(written[1]), np.random.default_rng(0).standard_normal((5000, 6)).astype(np.float32)
        logits = written[0](torch.from_numpy(x)).detach()
        assert (predictor.predict(x) == np.array(CLASSES)[logits.argmax(1)]).all()
        shares = predictor.probabilities(predictor.run(x))
        assert np.allclose(shares, torch.softmax(logits, 1), atol=1e-6)
        assert predictor.predict(x[:0]).shape == (0,)

    def test_reads_in_parts(self, written: tuple[Any, Path, float]) -> None:
        predictor = Predictor(written[1])
        sizes = [len(part["y"]) for part in predictor.parts(np.zeros((2500, 6)))]
        assert sizes == [1024, 1024, 452]

    @pytest.mark.parametrize(
        ("x", "message"),
        [
            (np.zeros((2, 5)), r"inputs of shape \(samples, 6\), found \(2, 5\)"),
            (np.zeros(6), r"found \(6,\)"),
            ([[1, 2, 3, 4, 5, np.nan]], "sample 0 hold NaN"),
            ([[1.0] * 6, [1e300] * 6], "sample 1 hold NaN, infinity or what float32 has no room for"),
            ([["a"] * 6], "must be real numbers"),
            (np.zeros((2, 6), complex), "must be real numbers, found complex128"),
        ],
    )
    def test_refuses_inputs_that_do_not_fit(self, written: tuple[Any, Path, float], x: Any, message: str) -> None:
        with pytest.raises(DataError, match=message):
            Predictor(written[1]).predict(x)

    def test_refuses_metadata_of_another_graph(self, written: tuple[Any, Path, float], tmp_path: Path) -> None:
        def change(model: Any, texts: dict[str, str]) -> None:
            texts["signature"] = json.dumps({"x": [7], "y": [], "classes": None, "features": None})

        with pytest.raises(FormatError, match="its metadata do not fit its graph"):
            Predictor(changed(written[1], tmp_path / "m.onnx", change))

    def test_takes_what_an_autoencoder_gives_for_no_class(self, tmp_path: Path) -> None:
        """Though it has as many numbers as there are classes."""
        signature = Signature((3,), (), CLASSES)
        one = task("ae", {}, loss="reconstruction")
        export(model_of(one, signature), one, signature, tmp_path / "m.onnx")
        assert Predictor(tmp_path / "m.onnx").predict(np.zeros((2, 3))).dtype == np.float32


def test_arrays_survive_as_text() -> None:
    arrays = {"a/b": np.arange(6, dtype=np.int16).reshape(2, 3), "file": np.float32(2), "none": np.zeros((0, 4))}
    found = unpacked(packed(arrays), "it")
    assert list(found) == list(arrays)
    assert all(
        np.array_equal(found[name], array) and found[name].shape == np.shape(array) for name, array in arrays.items()
    )
