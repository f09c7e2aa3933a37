"""Draw a map in small, with a legend."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from hqml.geo.legend import ClassTally, Legend
from hqml.geo.measure import MeasureTally
from hqml.geo.predictor import Predictor
from hqml.geo.scene import Scene

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INCHES, _DPI = 10.0, 150
"""Of the longer side of the map: 1500 pixels, as many as an overview has at most."""

_MOST_NAMES = 40
"""Classes in a legend; the more frequent ones."""

_NO_DATA = "#d9d9d9"


def draw(
    stream: BinaryIO,
    values: npt.NDArray[Any],
    predictor: Predictor,
    scene: Scene,
    tally: ClassTally | MeasureTally,
) -> None:
    """Write a PNG: the map, undistorted, its legend and a title.

    Args:
        stream: to write to.
        values: (rows, columns), the overview.
        predictor: says what the values mean.
        scene: says where they lie.
        tally: of the whole map, not of the overview alone.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height, width = _inches(scene)
    figure = Figure(figsize=(max(width, 4) + 3, max(height, 2) + 1.2))
    FigureCanvasAgg(figure)  # no window, whatever the user's matplotlib is set up for
    axes = figure.add_subplot(facecolor=_NO_DATA)
    _title(axes, predictor, scene)
    _frame(axes, scene)
    options: dict[str, Any] = {"extent": _extent(scene), "aspect": _aspect(scene), "interpolation": "nearest"}
    if isinstance(predictor.scale, Legend):
        axes.imshow(_coloured(values, predictor.scale), **options)
        _legend(axes, predictor.scale, tally, scene)
    else:
        image = axes.imshow(np.ma.masked_invalid(values), **options)
        figure.colorbar(image, ax=axes, shrink=0.7).set_label(_short(predictor.scale.name), parse_math=False)
    figure.savefig(stream, format="png", dpi=_DPI, bbox_inches="tight", pad_inches=0.2)


def _coloured(values: npt.NDArray[Any], legend: Legend) -> npt.NDArray[np.uint8]:
    """(rows, columns, 4): red, green, blue and opacity."""
    table = np.zeros((np.iinfo(values.dtype).max + 1, 4), np.uint8)
    for code, colour in legend.colour_map().items():
        table[code] = colour
    return np.asarray(table[values])


def _legend(axes: Axes, legend: Legend, tally: Any, scene: Scene) -> None:
    """Names and shares of the classes beside the map."""
    from matplotlib.patches import Patch

    counts = np.array(list(tally.summary()["classes"].values()))
    shown = np.sort(np.argsort(-counts, kind="stable")[:_MOST_NAMES])
    handles = [
        Patch(
            facecolor="#{:02x}{:02x}{:02x}".format(*legend.colours[n]),
            label=f"{_share(counts[n], tally.classified)}   {_short(legend.names[n])}",
        )
        for n in shown
    ]
    if len(shown) < len(counts):
        handles.append(Patch(facecolor="none", label=f"and {len(counts) - len(shown)} rarer classes"))
    missing = scene.height * scene.width - tally.classified
    if missing:
        share = _share(missing, scene.height * scene.width)
        handles.append(Patch(facecolor=_NO_DATA, label=f"{share} of the scene: no data"))
    box = axes.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(1.02, 1),
        frameon=False,
        title="share, class",
        alignment="left",
    )
    for text in box.get_texts():
        text.set_parse_math(False)  # a name may hold dollars


def _share(count: int, total: int) -> str:
    share = 100 * count / total if total else 0.0
    return "< 0.1 %" if 0 < share < 0.1 else f"{share:.1f} %"


def _short(name: str) -> str:
    return name if len(name) <= 32 else f"{name[:31]}…"


def _title(axes: Axes, predictor: Predictor, scene: Scene) -> None:
    crs = scene.crs or "not georeferenced"
    what = f"{_short(Path(scene.path).name)}, mapped by {predictor.estimator}"
    where = f"{scene.width} x {scene.height} pixels, {crs if len(crs) <= 40 else 'a coordinate system of its own'}"
    axes.set_title(f"{what}\n{where}", loc="left", fontsize="medium", parse_math=False)


def _frame(axes: Axes, scene: Scene) -> None:
    """Coordinates along the edges, where they run along rows and columns."""
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    if not _upright(scene):
        axes.set_xticks([])
        axes.set_yticks([])
        return
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4))
        axis.set_major_formatter(StrMethodFormatter("{x:.10g}"))
    axes.tick_params(labelsize="small")


def _upright(scene: Scene) -> bool:
    transform = scene.dataset.transform
    return not transform.is_identity and transform.b == transform.d == 0


def _extent(scene: Scene) -> tuple[float, float, float, float]:
    """Left, right, bottom and top, in coordinates where they run along rows and columns, else in pixels."""
    if not _upright(scene):
        return 0, scene.width, scene.height, 0
    transform = scene.dataset.transform
    return (
        transform.c,
        transform.c + transform.a * scene.width,
        transform.f + transform.e * scene.height,
        transform.f,
    )


def _pixel(scene: Scene) -> tuple[float, float]:
    """Height and width of a pixel on the ground, in one unit."""
    transform = scene.dataset.transform
    height, width = float(np.hypot(transform.b, transform.e)), float(np.hypot(transform.a, transform.d))
    crs = scene.dataset.crs
    if crs and crs.is_geographic:  # a degree of longitude shrinks towards the poles
        _, latitude = transform @ (scene.width / 2, scene.height / 2)
        width *= max(float(np.cos(np.radians(latitude))), 0.01)
    return (height, width) if height > 0 and width > 0 else (1.0, 1.0)


def _aspect(scene: Scene) -> float:
    """How many times longer a unit of the vertical axis is drawn than one of the horizontal axis."""
    height, width = _pixel(scene)
    transform = scene.dataset.transform
    if not _upright(scene):
        return height / width
    return height / abs(float(transform.e)) / (width / abs(float(transform.a)))


def _inches(scene: Scene) -> tuple[float, float]:
    """Height and width of the map in the picture."""
    height, width = _pixel(scene)
    height, width = height * scene.height, width * scene.width
    longer = max(height, width)
    return _INCHES * height / longer, _INCHES * width / longer
