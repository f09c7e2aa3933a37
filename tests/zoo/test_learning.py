"""Every specification of examples/zoo learns more than its goal and something simple, and is the same in ONNX."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import hqml.dl
from hqml.dl.autoregression import AutoRegression
from hqml.dl.data import open_splits
from hqml.dl.datasets import DATASETS, ring
from hqml.dl.exchange.checking import TOLERANCE
from hqml.dl.exchange.predictor import Predictor
from hqml.dl.trained import Trained
from hqml.errors import LibraryMissing

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "zoo"

GOALS: dict[str, float] = {
    "ar": 20.0,  # sunspots: root mean square error
    "arima": 20.0,
    "arma": 22.0,
    "keras": 0.97,  # digits: accuracy
    "mlp": 1.25,  # Friedman's formula, whose noise is 1: root mean square error
    "rbf": 1.7,
    "ae": 0.12,  # pixels from 0 to 1: root mean square error
    "gan": 0.03,  # energy distance of generated and real points
    "wgan": 0.02,
    "mlpf": 0.92,  # accuracy
    "jedi": 0.64,
    "cae": 0.24,  # velocities of turbulence: root mean square error
    "unet": 0.87,  # regions: mean overlap (Dice)
    "unet-3d": 0.8,
    "resnet": 0.88,  # soils of Landsat pixels: accuracy
    "resnet50": 0.87,
    "pinn": 0.1,  # fields that lie between -1 and 1: root mean square error
    "pinn-heat": 0.04,
    "fno": 0.03,  # fields: mean relative error
    "fno-2d": 0.05,
    "lstm": 23.0,  # sunspots: root mean square error
    "gru": 0.03,  # angles
}
"""By specification: the figure of its test data that it must reach."""


def specifications() -> list[str]:
    return sorted(path.stem for path in EXAMPLES.glob("*.yaml"))


def test_every_specification_has_a_goal() -> None:
    assert set(specifications()) == set(GOALS)


@pytest.mark.parametrize("name", specifications())
def test_it_learns(name: str, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    task = hqml.dl.read_task(EXAMPLES / f"{name}.yaml")
    try:
        trained = hqml.dl.train(task, tmp_path, base=EXAMPLES)
    except LibraryMissing as missing:
        pytest.skip(str(missing))
    fitted, data = trained.fitted, trained.task.data
    splits = open_splits(data, EXAMPLES)
    baseline = DATASETS[data.source].baseline(splits)
    value, goal = fitted.test[fitted.figure], GOALS[name]
    simple = f"{baseline.value:.4g} ({baseline.name})"
    figures = [f"{value:.4g}", f"{goal:g}", simple, f"{trained.onnx_error:.0e}", f"{fitted.seconds:.0f}"]
    record_property("zoo", [name, data.source, fitted.figure, *figures])

    x = splits.test.read(np.arange(len(splits.test)))["x"]
    assert same_predictions(trained, x[:50])
    assert trained.onnx_error is not None
    assert trained.onnx_error <= TOLERANCE
    sign = 1 if fitted.higher_is_better else -1
    assert sign * value > sign * goal
    assert sign * value > sign * baseline.value
    if data.source == "ring":
        assert finds_all_modes(predicted(fitted.model, x), ring.Parameters(**data.parameters))


def finds_all_modes(points: npt.NDArray[Any], parameters: ring.Parameters) -> bool:
    """Whether each Gaussian has at least half of its share of the points, and half of all are within three sigma."""
    apart = np.linalg.norm(points[:, None] - ring.centres(parameters), axis=2)
    counts = np.bincount(apart.argmin(1), minlength=parameters.modes)
    near = apart.min(1) < 3 * parameters.sigma
    return bool(counts.min() >= len(points) / parameters.modes / 2 and near.mean() >= 0.5)


def same_predictions(trained: Trained, x: npt.NDArray[np.float32]) -> bool:
    """Whether the model of the file is the one that was trained, and onnxruntime agrees."""
    assert trained.onnx is not None
    expected = predicted(trained.fitted.model, x)
    loaded = predicted(hqml.dl.load(trained.onnx).model, x)
    outputs = Predictor(trained.onnx)
    found = outputs.run(x)[outputs.outputs[0]].reshape(expected.shape)
    scale = float(np.sqrt(np.mean(np.square(expected))))
    assert loaded == pytest.approx(expected, rel=1e-5, abs=1e-5 * scale)
    assert found == pytest.approx(expected, rel=TOLERANCE, abs=TOLERANCE * scale)
    return True


def predicted(model: Any, x: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
    """The first output of a model of torch, Keras or statsmodels."""
    import torch

    if isinstance(model, AutoRegression):
        return model.forecast(x.reshape(len(x), -1))
    if not isinstance(model, torch.nn.Module):
        return np.asarray(model.predict_on_batch(x))
    with torch.no_grad():
        found = model(torch.from_numpy(x))
    return np.asarray(found[0] if isinstance(found, tuple) else found)
