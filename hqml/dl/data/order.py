"""In which order samples are used, and by which rank: pure functions of a seed and the number of an epoch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hqml.dl.source import Rows
from hqml.errors import ParameterError


@dataclass(frozen=True)
class Turn:
    """Who uses samples, and when.

    Attributes:
        rank: who, from 0.
        size: how many ranks there are.
        seed: of the order.
        epoch: its number.
        shuffle: whether there is chance in the order.
    """

    rank: int = 0
    size: int = 1
    seed: int = 0
    epoch: int = 0
    shuffle: bool = True

    def chance(self, *numbers: int) -> np.random.Generator:
        """The same for the same turn and numbers; the seed may be negative."""
        return np.random.default_rng([number % 2**64 for number in (self.seed, self.epoch, *numbers)])


def steps_of(samples: int, batch: int, size: int) -> int:
    """Steps of an epoch, equally many on every rank.

    An epoch is cut into steps of one size, give or take a sample, none larger than `batch` unless that would leave a
    rank without a sample: a last step of very few would be a noisy one, and too little for batch normalisation.

    Raises:
        ParameterError: a batch has no sample for each rank.
    """
    if batch < size:
        raise ParameterError(f"a batch of {batch} cannot be shared by {size} ranks; give each at least one sample")
    return max(min(-(-samples // batch), samples // size), 1) if samples else 0


def cuts(samples: int, parts: int) -> Rows:
    """Where to cut samples into parts of equal size, give or take one: (parts + 1,), from 0 to `samples`."""
    return np.arange(parts + 1, dtype=np.int64) * samples // max(parts, 1)


def in_memory(samples: int, steps: int, turn: Turn) -> tuple[Rows, Rows]:
    """What a rank uses of samples that can be had in any order: a part of each step.

    The steps are the same for any number of ranks.

    Args:
        samples: how many there are.
        steps: into which they are cut.
        turn: who uses them, and when.

    Returns:
        (its samples,) in their order, and (steps + 1,) where its steps begin in them.
    """
    order = turn.chance().permutation(samples) if turn.shuffle else np.arange(samples, dtype=np.int64)
    bounds = cuts(samples, steps)
    lengths = np.diff(bounds)
    low = bounds[:-1] + lengths * turn.rank // turn.size
    high = bounds[:-1] + lengths * (turn.rank + 1) // turn.size
    chosen = ranges(low, high)
    return order[chosen], np.concatenate([[0], np.cumsum(high - low)])


def in_blocks(bounds: Rows, window: int, turn: Turn) -> Iterator[tuple[Rows, npt.NDArray[np.int64]]]:
    """What a rank uses of samples that are read well in blocks only: one stretch of the shuffled sequence of blocks.

    Blocks at the end of a stretch are read by two ranks; no sample is used by both.

    Args:
        bounds: (blocks + 1,) where each block begins, from 0 to the number of samples.
        window: samples that are read at a time, and mixed with each other.
        turn: who uses them, and when.

    Yields:
        (samples,) to read, ascending, and the order in which to use them.
    """
    blocks = len(bounds) - 1
    order = turn.chance().permutation(blocks) if turn.shuffle else np.arange(blocks)
    starts, ends = bounds[:-1][order], bounds[1:][order]
    places = np.concatenate([[0], np.cumsum(ends - starts)])  # of the blocks in the sequence
    first, last = cuts(int(bounds[-1]), turn.size)[turn.rank : turn.rank + 2]
    starts = starts + np.clip(first - places[:-1], 0, ends - starts)
    ends = ends - np.clip(places[1:] - last, 0, ends - starts)
    places = np.concatenate([[0], np.cumsum(ends - starts)])
    for number, (low, high) in enumerate(_windows(places, window)):
        rows = np.sort(ranges(starts[low:high], ends[low:high]))
        use = turn.chance(turn.rank, number).permutation(len(rows)) if turn.shuffle else np.arange(len(rows))
        yield rows, use


def ranges(low: Rows, high: Rows) -> Rows:
    """All numbers of all ranges low <= number < high, one range after the other."""
    lengths = high - low
    begins = np.cumsum(lengths) - lengths
    return np.repeat(low - begins, lengths) + np.arange(int(lengths.sum()), dtype=np.int64)


def _windows(places: Rows, window: int) -> Iterator[tuple[int, int]]:
    """Runs of blocks that have at most `window` samples, and at least one block."""
    low, blocks = 0, len(places) - 1
    while low < blocks:
        high = max(int(np.searchsorted(places, places[low] + window, side="right")) - 1, low + 1)
        if places[high] > places[low]:
            yield low, high
        low = high
