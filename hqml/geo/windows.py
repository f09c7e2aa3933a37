"""Parts of a raster that are worked on one after another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

PIXELS = 2**20
"""Pixels a window at most: its bands, masks and codes are some tens of MiB."""


@dataclass(frozen=True)
class Window:
    """Rows `row` to `row + height` and columns `column` to `column + width` of a raster."""

    row: int
    column: int
    height: int
    width: int

    @property
    def place(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """As rasterio takes it."""
        return (self.row, self.row + self.height), (self.column, self.column + self.width)


def window_shape(height: int, width: int, block: tuple[int, int], pixels: int = PIXELS) -> tuple[int, int]:
    """Rows and columns of the windows of a raster: its blocks times powers of two, so that no block is read twice.

    Blocks that hold more than `pixels` are cut.

    Args:
        height: of the raster.
        width: of the raster.
        block: rows and columns of the blocks that its file is made of.
        pixels: most a window.
    """
    rows, columns = min(block[0], height), min(block[1], width)
    while rows * columns > pixels and max(rows, columns) > 1:
        if rows > 1:
            rows = -(-rows // 2)
        else:
            columns = -(-columns // 2)
    while rows < height or columns < width:
        across = columns < width and (columns <= rows or rows >= height)
        if 2 * rows * columns > pixels:
            break
        rows, columns = (rows, 2 * columns) if across else (2 * rows, columns)
    return rows, columns


def windows(height: int, width: int, shape: tuple[int, int]) -> Iterator[Window]:
    """Windows of a shape that cover a raster, row by row; those at its lower and right edge are smaller."""
    for row in range(0, height, shape[0]):
        for column in range(0, width, shape[1]):
            yield Window(row, column, min(shape[0], height - row), min(shape[1], width - column))


def tile_shape(window: tuple[int, int], width: int) -> tuple[int, int]:
    """Rows and columns of the tiles of a raster that is written a window at a time: none is written twice, if possible.

    Args:
        window: rows and columns of the windows.
        width: of the raster; windows that reach across it are cut into any tiles.
    """
    rows = window[0] & -window[0]  # the largest power of two that divides it
    columns = 256 if window[1] >= width else window[1] & -window[1]
    return _tile_side(rows), _tile_side(columns)


def _tile_side(size: int) -> int:
    """TIFF wants multiples of 16."""
    return min(size, 256) if size >= 16 else 256
