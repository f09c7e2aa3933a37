"""A support vector machine as the head of a network, trained on a backend, in one ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is missing: pip install 'hqml[dl]'")
pytest.importorskip("pydantic", reason="pydantic is missing: pip install 'hqml[dl]'")
pytest.importorskip("onnxscript", reason="onnxscript is missing: pip install 'hqml[dl]'")

import hqml.dl  # noqa: E402
from hqml.dl.exchange import Predictor  # noqa: E402
from hqml.dl.head import Headed, features_of  # noqa: E402
from hqml.dl.head.fitting import _rows, fit  # noqa: E402
from hqml.dl.head.parameters import HeadParameters  # noqa: E402
from hqml.dl.signature import Signature  # noqa: E402
from hqml.dl.source import ArraySource, Splits  # noqa: E402
from hqml.dl.spec import Task  # noqa: E402
from hqml.dl.trained import Trained  # noqa: E402
from hqml.errors import DataError, FormatError, ParameterError  # noqa: E402

HEAD = {"name": "qubo-svm-head", "svm": {"slice_size": 30, "n_slices": 4}, "reads": 20, "samples": 200}


def task(**changes: Any) -> Task:
    plain = {
        "name": "digits",
        "model": {"family": "mlp", "hidden": [32]},
        "data": {"source": "digits", "batch": 64},
        "optimizer": {**HEAD, "body": {"name": "adam", "rate": 0.01}},
        "epochs": 3,
    }
    return Task.model_validate(plain | changes)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return hqml.dl.train(task(), tmp_path_factory.mktemp("head"))


def digits() -> np.ndarray:
    from hqml.dl.datasets import DATASETS

    dataset = DATASETS["digits"]
    test = dataset.make(dataset.parameters()).test
    return np.asarray(test.read(np.arange(100))["x"])


def test_the_head_decides_nearly_as_well_as_the_layer_in_whose_place_it_is(trained: Trained) -> None:
    test = trained.fitted.test
    assert test["network_accuracy"] > 0.9
    assert test["accuracy"] > test["network_accuracy"] - 0.04
    assert test["solve_seconds"] > 0


def test_one_file_holds_network_and_head_and_needs_neither_torch_nor_scikit_learn(trained: Trained) -> None:
    assert trained.onnx is not None
    x = digits()
    found = Predictor(trained.onnx).run(x)["y"]
    np.testing.assert_allclose(found, trained.fitted.model(x), rtol=1e-4, atol=1e-5)


def test_the_scores_choose_the_class_that_the_machines_predict(trained: Trained) -> None:
    model, x = trained.fitted.model, digits()
    np.testing.assert_array_equal(model(x).argmax(1), model.head.predict(features_of(model.features, x)))


def test_a_file_gives_both_back(trained: Trained) -> None:
    assert trained.onnx is not None
    loaded = hqml.dl.load(trained.onnx)
    assert isinstance(loaded.model, Headed)
    np.testing.assert_allclose(loaded.model(digits()), trained.fitted.model(digits()), rtol=1e-6)
    assert loaded.task.optimizer.name == "qubo-svm-head"


def test_a_damaged_head_is_refused(trained: Trained, tmp_path: Path) -> None:
    import onnx

    from hqml.dl.exchange.arrays import packed, unpacked

    assert trained.onnx is not None
    model = onnx.load(trained.onnx)
    [state] = [one for one in model.metadata_props if one.key == "state"]
    arrays = unpacked(state.value, "the file")
    state.value = packed({**arrays, "head": arrays["head"][:100]})
    onnx.save(model, tmp_path / "damaged.onnx")
    with pytest.raises(FormatError):
        hqml.dl.load(tmp_path / "damaged.onnx")


def test_the_head_learns_on_a_network_that_was_trained_elsewhere(tmp_path: Path) -> None:
    network = hqml.dl.train(task(optimizer={"name": "adam", "rate": 0.01}), tmp_path / "network")
    assert network.onnx is not None
    trained = hqml.dl.train(task(model={"file": str(network.onnx)}, optimizer=HEAD), tmp_path / "head")
    assert trained.task.model.family == "mlp"
    assert trained.fitted.test["network_accuracy"] == pytest.approx(network.fitted.test["accuracy"])
    assert trained.fitted.test["accuracy"] > 0.88
    assert len(trained.fitted.history) == 1


@pytest.mark.parametrize("backend", ["neal", "gpu", "qpu-offline"])
def test_the_head_is_trained_by_whichever_backend_is_named(backend: str, tmp_path: Path) -> None:
    pytest.importorskip("dwave.system", reason="dwave-system is missing: pip install 'hqml[dwave]'")
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2
    x = (rng.standard_normal((120, 3)) + 3 * y[:, None]).astype(np.float32)
    parts = (slice(60), slice(60, 80), slice(80, None))
    splits = Splits(*(ArraySource({"x": x[part], "y": y[part]}, ("a", "b")) for part in parts))
    head = {"name": "qubo-svm-head", "backend": backend, "estimator": "svc", "samples": 16, "reads": 20}
    head |= {"options": {"device": "cpu"}} if backend == "gpu" else {}
    one = task(optimizer=head, model={"family": "mlp", "hidden": [16]}, data="digits")
    signature = Signature((3,), (), ("a", "b"))
    fitted = fit(one, splits, signature)
    assert fitted.test["accuracy"] > 0.8
    assert fitted.model(x[:5]).shape == (5, 2)
    error = hqml.dl.exchange.export(fitted.model, one, signature, tmp_path / "two.onnx", example=x[:20])
    assert error < 1e-5


def test_the_samples_that_it_sees_are_drawn_evenly_of_all_classes() -> None:
    y = np.array([0] * 50 + [1] * 5 + [2] * 30)
    rows = _rows(ArraySource({"x": np.zeros((85, 1), np.float32), "y": y}), 30, seed=0)
    assert np.bincount(y[rows]).tolist() == [13, 5, 12] or np.bincount(y[rows]).tolist() == [12, 5, 13]
    assert len(set(rows.tolist())) == 30


def test_a_budget_is_asked_for_before_metered_hardware_is_used() -> None:
    assert HeadParameters(backend="qpu", max_qpu_seconds=2.0).max_qpu_seconds == 2.0


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        ({"estimator": "svr"}, "estimator must be one of 'svc'"),
        ({"svm": {"slice_sise": 3}}, "did you mean 'slice_size'"),
        ({"reads": 0}, "reads must be a whole number of at least 1"),
        ({"options": {"token": "DEV-123"}}, "token must not stand in a file"),
        ({"options": {"client": {"api_token": "DEV-123"}}}, "api_token must not stand in a file"),
    ],
)
def test_a_wrong_head_is_one_line_without_secrets(optimizer: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message) as refused:
        HeadParameters(**optimizer)
    assert "DEV-123" not in str(refused.value)


def test_a_wrong_head_is_found_when_the_specification_is_read(tmp_path: Path) -> None:
    path = tmp_path / "head.yaml"
    path.write_text("model: mlp\ndata: digits\noptimizer:\n  name: qubo-svm-head\n  bakend: cpu\n")
    with pytest.raises(FormatError, match=r"head\.yaml:5: optimizer\.bakend: .* did you mean 'backend'"):
        hqml.dl.read_task(path)


def test_a_family_without_features_says_which_have_them() -> None:
    from hqml.dl.head.model import Features

    with pytest.raises(ParameterError, match=r"model x has no features .* take mlp or resnet"):
        Features(torch.nn.Linear(2, 2), "x")


def test_numbers_as_targets_are_refused() -> None:
    source = ArraySource({"x": np.zeros((4, 2), np.float32), "y": np.zeros(4, np.float32)})
    with pytest.raises(DataError, match="learns classes, and the targets are numbers"):
        fit(task(), Splits(source, source, source), Signature((2,), ()))


def test_a_head_that_was_paid_for_is_not_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = hqml.dl.train(task(epochs=1), tmp_path)
    monkeypatch.setattr("hqml.dl.head.fitting._head", lambda *_: pytest.fail("it was trained again"))
    again = hqml.dl.train(task(epochs=1), tmp_path)
    assert again.fitted.test["accuracy"] == first.fitted.test["accuracy"]
    assert len([*tmp_path.glob("head-*.skops")]) == 1


def test_to_begin_anew_trains_the_head_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hqml.dl.head import fitting

    hqml.dl.train(task(epochs=1), tmp_path)
    made, trained = fitting._head, []
    monkeypatch.setattr(fitting, "_head", lambda *given: trained.append(1) or made(*given))
    hqml.dl.train(task(epochs=1), tmp_path, resume=False)
    assert trained == [1]


def test_ctrl_c_while_the_network_is_trained_trains_no_head(monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import signal

    monkeypatch.setattr("hqml.dl.head.fitting._head", lambda *_: pytest.fail("a head was trained"))
    with pytest.raises(KeyboardInterrupt):
        hqml.dl.train(task(), report=lambda progress: os.kill(os.getpid(), signal.SIGINT))


def test_ctrl_c_before_there_is_a_model_says_where_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from hqml.cli import main
    from hqml.dl.head import fitting

    class Pressed:
        def fit(self, *_: Any) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(fitting, "_head", lambda *_: Pressed())
    path = tmp_path / "h.yaml"
    path.write_text("model: mlp\ndata: digits\nepochs: 1\noptimizer: {name: qubo-svm-head, samples: 40}\n")
    assert main(["train", str(path), "--lines"]) == 130
    told = capsys.readouterr().err
    assert "before a model was written; the same command goes on from the last checkpoint of" in told
    assert (tmp_path / "h.trained" / "checkpoint.pt").is_file()


def test_a_head_is_no_network_to_begin_with(trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="holds no network of torch, on whose features"):
        hqml.dl.train(task(model={"file": str(trained.onnx)}, optimizer=HEAD), tmp_path / "head")
    with pytest.raises(ParameterError, match="holds no network of torch to begin with"):
        hqml.dl.train(task(model={"file": str(trained.onnx)}, optimizer="adam"), tmp_path / "other")
