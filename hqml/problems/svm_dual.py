"""The dual of a kernel support vector machine, its multipliers written with binary digits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hqml.errors import ModelError, ProblemError
from hqml.qubo import Floats, GramQubo


def svm_dual(
    kernel: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    n_bits: int = 2,
    base: float = 2.0,
    xi: float = 1.0,
    C: float | npt.ArrayLike | None = None,
) -> GramQubo:
    """Write the dual of a kernel SVM as a QUBO.

    Multiplier n is a_n = C_n / C_0 * sum_k base**k * x[n * n_bits + k] with C_0 = sum_k base**k, so that
    0 <= a_n <= C_n holds by construction. The balance sum(a_n * t_n) == 0 is priced:

        E = 1/2 sum_nm a_n a_m t_n t_m (kernel_nm + xi) - sum_n a_n.

    Args:
        kernel: (points, points), symmetric Gram matrix. It is not copied if it is float32 or float64.
        labels: (points,), each -1 or +1.
        n_bits: binary digits a multiplier; the QUBO has points * n_bits variables.
        base: of the digits, above 0; 2 gives evenly spaced multipliers.
        xi: price of the balance, at least 0, in units of the dual objective.
        C: largest multiplier, one number or (points,), above 0; none is sum_k base**k, the formula as published.

    Returns:
        The model. Its scale is labels * C_n / C_0, so `model.multipliers(states) * abs(model.scale)` decodes states
        (reads, points * n_bits) into multipliers (reads, points).

    Raises:
        ProblemError: a label is neither -1 nor +1, the kernel is not a square of their number, or a parameter is out
            of its range.

    Source: Willsch et al., Comput. Phys. Commun. 248 (2020) 107006, doi:10.1016/j.cpc.2019.107006.
    """
    signs = label_signs(labels)
    if np.shape(kernel) != (len(signs), len(signs)):
        raise ProblemError(f"kernel must have shape ({len(signs)}, {len(signs)}), found {np.shape(kernel)}")
    if not xi >= 0 or not np.isfinite(xi):
        raise ProblemError(f"xi must be a number of at least 0, found {xi!r}")
    weights = digit_weights(n_bits, base)
    largest = np.asarray(weights.sum() if C is None else C, dtype=np.float64)
    if largest.shape not in ((), signs.shape):
        raise ProblemError(f"C must be one number or have shape {signs.shape}, found shape {largest.shape}")
    bounds = np.broadcast_to(largest, signs.shape)
    if not (np.isfinite(bounds).all() and (bounds > 0).all()):
        raise ProblemError(f"C must be above 0 and finite, found {float(bounds.min())!r}")
    size = bounds / weights.sum()
    try:
        return GramQubo(kernel, weights, linear=-np.outer(size, weights), scale=signs * size, shift=xi)
    except ModelError as error:
        raise ProblemError(f"the kernel cannot be used: {error}") from error


def label_signs(labels: npt.ArrayLike) -> Floats:
    """The labels of two classes as numbers, (points,), each -1 or +1.

    Raises:
        ProblemError: they are no vector, or hold anything else.
    """
    given = np.asarray(labels)
    known = np.isin(given, (-1, 1))
    if given.ndim != 1 or not known.all():
        raise ProblemError(
            f"labels must be a vector of -1 and +1, found shape {given.shape} and {given[~known][:5].tolist()}"
        )
    return given.astype(np.float64)


def digit_weights(n_bits: int, base: float = 2.0) -> Floats:
    """What each digit of a multiplier is worth: (n_bits,), base**0 .. base**(n_bits - 1).

    Raises:
        ProblemError: no digit, or a base that is not above 0.
    """
    if n_bits < 1:
        raise ProblemError(f"n_bits must be at least 1, found {n_bits!r}")
    if not base > 0 or not np.isfinite(base):
        raise ProblemError(f"base must be a number above 0, found {base!r}")
    return float(base) ** np.arange(n_bits)
