"""From the columns of a file to a table: which is the label, which are the features a model wants.

Columns have names: those of the header, else their numbers as people count, from 1.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hqml.errors import FormatError
from hqml.qubo import Floats
from hqml.tables.table import Table, listed


class Columns(Protocol):
    """A table that is read but not yet cut into features and label."""

    path: str
    names: list[str]
    named: bool
    """Names come from the file, not from counting."""

    def numbers(self, column: int) -> Floats: ...
    def labels(self, column: int) -> npt.NDArray[Any]: ...


def cut(columns: Columns, label: str | None, features: Sequence[str] | None) -> Table:
    """Take the label column and the feature columns out of a table."""
    target = None if label is None else _find_label(columns, label)
    others = [index for index in range(len(columns.names)) if index != target]
    chosen = others if features is None else _find_features(columns, others, features)
    if not chosen:
        raise FormatError(f"{columns.path}: there is no column beside the label; a table needs at least one feature")
    X = np.column_stack([columns.numbers(index) for index in chosen])
    y = None if target is None else columns.labels(target)
    names = tuple(columns.names[index] for index in chosen) if features is None else tuple(features)
    return Table(X, y, names, None if target is None else columns.names[target])


def _find_label(columns: Columns, label: str) -> int:
    if label in columns.names:
        return columns.names.index(label)
    if not columns.named:
        if label == "-1":
            return len(columns.names) - 1
        raise FormatError(
            f"{columns.path}: has no header, so the label is a column number from 1 to {len(columns.names)}, "
            f"or -1 for the last; found {label!r}"
        )
    near = difflib.get_close_matches(label, columns.names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ";"
    raise FormatError(f"{columns.path}: has no column {label!r}{hint} its columns are: {listed(columns.names)}")


def _find_features(columns: Columns, others: list[int], features: Sequence[str]) -> list[int]:
    """Where the wanted columns are: by name where both sides have names, else by their place."""
    wants_names = not _are_numbers(features)
    if not (columns.named and wants_names):
        if len(others) == len(features):
            return others
        if columns.named or wants_names:
            raise FormatError(
                f"{columns.path}: the model takes {len(features)} columns, found {len(others)} beside the label, and "
                "only one of the two has names to choose by; give exactly those columns, or name the label with --label"
            )
    place = {columns.names[index]: index for index in others}
    if missing := [name for name in features if name not in place]:
        raise FormatError(
            f"{columns.path}: {_counted(len(missing), 'column')} the model needs: {listed(missing)}; "
            f"found: {listed([columns.names[index] for index in others])}"
        )
    return [place[name] for name in features]


def _are_numbers(names: Sequence[str]) -> bool:
    return all(name.isdecimal() for name in names)


def _counted(count: int, what: str) -> str:
    return f"is without a {what}" if count == 1 else f"is without {count} {what}s"
