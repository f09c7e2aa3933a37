"""What goes into a model and what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Signature:
    """The shapes of one sample, without the batch's axis.

    Attributes:
        x: of the inputs, float32: (features,), (channels, height, width), (steps, features), ...
        y: of the targets; () of a class or a number; None where there are none.
        classes: names of the classes where `y` holds their numbers, int64 from 0; None where it holds float32.
        features: names of the features, where they are known.
    """

    x: Shape
    y: Shape | None = None
    classes: tuple[str, ...] | None = None
    features: tuple[str, ...] | None = None
