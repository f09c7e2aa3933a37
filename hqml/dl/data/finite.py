"""Whether samples hold numbers alone, found out before hours of training."""

from __future__ import annotations

from collections.abc import Mapping

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
        if isinstance(source, Streamed):
            continue
        for start in range(0, len(source), _AT_ONCE):
            arrays = source.read(np.arange(start, min(start + _AT_ONCE, len(source))))
            for field, values in arrays.items():
                if (field == "y" and unknown_targets) or values.dtype.kind != "f":
                    continue
                wrong = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
                if wrong.any():
                    raise DataError(
                        f"{field!r} of {part} sample {start + int(wrong.argmax())} holds NaN or infinity; mend such "
                        "values in the data, or leave those samples out"
                    )
