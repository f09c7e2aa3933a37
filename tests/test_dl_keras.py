"""Keras models from specifications: trained, gone on with, exchanged."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch, on which Keras runs here, is missing: pip install 'hqml[dl]'")
pytest.importorskip("pydantic", reason="pydantic is missing: pip install 'hqml[dl]'")

from hqml.dl.frameworks.keras_library import keras
from hqml.errors import LibraryMissing

try:
    keras()
except LibraryMissing:
    pytest.skip("keras is missing: pip install 'hqml[keras]'", allow_module_level=True)

from hqml.dl.datasets import DATASETS
from hqml.dl.frameworks.keras import build, fit
from hqml.dl.frameworks.keras_state import weights_of
from hqml.dl.signature import Signature
from hqml.dl.source import ArraySource, Splits
from hqml.dl.spec import Task
from hqml.errors import FormatError, ParameterError

# torch's tensors do not know yet how numpy 2 asks for a copy; Keras has them copied.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

DIGITS = Signature((64,), (), tuple("0123456789"))


def task(**changes: Any) -> Task:
    plain = {
        "name": "digits",
        "framework": "keras",
        "model": {"family": "sequential", "layers": [{"Dense": {"units": 32, "activation": "relu"}}]},
        "data": {"source": "digits", "batch": 64, "scale": True},
        "optimizer": {"name": "adam", "rate": 0.01},
        "epochs": 5,
    }
    return Task.model_validate(plain | changes)


@pytest.fixture(scope="module")
def digits() -> Splits:
    dataset = DATASETS["digits"]
    splits: Splits = dataset.make(dataset.parameters())
    return splits


@pytest.fixture(scope="module")
def learned(digits: Splits) -> Any:
    return fit(task(), digits, DIGITS)


def test_a_stack_of_layers_learns_the_digits_better_than_their_means(learned: Any, digits: Splits) -> None:
    assert learned.test["accuracy"] > 0.94 > DATASETS["digits"].baseline(digits).value
    assert [epoch.number for epoch in learned.history] == [1, 2, 3, 4, 5]
    assert learned.figure == "accuracy"


def test_a_run_that_was_broken_off_ends_with_the_same_weights(learned: Any, digits: Splits, tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def stop_after_two(progress: Any) -> None:
        if progress.epoch == 2:
            raise Killed

    with pytest.raises(Killed):
        fit(task(), digits, DIGITS, folder=tmp_path, report=stop_after_two)
    again = fit(task(), digits, DIGITS, folder=tmp_path)
    assert [epoch.loss for epoch in again.history] == [epoch.loss for epoch in learned.history]
    for one, other in zip(weights_of(again.model), weights_of(learned.model), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_damaged_checkpoint_says_how_to_begin_anew(digits: Splits, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.json").write_text("{")
    with pytest.raises(FormatError, match=r"checkpoint is damaged .* --fresh"):
        fit(task(), digits, DIGITS, folder=tmp_path)


def test_a_checkpoint_that_was_cut_short_says_so_as_well(digits: Splits, tmp_path: Path) -> None:
    fit(task(epochs=1), digits, DIGITS, folder=tmp_path)
    for name in ("best-1.npz", "checkpoint-1.keras"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(FormatError, match=r"checkpoint is damaged .* --fresh"):
            fit(task(epochs=2), digits, DIGITS, folder=tmp_path)
        (tmp_path / name).write_bytes(whole)


def test_an_onnx_file_predicts_as_keras_does_and_gives_the_model_back(
    learned: Any, digits: Splits, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is missing: pip install 'hqml[dl]'")
    from hqml.dl.exchange import Predictor, export, load

    x = digits.test.read(np.arange(20))["x"]
    assert export(learned.model, task(), DIGITS, tmp_path / "model.onnx", example=x) < 1e-5
    loaded = load(tmp_path / "model.onnx")
    np.testing.assert_allclose(loaded.model.predict_on_batch(x), learned.model.predict_on_batch(x), rtol=1e-5)
    assert Predictor(tmp_path / "model.onnx").signature == DIGITS


def test_numbers_are_predicted_in_the_shape_of_the_targets() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((256, 3)).astype(np.float32)
    y = np.stack([x.sum(1), x[:, 0]], axis=1)
    parts = Splits(
        *(ArraySource({"x": x[part], "y": y[part]}) for part in (slice(160), slice(160, 200), slice(200, None)))
    )
    changes = {"model": {"family": "sequential", "layers": []}, "epochs": 40, "optimizer": {"name": "sgd", "rate": 0.1}}
    fitted = fit(task(**changes), parts, Signature((3,), (2,)))
    assert fitted.test["rmse"] < 0.01


def test_images_are_turned_to_the_order_of_axes_that_keras_is_set_to() -> None:
    layers = [{"Conv2D": {"filters": 4, "kernel_size": 3}}, "Flatten"]
    model = build(task(model={"family": "sequential", "layers": layers}), Signature((2, 8, 9), (), ("a", "b")))
    assert model.count_params() == 2 * 2 + 1 + (3 * 3 * 2 * 4 + 4) + (4 * 6 * 7 * 2 + 2)
    assert tuple(model(np.zeros((5, 2, 8, 9), np.float32)).shape) == (5, 2)


def test_early_stopping_keeps_the_best_weights(digits: Splits) -> None:
    fitted = fit(
        task(optimizer={"name": "sgd", "rate": 1e-9}, early_stopping={"patience": 2, "minimum": 0.01}, epochs=9),
        digits,
        DIGITS,
    )
    assert (fitted.stopped, len(fitted.history)) == ("early", 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": {"family": "sequential", "layers": ["Dnese"]}}, "did you mean 'Dense'"),
        ({"model": {"family": "sequential", "layers": [{"Dense": {"unit": 3}}]}}, "layer Dense: .*unit"),
        ({"model": {"family": "sequential", "layers": [{"Lambda": {"function": "print"}}]}}, "no 'Lambda'"),
        ({"model": {"family": "sequential", "layers": [{"TFSMLayer": {"filepath": "/x"}}]}}, "no 'TFSMLayer'"),
        ({"model": {"family": "sequential", "layers": ["Conv2D"]}}, "layer Conv2D"),
        ({"model": {"family": "sequential", "layers": [{"Dense": {}, "Flatten": {}}]}}, "one name with its arguments"),
        ({"optimizer": "adan"}, "did you mean 'adam'"),
        ({"optimizer": {"name": "adam", "beta1": 0.5}}, "optimizer adam: .*beta1"),
        ({"model": {"family": "sequential", "layers": [{"StringLookup": {"vocabulary": "/x"}}]}}, "no 'StringLookup'"),
        ({"model": {"family": "sequential", "layers": [{"IntegerLookup": {"vocabulary": "/x"}}]}}, "no 'IntegerLookup"),
        ({"model": {"family": "sequential", "layers": ["TextVectorization"]}}, "no 'TextVectorization'"),
        ({"model": {"family": "sequential", "layers": [{"Pipeline": {"layers": [{}]}}]}}, "layers do not fit"),
        ({"loss": "mse"}, "does not fit targets that are classes"),
        ({"loss": {"name": "cross-entropy", "smoothing": 0.1}}, "loss cross-entropy of keras: .*smoothing"),
    ],
)
def test_what_keras_does_not_have_is_refused_in_one_line(changes: dict[str, Any], message: str, digits: Splits) -> None:
    with pytest.raises(ParameterError, match=message) as refused:
        fit(task(**changes), digits, DIGITS)
    assert "\n" not in str(refused.value)


def test_a_layer_that_wants_a_library_which_is_not_here_is_an_error_of_ours(digits: Splits) -> None:
    if find_spec("tensorflow") is not None:
        pytest.skip("tensorflow is here, which Hashing wants")
    with pytest.raises(ParameterError, match=r"layer Hashing: .*TensorFlow"):
        fit(task(model={"family": "sequential", "layers": [{"Hashing": {"num_bins": 3}}]}), digits, DIGITS)


def test_a_loss_takes_its_parameters() -> None:
    from hqml.dl.frameworks.keras import _loss

    far = _loss(task(loss={"name": "huber", "delta": 3.0}), Signature((3,), (2,)))(np.zeros((1, 2)), np.full((1, 2), 9))
    assert float(far) == pytest.approx(3 * (9 - 3 / 2))


def test_more_epochs_go_on_and_another_task_is_refused(digits: Splits, tmp_path: Path) -> None:
    first = fit(task(epochs=2), digits, DIGITS, folder=tmp_path)
    more = fit(task(epochs=3), digits, DIGITS, folder=tmp_path)
    assert more.history[:2] == first.history
    assert len(more.history) == 3
    with pytest.raises(ParameterError, match=r"of a task with optimizer\.rate: 0\.01, not 0\.5; name another folder"):
        fit(task(epochs=3, optimizer={"name": "adam", "rate": 0.5}), digits, DIGITS, folder=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best-3.npz", "checkpoint-3.keras", "checkpoint.json"]


def test_a_checkpoint_holds_nothing_of_where_the_task_runs(digits: Splits, tmp_path: Path) -> None:
    fit(task(epochs=1, run={"environment": {"WANDB_API_KEY": "planted-123456"}}), digits, DIGITS, folder=tmp_path)
    assert b"planted" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_training_begins_with_the_weights_of_a_file(learned: Any, digits: Splits, tmp_path: Path) -> None:
    from hqml.dl.exchange import export

    export(learned.model, task(), DIGITS, tmp_path / "model.onnx", example=digits.test.read(np.arange(5))["x"])
    model = {**task().model.model_dump(exclude={"parameters"}), **task().model.parameters}
    changes = {"model": {**model, "file": str(tmp_path / "model.onnx")}, "epochs": 1}
    again = fit(task(**changes, optimizer={"name": "sgd", "rate": 1e-6}), digits, DIGITS)
    assert again.test["accuracy"] == pytest.approx(learned.test["accuracy"], abs=0.01)


def test_a_loss_that_is_no_number_is_an_error(digits: Splits) -> None:
    from hqml.dl.training.course import Diverged

    with pytest.raises(Diverged, match="the loss of epoch 1 is"):
        fit(task(optimizer={"name": "sgd", "rate": 1e30}), digits, DIGITS)


def test_ctrl_c_keeps_the_best_so_far(digits: Splits) -> None:
    import os
    import signal

    def press(progress: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    fitted = fit(task(), digits, DIGITS, report=press)
    assert (fitted.stopped, len(fitted.history)) == ("interrupted", 1)


def test_keys_that_keras_has_no_use_for_are_refused(tmp_path: Path) -> None:
    from hqml.dl import read_task

    for key in ("clip: 0.1", "deterministic: true", "accumulate: 2", "checkpoint_every: 60"):
        (tmp_path / "s.yaml").write_text(f"model: {{family: sequential, layers: []}}\ndata: digits\n{key}\n")
        with pytest.raises(FormatError, match=rf"s\.yaml:3: {key.split(':')[0]}: keras has no use for it"):
            read_task(tmp_path / "s.yaml")
