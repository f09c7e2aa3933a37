"""The loss of a training run, epoch by epoch."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hqml.errors import FormatError, ParameterError
from hqml.plot.axes import COLOURS, axes_for, ink, legend, name_axes
from hqml.untrusted import read_json

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDE = 30.0
"""Losses that differ by more than this factor stand on a logarithmic axis."""


@dataclass(frozen=True)
class _Run:
    """
    Attributes:
        epochs: numbers, from 1.
        losses: {name: value in each epoch}, NaN where there is none.
        best: the epoch whose weights were kept, if that is known.
    """

    epochs: Sequence[float]
    losses: Mapping[str, Sequence[float]]
    best: int | None


def history(run: Any, ax: Axes | None = None) -> Axes:
    """Draw the loss of a training run on the training data and, where it was watched, on the validation data.

    Args:
        run: the folder that `hqml train` wrote, or what `hqml.dl.train` gave.
        ax: to draw on; None makes a new figure.

    Raises:
        FormatError: the folder holds no history.csv, or one that cannot be read.
        ParameterError: it is neither, or no epoch has ended with a loss.
        LibraryMissing: matplotlib is not installed.
    """
    found = _read(Path(run)) if isinstance(run, str | os.PathLike) else _of_result(run)
    if not found.losses:
        raise ParameterError("there is no loss to draw: no epoch has ended with one that is a number")
    ax = axes_for(ax)
    from matplotlib.ticker import MaxNLocator

    for (name, losses), colour, style in zip(found.losses.items(), COLOURS, ("-", "--"), strict=False):
        ax.plot(found.epochs, losses, color=colour, linestyle=style, marker=".", label=name)
    if found.best is not None:
        ax.axvline(found.best, color=ink(ax), alpha=0.6, linewidth=0.9, linestyle=":", label=f"kept: {found.best}")
    values = [value for losses in found.losses.values() for value in losses if math.isfinite(value)]
    if values and min(values) > 0 and max(values) > _WIDE * min(values):
        ax.set_yscale("log")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    name_axes(ax, "epoch", "loss")
    legend(ax)
    return ax


def _of_result(run: Any) -> _Run:
    fitted = getattr(run, "fitted", run)
    epochs = getattr(fitted, "history", None)
    if not isinstance(epochs, list | tuple):
        raise ParameterError(
            f"run must be the folder of a training run or what hqml.dl.train gave, found {type(run).__name__}"
        )
    losses = {
        "training": [float(one.loss) for one in epochs],
        "validation": [float(one.validation.get("loss", math.nan)) for one in epochs],
    }
    return _Run([one.number for one in epochs], _known(losses), fitted.best)


def _read(folder: Path) -> _Run:
    file = folder / "history.csv"
    try:
        with file.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        losses = {
            "training": [float(row["loss"]) for row in rows],
            "validation": [float(row.get("validation_loss") or math.nan) for row in rows],
        }
        return _Run([float(row["epoch"]) for row in rows], _known(losses), _best(folder / "result.json"))
    except OSError as error:
        raise FormatError(f"cannot read {file}: {error.strerror}; give the folder that `hqml train` wrote") from error
    except (KeyError, TypeError, ValueError, OverflowError, csv.Error) as error:
        raise FormatError(f"{folder} is no folder of a training run: {error!r} in its files") from error


def _known(losses: Mapping[str, Sequence[float]]) -> Mapping[str, Sequence[float]]:
    """Without those that no epoch has."""
    return {name: those for name, those in losses.items() if not all(map(math.isnan, those))}


def _best(file: Path) -> int | None:
    """Written at the end: there is none while training goes on."""
    if not file.is_file():
        return None
    best = read_json(file.read_bytes())["best"]
    return None if best is None else int(best)
