"""HiGHS in a process of its own: scipy has no way to stop it, but a process can be ended at any time."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
import weakref
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from time import perf_counter
from typing import IO, Any, TypeAlias

from hqml.errors import BackendError

Answer: TypeAlias = dict[str, Any]

WORKER = Path(__file__).with_name("worker.py")


class Highs:
    """Starts the process when it is first asked, and again after it had to be ended.

    One thread asks; any other one may call `stop`.
    """

    def __init__(self) -> None:
        self.stopped = Event()
        self._process: _Process | None = None

    def ask(self, question: dict[str, Any], *, seconds: float | None) -> Answer | None:
        """What HiGHS makes of a question, None where `seconds` were over first or `stop` was called.

        Raises:
            BackendError: the process has died, or HiGHS has failed.
        """
        process = self._process = self._process or _Process()
        if self.stopped.is_set():  # before there was a process to be ended
            self.close()
            return None
        try:
            answer = process.ask(question, seconds)
        except Empty:
            self.close()
            return None
        if answer is None:
            self.close()
            if self.stopped.is_set():
                return None
            raise BackendError(
                f"HiGHS's process ended by itself, status {process.status} (-9: killed, as where memory runs out); "
                f"its linear program has {question['rows'].shape[1]} variables, take a smaller or sparser model"
            )
        if "error" in answer:
            raise BackendError(f"HiGHS has failed: {answer['error']}")
        return answer

    def stop(self) -> None:
        """End the search that is under way, and all later ones before they begin."""
        self.stopped.set()
        self.close()

    def close(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is not None:
            process.end()


class _Process:
    """A running `worker.py`, and a thread that waits for its answers."""

    def __init__(self) -> None:
        # -P: modules beside the file must not hide those of the same name elsewhere.
        self._popen = subprocess.Popen(
            [sys.executable, "-P", str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._questions = self._popen.stdin
        self._answers: SimpleQueue[Answer | None] = SimpleQueue()
        reader = Thread(target=_read, args=(self._popen.stdout, self._answers), daemon=True)
        reader.start()
        self.end = weakref.finalize(self, _ended, self._popen, reader)  # is called where nobody calls it, too

    @property
    def status(self) -> int | None:
        return self._popen.returncode

    def ask(self, question: dict[str, Any], seconds: float | None) -> Answer | None:
        """The answer, None where the process has ended.

        Raises:
            Empty: there was none within `seconds`.
        """
        end = math.inf if seconds is None else perf_counter() + seconds
        with suppress(OSError, ValueError):  # it was ended meanwhile: the thread tells
            pickle.dump(question, self._questions)  # waits until the process has started and listens
            self._questions.flush()
        return self._answers.get(timeout=None if seconds is None else max(0.0, end - perf_counter()))


def _read(stream: IO[bytes], answers: SimpleQueue[Answer | None]) -> None:
    """Pass on each answer, and None once there will be no more."""
    with suppress(EOFError, OSError, pickle.UnpicklingError):
        while True:
            answers.put(pickle.load(stream))
    answers.put(None)


def _ended(popen: subprocess.Popen[bytes], reader: Thread) -> None:
    popen.kill()
    popen.wait()
    reader.join()
    for stream in (popen.stdin, popen.stdout):
        if stream is not None:
            with suppress(OSError):  # what was not sent yet cannot be sent any more
                stream.close()
