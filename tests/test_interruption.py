"""Ctrl-C in the midst of a call."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Callable
from threading import Event, current_thread, main_thread
from time import perf_counter, sleep

import pytest

from hqml.interruption import until_interrupted

PATIENCE = 20.0


def press() -> None:
    """Ctrl-C, as a terminal gives it: to the main thread, which sleeps."""
    thread = main_thread().ident
    assert thread is not None
    until = perf_counter() + PATIENCE
    while _called_by_until_interrupted(thread) != "wait" and perf_counter() < until:
        sleep(0.001)
    sleep(0.1)  # it is about to sleep: a signal that comes just before would wait until it wakes
    signal.pthread_kill(thread, signal.SIGINT)


def _called_by_until_interrupted(thread: int) -> str:
    names = [frame.name for frame in traceback.extract_stack(sys._current_frames()[thread])]
    return (names[names.index("until_interrupted") + 1 :] or [""])[0]


def interrupting(then: Callable[[], object]) -> Callable[[], str]:
    """Work that presses Ctrl-C, waits, and returns what it has."""

    def work() -> str:
        assert current_thread() is not main_thread()
        press()
        assert then()
        return "the best so far"

    return work


def test_work_that_nobody_interrupts_returns_what_it_found() -> None:
    stopped = Event()
    assert until_interrupted(lambda: 3, stopped.set) == 3
    assert not stopped.is_set()


def test_its_error_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        until_interrupted(lambda: 1 // 0, lambda: None)


def test_ctrl_c_stops_it_and_what_it_has_is_returned() -> None:
    stopped = Event()
    assert until_interrupted(interrupting(lambda: stopped.wait(PATIENCE)), stopped.set) == "the best so far"
    assert stopped.is_set()


def test_a_second_ctrl_c_is_raised_at_once() -> None:
    stopped, over = Event(), Event()

    def again() -> bool:
        assert stopped.wait(PATIENCE)
        press()
        return over.wait(PATIENCE)

    try:
        with pytest.raises(KeyboardInterrupt):
            until_interrupted(interrupting(again), stopped.set)
        assert not over.is_set()
    finally:
        over.set()
