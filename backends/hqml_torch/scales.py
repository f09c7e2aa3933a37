"""How strongly spins are coupled, so that one set of constants suits every model."""

from __future__ import annotations

import torch


def strength(row_norms: torch.Tensor) -> float:
    """Standard deviation of the force on a spin in a random state; 1 where there are no couplings.

    Args:
        row_norms: (n, 1), sqrt(sum_j J_ij^2) of each spin.
    """
    size = float(row_norms.square().mean().sqrt())
    return size if size > 0 else 1.0
