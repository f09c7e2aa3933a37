"""What `data:` of a specification names, opened."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from hqml.dl.datasets import DATASETS
from hqml.dl.parameters import filled
from hqml.dl.signature import Signature
from hqml.dl.source import Splits
from hqml.dl.spec import DataSpec
from hqml.errors import ParameterError


def open_splits(
    data: DataSpec,
    base: str | os.PathLike[str] = ".",
    *,
    tell: Callable[[str], None] | None = None,
) -> Splits:
    """Open data for training.

    Every rank opens it and gets the same splits. Close the three sources when they are no longer needed.

    Args:
        data: of a task.
        base: folder that file names are relative to.
        tell: takes lines on what was done with files: staged, kept in memory, or read in place.

    Raises:
        ParameterError: neither a source nor a file is named, or both are, or there is none of this name.
        DataError: what it holds cannot be used.
        FormatError: a file is missing or damaged.
        LibraryMissing: what reads its format is not installed.
    """
    if (data.source is None) == (data.file is None):
        raise ParameterError("data must have either a source or a file; there are: " + ", ".join(DATASETS))
    if data.source is not None:
        dataset = DATASETS[data.source]
        splits: Splits = dataset.make(filled(dataset.parameters, data.parameters, f"dataset {data.source}"))
        return splits
    from hqml.dl.data.files import open_files

    return open_files(data, Path(base), say=tell or (lambda line: None))


def signature_of(splits: Splits) -> Signature:
    """The shapes and classes that a model for this data has to have."""
    train = splits.train
    return Signature(
        x=tuple(train.shapes["x"]),
        y=tuple(train.shapes["y"]) if "y" in train.shapes else None,
        classes=train.classes,
        features=getattr(train, "features", None),
    )
