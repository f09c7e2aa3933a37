"""Ctrl-C makes the best of a call instead of losing it."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import TypeVar

T = TypeVar("T")


def until_interrupted(work: Callable[[], T], stop: Callable[[], None]) -> T:
    """What `work` returns; Ctrl-C calls `stop`, which must bring it to an early end. A second Ctrl-C is raised at once.

    Python raises KeyboardInterrupt in the main thread, anywhere, and in a callback of compiled code it is lost. So
    `work` has a thread of its own, which is never hit between two lines, and the main thread only waits.

    Raises:
        KeyboardInterrupt: Ctrl-C came a second time, or so early that `work` had not begun, which it then never does.
    """
    done: list[T] = []
    failed: list[BaseException] = []
    finished, begun = Event(), Lock()

    def run() -> None:
        if not begun.acquire(blocking=False):
            return
        try:
            done.append(work())
        except BaseException as error:
            failed.append(error)
        finally:
            finished.set()

    thread = Thread(target=run, name="hqml", daemon=True)
    try:
        thread.start()  # waits itself, for the thread to say that it runs
        finished.wait()
    except KeyboardInterrupt:
        if begun.acquire(blocking=False):  # ahead of the thread
            raise
        stop()
        finished.wait()
    if failed:
        raise failed.pop()  # kept here it would hold its own traceback, and all that the work held
    return done[0]
