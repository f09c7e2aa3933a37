"""Write a map as a GeoTIFF, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy.typing as npt

from hqml.display import first_line
from hqml.errors import FormatError
from hqml.files import replacing
from hqml.geo.legend import Legend
from hqml.geo.predictor import Predictor
from hqml.geo.scene import Scene
from hqml.geo.windows import Window, tile_shape

Write: TypeAlias = Callable[[Window, npt.NDArray[Any]], None]

_BESIDE = (".aux.xml", ".ovr", ".msk")
"""Files that GDAL keeps beside a raster: what the format cannot hold, overviews, a mask."""


@contextmanager
def replacing_raster(path: str | os.PathLike[str]) -> Iterator[str]:
    """Name a file beside `path` that takes its place when the block ends well, and vanishes when it does not.

    What GDAL keeps beside the file goes with it; what it kept beside a file that is replaced would describe another
    raster, and vanishes.

    Raises:
        FormatError: as for `replacing`.
    """
    target = os.path.realpath(path)
    with replacing(path) as file:
        part = str(file.name)
        try:
            yield part
        except BaseException:
            for ending in _BESIDE:
                Path(part + ending).unlink(missing_ok=True)
            raise
    for ending in _BESIDE:
        if Path(part + ending).exists():
            os.replace(part + ending, target + ending)
        else:
            Path(target + ending).unlink(missing_ok=True)


@contextmanager
def open_map(part: str, out: Any, scene: Scene, predictor: Predictor, window: tuple[int, int]) -> Iterator[Write]:
    """Make the file `part` and give what writes the values of a window to it.

    Args:
        part: the file.
        out: what to call it in messages.
        scene: lies where the map lies.
        predictor: says what its values mean.
        window: rows and columns of the windows that will be written.

    Raises:
        FormatError: it cannot be written.
    """
    import rasterio

    scale = predictor.scale
    try:
        with rasterio.open(part, "w", **_profile(scene, predictor, window)) as dataset:
            dataset.update_tags(**_tags(scene, predictor))
            dataset.set_band_description(1, "class" if isinstance(scale, Legend) else scale.name)
            if scene.dataset.rpcs is not None:
                dataset.rpcs = scene.dataset.rpcs
            if isinstance(scale, Legend):
                dataset.write_colormap(1, scale.colour_map())
            yield lambda place, values: dataset.write(values, 1, window=place.place)
    except rasterio.errors.RasterioError as error:
        raise FormatError(f"cannot write {out}: {_reason(error)}; is there room on the disk?") from error


def _profile(scene: Scene, predictor: Predictor, window: tuple[int, int]) -> dict[str, Any]:
    rows, columns = tile_shape(window, scene.width)
    points, crs = scene.dataset.gcps
    placed = not scene.dataset.transform.is_identity
    # A GeoTIFF holds a transform or control points. One of neither lies nowhere, but may have a coordinate system.
    where = {"gcps": points, "crs": crs} if points and not placed else {"crs": scene.dataset.crs}
    return {
        "driver": "GTiff",
        "height": scene.height,
        "width": scene.width,
        "count": 1,
        "dtype": predictor.scale.dtype.name,
        "nodata": predictor.scale.nodata,
        "tiled": True,
        "blockxsize": columns,
        "blockysize": rows,
        "compress": "deflate",
        "bigtiff": "if_safer",
        **where,
        **({"transform": scene.dataset.transform} if placed else {}),
    }


def _tags(scene: Scene, predictor: Predictor) -> dict[str, str]:
    """What the values mean and where they come from."""
    from hqml.samples import version

    tags = {
        "TIFFTAG_SOFTWARE": f"hqml {version()}",
        "ESTIMATOR": predictor.estimator,
        "SCENE": Path(scene.path).name,
        "BANDS": ",".join(map(str, scene.bands)),
        "NEIGHBOURHOOD": str(scene.side),
        **predictor.scale.tags(),
    }
    meant = scene.dataset.tags().get("AREA_OR_POINT")
    return tags if meant is None else {**tags, "AREA_OR_POINT": meant}


def _reason(error: BaseException) -> str:
    return first_line(error.__cause__ or error).rstrip(".")
