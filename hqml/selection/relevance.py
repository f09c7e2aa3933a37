"""What each feature tells of the target, and what each pair of features tells of each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import xlogy

from hqml.qubo import Floats

Ints = npt.NDArray[np.intp]

_CELLS = 2**23
"""Numbers of a working array; counts of more pairs, or of more samples, are made in parts of this size (64 MiB)."""


@dataclass(frozen=True)
class Estimates:
    """What a selection weighs.

    Attributes:
        relevance: (features,).
        redundancy: (features, features), symmetric, diagonal zero.
    """

    relevance: Floats
    redundancy: Floats


def correlations(X: Floats, y: Floats | Ints, *, classes: bool) -> Estimates:
    """Absolute correlations; of a constant feature 0.

    Of classes, which have no order, the relevance is the correlation ratio: the root of the share of a feature's
    variance that lies between the classes. Of two classes it is the absolute correlation with their codes.

    Args:
        X: (samples, features).
        y: (samples,), numbers, or classes from 0.
        classes: which of them.
    """
    Z = _standardised(X)
    redundancy = np.abs(Z.T @ Z)
    np.fill_diagonal(redundancy, 0.0)
    if not classes:
        return Estimates(np.abs(_standardised(np.asarray(y, dtype=np.float64)[:, None])[:, 0] @ Z), redundancy)
    members = (y[:, None] == np.arange(y.max() + 1)).astype(np.float64)
    between = ((members.T @ Z) ** 2 / members.sum(axis=0)[:, None]).sum(axis=0)
    return Estimates(np.sqrt(between), redundancy)


def informations(codes: Ints, target: Ints, *, conditional: bool) -> Estimates:
    """Mutual information in nats, from relative frequencies: I(X_i;Y) against I(X_i;X_j).

    The frequencies make every information too high, by about (bins - 1) (bins' - 1) / (2 samples).

    Args:
        codes: (samples, features), bins from 0.
        target: (samples,), classes or bins from 0.
        conditional: subtract I(X_i;X_j|Y) from the redundancy. What two features tell of each other only because both
            tell of the target is then no redundancy, and features that tell more together than apart have a negative
            one.
    """
    known = mutual_informations(np.column_stack([codes, target]))
    redundancy = known[:-1, :-1].copy()
    if conditional:
        for value, count in zip(*np.unique(target, return_counts=True), strict=True):
            redundancy -= count / len(target) * mutual_informations(codes[target == value])
    np.fill_diagonal(redundancy, 0.0)
    return Estimates(known[:-1, -1], redundancy)


def mutual_informations(codes: Ints) -> Floats:
    """Mutual information of every pair of columns, in nats: (features, features). On the diagonal their entropies."""
    joint = _joint_entropies(codes)
    entropies = joint.diagonal()
    return np.maximum(entropies[:, None] + entropies - joint, 0.0)


def discretised(X: Floats, n_bins: int, categorical: npt.NDArray[np.bool_] | None = None) -> Ints:
    """Bins of about equal numbers of samples: (samples, features), from 0.

    A feature of at most `n_bins` different values keeps each of them as a bin, a categorical one always does. A value
    so frequent that it fills a bin by itself, such as the zeros of counts, has a bin of its own.
    """
    kept = np.zeros(X.shape[1], dtype=bool) if categorical is None else categorical
    return np.column_stack([_bins(X[:, i], n_bins, kept[i]) for i in range(X.shape[1])])


def _bins(values: Floats, n_bins: int, categorical: bool) -> Ints:
    different, codes = np.unique(values, return_inverse=True)
    if categorical or len(different) <= n_bins:
        return codes.astype(np.intp)
    edges = np.quantile(values, np.linspace(0, 1, n_bins + 1))
    frequent = edges[1:][np.diff(edges) == 0]
    cuts = np.unique(np.concatenate([edges[1:-1], frequent, np.nextafter(frequent, np.inf)]))
    return np.unique(np.searchsorted(cuts, values, side="right"), return_inverse=True)[1].astype(np.intp)


def _standardised(X: Floats) -> Floats:
    """Columns of mean 0 and length 1; constant ones become exactly 0."""
    largest = np.abs(X).max(axis=0)
    Z = X / np.where(largest > 0, largest, 1.0)  # of a constant column all values are now 1, and so is their mean
    Z -= Z.mean(axis=0)
    length = np.sqrt((Z**2).sum(axis=0))
    return np.asarray(Z / np.where(length > 0, length, 1.0))


def _joint_entropies(codes: Ints) -> Floats:
    """Entropy of every pair of columns, in nats: (features, features)."""
    samples, features = codes.shape
    bins = codes.max(axis=0) + 1
    first = np.concatenate([[0], np.cumsum(bins)[:-1]])
    entropies = np.empty((features, features))
    for part in _parts(bins, _CELLS // int(bins.sum())):
        counts = _joint_counts(codes + first, int(bins.sum()), first[part][0], bins[part].sum())
        by_pair = np.add.reduceat(xlogy(counts, counts), first[part] - first[part][0], axis=0)
        entropies[part] = np.log(samples) - np.add.reduceat(by_pair, first, axis=1) / samples
    return entropies


def _joint_counts(places: Ints, width: int, start: int, count: int) -> Floats:
    """Samples that are in each of `count` bins from `start` on, and in each of all bins: (count, width)."""
    counts = np.zeros((count, width))
    rows = max(_CELLS // width, 1)
    for at in range(0, len(places), rows):
        some = places[at : at + rows]
        present = np.zeros((len(some), width), dtype=np.float32)  # exact up to 2**24 samples
        np.put_along_axis(present, some, 1.0, axis=1)
        counts += present[:, start : start + count].T @ present
    return counts


def _parts(bins: Ints, most: int) -> list[slice]:
    """Runs of features of at most so many bins together, or of one feature."""
    parts, start = [], 0
    for stop in range(1, len(bins) + 1):
        if stop == len(bins) or bins[start : stop + 1].sum() > most:
            parts.append(slice(start, stop))
            start = stop
    return parts
