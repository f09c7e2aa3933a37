"""Tiles of rasters: samples that are cut out of scenes when they are read. Needs the extra `geo` (rasterio)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hqml.dl.data.stored import sample_bytes, unit_of
from hqml.dl.source import Rows
from hqml.errors import DataError, FormatError
from hqml.geo.library import gdal

_CACHE_MIB = 64
"""GDAL's cache of blocks, which by default is 5 % of the machine's memory."""


class Tiles:
    """Square tiles of one raster, row by row; what is left over at its right and lower edge is in none of them.

    Args:
        path: of the raster.
        tile: pixels of a side.
        stride: pixels from one tile to the next.
        label: "" for all bands: (bands, tile, tile); "tile" for the first: (tile, tile); "centre": a pixel of it: ().

    Raises:
        FormatError: it cannot be read.
        LibraryMissing: rasterio is not installed.
        DataError: it is smaller than a tile.
    """

    def __init__(self, path: Path, tile: int, stride: int, label: str = "") -> None:
        self.path, self.tile, self.stride, self.label = path, tile, stride, label
        self._raster: Any = None
        raster = self._opened()
        self.size: tuple[int, int] = (raster.height, raster.width)
        if min(self.size) < tile:
            raise DataError(f"{path} has {self.size[0]} x {self.size[1]} pixels, less than a tile of {tile}; say tile:")
        self.down, self.across = ((pixels - tile) // stride + 1 for pixels in self.size)
        self.dtype: np.dtype[Any] = np.result_type(*raster.dtypes)
        sample = {"": (raster.count, tile, tile), "tile": (tile, tile), "centre": ()}[label]
        self.shape: tuple[int, ...] = (self.down * self.across, *sample)
        self.unit = unit_of(self.across, sample_bytes(self))

    def fill(self, out: npt.NDArray[Any], start: int) -> None:
        """Cut out tiles from number `start` on.

        Raises:
            FormatError: the raster is damaged there.
        """
        import rasterio

        raster = self._opened()
        with rasterio.Env(GDAL_CACHEMAX=_CACHE_MIB):
            while len(out):
                row, first = divmod(start, self.across)
                count = min(len(out), self.across - first)
                strip = self._strip(raster, row, first, count)
                for number in range(count):
                    out[number] = self._sample(strip[..., number * self.stride : number * self.stride + self.tile])
                out, start = out[count:], start + count

    def usable(self) -> npt.NDArray[np.bool_]:
        """(tiles,) whether each pixel of a tile holds data."""
        raster = self._opened()
        masked = not all("all_valid" in {flag.name for flag in flags} for flags in raster.mask_flag_enums)
        good = np.ones(self.shape[0], np.bool_)
        for row in range(self.down if masked else 0):
            strip = self._strip(raster, row, 0, self.across, masks=True)
            for number in range(self.across):
                part = strip[..., number * self.stride : number * self.stride + self.tile]
                good[row * self.across + number] = bool(np.all(self._sample(part)))
        return good

    def expect(self, start: int, count: int) -> None:
        """GDAL takes no hints."""

    def close(self) -> None:
        """Let go of the raster."""
        if self._raster is not None:
            self._raster.close()
            self._raster = None

    def _opened(self) -> Any:
        if self._raster is None:
            with gdal() as rasterio:
                try:
                    self._raster = rasterio.open(self.path)
                except rasterio.errors.RasterioIOError as error:
                    raise FormatError(f"{self.path} cannot be read as a raster: {error}") from error
        return self._raster

    def _strip(self, raster: Any, row: int, first: int, count: int, *, masks: bool = False) -> npt.NDArray[Any]:
        """The pixels of some tiles of a row, (bands, tile, pixels), or of the first band: (tile, pixels)."""
        import rasterio

        top, left = row * self.stride, first * self.stride
        window = ((top, top + self.tile), (left, left + (count - 1) * self.stride + self.tile))
        read = raster.read_masks if masks else raster.read
        try:
            found: npt.NDArray[Any] = read(1 if self.label else None, window=window)
        except rasterio.errors.RasterioIOError as error:
            raise FormatError(f"{self.path} is damaged at its lines {top} to {top + self.tile - 1}: {error}") from error
        return found

    def _sample(self, pixels: npt.NDArray[Any]) -> Any:
        return pixels[self.tile // 2, self.tile // 2] if self.label == "centre" else pixels


def usable_tiles(x: list[Tiles], y: list[Tiles] | None) -> Rows:
    """Numbers of the tiles of all rasters that have data in all their pixels, and a target.

    Raises:
        DataError: the targets are not of the same size as the inputs, or no tile is usable.
    """
    found = []
    for number, tiles in enumerate(x):
        good = tiles.usable()
        if y is not None:
            if y[number].size != tiles.size:
                sizes = f"{tiles.size[0]} x {tiles.size[1]} and {y[number].size[0]} x {y[number].size[1]}"
                raise DataError(
                    f"{tiles.path} and {y[number].path} have {sizes} pixels; bring targets of the same grid"
                )
            good &= y[number].usable()
        found.append(good)
    rows = np.flatnonzero(np.concatenate(found))
    if not len(rows):
        raise DataError(f"{x[0].path}: each tile of {x[0].tile} pixels has some without data; say a smaller tile:")
    return rows
