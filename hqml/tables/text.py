"""Columns of a text file: CSV with or without a header, or cells that stand apart by blanks."""

from __future__ import annotations

import csv
import re
from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from hqml.errors import FormatError
from hqml.qubo import Floats
from hqml.tables.table import as_labels


class Text:
    """Cells of a text file, with the line each row stands on."""

    def __init__(self, path: str, lines: list[str]) -> None:
        self.path = path
        rows = _split(path, lines)
        if not rows:
            raise FormatError(f"{path}: the file is blank; it needs a header and at least one row")
        first = rows[0][1]
        self.named = not _is_data(first)
        self.names = [cell.strip() for cell in first] if self.named else [str(n + 1) for n in range(len(first))]
        self._rows = rows[1:] if self.named else rows
        self._check(rows[0][0])

    def _check(self, first_line: int) -> None:
        where = f"{self.path}:{first_line}"
        if "" in self.names:
            raise FormatError(
                f"{where}: column {self.names.index('') + 1} has no name; name it (pandas: save with index=False)"
            )
        if repeated := [name for name, count in Counter(self.names).items() if count > 1]:
            raise FormatError(f"{where}: column name {repeated[0]!r} stands more than once; rename the columns")
        if not self._rows:
            raise FormatError(f"{where}: there is a header but no row after it; add the data")
        for line, cells in self._rows:
            if len(cells) != len(self.names):
                raise FormatError(
                    f"{self.path}:{line}: found {len(cells)} cells where the first line has {len(self.names)}; "
                    "mend the row, or quote cells that hold the separator"
                )

    def numbers(self, column: int) -> Floats:
        cells = [row[column] for _, row in self._rows]
        try:
            values = np.array(cells, dtype=object).astype(np.float64)
        except ValueError:
            values = None
        # Python reads "1_0" as 10, which no table means.
        if values is None or not np.isfinite(values).all() or any("_" in cell for cell in cells):
            raise self._not_a_number(column)
        return np.asarray(values)

    def _not_a_number(self, column: int) -> FormatError:
        line, cell = next((line, row[column].strip()) for line, row in self._rows if not _is_finite(row[column]))
        where = f"{self.path}:{line}: column {self.names[column]!r}"
        if cell == "":
            return FormatError(f"{where} is empty; fill it in or leave the row out")
        if is_number(cell):
            return FormatError(f"{where} holds {cell}; fill it in or leave the row out")
        if is_number(cell.replace(",", ".")):
            return FormatError(f"{where} holds {cell!r}; write decimals with a point")
        return FormatError(f"{where} holds {cell!r}, which is no number; make it one, or name it with --label")

    def labels(self, column: int) -> npt.NDArray[Any]:
        for line, row in self._rows:
            if row[column].strip().lower() in ("", "nan"):
                raise FormatError(f"{self.path}:{line}: the label is empty; fill it in or leave the row out")
        return as_labels([row[column] for _, row in self._rows])


def _split(path: str, lines: list[str]) -> list[tuple[int, list[str]]]:
    """Rows of cells, each with the number of its line; blank lines are left out."""
    start = next((line for line in lines if line.strip()), "")
    separator = _separator(start)
    if separator is None:
        return [(number, line.split()) for number, line in enumerate(lines, start=1) if line.strip()]
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    try:
        return [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise FormatError(f"{path}:{reader.line_num}: {error}; close or double the quotes") from error


def _separator(line: str) -> str | None:
    """Semicolon, tab or comma, whichever stands most often outside quotes; None where cells stand apart by blanks."""
    bare = re.sub(r'"[^"]*"', "", line)
    most = max(";\t,", key=bare.count)
    return most if most in bare else None


def _is_data(first: list[str]) -> bool:
    """Whether the first row is data: most of its cells are numbers, other than pandas' header 0, 1, 2, ..."""
    counted = [str(n) for n in range(len(first))]
    return first != counted[: max(len(first), 3)] and sum(map(is_number, first)) * 2 > len(first)


def is_number(cell: str) -> bool:
    """Whether a cell is a number, infinite and NaN included."""
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _is_finite(cell: str) -> bool:
    return is_number(cell) and bool(np.isfinite(float(cell)))
