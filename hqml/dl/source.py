"""Where samples come from: the seam between files, datasets and the loader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Rows: TypeAlias = npt.NDArray[np.int64]
Arrays: TypeAlias = dict[str, npt.NDArray[Any]]


class Source(Protocol):
    """Samples by number. Each has the fields "x", mostly "y", and what else an objective takes.

    Attributes:
        shapes: of a sample's fields.
        classes: names of the classes that "y" numbers; None where it holds numbers, or is not there.
    """

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]: ...

    @property
    def classes(self) -> tuple[str, ...] | None: ...

    def __len__(self) -> int: ...

    def read(self, rows: Rows) -> Arrays:
        """The fields of these samples, (rows, *shape), in their order; float32, classes int64."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, eq=False)
class ArraySource:
    """Samples in memory.

    Attributes:
        arrays: (samples, *shape) by field.
        classes: names of the classes that "y" numbers.
    """

    arrays: Mapping[str, npt.NDArray[Any]]
    classes: tuple[str, ...] | None = None

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Of a sample's fields."""
        return {name: array.shape[1:] for name, array in self.arrays.items()}

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    def read(self, rows: Rows) -> Arrays:
        """The fields of these samples."""
        return {name: array.take(rows, axis=0) for name, array in self.arrays.items()}

    def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True)
class Splits:
    """Samples to learn from, to watch while learning, and to tell the final figures of. No sample is in two of them.

    Attributes:
        digest: of the files they are read from: `hqml.dl.data.digest`; empty where data are made.
    """

    train: Source
    validation: Source
    test: Source
    digest: str = field(default="", kw_only=True)
