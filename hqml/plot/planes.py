"""What a classifier says all over a plane of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hqml.compare.decision_map import Plane, axes_around
from hqml.compare.scoring import decision_values
from hqml.display import first_line
from hqml.errors import DataError, ParameterError
from hqml.plot.axes import COLOURS, HIGH, LOW, axes_for, entry, ink, legend, name_axes, paper, signed_colours
from hqml.plot.labels import classes_of, codes_of
from hqml.qubo import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIDE = 150
"""Points of the grid along each axis."""

_ROWS = 1000
"""Rows of the data that are drawn, spread evenly: more hide the plane."""

_MARKERS = ("o", "^", "s", "D", "v", "P")


def decision(estimator: Any, X: Any, y: Any, ax: Axes | None = None) -> Axes:
    """Draw which class a classifier takes all over a plane, with the data on it.

    Of two features the plane is theirs; of more it is that of the first two principal components of X, its features
    scaled to variance 1, and rows are drawn where they lie when projected on it, so that some seem to lie on the wrong
    side. Of two classes the shade is the deeper the surer the decision, and the line is where it is 0. From the seventh
    class on colours come again: their points have other markers, their areas look alike.

    Args:
        estimator: a fitted classifier, or a pipeline that ends in one.
        X: (rows, features), as it was fitted on: two features or more.
        y: (rows,), labels.
        ax: to draw on; None makes a new figure.

    Raises:
        ParameterError: it is no classifier of one label a row.
        DataError: X is not numbers that are finite, has fewer than two features, no rows to lay a plane through, or
            another number of them than y; or y holds a class that was not trained.
        NotFittedError: it is not fitted.
        LibraryMissing: matplotlib is not installed.
    """
    classes, rows, codes = _checked(estimator, X, y)
    unit = _units(rows)
    plane = Plane(rows / unit, [str(name) for name in getattr(X, "columns", ("feature 0", "feature 1"))])
    points = plane.coordinates(rows / unit)
    x_axis, y_axis = axes_around(points, _SIDE)
    grid = _as_given(plane.rows(np.stack(np.meshgrid(x_axis, y_axis), axis=-1).reshape(-1, 2)) * unit, X)
    ax = axes_for(ax, 5.6, 4.4)
    values = decision_values(estimator, grid) if len(classes) == 2 else None
    if values is not None:
        _shade(ax, x_axis, y_axis, values.reshape(_SIDE, _SIDE))
    else:
        _areas(ax, x_axis, y_axis, codes_of(estimator.predict(grid), classes).reshape(_SIDE, _SIDE))
    _points(ax, points, codes, classes)
    ax.set_xlim(x_axis[0], x_axis[-1])
    ax.set_ylim(y_axis[0], y_axis[-1])
    ax.grid(False)
    name_axes(ax, plane.names[0], plane.names[1])
    legend(ax, frameon=True, framealpha=0.8)
    return ax


def _checked(estimator: Any, X: Any, y: Any) -> tuple[Any, Floats, npt.NDArray[np.intp]]:
    """The classes (classes,), the rows (rows, features), and the index of each row's class (rows,)."""
    classes = classes_of(estimator)
    if classes is None:
        raise ParameterError(
            f"decisions are drawn of a classifier of one label a row, found {type(estimator).__name__}"
        )
    rows = _rows(X)
    if np.shape(y) != (len(rows),):
        raise DataError(f"y must have a label for each of the {len(rows)} rows of X, found shape {np.shape(y)}")
    return classes, rows, codes_of(y, classes)


def _rows(X: Any) -> Floats:
    try:
        rows = np.asarray(X, float)
    except (TypeError, ValueError) as error:
        raise DataError(f"X must be an array or a data frame of numbers: {first_line(error)}") from error
    if rows.ndim != 2 or rows.shape[1] < 2:
        raise DataError(f"X must be (rows, features) of two features or more, found shape {rows.shape}")
    if not np.isfinite(rows).all():
        raise DataError("X holds values that are NaN or infinite, which have no place on a plane; leave out their rows")
    if not len(rows) or (rows.shape[1] > 2 and not np.ptp(rows, axis=0).any()):
        raise DataError("X has no two different rows to lay a plane through; give more of the data")
    return rows


def _units(rows: Floats) -> Floats:
    """What the features are measured in, (features,): of two that are drawn as they are, 1."""
    spread = rows.std(axis=0)
    return np.where(spread > 0, spread, 1.0) if rows.shape[1] > 2 else np.ones(2)


def _as_given(grid: Floats, X: Any) -> Any:
    """In a data frame if X is one: an estimator that was fitted with names warns of rows without them."""
    return type(X)(grid, columns=X.columns) if hasattr(X, "iloc") else grid


def _extent(x: Floats, y: Floats) -> dict[str, Any]:
    """Cells of an image around the positions."""
    half_x, half_y = (x[1] - x[0]) / 2, (y[1] - y[0]) / 2
    edges = (x[0] - half_x, x[-1] + half_x, y[0] - half_y, y[-1] + half_y)
    return {"extent": edges, "origin": "lower", "aspect": "auto", "interpolation": "nearest"}


def _shade(ax: Axes, x: Floats, y: Floats, values: Floats) -> None:
    """The deepest tenth is cut off, lest one corner decide."""
    reach = float(np.quantile(np.abs(values), 0.9)) or 1.0
    ax.imshow(values, cmap=signed_colours(), vmin=-reach, vmax=reach, alpha=0.55, **_extent(x, y))
    if values.min() < 0 < values.max():
        ax.contour(x, y, values, levels=[0], colors=[ink(ax)], linewidths=1.3)


def _areas(ax: Axes, x: Floats, y: Floats, codes: npt.NDArray[np.intp]) -> None:
    from matplotlib.colors import to_rgba

    table = np.array([to_rgba(COLOURS[code % len(COLOURS)], 0.35) for code in range(int(codes.max()) + 1)])
    ax.imshow(table[codes], **_extent(x, y))


def _points(ax: Axes, points: Floats, codes: npt.NDArray[np.intp], classes: Any) -> None:
    shown = np.unique(np.linspace(0, len(points) - 1, min(_ROWS, len(points))).astype(int))
    colours = (LOW, HIGH) if len(classes) == 2 else COLOURS
    for code, name in enumerate(classes.tolist()):
        own = points[shown][codes[shown] == code]
        marker = _MARKERS[(code + code // len(colours)) % len(_MARKERS)]  # colours come again with other markers
        look: Any = {"color": colours[code % len(colours)], "marker": marker}
        ax.scatter(own[:, 0], own[:, 1], s=18, edgecolors=[paper(ax)], linewidths=0.5, label=entry(name), **look)
