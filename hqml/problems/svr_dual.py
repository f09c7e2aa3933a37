"""The dual of support vector regression, its multipliers written with binary digits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hqml.errors import ModelError, ProblemError
from hqml.problems.svm_dual import digit_weights
from hqml.qubo import Floats, GramQubo


def svr_dual(
    kernel: npt.ArrayLike,
    targets: npt.ArrayLike,
    *,
    n_bits: int = 2,
    base: float = 2.0,
    epsilon: float = 0.1,
    xi: float = 1.0,
    C: float | None = None,
) -> GramQubo:
    """Write the dual of support vector regression as a QUBO.

    Point n has two multipliers of K = n_bits digits each, 0 <= a_n <= C and 0 <= a*_n <= C by construction,

        a_n  = C / C_0 * sum_k base**k * x[n * 2 K + k],        C_0 = sum_k base**k,
        a*_n = C / C_0 * sum_k base**k * x[n * 2 K + K + k],

    and, with b_n = a_n - a*_n,

        E = 1/2 sum_nm b_n b_m (kernel_nm + xi) + epsilon sum_n (a_n + a*_n) - sum_n targets_n b_n.

    So the balance sum_n b_n == 0 is priced with xi / 2 times its square, as in `svm_dual`; the lambda of the source is
    xi / 2. Both multipliers of a point are digits of one, b_n, those of a* being worth the negative: the Gram matrix is
    `kernel` itself, not one of twice its size.

    Args:
        kernel: (points, points), symmetric Gram matrix. It is not copied if it is float32 or float64.
        targets: (points,), finite. Take off their mean beforehand, or the balance has to pay for it.
        n_bits: binary digits of each multiplier; the QUBO has points * 2 * n_bits variables.
        base: of the digits, above 0; 2 gives evenly spaced multipliers.
        epsilon: half the width of the tube in which an error is free, at least 0, in units of the targets.
        xi: price of the balance, at least 0, in units of the kernel.
        C: largest multiplier, above 0, in units of the targets over those of the kernel; none is C_0, the formula as
            published.

    Returns:
        The model; `model.multipliers(states) * model.scale` decodes states (reads, points * 2 * n_bits) into b (reads,
        points).

    Raises:
        ProblemError: a target is not finite, the kernel is not a square of their number, or a parameter is out of its
            range.

    Source: Pasetto et al., IEEE Geosci. Remote Sens. Lett. 19 (2022), doi:10.1109/LGRS.2022.3200325.
    """
    y = _targets(targets)
    if np.shape(kernel) != (len(y), len(y)):
        raise ProblemError(f"kernel must have shape ({len(y)}, {len(y)}), found {np.shape(kernel)}")
    for name, value in (("epsilon", epsilon), ("xi", xi)):
        if not value >= 0 or not np.isfinite(value):
            raise ProblemError(f"{name} must be a number of at least 0, found {value!r}")
    weights = digit_weights(n_bits, base)
    largest = float(weights.sum()) if C is None else C
    if not largest > 0 or not np.isfinite(largest):
        raise ProblemError(f"C must be above 0 and finite, found {C!r}")
    size = largest / weights.sum()
    linear = size * np.concatenate([np.outer(epsilon - y, weights), np.outer(epsilon + y, weights)], axis=1)
    signed = np.concatenate([weights, -weights])
    try:
        return GramQubo(kernel, signed, linear=linear, scale=np.full(len(y), size), shift=xi)
    except ModelError as error:
        raise ProblemError(f"the kernel cannot be used: {error}") from error


def _targets(targets: npt.ArrayLike) -> Floats:
    try:
        y = np.asarray(targets, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ProblemError(f"targets must be numbers: {error}") from error
    if y.ndim != 1 or not len(y) or not np.isfinite(y).all():
        raise ProblemError(
            f"targets must be a vector of finite numbers, found shape {y.shape}: {y.ravel()[:5].tolist()}"
        )
    return y
