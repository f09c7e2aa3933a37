"""From what went wrong to one line on stderr and an exit status."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

import click

from hqml.errors import BackendError, HostError, HqmlError, ServiceError

OK, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


class Stopped(KeyboardInterrupt):
    """Ctrl-C, with a message that says all there is to say."""


def reported(run: Callable[[], None], *, debug: bool) -> int:
    """Run, tell of a failure in one line, and return the exit status.

    Args:
        run: the work.
        debug: show the traceback as well.
    """
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            run()
            sys.stdout.flush()
        return OK
    except BrokenPipeError:
        # The reader, say `head`, has seen enough. Python would complain when it flushes at exit.
        _drop_stdout()
        return OK
    except (KeyboardInterrupt, click.Abort) as stopped:
        left = str(stopped)  # what a backend has paid for and kept
        say(left if isinstance(stopped, Stopped) else f"interrupted; nothing was written{'. ' if left else ''}{left}")
        return INTERRUPTED
    except Exception as error:
        if debug:
            traceback.print_exc()
        status, line = _told(error)
        say(line)
        return status


@contextmanager
def noticing_interrupts() -> Iterator[list[int]]:
    """Count Ctrl-C in this block, which a backend turns into the best found so far: the list holds one item a press."""
    presses: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield presses  # somebody else handles it
        return

    def pressed(number: int, frame: Any) -> None:
        presses.append(number)
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, pressed)
    try:
        yield presses
    finally:
        signal.signal(signal.SIGINT, before)


def say(line: str) -> None:
    """One line on stderr, in the name of the command."""
    click.echo(f"hqml: {' '.join(line.split())}", err=True)


def _told(error: Exception) -> tuple[int, str]:
    if isinstance(error, click.ClickException):
        return BAD_INPUT, f"{error.format_message().rstrip('.')}; see `{_help_of(error)}`"
    if _work_failed(error):
        return FAILED, str(error)
    if isinstance(error, HqmlError):
        return BAD_INPUT, str(error)
    if isinstance(error, OSError) and error.filename is not None:
        return BAD_INPUT, f"cannot use {error.filename}: {error.strerror}"
    if isinstance(error, MemoryError):
        return FAILED, f"memory ran out ({error}); give a smaller input or fewer reads"
    return FAILED, f"{type(error).__name__}: {error} (run `hqml --debug ...` to see where)"


def _work_failed(error: Exception) -> bool:
    """Of these errors; by other kinds of ours the user asked for what cannot be."""
    if isinstance(error, HostError):
        from hqml.hpc.runs.refusals import Refused

        return not isinstance(error, Refused)
    if isinstance(error, BackendError):
        return type(error) is BackendError or isinstance(error, ServiceError)
    return isinstance(error, HqmlError) and isinstance(error, ArithmeticError | RuntimeError)  # training, or its export


def _help_of(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.command_path if context else 'hqml'} --help"


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: Any = None,
) -> None:
    # Notes to developers are no use to who runs a command.
    if not issubclass(category, DeprecationWarning | PendingDeprecationWarning | FutureWarning):
        say(f"warning: {message}")


def _drop_stdout() -> None:
    with suppress(OSError, ValueError):  # a captured stdout has no descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
