"""Batches of a source, for one of the ranks that share it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from math import prod

import numpy as np

from hqml.dl.data.ahead import ahead
from hqml.dl.data.file_source import KeptSource
from hqml.dl.data.order import Turn, cuts, in_blocks, in_memory, steps_of
from hqml.dl.data.streaming import Raw, Streamed
from hqml.dl.source import Arrays, ArraySource, Rows, Source
from hqml.options import whole_number

_WORTH_A_THREAD = 1 << 22
"""Bytes of a batch. Less is copied from memory faster than it is handed from thread to thread."""


class Loader:
    """Batches of one rank, epoch after epoch.

    In an epoch each sample is used once, by one rank. All ranks have equally many steps, and each has a sample in each
    of them, as long as there are as many samples as ranks. The order depends on the seed and the epoch alone; that
    of a `Streamed` source, of which each rank reads blocks of its own, depends on the number of ranks as well.

    Args:
        source: of the samples.
        batch: samples a step of all ranks together.
        rank: this one, from 0.
        size: how many ranks there are.
        seed: of the order.
        shuffle: whether there is chance in the order; else it is that of the source.
        prefetch: batches that a thread makes ahead; 0: none, and no thread.

    Raises:
        ParameterError: a batch has no sample for each rank.
    """

    def __init__(
        self,
        source: Source,
        batch: int,
        *,
        rank: int = 0,
        size: int = 1,
        seed: int = 0,
        shuffle: bool = True,
        prefetch: int = 2,
    ) -> None:
        self.source = source
        self.rank, self.size = rank, size
        self.seed, self.shuffle = seed, shuffle
        self.prefetch = whole_number("prefetch", prefetch, least=0)
        self.steps = steps_of(len(source), whole_number("batch", batch), size)
        self._streamed_source = source if isinstance(source, Streamed) else None  # asked for once: it is slow

    @property
    def order(self) -> str:
        """What the order of the samples depends on beside the seed and the epoch."""
        streamed = self._streamed_source
        return "" if streamed is None else f"{self.size} ranks with windows of {streamed.window} samples"

    def __len__(self) -> int:
        """Steps of an epoch."""
        return self.steps

    def samples(self, step: int) -> int:
        """Samples of a step, of all ranks together; `step` counts from 0."""
        total = len(self.source)
        if self._streamed_source is None:
            return int(np.diff(cuts(total, self.steps))[step])
        shards = np.diff(cuts(total, self.size))
        return sum(int(np.diff(cuts(int(shard), self.steps))[step]) for shard in shards)

    def epoch(self, number: int, start: int = 0) -> Iterator[Arrays]:
        """The batches of an epoch from step `start` on; a step's is the same wherever the epoch began.

        Every rank calls this with the same numbers. Close the iterator if it is not used up, to end its threads.
        """
        if self._streamed_source is not None:
            batches = self._streamed(self._streamed_source, number, start)
        else:
            batches = self._read(number, start)
        return ahead(batches, self.prefetch) if self._worth_a_thread() else batches

    def _worth_a_thread(self) -> bool:
        if not isinstance(self.source, ArraySource | KeptSource):
            return self.prefetch > 0
        sample = sum(4 * prod(shape) for shape in self.source.shapes.values())
        here = len(self.source) // max(self.steps * self.size, 1)
        return self.prefetch > 0 and sample * here >= _WORTH_A_THREAD

    def _turn(self, epoch: int) -> Turn:
        return Turn(self.rank, self.size, self.seed, epoch, self.shuffle)

    def _read(self, number: int, start: int) -> Iterator[Arrays]:
        rows, bounds = in_memory(len(self.source), self.steps, self._turn(number))
        for step in range(start, self.steps):
            yield self.source.read(rows[bounds[step] : bounds[step + 1]])

    def _streamed(self, source: Streamed, number: int, start: int) -> Iterator[Arrays]:
        first, last = cuts(len(source), self.size)[self.rank : self.rank + 2]
        bounds = cuts(int(last - first), self.steps)
        windows = self._windows(source, number, int(bounds[start]))
        pieces = _Pieces(source, ahead(windows, 1) if self.prefetch else windows)
        try:
            for step in range(start, self.steps):
                yield pieces.take(int(bounds[step + 1] - bounds[step]))
        finally:
            pieces.close()

    def _windows(self, source: Streamed, number: int, skip: int) -> Iterator[tuple[Raw, Rows]]:
        """Samples that are read together, and the order in which to use them, without the first `skip` of the epoch.

        Two buffers take turns: there is one window in use and one being read.
        """
        rooms = itertools.cycle((source.buffer(), source.buffer()))
        for rows, use in _announced(
            source, _without(in_blocks(source.bounds, source.window, self._turn(number)), skip)
        ):
            yield source.raw(rows, next(rooms)), use


def _without(windows: Iterator[tuple[Rows, Rows]], skip: int) -> Iterator[tuple[Rows, Rows]]:
    """Without the first `skip` samples in the order of use; what is left of a window is read with all of it."""
    for rows, use in windows:
        if skip < len(use):
            yield rows, use[skip:]
        skip = max(skip - len(use), 0)


def _announced(source: Streamed, windows: Iterator[tuple[Rows, Rows]]) -> Iterator[tuple[Rows, Rows]]:
    """The same, with the storage told of a window before the one ahead of it is read, so that it never waits."""
    waiting: list[tuple[Rows, Rows]] = []
    for window in windows:
        source.expect(window[0])
        yield from waiting
        waiting = [window]
    yield from waiting


class _Pieces:
    """Batches that may begin in one window and end in another."""

    def __init__(self, source: Streamed, windows: Iterator[tuple[Raw, Rows]]) -> None:
        self.source, self.windows = source, windows
        self.raw: Raw = {}
        self.use: Rows = np.zeros(0, np.int64)

    def take(self, count: int) -> Arrays:
        """The next samples."""
        parts: list[Arrays] = []
        while True:
            now, self.use = self.use[:count], self.use[count:]
            if len(now) or (count == 0 and not parts):
                parts.append(self.source.ready(self.raw, now) if self.raw else self.source.read(now))
            count -= len(now)
            if not count:
                break
            self.raw, self.use = next(self.windows)
        if len(parts) == 1:
            return parts[0]
        return {name: np.concatenate([one[name] for one in parts]) for name in parts[0]}

    def close(self) -> None:
        close = getattr(self.windows, "close", None)
        if close is not None:
            close()
