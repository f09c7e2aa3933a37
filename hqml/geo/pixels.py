"""The pixels of a window as rows of features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from hqml.qubo import Floats

Ints: TypeAlias = npt.NDArray[np.intp]

_KEY = np.dtype(np.uint64)


@dataclass(frozen=True)
class Pixels:
    """A window of a scene with what its pixels' neighbourhoods need around it.

    Attributes:
        values: (bands, height + 2 radius, width + 2 radius).
        valid: (height + 2 radius, width + 2 radius), where every band has data.
        radius: 0 for pixels alone, 1 for neighbourhoods of 3 x 3, and so on.
    """

    values: npt.NDArray[Any]
    valid: npt.NDArray[np.bool_]
    radius: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the window."""
        return self.valid.shape[0] - 2 * self.radius, self.valid.shape[1] - 2 * self.radius

    @property
    def places(self) -> Ints:
        """(pixels,), the pixels with data, counted row by row."""
        height, width = self.shape
        inner = self.valid[self.radius : self.radius + height, self.radius : self.radius + width]
        return np.flatnonzero(inner)

    def rows(self, places: Ints) -> Floats:
        """(places, features): pixel by pixel from the top left of a neighbourhood, band by band of a pixel.

        A neighbour without data is taken to be like the pixel in the centre.
        """
        row, column = np.divmod(places, self.shape[1])
        if not self.radius:
            return self.values[:, row, column].T.astype(np.float64)
        side = 2 * self.radius + 1
        around = sliding_window_view(self.values, (side, side), axis=(1, 2))[:, row, column]
        known = sliding_window_view(self.valid, (side, side))[row, column]
        if not known.all():
            around = np.where(known, around, around[:, :, self.radius, self.radius][:, :, None, None])
        # (bands, places, side, side) to (places, side, side, bands), the order of the Statlog Landsat set
        return np.ascontiguousarray(around.transpose(1, 2, 3, 0), np.float64).reshape(len(places), -1)

    def repeats(self, places: Ints) -> tuple[Ints, Ints] | None:
        """Pixels that differ, and which of these each pixel equals: (distinct,) of `places` and (places,).

        None where looking for them would not pay: neighbourhoods hardly repeat, and rows that do not fit into 64 bits
        take longer to sort.
        """
        size = self.values.dtype.itemsize
        if self.radius or size * len(self.values) > _KEY.itemsize:
            return None
        row, column = np.divmod(places, self.shape[1])
        packed = np.zeros((len(places), _KEY.itemsize // size), self.values.dtype)
        packed[:, : len(self.values)] = self.values[:, row, column].T
        _, first, inverse = np.unique(packed.view(_KEY)[:, 0], return_index=True, return_inverse=True)
        return places[first], inverse
