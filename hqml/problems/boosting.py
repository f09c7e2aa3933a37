"""QBoost: the squared error of a vote of weak learners, whose weights have binary digits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hqml.errors import ProblemError
from hqml.problems.svm_dual import digit_weights, label_signs
from hqml.qubo import Floats, GramQubo


def qboost(
    outputs: npt.ArrayLike, labels: npt.ArrayLike, *, lam: float = 0.0, votes: float | None = None, n_bits: int = 1
) -> GramQubo:
    """Write the choice of weak learners as a QUBO.

    Learner i has the weight w_i = sum_k 2**k x[i * n_bits + k] / (2**n_bits - 1), so 0 <= w_i <= 1, and

        E = sum_s (1/votes sum_i w_i outputs_si - labels_s)^2 + lam sum_i w_i.

    Multiplied out, E = 1/2 w' G w + sum_i (lam - 2/votes sum_s outputs_si labels_s) w_i + samples with
    G = 2/votes^2 outputs' outputs: a Gram model, whose size does not hang on the number of samples.

    Args:
        outputs: (samples, learners), what each weak learner says of each sample: -1 or +1, or a number between.
        labels: (samples,), each -1 or +1.
        lam: price of a learner, at least 0, in units of the squared error summed over samples.
        votes: so many learners of full weight that agree make the decision +-1; above 0. None is the number of
            learners, the formula as published: then most of the pool is chosen, since fewer never reach the labels.
        n_bits: binary digits a weight; the QUBO has learners * n_bits variables.

    Returns:
        The model; `model.multipliers(states)` decodes states (reads, learners * n_bits) into weights (reads, learners).

    Raises:
        ProblemError: a label is neither -1 nor +1, outputs are not a finite matrix of as many rows, or a parameter is
            out of its range.

    Source: Neven, Denchev, Rose & Macready, arXiv:0811.0416 (2008), and QBoost, PMLR 25:333-348 (2012).
    """
    signs, said = label_signs(labels), _outputs(outputs)
    if len(said) != len(signs):
        raise ProblemError(f"outputs must have one row a label, {len(signs)}, found shape {said.shape}")
    if not lam >= 0 or not np.isfinite(lam):
        raise ProblemError(f"lam must be a number of at least 0, found {lam!r}")
    full = float(said.shape[1] if votes is None else votes)
    if not full > 0 or not np.isfinite(full):
        raise ProblemError(f"votes must be a number above 0, found {votes!r}")
    digits = digit_weights(n_bits)
    digits = digits / digits.sum()
    return GramQubo(
        said.T @ said,
        digits,
        linear=np.outer(lam - 2 / full * (said.T @ signs), digits),
        scale=np.full(said.shape[1], np.sqrt(2) / full),
        offset=float(len(signs)),
    )


def _outputs(outputs: npt.ArrayLike) -> Floats:
    try:
        said = np.asarray(outputs, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ProblemError(f"outputs must be a matrix of numbers, (samples, learners): {error}") from error
    if said.ndim != 2 or not said.size:
        raise ProblemError(f"outputs must have shape (samples, learners), found {said.shape}")
    if not np.isfinite(said).all():
        raise ProblemError("outputs hold NaN or infinity; a weak learner says a number of every sample")
    return said
