"""Work that a thread does ahead of who needs it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import TypeVar

T = TypeVar("T")


class _End:
    """The thread has no more; it ended with an error, or without."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def ahead(items: Iterable[T], depth: int) -> Iterator[T]:
    """The same items, of which up to `depth` are made by a thread before they are asked for.

    An item is not begun before there is room for it, so that there are never more than `depth` besides the one in use.
    The thread ends with the items, with an error, which is raised here, or when this iterator is closed.
    """
    done: SimpleQueue[T | _End] = SimpleQueue()
    room = Semaphore(depth)
    stopped: list[bool] = []

    def work() -> None:
        try:
            source = iter(items)
            while True:
                room.acquire()
                if stopped:
                    break
                done.put(next(source))
        except StopIteration:
            done.put(_End())
        except BaseException as error:  # of whatever kind, it is raised where the items are used
            done.put(_End(error))
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()

    thread = Thread(target=work, name="hqml-data", daemon=True)
    thread.start()
    try:
        yield from _items(done, room)
    finally:
        stopped.append(True)
        room.release()
        thread.join()


def _items(done: SimpleQueue[T | _End], room: Semaphore) -> Iterator[T]:
    while True:
        item = done.get()
        if isinstance(item, _End):
            if item.error is not None:
                raise item.error
            return
        room.release()
        yield item
        del item  # it is not to be in memory while the next one is waited for
