"""Which samples a rank gets, and when."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hqml.dl.data import open_splits, signature_of
from hqml.dl.data.ahead import ahead
from hqml.dl.data.loader import Loader
from hqml.dl.data.streaming import Raw, Streamed
from hqml.dl.source import Arrays, ArraySource, Rows
from hqml.dl.spec import DataSpec
from hqml.errors import ParameterError


@dataclass
class Blocks:
    """Samples that are their own numbers, in blocks; it notes what is read."""

    bounds: Rows
    window: int
    classes: None = None

    def __post_init__(self) -> None:
        self.shapes = {"x": (1,)}
        self.reads: list[Rows] = []

    def __len__(self) -> int:
        return int(self.bounds[-1])

    def read(self, rows: Rows) -> Arrays:
        return {"x": rows[:, None].astype(np.float32)}

    def buffer(self) -> Raw:
        return {"x": np.zeros((200, 1), np.int64)}

    def expect(self, rows: Rows) -> None: ...

    def raw(self, rows: Rows, room: Raw) -> Raw:
        self.reads.append(rows)
        room["x"][: len(rows), 0] = rows
        return room

    def ready(self, raw: Raw, which: npt.NDArray[np.int64]) -> Arrays:
        return {"x": raw["x"][which].astype(np.float32)}

    def close(self) -> None: ...


def numbered(samples: int) -> ArraySource:
    return ArraySource({"x": np.arange(samples, dtype=np.float32)[:, None]})


def used(loader: Loader, epoch: int = 0, start: int = 0) -> list[list[int]]:
    return [batch["x"][:, 0].astype(int).tolist() for batch in loader.epoch(epoch, start)]


blocks = st.lists(st.integers(1, 9), min_size=1, max_size=12).map(
    lambda lengths: np.cumsum([0, *lengths], dtype=np.int64)
)
sources = st.one_of(
    st.integers(1, 60).map(numbered), st.builds(Blocks, blocks, st.integers(1, 30)), st.just(numbered(100))
)


@given(sources, st.integers(1, 20), st.integers(1, 6), st.booleans(), st.integers(-5, 5), st.sampled_from([0, 2]))
def test_each_sample_is_used_once_by_one_rank_and_all_have_equally_many_steps(
    source: ArraySource | Blocks, batch: int, size: int, shuffle: bool, seed: int, prefetch: int
) -> None:
    batch = max(batch, size)
    ranks = [
        Loader(source, batch, rank=rank, size=size, seed=seed, shuffle=shuffle, prefetch=prefetch)
        for rank in range(size)
    ]
    steps = [used(loader, 3) for loader in ranks]
    assert {len(one) for one in steps} == {len(ranks[0])}
    everything = [number for one in steps for step in one for number in step]
    assert sorted(everything) == list(range(len(source)))
    for step in range(len(ranks[0])):
        lengths = [len(one[step]) for one in steps]
        assert sum(lengths) == ranks[0].samples(step)
        assert min(lengths) >= 1 or len(source) < size


@given(sources, st.integers(4, 20), st.integers(1, 4), st.integers(0, 30))
def test_an_epoch_goes_on_from_any_step_as_if_it_had_not_been_left(
    source: ArraySource | Blocks, batch: int, size: int, start: int
) -> None:
    loader = Loader(source, batch, rank=size - 1, size=size, prefetch=0)
    start = min(start, len(loader))
    assert used(loader, 5)[start:] == used(loader, 5, start)


@given(st.integers(1, 90), st.integers(6, 20), st.integers(1, 6))
def test_in_memory_any_number_of_ranks_makes_the_same_steps(samples: int, batch: int, size: int) -> None:
    alone = used(Loader(numbered(samples), batch, seed=1), 2)
    if -(-samples // batch) > samples // size:
        return  # a rank would have nothing to do in the last step
    shared = [used(Loader(numbered(samples), batch, rank=rank, size=size, seed=1), 2) for rank in range(size)]
    assert [[number for one in step for number in one] for step in zip(*shared, strict=True)] == alone


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    source = numbered(50)
    first = used(Loader(source, 8, seed=1), 0)
    assert first == used(Loader(source, 8, seed=1), 0)
    assert first != used(Loader(source, 8, seed=1), 1)
    assert first != used(Loader(source, 8, seed=2), 0)


def test_without_shuffling_the_order_is_that_of_the_source() -> None:
    for source in (numbered(20), Blocks(np.array([0, 7, 13, 20]), 8)):
        assert [number for step in used(Loader(source, 6, shuffle=False)) for number in step] == list(range(20))


def test_no_step_is_much_smaller_than_the_others() -> None:
    lengths = [len(step) for step in used(Loader(numbered(65), 64))]
    assert sorted(lengths) == [32, 33]


def test_of_a_streamed_source_each_rank_reads_its_own_blocks() -> None:
    source = Blocks(np.arange(0, 1001, 10), 50)
    assert isinstance(source, Streamed)
    for rank in range(3):
        for _ in Loader(source, 12, rank=rank, size=3).epoch(0):
            pass
    assert sum(map(len, source.reads)) == 1000
    assert max(map(len, source.reads)) <= 50
    assert all(np.all(np.diff(rows) > 0) for rows in source.reads)


def test_streamed_samples_are_mixed_all_over_a_window() -> None:
    [first, *_] = used(Loader(Blocks(np.arange(0, 1001, 10), 200), 100))
    assert len({number // 10 for number in first}) > 10


def test_it_says_what_the_order_of_a_streamed_source_depends_on() -> None:
    bounds = np.arange(0, 101, 10)
    ways = [(50, 1), (50, 2), (30, 1)]
    orders = {Loader(Blocks(bounds, window), 20, size=size).order for window, size in ways}
    assert len(orders | {Loader(numbered(100), 20).order}) == 4
    assert Loader(numbered(100), 20, size=2).order == Loader(numbered(100), 20).order


def test_a_rank_without_a_sample_is_refused() -> None:
    with pytest.raises(ParameterError, match="batch of 3 cannot be shared by 4 ranks"):
        Loader(numbered(20), 3, size=4)


@pytest.mark.parametrize("option", [{"batch": 0}, {"batch": 1.5}, {"prefetch": -1}])
def test_a_wrong_option_is_refused(option: dict[str, int]) -> None:
    with pytest.raises(ParameterError, match=f"{next(iter(option))} must be a whole number"):
        Loader(numbered(20), **{"batch": 4, **option})


def test_no_samples_make_no_steps() -> None:
    assert used(Loader(numbered(0), 4)) == []


def test_work_is_done_ahead_and_not_further() -> None:
    begun: list[int] = []

    def items() -> Iterator[int]:
        for number in range(10):
            begun.append(number)
            yield number

    ready = ahead(items(), 2)
    assert begun == []
    assert next(ready) == 0
    deadline = time.monotonic() + 5
    while len(begun) < 3 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.02)
    assert begun == [0, 1, 2]  # one in use, two ahead
    assert list(ready) == list(range(1, 10))


def test_an_error_of_the_thread_is_raised_where_its_items_are_used() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("disk is gone")

    ready = ahead(items(), 1)
    assert next(ready) == 1
    with pytest.raises(OSError, match="disk is gone"):
        next(ready)


def test_threads_end_when_an_epoch_is_left() -> None:
    before = threading.active_count()
    batches = Loader(Blocks(np.arange(0, 1001, 10), 50), 10).epoch(0)
    next(batches)
    assert threading.active_count() == before + 2  # one reads, one makes batches
    batches.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_a_dataset_is_opened_by_name() -> None:
    splits = open_splits(DataSpec(source="digits"))
    signature = signature_of(splits)
    assert (signature.x, signature.y, signature.classes) == ((64,), (), tuple("0123456789"))


@pytest.mark.parametrize("given", [{}, {"source": "digits", "file": "x.h5"}])
def test_data_are_one_thing(given: dict[str, str]) -> None:
    with pytest.raises(ParameterError, match="either a source or a file"):
        open_splits(DataSpec(**given))
