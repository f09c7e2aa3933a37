"""Ctrl-C makes the best of a call instead of losing it."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread
from typing import TypeVar

T = TypeVar("T")


def until_interrupted(work: Callable[[], T], stop: Callable[[], None]) -> T:
    """What `work` returns; Ctrl-C calls `stop`, which must bring it to an early end. A second Ctrl-C is raised at once.

    Python raises KeyboardInterrupt in the main thread, anywhere, and in a callback of compiled code it is lost. So
    `work` has a thread of its own, which is never hit between two lines, and the main thread only waits.
    """
    done: list[T] = []
    failed: list[BaseException] = []
    finished = Event()

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:
            failed.append(error)
        finally:
            finished.set()

    Thread(target=run, name="hqml", daemon=True).start()
    try:
        finished.wait()
    except KeyboardInterrupt:
        stop()
        finished.wait()
    if failed:
        raise failed[0]
    return done[0]
