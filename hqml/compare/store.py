"""A folder of outcomes, one file a cell, which several processes, ranks or jobs on several nodes share.

cells/KEY.json    what came of a cell, written whole
claims/KEY.n      the n-th attempt at it: see `hqml.compare.claims`
study.json        what `Study.describe` says of the study that ran here last
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hqml.compare.claims import Claims
from hqml.compare.outcome import FORMAT, Outcome, labels_of
from hqml.compare.study import Cell, Study
from hqml.errors import FormatError
from hqml.files import keep
from hqml.untrusted import read_json

_STUDY = "hqml study 1"

_PARTS = {"cells", "claims", "study.json"}

_BEGINNING = f'{{"format": {FORMAT}'
"""Of the file of a cell."""


class Store:
    """Outcomes on disk.

    Args:
        path: of the folder; it is made where it is missing.

    Raises:
        FormatError: it cannot be made, or is a folder of other things.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._cells, self._claims = self.path / "cells", self.path / "claims"
        self._told: set[Path] = set()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            found = {entry.name for entry in self.path.iterdir() if not entry.name.startswith(".")}
            if found and not found & _PARTS:
                raise FormatError(
                    f"{self.path} is no store of a comparison, it has {min(found)!r} in it; name a folder of its own"
                )
            self._cells.mkdir(exist_ok=True)
            self._claims.mkdir(exist_ok=True)
        except OSError as error:
            raise FormatError(
                f"cannot keep cells in {self.path}: {error.strerror}; name a folder you may write to"
            ) from error

    def load(self, cell: Cell) -> Outcome | None:
        """The outcome of a cell, under the names that the cell has now; None where there is none.

        A file that was cut off, as when a node loses power, counts as none, with a warning.

        Raises:
            FormatError: the file is something else.
        """
        path = self._file(cell)
        try:
            text = path.read_bytes().decode(errors="replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise FormatError(f"cannot read {path}: {error.strerror}; mend that, or name another store") from error
        if _is_cut_off(text):
            self._warn(path)
            return None
        try:
            outcome = Outcome.from_json(text)
        except FormatError as error:
            raise FormatError(f"{path}: {error}; move the file away to have the cell computed again") from error
        if outcome.key != cell.key:
            raise FormatError(f"{path} is of another cell, {outcome.key!r}; move the file away")
        return replace(outcome, **labels_of(cell))

    def keep(self, outcome: Outcome) -> None:
        """Write an outcome, in place of an earlier one of its cell.

        Raises:
            FormatError: it cannot be written.
        """
        keep(self._cells / f"{outcome.key}.json", outcome.to_json().encode())

    def outcomes(self, cells: Iterable[Cell]) -> list[Outcome]:
        """The outcomes of those cells that have one, in their order.

        Raises:
            FormatError: as for `load`.
        """
        found = map(self.load, cells)
        return [outcome for outcome in found if outcome is not None]

    def describe(self, study: Study) -> None:
        """Write down which study runs here, in place of an earlier one.

        Raises:
            FormatError: it cannot be written, or there is a file `study.json` of something else.
        """
        self.description()
        keep(self.path / "study.json", json.dumps({"format": _STUDY, **study.describe()}, indent=2).encode())

    def description(self) -> dict[str, Any] | None:
        """What `Study.describe` said of the study that ran here last; None where there is none.

        Raises:
            FormatError: the file is something else.
        """
        path = self.path / "study.json"
        try:
            found = read_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise FormatError(f"{path} cannot be read: {error}; move it away") from error
        if not isinstance(found, dict) or found.pop("format", None) != _STUDY:
            raise FormatError(f"{path} describes no study of this version of hqml; move it away, or name another store")
        return found

    def claims(self) -> Claims:
        """For one run: who runs which cell."""
        return Claims(self._claims)

    def _file(self, cell: Cell) -> Path:
        return self._cells / f"{cell.key}.json"

    def _warn(self, path: Path) -> None:
        if path not in self._told:
            self._told.add(path)
            warnings.warn(f"{path} was cut off while it was written; the cell is computed again", stacklevel=3)


def _is_cut_off(text: str) -> bool:
    """Whether this is the beginning of an outcome; a file system that was cut off may leave zeros for the rest."""
    whole = text.rstrip("\0")
    if not (whole.startswith(_BEGINNING) or _BEGINNING.startswith(whole)):
        return False
    try:
        read_json(text)
    except ValueError:
        return True
    return False
