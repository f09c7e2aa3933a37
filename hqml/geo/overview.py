"""A map in small, gathered while it is made."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hqml.geo.windows import Window

LARGEST = 1500
"""Pixels along the longer side at most: what a screen shows."""


class Overview:
    """Every n-th pixel of every n-th row, n the smallest step that gives at most LARGEST of them.

    Args:
        height: of the map.
        width: of the map.
        dtype: of its values.
        nodata: what it holds at first.

    Attributes:
        values: (rows, columns).
    """

    def __init__(self, height: int, width: int, dtype: np.dtype[Any], nodata: float) -> None:
        self._step = -(-max(height, width) // LARGEST)
        self.values: npt.NDArray[Any] = np.full((-(-height // self._step), -(-width // self._step)), nodata, dtype)

    def add(self, window: Window, values: npt.NDArray[Any]) -> None:
        """Take what it needs of the values of a window."""
        step = self._step
        part = values[-window.row % step :: step, -window.column % step :: step]
        row, column = -(-window.row // step), -(-window.column // step)
        self.values[row : row + part.shape[0], column : column + part.shape[1]] = part
