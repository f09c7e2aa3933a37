"""In which units a Gram model is read, so that float32 carries it though its matrix stays as it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hqml.annealing import unit_of
from hqml.qubo import GramQubo

_USED_AS_IT_IS = 2.0**20
"""A kernel whose largest entry is up to so many times away from 1 keeps clear of the ends of float32."""


@dataclass(frozen=True)
class GramUnits:
    """Powers of two in which one model is read: energy = gram * (scale * multiplier)**2.

    Attributes:
        energy: of about the largest coefficient of a bit.
        gram: 1 for nearly all kernels, which are then not copied.
    """

    energy: float
    gram: float
    multiplier: float
    scale: float

    @classmethod
    def of(cls, qubo: GramQubo) -> GramUnits:
        gram, multiplier = unit_of(qubo.gram, np.array([qubo.shift])), unit_of(qubo.weights)
        pairs = gram * unit_of(qubo.scale) ** 2 * multiplier**2
        kept = 1.0 if 1 / _USED_AS_IT_IS <= gram <= _USED_AS_IT_IS else gram
        # The square root of what is left for the scale must be a power of two as well.
        exponent = round(math.log2(unit_of(np.array([pairs]), qubo.linear) / kept))
        scale = 2.0 ** (exponent // 2)
        return cls(energy=kept * scale**2, gram=kept, multiplier=multiplier, scale=scale / multiplier)
