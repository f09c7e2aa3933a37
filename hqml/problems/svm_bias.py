"""The bias of a support vector machine whose multipliers came from a QUBO.

The QUBO fixes the multipliers only: score(x) = sum_m a_m t_m k(x_m, x) still needs its threshold, and
decision(x) = score(x) + bias. Arrays are over the points of one binary machine.
"""

from __future__ import annotations

import numpy as np

from hqml.qubo import Floats

_AT_THE_LIMIT = 1e-9
"""Share of C within which a multiplier counts as 0 or as C: averages of equal multipliers are off by rounding."""


def support_bias(scores: Floats, signs: Floats, alpha: Floats, limits: Floats) -> float | None:
    """Average what is missing to the margin, points in the middle of their range weighing most.

    bias = sum_n w_n (t_n - scores_n) / sum_n w_n with w_n = a_n (C_n - a_n).

    Args:
        scores: (points,), sum_m a_m t_m k(x_m, x_n).
        signs: (points,), -1 or +1.
        alpha: (points,), multipliers.
        limits: (points,), largest multiplier C_n of each point.

    Returns:
        The bias; None where every multiplier is 0 or C_n, which leaves 0/0.

    Source: Willsch et al., Comput. Phys. Commun. 248 (2020) 107006, doi:10.1016/j.cpc.2019.107006, with one C a point.
    """
    inside = (alpha > _AT_THE_LIMIT * limits) & (alpha < (1 - _AT_THE_LIMIT) * limits)
    if not inside.any():
        return None
    weights = alpha[inside] * (limits[inside] - alpha[inside])
    return float(weights @ (signs[inside] - scores[inside]) / weights.sum())


def post_selection_bias(scores: Floats, signs: Floats, weights: Floats) -> float | None:
    """Put the threshold where the most weight is classified rightly.

    All thresholds between two neighbouring scores are compared, and the two outside that give every point one sign.
    Of the best, the middle of the widest gap is taken; one outside only where no gap is as good: half the range of the
    scores away and at least 1, below them if both outside are as good.

    Args:
        scores: (points,), sum_m a_m t_m k(x_m, x_n).
        signs: (points,), -1 or +1.
        weights: (points,), above 0, what a point counts; equal ones maximise plain accuracy.

    Returns:
        The bias; None where all scores are equal and both signs weigh the same, so that nothing can be selected.

    Source: the rule of Zardini et al., arXiv:2403.08584 (2024); the choice among equals is ours.
    """
    order = np.argsort(scores, kind="stable")
    ordered, signed = scores[order], (weights * signs)[order]
    # Entry j: the weight that is right, up to a constant, when the j lowest points are called negative.
    right = -np.concatenate([[0.0], np.cumsum(signed)])
    gaps = np.diff(ordered)
    margin = max(float(ordered[-1] - ordered[0]) / 2, 1.0)
    slack = 1e-12 * float(weights.sum())
    outside = max(right[0], right[-1])
    inner = np.where(gaps > 0, right[1:-1], -np.inf)
    if gaps.any() and inner.max() >= outside - slack:
        best = int(np.argmax(np.where(inner >= inner.max() - slack, gaps, -1.0)))
        return float(-(ordered[best] + ordered[best + 1]) / 2)
    if not gaps.any() and abs(right[0] - right[-1]) <= slack:
        return None
    return float(margin - ordered[0]) if right[0] >= right[-1] else float(-margin - ordered[-1])
