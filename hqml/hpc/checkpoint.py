"""What a program does when its time is nearly over: save its state, end, and be started again.

Needs nothing but Python; without hqml on the node, copy this file beside the program.

    from hqml.hpc.checkpoint import Checkpoint

    with Checkpoint() as checkpoint:
        state = checkpoint.folder / "state.npz"
        for epoch in range(first_epoch(state), 100):
            train(epoch)
            if checkpoint.asked:
                save(state, epoch)
                checkpoint.stop()
"""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NoReturn

UNFINISHED = 75
"""Exit status that says: started again, this goes on. EX_TEMPFAIL of sysexits.h, as `hqml.hpc.run` has it."""


class Checkpoint:
    """Notices, while its block lasts, the signal that comes some time before the end of a job.

    The signal is that of HQML_CHECKPOINT_SIGNAL, e.g. "USR1", which is the default. Python lets the main thread alone
    see to signals: enter the block there; `asked` may be read in any thread, and in a loop over batches, since a signal
    interrupts no computation.
    """

    def __init__(self) -> None:
        name = os.environ.get("HQML_CHECKPOINT_SIGNAL", "USR1").upper().removeprefix("SIG")
        try:
            self._number = signal.Signals[f"SIG{name}"]
        except KeyError:
            raise ValueError(f"HQML_CHECKPOINT_SIGNAL must be a signal such as USR1, found {name!r}") from None
        self._asked = threading.Event()
        self._before: Any = None

    @property
    def asked(self) -> bool:
        """Whether the program is to save its state and stop."""
        return self._asked.is_set()

    @property
    def folder(self) -> Path:
        """Where to keep the state: HQML_CHECKPOINT, which is the same whenever the step is started; it is made.

        Outside of a job it is the folder `checkpoints`.
        """
        folder = Path(os.environ.get("HQML_CHECKPOINT") or "checkpoints")
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def stop(self) -> NoReturn:
        """End the program so that its step is queued again.

        Raises:
            SystemExit: with status 75.
        """
        raise SystemExit(UNFINISHED)

    def __enter__(self) -> Checkpoint:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("enter Checkpoint() in the main thread, where Python sees to signals")
        self._before = signal.signal(self._number, self._notice)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # None: a handler that was not set from Python, which signal.signal cannot put back.
        signal.signal(self._number, signal.SIG_DFL if self._before is None else self._before)

    def _notice(self, number: int, frame: FrameType | None) -> None:
        self._asked.set()
