"""A scene: the bands of a raster file that a model takes, read a window at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hqml.errors import FormatError, ParameterError
from hqml.geo.library import gdal
from hqml.geo.pixels import Pixels
from hqml.geo.windows import Window


@dataclass(frozen=True)
class Scene:
    """An open raster file.

    Attributes:
        path: as it was given.
        dataset: rasterio's.
        bands: numbers of the bands that are read, counted from 1, in the order of the features.
        side: of the square of pixels that makes a row of features: 1, 3, 5, ...
    """

    path: str
    dataset: Any
    bands: tuple[int, ...]
    side: int

    @property
    def height(self) -> int:
        return int(self.dataset.height)

    @property
    def width(self) -> int:
        return int(self.dataset.width)

    @property
    def block(self) -> tuple[int, int]:
        """Rows and columns of the blocks that the file is made of."""
        rows, columns = self.dataset.block_shapes[self.bands[0] - 1]
        return int(rows), int(columns)

    @property
    def crs(self) -> str | None:
        """The coordinate system of the transform or of the ground control points: EPSG:n, else as WKT."""
        crs = self.dataset.crs or self.dataset.gcps[1]
        return str(crs.to_string()) if crs else None

    def read(self, window: Window) -> Pixels:
        """The pixels of a window. What lies beyond the scene's edges is the scene mirrored in them.

        Raises:
            FormatError: the file is damaged there.
        """
        from rasterio.errors import RasterioError

        radius = self.side // 2
        top, left = max(window.row - radius, 0), max(window.column - radius, 0)
        bottom = min(window.row + window.height + radius, self.height)
        right = min(window.column + window.width + radius, self.width)
        part = ((top, bottom), (left, right))
        try:
            values, valid = self._values(part)
        except RasterioError as error:
            raise FormatError(
                f"{self.path}: cannot be read at rows {top + 1} to {bottom}; it is damaged or cut short, copy it again"
            ) from error
        if not radius:
            return Pixels(values, valid, radius)
        beyond = (
            (radius - (window.row - top), radius - (bottom - window.row - window.height)),
            (radius - (window.column - left), radius - (right - window.column - window.width)),
        )
        return Pixels(np.pad(values, ((0, 0), *beyond), mode="reflect"), np.pad(valid, beyond, mode="reflect"), radius)

    def _values(self, part: Any) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        """(bands, rows, columns), and (rows, columns) where every band has data."""
        dtype = np.result_type(*(self.dataset.dtypes[band - 1] for band in self.bands))
        values = self.dataset.read(list(self.bands), window=part, out_dtype=dtype)
        valid = np.ones(values.shape[1:], np.bool_)
        for band in self._masked_by():
            valid &= self.dataset.read_masks(band, window=part) != 0
        for band in self._alpha_bands():
            valid &= self.dataset.read(band, window=part) != 0
        for number, plane in zip(self.bands, values, strict=True):
            missing = self.dataset.nodatavals[number - 1]
            if missing is not None:  # GDAL's masks leave it out where there is a mask in the file as well
                valid &= plane != missing
        if dtype.kind == "f":
            valid &= np.isfinite(values).all(axis=0)
        return values, valid

    def _masked_by(self) -> list[int]:
        """Bands with masks of their own, or one band where all share a mask; masks made of alpha bands left out."""
        flags = {band: self.dataset.mask_flag_enums[band - 1] for band in self.bands}
        names = {band: {flag.name for flag in own} for band, own in flags.items()}
        masked = [band for band in self.bands if not names[band] & {"alpha", "all_valid"}]
        shared = [band for band in masked if "per_dataset" in names[band]]
        return [band for band in masked if band not in shared[1:]]

    def _alpha_bands(self) -> list[int]:
        """Alpha bands that are not features. GDAL takes the last of four bands of 8 bits for one unless told."""
        return [band for band in _alpha(self.dataset) if band not in self.bands]


@contextmanager
def opened(
    path: str | os.PathLike[str],
    features: int,
    names: Sequence[str] | None,
    bands: Sequence[int] | None,
    neighbourhood: int | None,
) -> Iterator[Scene]:
    """Open a scene for a model.

    Args:
        path: of the raster file.
        features: that the model takes.
        names: of the features, None where they have none. Where the scene describes its bands by these names, they
            are taken in the model's order.
        bands: to take, counted from 1, in the order of the features; None takes all, or all but alpha bands where
            that fits the model.
        neighbourhood: side of the square of pixels that the model takes; None finds it from bands and features.

    Raises:
        FormatError: there is no such raster, or it is damaged.
        ParameterError: its bands do not fit the model, or are complex numbers.
    """
    with gdal() as rasterio, _dataset(rasterio, path) as dataset:
        if bands is not None:
            chosen = _checked(path, dataset, bands)
        else:
            chosen = _bands(dataset, features, names)
        side = _side(path, features, chosen, neighbourhood)
        if complex_one := next((band for band in chosen if "complex" in dataset.dtypes[band - 1]), None):
            raise ParameterError(
                f"{path}: band {complex_one} holds complex numbers; make real bands of them first, such as intensities"
            )
        yield Scene(str(path), dataset, chosen, side)


@contextmanager
def _dataset(rasterio: Any, path: str | os.PathLike[str]) -> Iterator[Any]:
    try:
        dataset = rasterio.open(path)
    except (rasterio.errors.RasterioError, OSError) as error:
        if not Path(path).exists():
            raise FormatError(f"{path}: there is no such scene; name a raster file, such as a GeoTIFF") from None
        raise FormatError(
            f"{path}: is not a raster that GDAL reads, or is damaged; name a raster file, such as a GeoTIFF"
        ) from error
    with dataset:
        if not dataset.count:
            inner = f", such as {dataset.subdatasets[0]}" if dataset.subdatasets else ""
            raise FormatError(f"{path}: holds no band of its own; name a raster in it{inner}")
        yield dataset


def _alpha(dataset: Any) -> list[int]:
    return [band for band, meaning in enumerate(dataset.colorinterp, start=1) if meaning.name == "alpha"]


def _bands(dataset: Any, features: int, names: Sequence[str] | None) -> tuple[int, ...]:
    """The bands described by the features' names, else all, or all but alpha where that fits the model."""
    described = list(dataset.descriptions)
    if names and all(described.count(name) == 1 for name in names):
        return tuple(described.index(name) + 1 for name in names)
    everything, alpha = tuple(range(1, dataset.count + 1)), _alpha(dataset)
    opaque = tuple(band for band in everything if band not in alpha)
    fits_whole, fits_opaque = (features in _sides(len(some), features) for some in (everything, opaque))
    return opaque if fits_opaque and not fits_whole else everything


def _sides(bands: int, features: int) -> dict[int, int]:
    """{features: side} of the squares of pixels of so many bands, up to the features that are wanted."""
    return {side * side * bands: side for side in range(1, 2 + int(features**0.5), 2)}


def _checked(path: Any, dataset: Any, bands: Sequence[int]) -> tuple[int, ...]:
    if not bands or len(set(bands)) < len(bands) or not all(1 <= band <= dataset.count for band in bands):
        raise ParameterError(
            f"{path}: has bands 1 to {dataset.count}; choose from them, each once, "
            f"found {', '.join(map(str, bands)) or 'none'}"
        )
    return tuple(bands)


def _side(path: Any, features: int, bands: Sequence[int], neighbourhood: int | None) -> int:
    """Side of the square of pixels whose bands are as many as the features."""
    sides = _sides(len(bands), features)
    side = sides.get(features)
    if side is not None and neighbourhood in (None, side):
        return side
    wanted = [
        f"{features // (one * one)} bands of {one} x {one} pixels"
        for one in sorted(sides.values())
        if features % (one * one) == 0 and (neighbourhood is None or one == neighbourhood)
    ]
    found = f"{len(bands)} band{'s' * (len(bands) > 1)}"
    if neighbourhood is not None:
        found += f" of {neighbourhood} x {neighbourhood} pixels ({len(bands) * neighbourhood**2} features)"
    mend = f"that is {' or '.join(wanted)}; choose bands with --bands" if wanted else "leave --neighbourhood out"
    raise ParameterError(f"{path}: found {found}, but the model takes {features} features: {mend}")
