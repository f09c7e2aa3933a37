"""A proven lower bound on the energy of a Gram model, from its convex relaxation.

Let the digits be any numbers from 0 to 1. If G is positive semidefinite, the energy is then convex, and the tangent at
any multipliers a bounds it from below (weak duality):

    E(x) >= offset - 1/2 a' G a + sum_nk min(0, weights_k (G a)_n + linear_nk)        for every x in [0, 1]^(N K).

The bound holds for every a; it is as good as a is close to the minimum of the relaxation, and equal to it there. A
matrix that is indefinite by e is made convex with e / 2 (scale_n a_n)^2, whose chord over the range of a_n takes it
back: nothing is lost at either end of the range, and at most e (scale_n range_n)^2 / 8 between them.

Source: the relaxation and its dual are textbook convex programming (Boyd & Vandenberghe, Convex Optimization, 2004,
ch. 5); the proof of definiteness by a floating-point Cholesky factorisation is S. M. Rump, Verification of positive
definiteness, BIT 46 (2006) 433, doi:10.1007/s10543-006-0056-1.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from hqml.errors import ModelTooLarge
from hqml.qubo import Floats, GramQubo

LIMIT = 20_000
"""Points up to which definiteness is proven without being asked twice: 3.2 GB for the factor, about a minute."""

TOLERANCE = 1e-3
"""Distance of bound and relaxed minimum at which the search ends, relative to the bound."""

_STEPS = 2000  # of L-BFGS-B, at most; Landsat with 1000 points and 4 digits takes 300 to come within 0.4 %
_LOOK_EVERY = 40
_ROWS = 256  # of the matrix that are converted at a time
_UNIT = float(np.finfo(np.float64).eps) / 2


@dataclass(frozen=True)
class Bound:
    """What the relaxation proves.

    Attributes:
        value: no state has a lower energy.
        relaxed: energy of the best relaxed state found; the minimum of the relaxation lies between it and `value`.
        shift: e, what was added to the diagonal of `gram + shift` to prove it positive semidefinite.
        seconds: on the clock.
    """

    value: float
    relaxed: float
    shift: float
    seconds: float

    def gap(self, energy: float) -> float:
        """How far an energy is from provably optimal: (energy - value) / max(1, |value|)."""
        return (energy - self.value) / max(1.0, abs(self.value))


def lower_bound(qubo: GramQubo, *, tolerance: float = TOLERANCE, limit: int = LIMIT) -> Bound:
    """Bound the energy of every state from below. The value is proven, rounding included; only its quality is sought.

    Args:
        qubo: of N points. Besides its Gram matrix, one float64 matrix of that size is made.
        tolerance: the search for a better bound ends when it is this close to the relaxed minimum, relatively.
        limit: points above which nothing is tried.

    Raises:
        ModelTooLarge: it has more than `limit` points.
    """
    if qubo.num_points > limit:
        raise ModelTooLarge(
            f"a bound for {qubo.num_points} points needs {8 * qubo.num_points**2 / 2**30:.1f} GiB beside the model; "
            f"the limit is {limit} points, pass limit= to lower_bound() to raise it"
        )
    started = perf_counter()
    relaxation = _Relaxation.of(qubo, _definite_by(qubo))
    value, relaxed = _searched(relaxation, tolerance)
    return Bound(value, relaxed, relaxation.indefinite, perf_counter() - started)


@dataclass(frozen=True)
class _Relaxation:
    """The convex problem over multipliers: G as of the model plus `indefinite` * scale^2 on its diagonal.

    Attributes:
        linear: (N, K), of the digits, the chord included.
        offset: the chord's constant included.
    """

    qubo: GramQubo
    indefinite: float
    linear: Floats
    offset: float

    @classmethod
    def of(cls, qubo: GramQubo, indefinite: float) -> _Relaxation:
        low, high = float(np.minimum(qubo.weights, 0).sum()), float(np.maximum(qubo.weights, 0).sum())
        curved = indefinite / 2 * qubo.scale**2
        # On [low, high]: a^2 <= (low + high) a - low high, with equality at both ends.
        linear = qubo.linear - np.outer(curved * (low + high), qubo.weights)
        return cls(qubo, indefinite, linear, qubo.offset + float(curved.sum()) * low * high)

    def gradient(self, multipliers: Floats, *, precise: bool) -> Floats:
        """G a, the matrix read in the precision it has or in float64: (N,)."""
        q = self.qubo
        scaled = q.scale * multipliers
        if precise:
            bands = [slice(start, start + _ROWS) for start in range(0, q.num_points, _ROWS)]
            through = np.concatenate([q.gram[rows].astype(np.float64, copy=False) @ scaled for rows in bands])
        else:
            through = (q.gram @ scaled.astype(q.gram.dtype)).astype(np.float64)
        return np.asarray(q.scale * (through + q.shift * scaled.sum() + self.indefinite * scaled))

    def exact_gradient(self, multipliers: Floats) -> tuple[Floats, Floats]:
        """G a, G the mean of its two halves, in float64, and a bound on what each entry rounds: (N,) and (N,)."""
        q = self.qubo
        scaled = q.scale * multipliers
        through, absolute = np.zeros(q.num_points), np.zeros(q.num_points)
        for start in range(0, q.num_points, _ROWS):
            rows = slice(start, start + _ROWS)
            band = q.gram[rows].astype(np.float64, copy=False)
            through[rows] += band @ scaled / 2
            through += scaled[rows] @ band / 2
            sizes = np.abs(band)
            absolute[rows] += sizes @ np.abs(scaled) / 2
            absolute += np.abs(scaled[rows]) @ sizes / 2
        absolute += abs(q.shift) * np.abs(scaled).sum() + self.indefinite * np.abs(scaled)
        gradient = q.scale * (through + q.shift * scaled.sum() + self.indefinite * scaled)
        return gradient, 2 * (q.num_points + 16) * _UNIT * np.abs(q.scale) * absolute

    def proven(self, digits: Floats) -> tuple[float, float]:
        """The bound of the tangent at these digits (N, K), less all that may have been rounded; and their energy."""
        q = self.qubo
        multipliers, weights = digits @ q.weights, np.abs(q.weights)
        gradient, rounded = self.exact_gradient(multipliers)
        slopes = gradient[:, None] * q.weights + self.linear
        curved, fixed = float(multipliers @ gradient) / 2, self.offset
        lost = rounded @ (np.abs(multipliers) / 2 + weights.sum())
        terms = np.abs(multipliers * gradient).sum() + np.abs(gradient).sum() * weights.sum()
        terms += np.abs(self.linear).sum() + np.abs(q.linear).sum() + abs(fixed) + abs(q.offset)
        lost += 2 * (slopes.size + 16) * _UNIT * terms
        value = float(fixed - curved + np.minimum(slopes, 0).sum() - lost)
        return value, fixed + curved + float((self.linear * digits).sum())


def _definite_by(qubo: GramQubo) -> float:
    """The smallest e of a few for which gram + shift + e on the diagonal is proven positive semidefinite."""
    e = _factor_rounding(qubo, 0.0)
    if not _is_definite(qubo, e):
        e = max(2 * e, -1.1 * _lowest_eigenvalue(qubo))
    while not _is_definite(qubo, e):
        e *= 2
    return e + _factor_rounding(qubo, e)


def _lowest_eigenvalue(qubo: GramQubo) -> float:
    """An estimate of that of gram + shift, which need not be good; 0 where there is none."""
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

    if qubo.num_points <= _ROWS:
        return float(np.linalg.eigvalsh(qubo.gram.astype(np.float64) + qubo.shift)[0])

    def product(vector: Floats) -> Floats:
        vector = np.ravel(vector)
        return np.asarray(qubo.gram @ vector.astype(qubo.gram.dtype) + qubo.shift * vector.sum(), dtype=np.float64)

    operator = LinearOperator((qubo.num_points, qubo.num_points), matvec=product, dtype=np.float64)
    start = np.random.default_rng(0).normal(size=qubo.num_points)
    try:
        return float(eigsh(operator, k=1, which="SA", tol=0.02, v0=start, maxiter=20, return_eigenvectors=False)[0])
    except ArpackNoConvergence:
        return 0.0


def _factor_rounding(qubo: GramQubo, shift: float) -> float:
    """What a Cholesky factorisation of the shifted matrix in float64 can move an eigenvalue, making it included."""
    points = qubo.num_points
    diagonal = np.abs(qubo.gram.diagonal().astype(np.float64) + qubo.shift)
    largest = max(float(qubo.gram.max()), -float(qubo.gram.min())) + abs(qubo.shift)
    traced = float(diagonal.sum()) + points * shift
    return 4 * _UNIT * ((points + 2) * traced + points * largest) + float(np.finfo(np.float64).tiny) * points


def _is_definite(qubo: GramQubo, shift: float) -> bool:
    """Whether gram + shift, with this much more on its diagonal, has a Cholesky factor in float64."""
    from scipy.linalg.lapack import dpotrf

    points = qubo.num_points
    lower = np.zeros((points, points))
    for start in range(0, points, _ROWS):
        rows, columns = slice(start, start + _ROWS), slice(0, min(start + _ROWS, points))
        band = lower[rows, columns]
        band += qubo.gram[rows, columns]
        band += qubo.gram[columns, rows].T
        band /= 2
        band += qubo.shift
    lower.flat[:: points + 1] += shift
    _, failed = dpotrf(lower.T, lower=False, overwrite_a=True, clean=False)
    return bool(failed == 0)


def _searched(relaxation: _Relaxation, tolerance: float) -> tuple[float, float]:
    """Go down the relaxation by L-BFGS-B until its tangent bounds it closely; the best bound and energy met."""
    from scipy.optimize import minimize

    search = _Search(relaxation, _Scaled.of(relaxation), tolerance)
    z = np.zeros(search.scaled.size.size)
    search.prove(z)
    options = {"maxiter": _STEPS, "maxfun": 2 * _STEPS, "maxcor": 20, "ftol": 0.0, "gtol": 0.0}
    # A matrix in float32 is read as it is until its rounding stops the search, then in float64, three times as slowly.
    # Where a kernel is badly conditioned the line search gives up early; begun anew, it goes on.
    for precise in (False, True, True):
        box = np.stack([np.zeros(z.size), search.scaled.size.reshape(-1)], axis=1)
        found = minimize(
            search.scaled.energy,
            z,
            args=(precise,),
            jac=True,
            method="L-BFGS-B",
            bounds=box,
            callback=search.look,
            options=options,
        )
        z = found.x
        search.prove(z)
        if search.done:
            break
    return search.value, search.relaxed


@dataclass
class _Search:
    """How far the search has come: the best bound and the lowest energy of the relaxation."""

    relaxation: _Relaxation
    scaled: _Scaled
    tolerance: float
    value: float = -np.inf
    relaxed: float = np.inf
    steps: int = 0

    @property
    def done(self) -> bool:
        return self.relaxed - self.value <= self.tolerance * max(1.0, abs(self.value))

    def look(self, z: Floats) -> None:
        """Called by L-BFGS-B after each step; a bound costs about four steps."""
        self.steps += 1
        if self.steps % _LOOK_EVERY == 0:
            self.prove(z)
            if self.done:
                raise StopIteration

    def prove(self, z: Floats) -> None:
        value, relaxed = self.relaxation.proven(self.scaled.digits(z))
        self.value, self.relaxed = max(self.value, value), min(self.relaxed, relaxed)


@dataclass(frozen=True)
class _Scaled:
    """The relaxation as L-BFGS-B sees it: digits z = size * x, scaled so that all curve alike.

    Where the digits of a point cost in proportion to their weights, as those of a support vector machine do, one
    variable stands for all of them.

    Attributes:
        weights: (K',), of the digits that are told apart.
        linear: (N, K').
        size: (N, K').
    """

    relaxation: _Relaxation
    weights: Floats
    linear: Floats
    size: Floats

    @classmethod
    def of(cls, relaxation: _Relaxation) -> _Scaled:
        q, weights, linear = relaxation.qubo, relaxation.qubo.weights, relaxation.linear
        total = weights.sum()
        if (weights > 0).all() and np.allclose(linear, np.outer(linear.sum(axis=1) / total, weights), atol=0):
            weights, linear = np.array([total]), linear.sum(axis=1, keepdims=True)
        curvature = q.scale**2 * np.maximum(q.gram.diagonal() + q.shift + relaxation.indefinite, 0)
        size = np.sqrt(curvature)[:, None] * np.abs(weights)
        return cls(relaxation, weights, linear, np.where(size > 0, size, 1.0))

    def digits(self, z: Floats) -> Floats:
        """(N, K), of the model."""
        x = z.reshape(self.size.shape) / self.size
        return np.broadcast_to(x, self.relaxation.linear.shape)

    def energy(self, z: Floats, precise: bool) -> tuple[float, Floats]:
        """Energy and gradient (variables,) of the relaxation."""
        x = z.reshape(self.size.shape) / self.size
        a = x @ self.weights
        gradient = self.relaxation.gradient(a, precise=precise)
        energy = self.relaxation.offset + a @ gradient / 2 + (self.linear * x).sum()
        slopes = gradient[:, None] * self.weights + self.linear
        return float(energy), (slopes / self.size).reshape(-1)
