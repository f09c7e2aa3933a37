"""The coefficients of a model as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hqml.compare.figures.canvas import short
from hqml.errors import ModelTooLarge
from hqml.plot.axes import axes_for, signed_colours
from hqml.qubo import Floats, Qubo, as_qubo

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CELLS = 1000
"""Rows of a picture: more than a screen shows. Of larger models a cell stands for a block of coefficients."""

_WRITTEN_OUT = 4096
"""Variables up to which a dense or Gram model is written out for its picture (0.1 GiB)."""

_NAMED = 16
"""Variables up to which each has its label on the axes."""

_LONGEST = 16
"""Characters of a label: longer ones would leave no room for the picture."""


def qubo(model: Any, ax: Axes | None = None) -> Axes:
    """Draw the upper triangular matrix U of E(x) = x' U x + offset: linear terms on the diagonal, couplings above it.

    What is 0 stays empty. Above 1000 variables a cell shows the coefficient of a block that is furthest from 0.

    Args:
        model: whatever `hqml.qubo.as_qubo` takes.
        ax: to draw on; None makes a new figure.

    Raises:
        ModelError: it says no QUBO.
        ModelTooLarge: a dense or Gram model of more than 4096 variables.
        LibraryMissing: matplotlib is not installed.
    """
    found = as_qubo(model)
    cells, block = _cells(found)
    ax = axes_for(ax, 5.2, 4.4)
    from matplotlib.ticker import MaxNLocator

    reach, n = float(np.abs(cells).max()) or 1.0, found.num_variables
    image = ax.imshow(
        np.ma.masked_equal(cells, 0),
        cmap=signed_colours(),
        vmin=-reach,
        vmax=reach,
        interpolation="nearest",
        extent=(-0.5, block * len(cells) - 0.5, block * len(cells) - 0.5, -0.5),
    )
    ax.set_xlim(-0.5, n - 0.5)
    ax.set_ylim(n - 0.5, -0.5)
    bar = ax.figure.colorbar(image, ax=ax)
    bar.set_label("coefficient" if block == 1 else f"largest coefficient of {block} x {block}")
    ax.set_xlabel("variable")
    ax.set_ylabel("variable")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    if n <= _NAMED and found.labels != range(n):
        names = [short(str(label), _LONGEST) for label in found.labels]
        ax.set_xticks(range(n), names, rotation=90, parse_math=False)
        ax.set_yticks(range(n), names, parse_math=False)
    return ax


def _cells(model: Qubo) -> tuple[Floats, int]:
    """What is drawn, (cells, cells), and how many variables a cell has a side."""
    rows, columns, values = _coefficients(model)
    block = -(-model.num_variables // _CELLS)
    side = -(-model.num_variables // block)
    order = np.argsort(np.abs(values), kind="stable")  # the last one written to a cell stays there
    cells = np.zeros((side, side))
    cells[rows[order] // block, columns[order] // block] = values[order]
    return cells, block


def _coefficients(model: Qubo) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Floats]:
    """Row, column and value of those that are not 0, each once."""
    import scipy.sparse

    if model.form == "sparse":
        sparse = model.to_sparse()
        upper = scipy.sparse.coo_array(scipy.sparse.triu(sparse.couplings, 1) + scipy.sparse.diags_array(sparse.linear))
        return upper.row, upper.col, upper.data
    if model.num_variables > _WRITTEN_OUT:
        raise ModelTooLarge(
            f"a picture writes the matrix out, of {_WRITTEN_OUT} variables at most; this {model.form} model has "
            f"{model.num_variables}. Draw one of fewer points, or a sparse one"
        )
    matrix = model.to_dense().upper()
    rows, columns = np.nonzero(matrix)
    return rows, columns, matrix[rows, columns]
