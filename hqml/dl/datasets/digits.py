"""Handwritten digits, 8 x 8, as vectors: what scikit-learn brings along."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hqml.dl.dataset import Baseline, Dataset
from hqml.dl.source import ArraySource, Splits


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        seed: of the split into training, validation and test samples.
    """

    seed: int = 0


def make(parameters: Parameters) -> Splits:
    """1257 digits to learn from, 180 to watch and 360 to test on, each with pixels from 0 to 1."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(parameters.seed).permutation(len(x))
    x, y = (x[order] / 16).astype(np.float32), y[order].astype(np.int64)
    parts = (slice(0, 1257), slice(1257, 1437), slice(1437, None))
    classes = tuple(map(str, range(10)))
    return Splits(*(ArraySource({"x": x[part], "y": y[part]}, classes) for part in parts))


def baseline(splits: Splits) -> Baseline:
    """Accuracy of the nearest mean of a class."""
    train, test = (one.read(np.arange(len(one))) for one in (splits.train, splits.test))
    means = np.array([train["x"][train["y"] == digit].mean(axis=0) for digit in range(10)])
    distances = np.linalg.norm(test["x"][:, None] - means, axis=2)
    return Baseline("nearest class mean", float((distances.argmin(axis=1) == test["y"]).mean()))


DATASET = Dataset(
    name="digits",
    title="Handwritten digits",
    source="Alpaydin and Kaynak, UCI repository, doi:10.24432/C50P49, as scikit-learn's load_digits",
    parameters=Parameters,
    make=make,
    baseline=baseline,
)
