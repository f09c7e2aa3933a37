"""The single-step multiclass support vector machine, its multipliers written with binary digits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hqml.errors import ModelError, ProblemError
from hqml.problems.svm_dual import digit_weights
from hqml.qubo import Floats, GramQubo

MAX_BITS = 52
"""More digits make steps below the precision of a float64."""


def multiclass_svm(
    kernel: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    n_classes: int | None = None,
    n_bits: int = 2,
    beta: float = 1.0,
    mu: float = 1.0,
    limits: float | npt.ArrayLike = 1.0,
) -> GramQubo:
    """Write the training of a kernel machine for all classes at once as a QUBO.

    Sample n has a multiplier for every class c,

        tau_nc = w_n (-1 + 2 / (2**B - 1) * sum_b 2**b x[(n * classes + c) * B + b]),

    2**B even steps from -w_n to w_n, B = n_bits; with y_n its label,

        E = 1/2 sum_nm k_nm sum_c tau_nc tau_mc - beta sum_n tau_{n,y_n}
            + mu sum_n [(sum_c tau_nc)**2 + sum_{c != y_n} tau_nc].

    The energies of the model are E, constants included. As a Gram model its points are the pairs (n, c), and its matrix
    is kernel (x) 1 + 2 mu 1 (x) ones: (samples * classes) a side, in the precision of `kernel`.

    Args:
        kernel: (samples, samples), symmetric Gram matrix.
        labels: (samples,), classes as whole numbers from 0.
        n_classes: number of classes; none is the largest label + 1.
        n_bits: binary digits a multiplier; the QUBO has samples * n_classes * n_bits variables.
        beta: above 0, what the multiplier of a sample's own class is worth.
        mu: at least 0, price of multipliers that do not sum to 0, and of each one of another class.
        limits: w, largest size of a multiplier, above 0: one number, as published 1, or (samples,).

    Raises:
        ProblemError: a label is no class, the kernel is not a square of their number, or a parameter is out of its
            range.

    Source: Delilbasic et al., IEEE JSTARS (2023), doi:10.1109/JSTARS.2023.3336926; there w_n = 1.
    """
    codes, classes = _codes(labels, n_classes)
    if np.shape(kernel) != (len(codes), len(codes)):
        raise ProblemError(f"kernel must have shape ({len(codes)}, {len(codes)}), found {np.shape(kernel)}")
    if not beta > 0 or not np.isfinite(beta):
        raise ProblemError(f"beta must be a number above 0, found {beta!r}")
    if not mu >= 0 or not np.isfinite(mu):
        raise ProblemError(f"mu must be a number of at least 0, found {mu!r}")
    given = np.asarray(limits, dtype=np.float64)
    if given.shape not in ((), codes.shape):
        raise ProblemError(f"limits must be one number or have shape {codes.shape}, found shape {given.shape}")
    bounds = np.broadcast_to(given, codes.shape)
    if not (np.isfinite(bounds).all() and (bounds > 0).all()):
        raise ProblemError(f"limits must be above 0 and finite, found {float(bounds.min())!r}")
    if n_bits > MAX_BITS:
        raise ProblemError(f"n_bits must be at most {MAX_BITS}, found {n_bits!r}")
    gram, digits = np.asarray(kernel), digit_weights(n_bits)
    try:
        return _written(gram, _prices(codes, classes, beta, mu), 2 * digits / digits.sum(), mu, bounds)
    except ModelError as error:
        raise ProblemError(f"the kernel cannot be used: {error}") from error


def multiclass_multipliers(model: GramQubo, states: npt.ArrayLike, n_classes: int) -> Floats:
    """Decode states (reads, samples * n_classes * n_bits) into tau, (reads, samples, n_classes)."""
    tau = (model.multipliers(states) - 1) * model.scale
    return tau.reshape(len(tau), -1, n_classes)


def _codes(labels: npt.ArrayLike, n_classes: int | None) -> tuple[npt.NDArray[np.intp], int]:
    """The labels, (samples,), and the number of classes."""
    given = np.asarray(labels)
    if given.ndim != 1 or not len(given) or given.dtype.kind not in "iu" or given.min() < 0:
        raise ProblemError(
            f"labels must be a vector of whole numbers from 0, found shape {given.shape}: {given.ravel()[:5].tolist()}"
        )
    classes = int(given.max()) + 1 if n_classes is None else n_classes
    if classes < 2 or given.max() >= classes:
        raise ProblemError(
            f"there must be two classes or more, and no label above them; found {classes} classes and "
            f"the label {given.max()}"
        )
    return given, classes


def _prices(codes: npt.NDArray[np.intp], classes: int, beta: float, mu: float) -> Floats:
    """What a unit of each multiplier costs by itself: (samples, classes)."""
    return np.where(codes[:, None] == np.arange(classes), -beta, mu)


def _written(kernel: Floats, prices: Floats, weights: Floats, mu: float, bounds: Floats) -> GramQubo:
    """E as a Gram model of a = tau / w + 1, which the digits give: the 1 goes into linear terms and the offset."""
    samples, classes = prices.shape
    gram = np.zeros((samples, classes, samples, classes), dtype=np.result_type(kernel, np.float32))
    every = np.arange(samples)
    for c in range(classes):
        gram[:, c, :, c] = kernel
        for d in range(classes):
            gram[every, c, every, d] += 2 * mu
    # At a = 1 + tau / w with all tau = -w, every class has the same field: K w + 2 mu classes w.
    field = kernel @ bounds + 2 * mu * classes * bounds
    scale = np.repeat(bounds, classes)
    linear = scale * (prices - field[:, None]).reshape(-1)
    offset = (classes * field @ bounds) / 2 - prices.sum(axis=1) @ bounds
    return GramQubo(
        gram.reshape(samples * classes, -1), weights, linear=np.outer(linear, weights), scale=scale, offset=offset
    )
