"""Choose exactly k of n: a price that provably leaves no other number in a ground state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hqml.errors import ModelError, ProblemError
from hqml.qubo import Floats, GramQubo, Qubo, States

MARGIN = 0.03
"""What the price has above its bound, in units of the largest coefficient: any positive number is proof enough."""


def exactly_k(
    linear: npt.ArrayLike, couplings: npt.ArrayLike, k: int, *, shares: Sequence[float] = (1.0,)
) -> list[GramQubo]:
    """Write "minimise over the states with exactly k ones" as QUBOs, one for each share of the proven price.

        E(x) = sum_i linear_i x_i + sum_{i<j} couplings_ij x_i x_j + tilt (m - k) + share price (m - k)**2

    where m = sum_i x_i. States with m = k have the energy of the first two sums. With the whole price every ground
    state is one of them: tilt and price are such that

        (2 (m - k) - 1) price + tilt > R_m for all m > k  and  (2 (k - m) - 1) price - tilt > A_m for all m < k,

    where R_m bounds what removing the best of m ones costs, and A_m what adding the best of n - m zeros costs. So a
    state with another number of ones always has a neighbour that is nearer to k and lower. R_m is the m-th largest,
    over i, of -linear_i minus the m - 1 lowest couplings of i: of any m ones, one is at least that cheap. A_m is the
    (n - m)-th largest of linear_i plus its m highest couplings.

    Of all tilts the one that needs the lowest price is taken: without it the price has to outweigh what all variables
    have in common, and is two to three times as high for features.

    Args:
        linear: (n,).
        couplings: (n, n), symmetric; the diagonal is not used.
        k: ones wanted, 1 <= k <= n.
        shares: each above 0. An annealer moves from one choice of k to another over states with k - 1 or k + 1, which
            the price makes barriers. Below 1 nothing is proven, but more is found, until these states become the
            lowest.

    Returns:
        Gram models of one digit a variable, which all hold the same couplings.

    Raises:
        ProblemError: k or a share is out of its range, or the coefficients are no such arrays of finite numbers.

    Source: the bound is ours.
    """
    alone, pairs = np.asarray(linear, dtype=np.float64), np.array(couplings, dtype=np.float64)
    if alone.ndim != 1 or pairs.shape != (len(alone), len(alone)):
        raise ProblemError(f"couplings must be square, one row a variable; found {pairs.shape} for {alone.shape}")
    if not (np.isfinite(alone).all() and np.isfinite(pairs).all()):
        raise ProblemError("the coefficients must be finite numbers, found NaN or infinity")
    if not 1 <= k <= len(alone):
        raise ProblemError(f"k must be between 1 and the number of variables, {len(alone)}, found {k!r}")
    if not len(shares) or not all(np.isfinite(share) and share > 0 for share in shares):
        raise ProblemError(f"shares must be numbers above 0, found {shares!r}")
    np.fill_diagonal(pairs, 0.0)
    tilt, price = lowest_price(alone, pairs, k)
    try:
        return [_priced(alone, pairs, k, tilt, share * price) for share in shares]
    except ModelError as error:
        raise ProblemError(f"the coefficients cannot be used: {error}") from error


def lowest_price(linear: Floats, couplings: Floats, k: int) -> tuple[float, float]:
    """The tilt and the proven price of `exactly_k`; couplings with an empty diagonal."""
    from scipy.optimize import minimize_scalar

    removal, adding = _costs(linear, couplings, k)
    above, below = 2.0 * np.arange(1, len(removal) + 1) - 1, 2.0 * np.arange(k, 0, -1) - 1

    def bound(tilt: float) -> float:
        return float(max(np.max((removal - tilt) / above, initial=0), np.max((adding + tilt) / below)))

    # The bound is convex in the tilt. Whatever tilt is found, the bound that goes with it is exact.
    reach = float(np.abs(np.concatenate([removal, adding])).max())
    tilt = float(minimize_scalar(bound, bounds=(-reach, reach), method="bounded").x)
    largest = max(float(np.abs(linear).max()), float(np.abs(couplings).max()))
    return tilt, bound(tilt) + MARGIN * (largest or 1.0)


def repaired(model: Qubo, state: npt.ArrayLike, k: int) -> States:
    """Bring a state, (n,), to exactly k ones, each time by the flip that costs least."""
    x = np.array(state, dtype=np.int8)
    while (missing := k - int(x.sum())) != 0:
        field = model.field(x)[0]
        x[np.where(x == 0, field, np.inf).argmin() if missing > 0 else np.where(x == 1, field, -np.inf).argmax()] ^= 1
    return x


def _costs(linear: Floats, couplings: Floats, k: int) -> tuple[Floats, Floats]:
    """R_m for m = k + 1 .. n, and A_m for m = 0 .. k - 1."""
    n = len(linear)
    others = np.sort(couplings[~np.eye(n, dtype=bool)].reshape(n, n - 1), axis=1)
    lowest = np.cumsum(others, axis=1)[:, k - 1 :]  # of each variable its m - 1 lowest, m = k + 1 .. n
    highest = np.cumsum(others[:, ::-1], axis=1)[:, : k - 1]  # of each variable its m highest, m = 1 .. k - 1
    removal = np.sort(-linear[:, None] - lowest, axis=0)
    adding = np.sort(linear[:, None] + np.column_stack([np.zeros(n), highest]), axis=0)
    # In rising order the m-th largest of n stands at n - m, the (n - m)-th largest at m.
    return removal[np.arange(n - k)[::-1], np.arange(n - k)], adding[np.arange(k), np.arange(k)]


def _priced(linear: Floats, couplings: Floats, k: int, tilt: float, price: float) -> GramQubo:
    """A Gram model of one digit a variable: its shift is the price of a pair, and the couplings are not copied."""
    alone = linear + tilt - 2 * k * price
    return GramQubo(couplings, [1.0], linear=alone, shift=2 * price, offset=price * k**2 - tilt * k)
