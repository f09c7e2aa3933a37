"""Ctrl-C in the midst of a call."""

from __future__ import annotations

import contextlib
import gc
import signal
import sys
import traceback
import weakref
from collections.abc import Callable
from threading import Event, Thread, current_thread, main_thread
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


def test_ctrl_c_while_the_thread_starts_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, stopped = Event(), Event()

    class Hit(Thread):
        def start(self) -> None:
            super().start()
            assert begun.wait(PATIENCE)
            raise KeyboardInterrupt

    def work() -> str:
        begun.set()
        assert stopped.wait(PATIENCE)
        return "the best so far"

    monkeypatch.setattr("hqml.interruption.Thread", Hit)
    assert until_interrupted(work, stopped.set) == "the best so far"


def test_work_that_ctrl_c_came_before_is_never_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, stopped, late = Event(), Event(), list[Thread]()

    class Hit(Thread):
        def start(self) -> None:
            late.append(self)
            raise KeyboardInterrupt

    monkeypatch.setattr("hqml.interruption.Thread", Hit)
    with pytest.raises(KeyboardInterrupt):
        until_interrupted(begun.set, stopped.set)
    late[0].run()
    assert not begun.is_set()
    assert not stopped.is_set()


def test_what_failing_work_held_is_let_go_with_its_error() -> None:
    class Large:
        pass

    kept: list[weakref.ref[Large]] = []

    def work() -> None:
        large = Large()
        kept.append(weakref.ref(large))
        raise ZeroDivisionError

    gc.disable()  # what only it would find is held
    try:
        with contextlib.suppress(ZeroDivisionError):
            until_interrupted(work, lambda: None)
        assert kept[0]() is None
    finally:
        gc.enable()
