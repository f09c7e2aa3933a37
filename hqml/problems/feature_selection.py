"""Selection of k features that tell much of the target and little of each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hqml.errors import ProblemError
from hqml.problems.exactly_k import exactly_k
from hqml.qubo import DenseQubo

SHARES = (1.0, 0.7, 0.5, 0.35, 0.25, 0.125)
"""Shares of the proven price that are worth sampling. The best one differs, 1/2 to 1/8 for correlations, 0.85 to 1/8
for informations; 100 reads of `cpu` with these six found the lowest known selection in all runs of 17 of 19 problems
(30 to 300 features, 5 to 100 selected), and came within .4 % of it in the other two. At the whole price alone they
missed most, by 1 to 10 %."""


def feature_selection(
    relevance: npt.ArrayLike,
    redundancy: npt.ArrayLike,
    k: int,
    *,
    alpha: float = 0.5,
    shares: Sequence[float] = (1.0,),
) -> list[DenseQubo]:
    """Write the choice of k features as QUBOs, one for each share of the proven price of other numbers than k.

    States with exactly k ones have the energy

        E(x) = -alpha sum_i relevance_i x_i + (1 - alpha) / k sum_{i != j} redundancy_ij x_i x_j.

    At alpha = 1/2 this is half of

    * mRMR's difference, k times minus the mean relevance plus the mean redundancy, for mutual information;
    * 1/k of MIQUBO, Q_ii = -I(X_i;Y), Q_ij = -I(X_j;Y|X_i), for relevance I(X_i;Y) and redundancy
      I(X_i;X_j) - I(X_i;X_j|Y): since I(X_j;Y|X_i) = I(X_j;Y) - I(X_i;X_j) + I(X_i;X_j|Y), the relevances of all pairs
      among k features add up to k - 1 times theirs;
    * D-Wave's SelectFromQuadraticModel at its default, divided by k, for absolute correlations.

    Args:
        relevance: (features,).
        redundancy: (features, features), symmetric; the diagonal is not used.
        k: features wanted.
        alpha: from 0, redundancy alone counts, to 1, relevance alone.
        shares: of the proven price, see `exactly_k`.

    Raises:
        ProblemError: a parameter is out of its range, or the arrays do not fit together.

    Source: Milne, Rounds & Goddard, 1QBit white paper (2017), for the trade-off; Peng, Long & Ding, IEEE TPAMI 27
    (2005) 1226, doi:10.1109/TPAMI.2005.159, for mRMR; Nguyen, Chan, Romano & Bailey, KDD 2014,
    doi:10.1145/2623330.2623611, for the conditional form.
    """
    if not 0 <= alpha <= 1:
        raise ProblemError(f"alpha must be between 0 and 1, found {alpha!r}")
    pairs = np.asarray(redundancy, dtype=np.float64)
    if pairs.ndim != 2 or pairs.shape[0] != pairs.shape[1] or not np.allclose(pairs, pairs.T):
        raise ProblemError(f"redundancy must be a symmetric matrix, found shape {pairs.shape}")
    # A k below 1 is told by exactly_k, not by a division.
    models = exactly_k(-alpha * np.asarray(relevance), 2 * (1 - alpha) / max(k, 1) * pairs, k, shares=shares)
    # Models so small are written out: `cpu` then gives them its thousand sweeps of single flips.
    return [model.to_dense() for model in models]
