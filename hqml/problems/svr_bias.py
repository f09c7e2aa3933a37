"""The bias of a support vector regression whose multipliers came from a QUBO.

The QUBO fixes the multipliers only: score(x) = sum_m b_m k(x_m, x), and prediction(x) = score(x) + bias. Arrays are
over the points; residuals are targets - scores.
"""

from __future__ import annotations

import numpy as np

from hqml.qubo import Floats

_AT_THE_LIMIT = 1e-9
"""Share of C within which a multiplier counts as 0 or as C: averages of equal multipliers are off by rounding."""


def tube_edge_bias(residuals: Floats, multipliers: Floats, epsilon: float, C: float) -> float | None:
    """Average where the edge of the tube must lie, points in the middle of their range weighing most.

    A point with 0 < |b_n| < C lies on the edge of the tube, so bias = residuals_n - epsilon sign(b_n) there. libsvm
    averages over these points; here each weighs |b_n| (C - |b_n|), as those of a classifier do (see `support_bias`):
    digits are coarse, and a point close to an end of the range may belong to that end.

    Args:
        residuals: (points,), targets - scores.
        multipliers: (points,), b, from -C to C.
        epsilon: half the width of the tube.
        C: largest multiplier.

    Returns:
        The bias; None where every |b_n| is 0 or C, which leaves 0/0.

    Source: Chang & Lin, ACM Trans. Intell. Syst. Technol. 2 (2011) 27, doi:10.1145/1961189.1961199, section 4.1.5.
    """
    sizes = np.abs(multipliers)
    inside = (sizes > _AT_THE_LIMIT * C) & (sizes < (1 - _AT_THE_LIMIT) * C)
    if not inside.any():
        return None
    weights = sizes[inside] * (C - sizes[inside])
    return float(weights @ (residuals[inside] - epsilon * np.sign(multipliers[inside])) / weights.sum())


def least_loss_bias(residuals: Floats, epsilon: float) -> float:
    """The bias of least loss on the training points, sum_n max(0, |residuals_n - bias| - epsilon).

    The slope of the loss is the number of edges residuals_n -+ epsilon below the bias, less the number of points: it is
    0 at the median of all 2 N edges. For epsilon = 0 that is the median of the residuals.

    Args:
        residuals: (points,), targets - scores.
        epsilon: half the width of the tube.
    """
    return float(np.median(np.concatenate([residuals - epsilon, residuals + epsilon])))
