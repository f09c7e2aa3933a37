"""rasterio and matplotlib, imported when they are needed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from hqml.libraries import library

_CACHE_MIB = 64
"""GDAL's cache of blocks, which by default is 5 % of the machine's memory. Windows follow the blocks, so that a scene
is read well with little of it."""


@contextmanager
def gdal() -> Iterator[ModuleType]:
    """rasterio, with a bounded cache, and without a word on rasters that lie nowhere on Earth, which are mapped
    too, or have two masks, which are both heeded.

    Raises:
        LibraryMissing: it is not installed.
    """
    rasterio = library("rasterio", "reading and writing scenes", "geo")
    from rasterio.errors import NodataShadowWarning, NotGeoreferencedWarning

    with rasterio.Env(GDAL_CACHEMAX=_CACHE_MIB), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        warnings.simplefilter("ignore", NodataShadowWarning)
        yield rasterio


def check_pictures() -> None:
    """Find out before long work whether pictures can be drawn.

    Raises:
        LibraryMissing: matplotlib is not installed.
    """
    library("matplotlib", "drawing the map as PNG (--no-png leaves it out)", "geo")
