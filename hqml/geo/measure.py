"""Numbers as they stand in a map: what a regressor predicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Measure:
    """A map of numbers in single precision; NaN means no data.

    Attributes:
        name: of the quantity.
    """

    name: str

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float32)

    @property
    def nodata(self) -> float:
        return float("nan")

    def encoded(self, predicted: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The numbers as the map holds them."""
        return np.asarray(predicted, self.dtype)

    def tags(self) -> dict[str, str]:
        return {"QUANTITY": self.name}

    def tally(self) -> MeasureTally:
        return MeasureTally()


class MeasureTally:
    """Number, sum and range of the pixels of a map."""

    def __init__(self) -> None:
        self.classified, self._sum = 0, 0.0
        self._lowest, self._highest = np.inf, -np.inf

    def add(self, values: npt.NDArray[Any]) -> None:
        """Count pixels; those without data are left out."""
        known = values[~np.isnan(values)].astype(np.float64)
        if known.size:
            self.classified += known.size
            self._sum += float(known.sum())
            self._lowest = min(self._lowest, float(known.min()))
            self._highest = max(self._highest, float(known.max()))

    def summary(self) -> Mapping[str, Any]:
        if not self.classified:
            return {"values": None}
        return {"values": {"lowest": self._lowest, "mean": self._sum / self.classified, "highest": self._highest}}
