"""Whether samples hold numbers alone, found out before hours of training."""

from __future__ import annotations

from collections.abc import Container, Mapping

import numpy as np

from hqml.dl.data.streaming import Streamed
from hqml.dl.source import Source, Splits
from hqml.errors import DataError

_AT_ONCE = 4096


def check_finite(splits: Splits, *, unknown_targets: bool = False) -> None:
    """Look at all samples that are kept in memory; of streamed ones the scaling sees the inputs of the training data.

    Args:
        splits: of a task.
        unknown_targets: whether a target may be NaN, which means that nobody knows it.

    Raises:
        DataError: a value is NaN or infinite.
    """
    parts: Mapping[str, Source] = {"training": splits.train, "validation": splits.validation, "test": splits.test}
    for part, source in parts.items():
        found = None if isinstance(source, Streamed) else _first_wrong(source, {"y"} if unknown_targets else set())
        if found is not None:
            field, sample = found
            raise DataError(
                f"{field!r} of {part} sample {sample} holds NaN or infinity; mend such values in the data, or leave "
                "those samples out"
            )


def _first_wrong(source: Source, unknown: Container[str]) -> tuple[str, int] | None:
    """Field and number of a sample that holds what is no number, but for fields that may."""
    for start in range(0, len(source), _AT_ONCE):
        arrays = source.read(np.arange(start, min(start + _AT_ONCE, len(source))))
        for field, values in arrays.items():
            wrong = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
            if field not in unknown and wrong.any():
                return field, start + int(wrong.argmax())
    return None
