"""Which samples are held out to judge by."""

from __future__ import annotations

import numpy as np

from hqml.errors import DataError
from hqml.estimators.classifier import Ints


def learning_part(codes: Ints, rows: Ints, share: float, seed: int, *, wanted: str) -> Ints:
    """The points, by number, that are not held out: all but a share of every class that has two points or more.

    The draw hangs on the seed and the rows alone: all machines of one slice hold out the same points.

    Args:
        codes: (points,), class of each point.
        rows: (points,), where they lie in the training set.
        share: of each class.
        seed: of the fit.
        wanted: the parameter for which points are held out, for the error.

    Raises:
        DataError: no class has two points.
    """
    rng = np.random.default_rng([seed, 2, int(rows[0])])
    held = np.zeros(len(codes), dtype=bool)
    for code in np.unique(codes):
        members = rng.permutation(np.flatnonzero(codes == code))
        if len(members) > 1:
            held[members[: min(max(1, round(share * len(members))), len(members) - 1)]] = True
    if not held.any():
        raise DataError(f"{wanted} needs a class of two samples or more, to hold some out; choose another value")
    return np.flatnonzero(~held)
