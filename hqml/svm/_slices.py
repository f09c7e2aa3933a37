"""Cut a training set into slices that each hold every class."""

from __future__ import annotations

import numpy as np

from hqml.errors import DataError, ParameterError
from hqml.svm._kernels import Ints

SAMPLINGS = ("stratified", "balanced", "disjoint", "bootstrap")


def drawn_slices(codes: Ints, size: int, count: int | None, sampling: str, seed: int) -> list[Ints]:
    """Draw slices of shuffled rows. A label order in the data never shows: each slice holds every class.

    * stratified: classes in the proportions of the whole set. A class with fewer samples than there are slices
      repeats its samples, in different slices.
    * balanced: classes in equal parts; the samples of small classes repeat, in different slices.
    * disjoint: stratified, and no sample is used twice.
    * bootstrap: drawn with replacement from the whole set.

    Args:
        codes: (samples,), class of each sample, 0..classes-1.
        size: most samples a slice may hold.
        count: number of slices; None takes as many as use every sample once ("bootstrap": as many draws as samples).
        sampling: one of SAMPLINGS.
        seed: makes it repeatable.

    Returns:
        `count` arrays of rows, each in rising order.

    Raises:
        ParameterError: a slice is smaller than the number of classes, or disjoint slices need more samples than there
            are.
        DataError: a class has too few samples for disjoint slices.
    """
    totals = np.bincount(codes)
    if size < len(totals):
        raise ParameterError(
            f"slice_size={size} cannot hold the {len(totals)} classes; "
            "raise it, or use a backend that takes more variables"
        )
    rng = np.random.default_rng([seed, 1])
    if sampling == "bootstrap":
        return [_bootstrap(codes, size, rng) for _ in range(count or -(-len(codes) // size))]
    count = count or _covering(totals, size, sampling)
    shares = _shares(totals, size, count, sampling)
    return _dealt([_stream(np.flatnonzero(codes == code), share, rng) for code, share in enumerate(shares)], count)


def _covering(totals: Ints, size: int, sampling: str) -> int:
    """The fewest slices that use every sample, none larger than `size`."""
    if sampling == "balanced":
        return int(-(-totals.max() // (size // len(totals))))
    count = int(-(-totals.sum() // size))
    if sampling == "stratified":
        # It ends at totals.max() at the latest, since a slice can hold every class.
        while np.maximum(totals, count).sum() > count * size:
            count += 1
    return count


def _shares(totals: Ints, size: int, count: int, sampling: str) -> Ints:
    """Samples of each class that all slices together get, repetitions counted; at least one a slice."""
    room = count * size
    if sampling == "balanced":
        return np.full(len(totals), count * (size // len(totals)))
    if sampling == "disjoint" and totals.min() < count:
        raise DataError(
            f"the smallest class has {totals.min()} samples, too few for {count} disjoint slices that each need one; "
            "ask for fewer slices or larger ones, or use sampling='stratified' or 'balanced', which repeat them"
        )
    one_pass = np.maximum(totals, count)
    if one_pass.sum() <= room and (sampling == "disjoint" or room < one_pass.sum() + size):
        return one_pass
    wanted = np.maximum(totals * room // totals.sum(), count)
    above_one, excess = wanted - count, max(int(wanted.sum()) - room, 0)
    fewer = -(-excess * above_one // max(int(above_one.sum()), 1))
    return np.asarray(wanted - fewer)


def _dealt(streams: list[Ints], count: int) -> list[Ints]:
    """Deal each class in even, consecutive parts; whoever would get the larger part moves on from class to class."""
    slices: list[list[Ints]] = [[] for _ in range(count)]
    first = 0
    for stream in streams:
        for place, part in enumerate(np.array_split(stream, count)):
            slices[(first + place) % count].append(part)
        first += len(stream) % count
    return [np.unique(np.concatenate(parts)) for parts in slices]


def _stream(members: Ints, length: int, rng: np.random.Generator) -> Ints:
    """As many members as asked for: pass after pass over all of them, each shuffled anew."""
    passes = [rng.permutation(members) for _ in range(-(-length // len(members)))]
    return np.concatenate(passes)[:length]


def _bootstrap(codes: Ints, size: int, rng: np.random.Generator) -> Ints:
    rows = rng.integers(len(codes), size=size)
    present = np.bincount(codes[rows], minlength=codes.max() + 1)
    for code in np.flatnonzero(present == 0):
        # A missing class takes the place of a draw from the class that has the most.
        place = rng.choice(np.flatnonzero(codes[rows] == present.argmax()))
        present[present.argmax()] -= 1
        rows[place] = rng.choice(np.flatnonzero(codes == code))
        present[code] = 1
    return np.sort(rows).astype(np.intp)
