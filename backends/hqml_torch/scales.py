"""Units of energy, and the strength of couplings, so that one set of constants suits every model."""

from __future__ import annotations

import math

import torch

from hqml.qubo import Floats


def unit_of(*coefficients: Floats) -> float:
    """The power of two below the largest coefficient: dividing by it is exact. 1 where all are zero."""
    largest = max(max(float(part.max(initial=0)), -float(part.min(initial=0))) for part in coefficients)
    return 2.0 ** math.floor(math.log2(largest)) if largest > 0 else 1.0


def strength(row_norms: torch.Tensor) -> float:
    """Standard deviation of the force on a spin in a random state; 1 where there are no couplings.

    Args:
        row_norms: (n, 1), sqrt(sum_j J_ij^2) of each spin.
    """
    size = float(row_norms.square().mean().sqrt())
    return size if size > 0 else 1.0
