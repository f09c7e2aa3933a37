"""What a model is to predict from: tables, and arrays that are read in parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hqml.dl.data.formats import ARRAYS, open_array
from hqml.dl.data.stored import Stored
from hqml.dl.signature import Shape, Signature
from hqml.errors import DataError, FormatError


class Sliced(Protocol):
    """Samples that are read when they are wanted, as numpy's arrays are."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> npt.NDArray[Any]: ...


@dataclass(frozen=True, eq=False)
class Samples:
    """
    Attributes:
        x: (samples, *x).
        y: (samples, *y): what is to be predicted; None: not asked for.
    """

    x: Sliced
    y: Sliced | None


@contextmanager
def opened(
    path: str, signature: Signature, *, inputs: str = "x", label: str | None = None, channels_last: bool = False
) -> Iterator[Samples]:
    """Samples of a file.

    Args:
        path: .npy, .npz, .h5 or .zarr with an array of inputs (samples, ...); else a table (see
            `hqml.tables.read_table`) whose columns but for the label are the inputs, by name where both know names.
        signature: of the model.
        inputs: name of the array of inputs.
        label: name of the array, or column, that is to be predicted; of .npy another file.
        channels_last: of the images in arrays of inputs.

    Raises:
        FormatError: the file cannot be read, or lacks an array or column.
        DataError: inputs or labels have another shape than the model's.
        LibraryMissing: what reads its format is not installed.
    """
    if label is not None and signature.y is None:
        raise DataError("the model was trained without targets, so there is nothing to compare; drop --label")
    with ExitStack() as stack:
        if Path(path).suffix.lower() in ARRAYS:
            x: Sliced = _Array(path, inputs, signature.x, "inputs", stack, channels_last)
            y = None if label is None else _labels(path, label, signature.y or (), stack)
        else:
            x, y = _table(path, signature, label)
        if not len(x):
            raise DataError(f"{path}: holds no samples")
        if y is not None and len(x) != len(y):
            raise DataError(f"{path}: there are {len(x)} samples and {len(y)} labels in {label!r}; give one a sample")
        yield Samples(x, y)


class _Array:
    """An array of a file, read a slice at a time."""

    def __init__(
        self, path: str, name: str, sample: Shape, what: str, stack: ExitStack, channels_last: bool = False
    ) -> None:
        self._stored = _stored(path, name)
        stack.callback(self._stored.close)
        self._moved = channels_last
        found = tuple(self._stored.shape[1:])
        found = (*found[-1:], *found[:-1]) if channels_last else found
        if not _alike(found, sample):
            raise DataError(f"{path}: {what} {name!r} have shape {found} each, and the model's {sample}")
        self.shape = (int(self._stored.shape[0]), *sample)
        self.dtype: np.dtype[Any] = self._stored.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice, /) -> npt.NDArray[Any]:
        start, stop, _ = rows.indices(len(self))
        out = np.empty((stop - start, *self._stored.shape[1:]), self.dtype)
        self._stored.fill(out, start)
        moved = np.moveaxis(out, -1, 1) if self._moved else out
        return moved.reshape(-1, *self.shape[1:])


def _stored(path: str, name: str) -> Stored:
    if not Path(path).exists():
        raise FormatError(f"{path}: there is no such file")
    return open_array(Path(path), name)


def _labels(path: str, label: str, sample: Shape, stack: ExitStack) -> Sliced:
    if Path(path).suffix.lower() != ".npy":
        return _Array(path, label, sample, "labels", stack)
    if not label.lower().endswith(".npy"):
        raise FormatError(f"{path} holds one array, no {label!r}; name another .npy file of labels with --label")
    return _Array(label, label, sample, "labels", stack)


def _table(path: str, signature: Signature, label: str | None) -> tuple[Sliced, Sliced | None]:
    from hqml.tables import read_table

    count = int(np.prod(signature.x))
    features = signature.features if signature.features and len(signature.features) == count else None
    table = read_table(path, label=label, features=features or [str(n + 1) for n in range(count)])
    x = table.X.reshape(-1, *signature.x)
    if label is None:
        return x, None
    if not _alike((), sample := signature.y or ()):
        raise DataError(f"{path}: the model predicts {sample} values a sample, and a column holds one; give arrays")
    return x, table.labels().reshape(-1, *sample)


def _alike(found: Shape, sample: Shape) -> bool:
    """Whether values of one shape can only be meant as the other: a column, or a row of all values."""
    return found == sample or (int(np.prod(found)) == int(np.prod(sample)) and min(len(found), len(sample)) < 2)
