"""Maximum cut of a weighted graph."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from hqml.errors import ModelError, ProblemError
from hqml.qubo import DenseQubo, Floats, Qubo, SparseQubo


class MaxCut:
    """Split the vertices in two so that the edges between the halves weigh most.

    The energy of a split is minus its cut: E(x) = -sum_{i<j} w_ij (x_i + x_j - 2 x_i x_j).

    Args:
        weights: (n, n), numpy or scipy.sparse, symmetric, diagonal zero: w_ij is the weight of edge (i, j).

    Raises:
        ProblemError: not square, not symmetric, not finite, or an edge from a vertex to itself.

    Source: Barahona et al., Oper. Res. 36 (1988) 493, doi:10.1287/opre.36.3.493.
    """

    def __init__(self, weights: Any) -> None:
        form = DenseQubo if isinstance(weights, np.ndarray | list | tuple) else SparseQubo
        try:
            given = form(weights)
        except ModelError as error:
            raise ProblemError(f"weights cannot be used: {error}") from error
        matrix = given.couplings / 2
        if np.any(given.linear != 0):
            raise ProblemError("weights must have a zero diagonal: an edge from a vertex to itself is never cut")
        original = np.asarray(weights) if form is DenseQubo else weights
        if (original != original.T).sum():
            raise ProblemError("weights must be symmetric; use weights + weights.T if each edge is given once")
        self.weights = matrix

    def to_qubo(self) -> Qubo:
        form = DenseQubo if isinstance(self.weights, np.ndarray) else SparseQubo
        return form(self.weights, linear=-self.weights.sum(axis=1))

    def decode(self, sample: Mapping[Hashable, int]) -> tuple[frozenset[int], frozenset[int]]:
        """The two halves, as sets of vertices 0..n-1; the half without vertex 0 is second."""
        sides = np.array([sample[vertex] for vertex in range(self.weights.shape[0])])
        first = sides == sides[0]
        return (frozenset(map(int, np.flatnonzero(first))), frozenset(map(int, np.flatnonzero(~first))))


def cut_sizes(weights: Any, states: Floats) -> Floats:
    """Weight of the edges between the halves: (reads,) for states (reads, n).

    Args:
        weights: as for MaxCut.
        states: zeros and ones.
    """
    x = np.atleast_2d(np.asarray(states, dtype=np.float64))
    return np.asarray(np.einsum("ri,ri->r", np.asarray((weights @ x.T).T), 1 - x))
