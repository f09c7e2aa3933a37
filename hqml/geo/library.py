"""rasterio and matplotlib, imported when they are needed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from hqml.errors import FormatError

_CACHE_MIB = 64
"""GDAL's cache of blocks, which by default is 5 % of the machine's memory. Windows follow the blocks, so that a scene
is read well with little of it."""


@contextmanager
def gdal() -> Iterator[ModuleType]:
    """rasterio, with a bounded cache, and without a word on rasters that lie nowhere on Earth, which are mapped
    too, or have two masks, which are both heeded.

    Raises:
        FormatError: it is not installed.
    """
    try:
        import rasterio
        from rasterio.errors import NodataShadowWarning, NotGeoreferencedWarning
    except ImportError as missing:
        raise _missing("reading and writing scenes", "rasterio") from missing
    with rasterio.Env(GDAL_CACHEMAX=_CACHE_MIB), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        warnings.simplefilter("ignore", NodataShadowWarning)
        yield rasterio


def check_pictures() -> None:
    """Find out before long work whether pictures can be drawn.

    Raises:
        FormatError: matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as missing:
        raise _missing("drawing the map as PNG", "matplotlib", " or leave it out with --no-png") from missing


def _missing(what: str, library: str, otherwise: str = "") -> FormatError:
    return FormatError(f"{what} needs {library}, which is not installed; run: pip install 'hqml[geo]'{otherwise}")
