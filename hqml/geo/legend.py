"""Classes as they stand in a map: their codes, colours and names."""

from __future__ import annotations

import colorsys
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hqml.errors import ParameterError

Colour = tuple[int, int, int]

_COLOURS: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
"""Told apart by colour-blind people as well: Okabe and Ito, Color Universal Design, 2008, without black."""

_GOLDEN = 0.618034
"""Steps of the golden ratio around the circle of hues keep every number of further colours apart."""


@dataclass(frozen=True)
class Legend:
    """What the values of a map of classes mean.

    Attributes:
        classes: (classes,), as the model names them.
        codes: (classes,), as the map holds them.
        nodata: the value of pixels without data.
        colours: of each class.
    """

    classes: npt.NDArray[Any]
    codes: npt.NDArray[Any]
    nodata: int
    colours: tuple[Colour, ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.codes.dtype

    @property
    def names(self) -> list[str]:
        return [str(one) for one in self.classes.tolist()]

    def encoded(self, predicted: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The codes of predicted classes."""
        order = np.argsort(self.classes)
        return self.codes[order[np.searchsorted(self.classes, predicted, sorter=order)]]

    def colour_map(self) -> dict[int, tuple[int, int, int, int]]:
        """Red, green, blue and opacity of each code."""
        shown = {code: (*colour, 255) for code, colour in zip(self.codes.tolist(), self.colours, strict=True)}
        return {**shown, self.nodata: (0, 0, 0, 0)}

    def tags(self) -> dict[str, str]:
        """Names of the classes: one tag a code, and all of them as JSON for a program to read."""
        names = dict(zip(map(str, self.codes.tolist()), self.names, strict=True))
        return {**{f"CLASS_{code}": name for code, name in names.items()}, "CLASSES": json.dumps(names)}

    def tally(self) -> ClassTally:
        return ClassTally(self)


class ClassTally:
    """Pixels of each class of a map."""

    def __init__(self, legend: Legend) -> None:
        self._legend = legend
        self._counts = np.zeros(np.iinfo(legend.dtype).max + 1, np.int64)

    def add(self, codes: npt.NDArray[Any]) -> None:
        """Count pixels; those without data are left out."""
        self._counts += np.bincount(codes.ravel(), minlength=len(self._counts))

    @property
    def classified(self) -> int:
        return int(self._counts[self._legend.codes].sum())

    def summary(self) -> Mapping[str, Any]:
        counts = self._counts[self._legend.codes].tolist()
        return {"classes": dict(zip(self._legend.names, counts, strict=True))}


def legend_of(classes: npt.NDArray[Any]) -> Legend:
    """A legend for the classes of a model.

    Whole numbers that fit into 16 bits stand for themselves, other classes are numbered from 0. The map has 8 bits
    where that is enough; 255 (65535) means no data, or the largest value below it that is no class.

    Raises:
        ParameterError: there are too many classes to number.
    """
    codes = _own_codes(classes)
    if codes is None:
        codes = np.arange(len(classes))
    highest = 255 if codes.max() <= 255 and len(codes) <= 255 else 65535
    if len(codes) > highest:
        raise ParameterError(f"a map holds at most {highest} classes, the model has {len(codes)}; merge some of them")
    nodata = next(value for value in range(highest, -1, -1) if value not in set(codes.tolist()))
    dtype = np.uint8 if highest == 255 else np.uint16
    return Legend(classes, codes.astype(dtype), nodata, tuple(_colour(n) for n in range(len(codes))))


def _own_codes(classes: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
    """The classes themselves, where they are whole numbers from 0 to 65535."""
    if classes.dtype.kind not in "iuf":
        return None
    fit = (classes >= 0) & (classes <= 65535) & (classes == np.floor(classes))
    return classes.astype(np.int64) if fit.all() else None


def _colour(number: int) -> Colour:
    if number < len(_COLOURS):
        return _COLOURS[number]
    number -= len(_COLOURS)
    shade = colorsys.hls_to_rgb(number * _GOLDEN % 1, (0.35, 0.5, 0.65)[number % 3], 0.6)
    red, green, blue = (round(255 * part) for part in shade)
    return red, green, blue
