"""Map a scene: block by block from raster to raster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hqml.errors import ParameterError
from hqml.files import check_writable, replacing
from hqml.geo.legend import ClassTally
from hqml.geo.library import check_pictures
from hqml.geo.measure import MeasureTally
from hqml.geo.output import open_map, replacing_raster
from hqml.geo.overview import Overview
from hqml.geo.picture import draw
from hqml.geo.pixels import Pixels
from hqml.geo.predictor import Predictor, predictor_of, unnamed
from hqml.geo.scene import Scene, opened
from hqml.geo.windows import PIXELS, Window, window_shape, windows
from hqml.options import whole_number
from hqml.processes import processors
from hqml.progress import current

AnyPath: TypeAlias = str | os.PathLike[str]
Spread: TypeAlias = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]

_ROWS = 2**13
"""Rows of features that are made at once: in double precision 2.4 MB of 36."""


@dataclass(frozen=True)
class SceneMap:
    """What was mapped.

    Attributes:
        scene, out, png: the files; png is None where none was drawn.
        estimator: name of its class.
        pixels: of the scene.
        classified: pixels with a value.
        nodata: pixels without.
        result: {"classes": {class: pixels}}, or {"values": {lowest, mean, highest}} of a regressor.
        blocks: windows that were worked on.
        neighbourhood: side of the square of pixels that makes a row of features.
        bands: of the scene, in the order of the features.
        crs: EPSG:n or WKT; None where the scene has none.
        seconds: for all of it.
    """

    scene: str
    out: str
    png: str | None
    estimator: str
    pixels: int
    classified: int
    nodata: int
    result: Mapping[str, Any]
    blocks: int
    neighbourhood: int
    bands: tuple[int, ...]
    crs: str | None
    seconds: float

    def summary(self) -> dict[str, Any]:
        """As one mapping, for JSON."""
        pairs = asdict(self)
        result = pairs.pop("result")
        return {**pairs, **result}


def map_scene(
    model: Any,
    scene: AnyPath,
    out: AnyPath,
    *,
    png: AnyPath | None = None,
    bands: Sequence[int] | None = None,
    neighbourhood: int | None = None,
    threads: int | None = None,
    window_pixels: int = PIXELS,
) -> SceneMap:
    """Predict every pixel of a raster and write the map as a GeoTIFF that lies where the scene lies.

    A pixel's features are its bands or, where the model takes 9, 25, ... times as many, those of the square of pixels
    around it: pixel by pixel from the top left, band by band; beyond the edges of the scene it is mirrored. A pixel
    without data in any band has none in the map; a neighbour without data is taken to be like the centre.

    Memory is bounded: the scene is read a window at a time. Both files are written whole or not at all.

    Args:
        model: a fitted estimator or pipeline, an OnnxModel, or a Model of `load_model`. A classifier gives a map of
            8 or 16 bits with colours and names, a regressor one of float32.
        scene: a raster that GDAL reads.
        out: the GeoTIFF to write.
        png: a picture with a legend to write; None draws none.
        bands: of the scene to use, counted from 1, in the order of the model's features; None takes those that are
            described by the features' names, else all, or all but alpha bands where that fits the model.
        neighbourhood: side of the square of pixels; None finds it from bands and features.
        threads: None takes the cores of this process.
        window_pixels: most pixels worked on at once; it changes speed and memory, not the map.

    Raises:
        FormatError: the scene cannot be read, or a file cannot be written.
        LibraryMissing: rasterio or matplotlib is not installed.
        ParameterError: scene and model do not fit, the model cannot map, or a file would be overwritten by another.
    """
    started = perf_counter()
    _check_files(scene, out, png)
    predictor = predictor_of(model)
    workers = whole_number("threads", len(processors()) if threads is None else threads)
    most = whole_number("window_pixels", window_pixels)
    with ExitStack() as stack:
        source = stack.enter_context(opened(scene, predictor.features, predictor.names, bands, neighbourhood))
        picture = stack.enter_context(replacing(png)) if png is not None else None
        part = stack.enter_context(replacing_raster(out))
        spread = stack.enter_context(_workers(workers, predictor))
        shape = window_shape(source.height, source.width, source.block, most)
        tally, overview = predictor.scale.tally(), _overview(source, predictor)
        blocks = 0
        with open_map(part, out, source, predictor, shape) as write:
            for window, values in _mapped(source, predictor, shape, spread):
                write(window, values)
                tally.add(values)
                overview.add(window, values)
                blocks += 1
        if picture is not None:
            draw(picture, overview.values, predictor, source, tally)
        files = {"scene": str(scene), "out": str(out), "png": None if png is None else str(png)}
        return _told(files, source, predictor, tally, blocks, perf_counter() - started)


def _told(
    files: Mapping[str, Any],
    scene: Scene,
    predictor: Predictor,
    tally: ClassTally | MeasureTally,
    blocks: int,
    seconds: float,
) -> SceneMap:
    pixels = scene.height * scene.width
    return SceneMap(
        **files,
        estimator=predictor.estimator,
        pixels=pixels,
        classified=tally.classified,
        nodata=pixels - tally.classified,
        result=tally.summary(),
        blocks=blocks,
        neighbourhood=scene.side,
        bands=scene.bands,
        crs=scene.crs,
        seconds=seconds,
    )


def _overview(scene: Scene, predictor: Predictor) -> Overview:
    return Overview(scene.height, scene.width, predictor.scale.dtype, predictor.scale.nodata)


def _check_files(scene: AnyPath, out: AnyPath, png: AnyPath | None) -> None:
    """Find out before long work that each file can be written, and overwrites none of the others."""
    if not str(out).lower().endswith((".tif", ".tiff")):
        raise ParameterError(f"{out}: the map is a GeoTIFF; name a file that ends in .tif")
    if png is not None and not str(png).lower().endswith(".png"):
        raise ParameterError(f"{png}: the picture is a PNG; name a file that ends in .png")
    for written in (out, png):
        if written is None:
            continue
        check_writable(written)
        if Path(written).exists() and Path(scene).exists() and Path(written).samefile(scene):
            raise ParameterError(f"{written}: is the scene itself, which would be overwritten; name another file")
    if png is not None:
        check_pictures()


@contextmanager
def _workers(threads: int, predictor: Predictor) -> Iterator[Spread]:
    """`map`, over threads that leave linear algebra to one core each where the predictor allows for it."""
    from threadpoolctl import threadpool_limits

    with unnamed():
        if not predictor.in_threads:
            yield map
            return
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
            yield pool.map  # of what has not begun when it is left early, nothing is


def _mapped(
    scene: Scene, predictor: Predictor, shape: tuple[int, int], spread: Spread
) -> Iterator[tuple[Window, npt.NDArray[Any]]]:
    """Each window of a scene with its values, (height, width); tells progress."""
    report, total, done = current(), scene.height * scene.width, 0
    for window in windows(scene.height, scene.width, shape):
        pixels = scene.read(window)

        def tell(share: float, done: int = done, size: int = window.height * window.width) -> None:
            if report is not None:
                report((done + share * size) / total)

        yield window, _values(pixels, predictor, spread, tell)
        done += window.height * window.width


def _values(pixels: Pixels, predictor: Predictor, spread: Spread, tell: Callable[[float], None]) -> npt.NDArray[Any]:
    """The values of a window, (height, width)."""
    values = np.full(pixels.shape, predictor.scale.nodata, predictor.scale.dtype)
    places = pixels.places
    repeats = pixels.repeats(places)
    wanted, inverse = (places, slice(None)) if repeats is None else repeats
    found = np.empty(len(wanted), values.dtype)
    starts = range(0, len(wanted), _ROWS)
    parts = spread(lambda start: predictor.values(pixels.rows(wanted[start : start + _ROWS])), starts)
    for start, part in zip(starts, parts, strict=True):
        found[start : start + _ROWS] = part
        tell((start + len(part)) / len(wanted))
    values.reshape(-1)[places] = found[inverse]
    return values
