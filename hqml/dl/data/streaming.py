"""The seam between files that are larger than memory and the loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from hqml.dl.source import Arrays, Rows, Source

Raw: TypeAlias = Mapping[str, npt.NDArray[Any]]
"""Samples as a file holds them, by field: pixels of 8 bits take a quarter of what they take as float32."""


@runtime_checkable
class Streamed(Source, Protocol):
    """Samples that are read well in blocks, and are too many to be kept.

    Attributes:
        bounds: (blocks + 1,) number of the first sample of each block, and of samples.
        window: samples that may be in memory at a time.
    """

    @property
    def bounds(self) -> Rows: ...

    @property
    def window(self) -> int: ...

    def buffer(self) -> Raw:
        """Room for the samples of a window; the system gives pages of it as they are used."""
        ...

    def expect(self, rows: Rows) -> None:
        """Samples of these numbers, ascending, will be read soon."""
        ...

    def raw(self, rows: Rows, room: Raw) -> Raw:
        """Samples as they are in the files, in the buffer if they fit into it.

        Args:
            rows: their numbers, ascending.
            room: of `buffer`.
        """
        ...

    def ready(self, raw: Raw, which: npt.NDArray[np.int64]) -> Arrays:
        """Some of them as `read` gives them."""
        ...
