"""k-medoids: k points that are far from each other and near to all others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hqml.errors import ProblemError
from hqml.problems.exactly_k import exactly_k
from hqml.qubo import GramQubo

SHARES = (1.0, 0.85, 0.7, 0.6, 0.5)
"""Shares of the proven price that are worth sampling: on five sets (150 to 569 points) the lowest medoids came from
0.85 to 0.5, and below that no sample had exactly k."""


def k_medoids(dissimilarities: npt.ArrayLike, k: int, *, shares: Sequence[float] = (1.0,)) -> list[GramQubo]:
    """Write the choice of k medoids as QUBOs, one for each share of the proven price of other numbers than k.

    States with exactly k ones have the energy

        E(z) = -1 / (2 k) z' D z + 1 / n z' D 1,

    medoids far from each other (first term) and near to all points (second term). This is a stand-in for the sum of the
    distances to the nearest medoid, which is not quadratic, and its minimum is another one.

    Args:
        dissimilarities: D, (n, n), symmetric, not negative, zero on the diagonal.
        k: medoids wanted.
        shares: of the proven price, see `exactly_k`.

    Raises:
        ProblemError: k is out of its range, or D is no such matrix.

    Source: Bauckhage et al., LWDA 2019, CEUR 2454, paper 39, with a = 1/k and b = 1/n as there. Its gamma (1'z - k)^2
    is the price, here with a value that is proven to suffice.
    """
    D = np.asarray(dissimilarities, dtype=np.float64)
    if D.ndim != 2 or D.shape[0] != D.shape[1]:
        raise ProblemError(f"dissimilarities must be a square matrix, found shape {D.shape}")
    if not np.isfinite(D).all() or (D < 0).any() or D.diagonal().any() or not np.allclose(D, D.T):
        raise ProblemError("dissimilarities must be finite, not negative, symmetric, and zero on the diagonal")
    return exactly_k(D.sum(axis=1) / len(D), -D / max(k, 1), k, shares=shares)
