"""Phantoms in three dimensions: volumes of an organ with lesions, and what each voxel truly is."""

from __future__ import annotations

from dataclasses import dataclass

from hqml.dl.dataset import Dataset
from hqml.dl.datasets import phantoms
from hqml.dl.source import Splits


@dataclass(frozen=True)
class Parameters(phantoms.Parameters):
    """
    Attributes:
        samples: volumes.
        size: voxels a side.
        noise: deviation, where the organ's brightness is 1.
        seed: of all that is drawn.
    """

    samples: int = 120
    size: int = 16


def make(parameters: Parameters) -> Splits:
    """x: (1, size, size, size); y: the class of each voxel. 60 % to learn from, 20 % to watch, 20 % to test on."""
    return phantoms.phantoms(parameters, 3)


DATASET = Dataset(
    name="phantoms-3d",
    title="Phantoms of an organ with lesions, in three dimensions",
    source=phantoms.DATASET.source,
    parameters=Parameters,
    make=make,
    baseline=phantoms.baseline,
)
