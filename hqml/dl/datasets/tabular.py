"""Tables of numbers: a formula with noise, whose best possible error is known, and small real ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hqml.dl.dataset import Baseline, Dataset
from hqml.dl.datasets.parts import cut, whole
from hqml.dl.source import Splits
from hqml.errors import ParameterError
from hqml.options import one_of

TABLES = ("friedman", "diabetes", "breast-cancer", "wine")


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        table: "friedman", the formula; "diabetes", "breast-cancer" or "wine", real ones that scikit-learn brings.
        samples: of the formula.
        noise: deviation of what is added to the formula; no model's error on new samples is below it.
        seed: of the formula's samples, and of the split.
    """

    table: str = "friedman"
    samples: int = 4000
    noise: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("table", self.table, TABLES)
        if self.samples < 10:
            raise ParameterError(f"samples must be at least 10, found {self.samples}")
        if not 0 <= self.noise < np.inf:
            raise ParameterError(f"noise must be a finite number of at least 0, found {self.noise}")


def make(parameters: Parameters) -> Splits:
    """70 % to learn from, 10 % to watch, 20 % to test on."""
    rng = np.random.default_rng(parameters.seed)
    if parameters.table == "friedman":
        x, y, classes = *friedman(parameters, rng), None
    else:
        x, y, classes = _real(parameters.table)
    order = rng.permutation(len(x))
    return cut({"x": x[order], "y": y[order]}, len(x) * 7 // 10, len(x) // 10, classes)


def friedman(
    parameters: Parameters, rng: np.random.Generator
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Ten features even in (0, 1), five of which matter: 10 sin(pi a b) + 20 (c - 1/2)**2 + 10 d + 5 e + noise."""
    x = rng.random((parameters.samples, 10))
    a, b, c, d, e = x.T[:5]
    y = 10 * np.sin(np.pi * a * b) + 20 * (c - 0.5) ** 2 + 10 * d + 5 * e
    return x, y + parameters.noise * rng.standard_normal(len(y))


def _real(
    table: str,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], tuple[str, ...] | None]:
    from sklearn import datasets

    load = {
        "diabetes": datasets.load_diabetes,
        "breast-cancer": datasets.load_breast_cancer,
        "wine": datasets.load_wine,
    }[table]
    found = load()
    names = found.get("target_names")
    return found.data, found.target, None if names is None else tuple(map(str, names))


def baseline(splits: Splits) -> Baseline:
    """Root of the mean squares of linear regression, or accuracy of logistic regression."""
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, test = whole(splits.train), whole(splits.test)
    if splits.train.classes is None:
        lost = LinearRegression().fit(train["x"], train["y"]).predict(test["x"]) - test["y"]
        return Baseline("linear regression", float(np.sqrt(np.square(lost).mean())))
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(train["x"], train["y"])
    return Baseline("logistic regression", float(model.score(test["x"], test["y"])))


DATASET = Dataset(
    name="tabular",
    title="Tables of numbers",
    source="Friedman, Ann. Statist. 19 (1991) 1, doi:10.1214/aos/1176347963; scikit-learn's bundled tables",
    parameters=Parameters,
    make=make,
    baseline=baseline,
)
