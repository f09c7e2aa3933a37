"""Word from the threads that solve to the requests that wait: something has changed, look again."""

from __future__ import annotations

import asyncio
import threading


class Changes:
    """Wakes every waiting request at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: set[Waiter] = set()
        self.closed = False

    def waiter(self) -> Waiter:
        """What is waited on. Take it before looking, so that no change falls between looking and waiting."""
        waiter = Waiter(self)
        with self._lock:
            self._waiting.add(waiter)
        return waiter

    def tell(self) -> None:
        """Something has changed. From any thread."""
        with self._lock:
            waiting, self._waiting = self._waiting, set()
        for one in waiting:
            one.wake()

    def close(self) -> None:
        """The node ends: nobody waits any more."""
        self.closed = True
        self.tell()

    def drop(self, waiter: Waiter) -> None:
        with self._lock:
            self._waiting.discard(waiter)


class Waiter:
    """One request's wait for a change."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()

    def wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._changed.set)
        except RuntimeError:  # the server's loop has ended
            return

    async def wait(self, seconds: float) -> None:
        """Until something changes, at most so long."""
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return
        finally:
            self._changes.drop(self)
