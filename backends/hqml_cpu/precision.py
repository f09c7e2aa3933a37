"""The narrowest type of number that carries a model: less memory to read, and more spins in a vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hqml.annealing import unit_of
from hqml.qubo import Floats

FLOAT32_RANGE = 1e6
"""Largest ratio of field to small coefficients that float32 fields can carry; above it float64 is used."""

_LOOKED_AT = 10_000
"""Coefficients that are sorted to find their unit; all others are only compared with it."""


def in_units(values: Floats, unit: float, dtype: np.dtype[Any]) -> Any:
    scaled = values / unit if unit != 1 else values
    return np.ascontiguousarray(np.rint(scaled) if dtype.kind == "i" else scaled, dtype=dtype)


def narrowest(field: float, coefficients: Sequence[Floats], wholes: tuple[Any, ...]) -> tuple[np.dtype[Any], float]:
    """The first of `wholes` that holds every field in a unit of which all coefficients are multiples, else a float in a
    unit in which they are neither too large nor too small for it.

    Args:
        field: largest |field|.
        coefficients: all of them.
        wholes: types to try, narrowest first.
    """
    some = _sizes([part.ravel()[:: part.size // _LOOKED_AT + 1] for part in coefficients])
    unit = _unit(some)
    if unit is not None and not all(_are_multiples(part, unit) for part in coefficients):
        unit = _unit(_sizes(coefficients))
    if unit is not None:
        for whole in wholes:
            if field / unit < np.iinfo(whole).max:  # strictly: a threshold one above the field must exist
                return np.dtype(whole), unit
    # float32 unless it would lose the small coefficients beside the largest field.
    small = float(np.quantile(some, 0.01)) if len(some) else 1.0
    return np.dtype(np.float64 if field > FLOAT32_RANGE * small else np.float32), unit_of(*coefficients)


def _are_multiples(values: Floats, unit: float) -> bool:
    return bool(np.array_equal(values / unit, np.rint(values / unit)))


def _sizes(coefficients: Sequence[Floats]) -> Floats:
    """Distinct sizes of the coefficients that are not zero, ascending."""
    sizes = [np.unique(np.abs(part)) for part in coefficients]
    distinct = np.unique(np.concatenate(sizes))
    return distinct[distinct > 0]


def _unit(sizes: Floats) -> float | None:
    """The largest number of which all sizes are whole multiples, None where there is none that is exact."""
    if not len(sizes):
        return 1.0
    ratios = sizes / sizes[0]
    if np.array_equal(ratios, np.rint(ratios)):
        return float(sizes[0])
    if sizes[-1] < 2**53 and np.array_equal(sizes, np.rint(sizes)):
        return float(np.gcd.reduce(sizes.astype(np.int64)))
    return None
