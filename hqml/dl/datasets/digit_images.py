"""Handwritten digits, 8 x 8, as images; with their classes, or without for autoencoders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hqml.dl.dataset import Baseline, Dataset
from hqml.dl.datasets import digits
from hqml.dl.datasets.parts import whole
from hqml.dl.source import ArraySource, Source, Splits

COMPONENTS = 8
"""Of the principal component analysis that autoencoders are compared with: the code of examples/zoo/ae.yaml."""


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        labels: whether the digits' classes are there.
        seed: of the split into training, validation and test samples.
    """

    labels: bool = True
    seed: int = 0


def make(parameters: Parameters) -> Splits:
    """The split of dataset "digits", each digit (1, 8, 8)."""
    found = digits.make(digits.Parameters(parameters.seed))

    def images(source: Source) -> ArraySource:
        rows = whole(source)
        x = rows["x"].reshape(-1, 1, 8, 8)
        return ArraySource({"x": x, "y": rows["y"]}, source.classes) if parameters.labels else ArraySource({"x": x})

    return Splits(images(found.train), images(found.validation), images(found.test))


def baseline(splits: Splits) -> Baseline:
    """Accuracy of logistic regression; without labels, what eight principal components leave, as "reconstruction" tells
    it."""
    train, test = whole(splits.train), whole(splits.test)
    x, x_test = train["x"].reshape(-1, 64), test["x"].reshape(-1, 64)
    if "y" in train:
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(max_iter=1000).fit(x, train["y"])
        return Baseline("logistic regression", float(model.score(x_test, test["y"])))
    from sklearn.decomposition import PCA

    components = PCA(COMPONENTS, svd_solver="full").fit(x)
    lost = components.inverse_transform(components.transform(x_test)) - x_test
    return Baseline(f"{COMPONENTS} principal components", float(np.sqrt(np.square(lost).mean())))


DATASET = Dataset(
    name="digit-images",
    title="Images of handwritten digits",
    source=digits.DATASET.source,
    parameters=Parameters,
    make=make,
    baseline=baseline,
)
