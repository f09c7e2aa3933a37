"""What datasets of operators, from one function to another, have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hqml.dl.dataset import Baseline
from hqml.dl.datasets.parts import cut, whole
from hqml.dl.source import Arrays, Splits


def shared(x: npt.NDArray[Any], y: npt.NDArray[Any]) -> Splits:
    """The first 0.7 of independent samples to learn from, 0.1 to watch, 0.2 to test on."""
    return cut({"x": x, "y": y}, round(0.7 * len(x)), round(0.8 * len(x)) - round(0.7 * len(x)))


def ridge_baseline(splits: Splits) -> Baseline:
    """Mean relative L2 error, on the test data, of linear ridge regression whose penalty the validation data choose."""
    from sklearn.linear_model import Ridge

    train, watched, test = whole(splits.train), whole(splits.validation), whole(splits.test)

    def error(model: Ridge, part: Arrays) -> float:
        target = part["y"].reshape(len(part["y"]), -1).astype(float)
        miss = model.predict(part["x"].reshape(len(target), -1).astype(float)) - target
        return float(np.mean(np.linalg.norm(miss, axis=1) / np.linalg.norm(target, axis=1)))

    flat = [train[name].reshape(len(train[name]), -1).astype(float) for name in ("x", "y")]
    scale = float(np.square(flat[0]).sum(1).mean())
    models = [Ridge(alpha=scale * penalty, solver="svd").fit(*flat) for penalty in (1e-6, 1e-4, 1e-2, 1.0)]
    best = min(models, key=lambda model: error(model, watched))
    return Baseline("linear regression", error(best, test))
