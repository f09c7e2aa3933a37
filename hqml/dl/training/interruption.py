"""Signals during training: one that asks to save and stop, and Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

from hqml.hpc.checkpoint import Checkpoint


class Signals:
    """What came so far.

    Attributes:
        asked: whether the batch system wants the state saved, for another job to go on.
        interrupted: whether somebody pressed Ctrl-C.
    """

    def __init__(self, checkpoint: Checkpoint | None) -> None:
        self._checkpoint = checkpoint
        self.interrupted = False

    @property
    def asked(self) -> bool:
        return self._checkpoint is not None and self._checkpoint.asked


@contextmanager
def noticing(*, keeps: bool) -> Iterator[Signals]:
    """Notice signals in this block; outside of the main thread, where Python sees to none, there are none.

    A first Ctrl-C is noticed only, so that training ends between two steps, on all ranks alike. A second one raises
    KeyboardInterrupt, as ever.

    Args:
        keeps: whether there is a folder to save the state in; otherwise the batch system's signal is left alone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield Signals(None)
        return
    with ExitStack() as stack:
        signals = Signals(stack.enter_context(Checkpoint()) if keeps else None)
        stack.enter_context(_interrupt_noticed(signals))
        yield signals


@contextmanager
def _interrupt_noticed(signals: Signals) -> Iterator[None]:
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # whoever set a handler wants to be told
        return

    def notice(number: int, frame: FrameType | None) -> None:
        if signals.interrupted:
            raise KeyboardInterrupt
        signals.interrupted = True

    signal.signal(signal.SIGINT, notice)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
