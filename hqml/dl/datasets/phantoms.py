"""Phantoms: images of an organ with lesions as a scanner sees them, and what each pixel truly is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hqml.dl.dataset import Baseline, Dataset
from hqml.dl.datasets.parts import cut, whole
from hqml.dl.source import Splits
from hqml.errors import ParameterError

Array: TypeAlias = npt.NDArray[Any]

CLASSES = ("background", "organ", "lesion")
BRIGHTNESS = np.array([0.15, 1.0, 1.5])
"""Of each class, where the coil is as sensitive as on average."""
SENSITIVITY = 0.3
"""Deviation of the logarithm of the coil's sensitivity, which changes slowly over the image."""
BLUR = 0.6
"""Deviation of the scanner's point spread function, in pixels."""


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        samples: images.
        size: pixels a side.
        noise: deviation, where the organ's brightness is 1.
        seed: of all that is drawn.
    """

    samples: int = 500
    size: int = 32
    noise: float = 0.15
    seed: int = 0

    def __post_init__(self) -> None:
        if self.samples < 10:
            raise ParameterError(f"samples must be at least 10, found {self.samples}")
        if self.size < 8:
            raise ParameterError(f"size must be at least 8, found {self.size}")
        if not 0 <= self.noise < np.inf:
            raise ParameterError(f"noise must be a finite number of at least 0, found {self.noise}")


def make(parameters: Parameters) -> Splits:
    """x: (1, size, size); y: the class of each pixel. 60 % to learn from, 20 % to watch, 20 % to test on."""
    return phantoms(parameters, 2)


def phantoms(parameters: Parameters, dimensions: int) -> Splits:
    """Samples of two or three dimensions."""
    rng = np.random.default_rng(parameters.seed)
    truths = [truth(rng, parameters.size, dimensions) for _ in range(parameters.samples)]
    images = [scanned(rng, one, parameters.noise) for one in truths]
    arrays = {"x": np.stack(images)[:, None], "y": np.stack(truths)}
    return cut(arrays, parameters.samples * 6 // 10, parameters.samples * 2 // 10, CLASSES)


def truth(rng: np.random.Generator, size: int, dimensions: int) -> Array:
    """An organ with up to three lesions in it: the class of each point, (size,) * dimensions."""
    places = grid(size, dimensions)
    centre, radii = rng.uniform(-0.25, 0.25, dimensions), rng.uniform(0.4, 0.7, dimensions)
    organ = ellipsoid(rng, places, centre, radii)
    classes = organ.astype(np.int64)
    for _ in range(rng.integers(4)):
        offset = rng.uniform(-0.5, 0.5, dimensions) * radii
        classes[organ & ellipsoid(rng, places, centre + offset, rng.uniform(0.12, 0.3, dimensions))] = 2
    return classes


def grid(size: int, dimensions: int) -> Array:
    """Where the points are, (dimensions, *grid), from -1 to 1."""
    return np.stack(np.meshgrid(*[(np.arange(size) + 0.5) / size * 2 - 1] * dimensions, indexing="ij"))


def ellipsoid(rng: np.random.Generator, places: Array, centre: Array, radii: Array) -> Array:
    """Points within an ellipse or ellipsoid that is turned at random."""
    turn, _ = np.linalg.qr(rng.standard_normal((len(centre), len(centre))))
    offsets = np.tensordot(turn, places - centre.reshape(-1, *[1] * len(centre)), 1)
    inside: Array = np.square(offsets / radii.reshape(-1, *[1] * len(centre))).sum(0) < 1
    return inside


def scanned(rng: np.random.Generator, classes: Array, noise: float) -> Array:
    """What a magnetic resonance scanner sees: uneven sensitivity, blur, and the noise of a magnitude, which is Rician
    (Gudbjartsson and Patz, Magn. Reson. Med. 34 (1995) 910, doi:10.1002/mrm.1910340618)."""
    from scipy.ndimage import gaussian_filter

    uneven = gaussian_filter(rng.standard_normal(classes.shape), classes.shape[0] / 4, mode="nearest")
    uneven = (uneven - uneven.mean()) / uneven.std() * SENSITIVITY
    signal = gaussian_filter(BRIGHTNESS[classes] * np.exp(uneven), BLUR, mode="nearest")
    real, imaginary = noise * rng.standard_normal((2, *classes.shape))
    magnitude: Array = np.hypot(signal + real, imaginary)
    return magnitude


def dice(found: Array, classes: Array) -> float:
    """As `hqml.dl.objectives.segmentation` measures it: over the classes that are there, then over the samples.

    Args:
        found: (samples, *grid), class numbers.
        classes: as `found`.
    """
    scores = []
    for one, other in zip(found, classes, strict=True):
        pairs = [(one == number, other == number) for number in range(len(CLASSES))]
        scores.append(np.mean([2 * (a & b).sum() / (a.sum() + b.sum()) for a, b in pairs if (a | b).any()]))
    return float(np.mean(scores))


def baseline(splits: Splits) -> Baseline:
    """Overlap where each point goes to the likeliest class of its grey value alone."""
    from sklearn.naive_bayes import GaussianNB

    train, test = whole(splits.train), whole(splits.test)
    model = GaussianNB().fit(train["x"].reshape(-1, 1), train["y"].ravel())
    found = model.predict(test["x"].reshape(-1, 1)).reshape(test["y"].shape)
    return Baseline("grey value alone", dice(found, test["y"]))


DATASET = Dataset(
    name="phantoms",
    title="Phantoms of an organ with lesions",
    source="made here, after Shepp and Logan, IEEE Trans. Nucl. Sci. 21 (1974) 21, doi:10.1109/TNS.1974.6499235",
    parameters=Parameters,
    make=make,
    baseline=baseline,
)
