"""Samples of a dataset cut into those to learn from, to watch and to test on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from hqml.dl.source import Arrays, ArraySource, Source, Splits


def cut(
    arrays: Mapping[str, npt.NDArray[Any]], train: int, validation: int, classes: tuple[str, ...] | None = None
) -> Splits:
    """The first `train` samples, the next `validation`, and the others.

    Args:
        arrays: (samples, *shape) by field; y int64 where it numbers classes, all else becomes float32.
        train: samples to learn from.
        validation: samples to watch.
        classes: names of the classes that "y" numbers.
    """
    numbers = {
        name: array.astype(np.int64 if name == "y" and classes is not None else np.float32)
        for name, array in arrays.items()
    }
    parts = (slice(0, train), slice(train, train + validation), slice(train + validation, None))
    return Splits(*(ArraySource({name: array[part] for name, array in numbers.items()}, classes) for part in parts))


def whole(source: Source) -> Arrays:
    """All samples of a source."""
    return source.read(np.arange(len(source)))
