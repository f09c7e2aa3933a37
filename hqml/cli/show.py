"""What commands print: tables for people, JSON for programs, a bar while they work."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, TextIO

import click

from hqml.cli.ranks import launched
from hqml.progress import reporting

_WIDEST = 500
"""Columns of a table that goes to a file: no cell is broken there."""


def as_json(value: Any) -> None:
    """Print one JSON value on one line."""
    click.echo(json_text(value))


def json_text(value: Any) -> str:
    """JSON on one line. NaN and infinity, which JSON lacks, become null."""
    return json.dumps(_plain(value), allow_nan=False)


def as_pairs(title: str, values: Mapping[str, Any]) -> None:
    """Print names and values, one pair a line; a mapping inside becomes `name: value` pairs."""
    from rich.table import Table

    table = Table(title=title, title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in values.items():
        table.add_row(name.replace("_", " "), _text(value))
    _print(table)


def as_rows(title: str, header: Sequence[str], rows: Sequence[Sequence[Any]], *, err: bool = False) -> None:
    """Print a table with a header, on stderr where `err`."""
    from rich import box
    from rich.table import Table

    table = Table(*header, title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*map(_text, row))
    _print(table, sys.stderr if err else sys.stdout)


def write_csv(stream: BinaryIO, header: Iterable[Any], rows: Iterable[Iterable[Any]]) -> None:
    """Write a CSV file of a header and rows, with plain line ends."""
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    text.detach()


@contextmanager
def bar(what: str) -> Iterator[None]:
    """Show on a terminal's stderr how far the backends that run in this block have come; elsewhere show nothing."""
    if not sys.stderr.isatty():
        yield
        return
    with live_bar(what, 1.0) as tell, reporting(lambda share: tell(share, what)):
        yield


@contextmanager
def live_bar(
    text: str, total: float, *, done: int = 0, counted: bool = False, remaining: bool = False
) -> Iterator[Callable[[float, str], None]]:
    """Show a bar on stderr while the block lasts; the block calls what it gets with how much is done, and the text.

    Args:
        text: before the bar, until the first call.
        total: all of the work.
        done: what was done of it before.
        counted: the work is a number of things, and told as such; else in percent.
        remaining: tell how long it may take yet, instead of how long it has taken.
    """
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.MofNCompleteColumn() if counted else progress.TaskProgressColumn(),
        progress.TimeRemainingColumn() if remaining else progress.TimeElapsedColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(text, total=total, completed=done)
        yield lambda now, told: shown.update(task, completed=now, description=told)


def _print(table: Any, stream: TextIO | None = None) -> None:
    from rich.console import Console

    stream = stream or sys.stdout
    terminal = stream.isatty() and not launched()
    # Written by click, so that a closed pipe is one error in one place. Cells are data: no markup, no emoji.
    console = Console(
        file=stream,
        force_terminal=None if terminal else False,
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=not terminal,
        width=None if terminal else _WIDEST,
    )
    console.print(table)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.5g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(one)}" for name, one in value.items())
    return str(value)


def _plain(value: Any) -> Any:
    """The same value, of types that JSON knows."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "tolist"):  # numpy arrays and scalars
        return _plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value
