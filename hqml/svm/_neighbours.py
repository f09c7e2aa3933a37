"""Cover a training set by neighbourhoods, and find the nearest of some points; all of it from inner products.

|x - p|^2 = |x|^2 - 2 <x, p> + |p|^2, and a sample's own |x|^2 orders nothing. So one formula serves features, and a
kernel's space of which only the Gram matrix is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hqml.qubo import Floats
from hqml.svm._kernels import Ints

_AT_ONCE = 32
"""Points whose neighbours are looked for together: 25 MB of distances for 100,000 samples. Of so few, hardly any lie in
a neighbourhood that another one of them opens, whose neighbours then were looked for in vain."""


@dataclass(frozen=True)
class Cover:
    """Neighbourhoods that together hold every sample of a training set.

    Attributes:
        centres: (centres,), rows of the training set.
        neighbourhoods: (centres, size), rows of the training set, nearest first; the first is the centre itself.
    """

    centres: Ints
    neighbourhoods: Ints


def covered(
    products: Callable[[Ints], Floats], squares: Floats, size: int, assigned: int, rng: np.random.Generator
) -> Cover:
    """Choose centres so that each sample is one of the `assigned` nearest neighbours of some centre.

    Samples are gone through in random order; one that no centre has yet covered becomes a centre.

    Args:
        products: gives (rows, samples), inner products of the given samples with all.
        squares: (samples,), inner product of each sample with itself.
        size: samples of a neighbourhood, at most all.
        assigned: how many of them a centre covers, at most `size`.
        rng: says the order.

    Source: the cover of FaLK-SVM, Segata & Blanzieri, J. Mach. Learn. Res. 11 (2010) 1883, in random order instead of
    that of a cover tree.
    """
    reached = np.zeros(len(squares), dtype=bool)
    waiting = rng.permutation(len(squares))
    centres, neighbourhoods = [], []
    while len(waiting):
        candidates, waiting = waiting[:_AT_ONCE], waiting[_AT_ONCE:]
        apart = distances(products(candidates), squares)
        apart[np.arange(len(candidates)), candidates] = -np.inf  # itself first, whatever equals it
        for row, neighbours in zip(candidates, smallest(apart, size), strict=True):
            if not reached[row]:
                centres.append(row)
                neighbourhoods.append(neighbours)
                reached[neighbours[:assigned]] = True
        waiting = waiting[~reached[waiting]]
    return Cover(np.array(centres, dtype=np.intp), np.array(neighbourhoods, dtype=np.intp))


def distances(products: Floats, squares: Floats) -> Floats:
    """Squared distances between samples and points, less each sample's own square. `products` are overwritten.

    Args:
        products: (samples, points), inner products.
        squares: (points,), inner product of each point with itself.
    """
    products *= -2
    products += squares
    return products


def smallest(values: Floats, count: int) -> Ints:
    """Columns of the `count` smallest values of each row, the smallest first: (rows, count).

    Which of equal ones they are is not defined.
    """
    if count == 1:
        return np.asarray(values.argmin(axis=1)[:, None])
    some = np.argpartition(values, count - 1, axis=1)[:, :count]
    order = np.argsort(np.take_along_axis(values, some, axis=1), axis=1)
    return np.asarray(np.take_along_axis(some, order, axis=1))
