"""What a study gave: its outcomes, and the figures, tests, verdicts and words that follow from them."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hqml.compare.columns import COLUMNS, Row, row_of
from hqml.compare.goals import Goal, goals
from hqml.compare.history import provenance
from hqml.compare.outcome import Outcome
from hqml.compare.paired import PairedTest, paired_tests
from hqml.compare.summary import SUMMARY_COLUMNS, Estimates, estimates_of, grouped, summary_row
from hqml.compare.verdicts import Entrant, Verdict, verdicts
from hqml.compare.words import words
from hqml.display import html_lines, html_section, html_table
from hqml.errors import FormatError
from hqml.files import check_writable, replacing
from hqml.libraries import library
from hqml.untrusted import read_json

if TYPE_CHECKING:
    import pandas

FORMAT = 1

TEXTS = frozenset(
    ("problem", "kind", "solver", "backend", "status", "error", "parameters", "options", "stand_in", "host", "version")
)
FLAGS = frozenset(("reference", "reached"))
COUNTS = frozenset(("seed", "reads", "variables", "qubos", "train_rows", "test_rows", "done", "failed"))

_SAID, _ROWS = 6, 40
"""Sentences, and rows of a table, that a notebook shows."""


class Comparison:
    """Solvers beside each other, figure by figure.

    Attributes:
        description: what `Study.describe` gives: what was asked for.
        outcomes: of its cells, in the order of problems and solvers, failed ones too.
    """

    def __init__(self, description: Mapping[str, Any], outcomes: Sequence[Outcome]) -> None:
        self.description = dict(description)
        self.outcomes = tuple(one for group in grouped(description, outcomes).values() for one in group)

    @cached_property
    def goals(self) -> dict[str, Goal]:
        """Target, best value and bound of each QUBO problem."""
        return goals(self.description, self.outcomes)

    @cached_property
    def estimates(self) -> dict[tuple[str, str], Estimates]:
        """Figures with intervals of each (problem, solver)."""
        return {key: estimates_of(group, self.goals.get(key[0])) for key, group in self._groups.items()}

    @cached_property
    def table(self) -> pandas.DataFrame:
        """A row a cell, columns `hqml.compare.columns.COLUMNS`.

        Raises:
            LibraryMissing: pandas is missing.
        """
        return _frame(self.rows(), COLUMNS)

    @cached_property
    def summary(self) -> pandas.DataFrame:
        """A row a problem and solver, columns `hqml.compare.summary.SUMMARY_COLUMNS`.

        Raises:
            LibraryMissing: pandas is missing.
        """
        return _frame(self.summary_rows(), SUMMARY_COLUMNS)

    @cached_property
    def tests(self) -> tuple[PairedTest, ...]:
        """Paired tests of the learning problems' scores."""
        given = {one["name"]: bool(one.get("given_test")) for one in self.description.get("problems", ())}
        return paired_tests(self._groups, given)

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Who is best on each problem by each metric, if anybody is."""
        entrants: dict[tuple[str, str], list[Entrant]] = {}
        for (problem, solver), group in self._groups.items():
            one = Entrant(solver, self.estimates[problem, solver], any(outcome.stand_in for outcome in group))
            entrants.setdefault((group[0].kind, problem), []).append(one)
        slack = {problem: goal.slack for problem, goal in self.goals.items()}
        return tuple(
            found
            for (kind, problem), own in entrants.items()
            for found in verdicts(kind, problem, own, slack.get(problem, 0.0))
        )

    @cached_property
    def words(self) -> list[str]:
        """What it all says, in plain sentences."""
        return words(self.description, self.outcomes, self.goals, self.estimates, self.verdicts, self.tests)

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """Machines, versions, seeds, options and schedules; see `hqml.compare.history.provenance`."""
        return provenance(self.description, self.outcomes, self.goals)

    def rows(self) -> list[Row]:
        """The table as plain data that JSON can hold: a dict a backend and seed, None where there is no value."""
        return [row_of(one, self.goals.get(one.problem)) for one in self.outcomes]

    def summary_rows(self) -> list[Row]:
        """The summary as plain data: a dict a problem and solver, None where there is no value."""
        return [summary_row(group, self.goals.get(key[0]), self.estimates[key]) for key, group in self._groups.items()]

    def save(self, path: str | os.PathLike[str]) -> list[Path]:
        """Write the table as .parquet or .csv, and beside it all that is known as .json; or that alone.

        Args:
            path: existing files are replaced.

        Returns:
            The files written. `load` reads the .json.

        Raises:
            FormatError: another suffix, or it cannot be written.
            LibraryMissing: pandas, or for parquet pyarrow, is missing.
        """
        target = Path(path)
        if target.suffix not in (".csv", ".json", ".parquet"):
            raise FormatError(f"{path}: a comparison is saved as .parquet, .csv or .json; found {target.suffix!r}")
        whole = target.with_suffix(".json")
        for one in {target, whole}:
            check_writable(one)
        if target != whole:
            table = _encoded(self.table, target.suffix)
            with replacing(target) as file:
                file.write(table)
        content = {
            "format": FORMAT,
            "description": self.description,
            "provenance": self.provenance,
            "outcomes": [json.loads(one.to_json()) for one in self.outcomes],
        }
        with replacing(whole) as file:
            file.write(json.dumps(content, allow_nan=False).encode())
        return [target] if target == whole else [target, whole]

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Comparison:
        """Read what `save` has written: the .json, also where the table beside it is named.

        Raises:
            FormatError: there is no such file, or it is no comparison of this version.
        """
        whole = Path(path).with_suffix(".json") if Path(path).suffix in (".csv", ".parquet") else Path(path)
        name = os.fspath(whole)
        try:
            content = read_json(whole.read_bytes())
        except OSError as error:
            raise FormatError(f"cannot read {name}: {error.strerror}") from error
        except ValueError as error:
            raise FormatError(f"{name}: is no JSON ({error}); give the .json that save() wrote") from error
        try:
            if content["format"] != FORMAT:
                raise FormatError(f"found format {content['format']!r}, expected {FORMAT}")
            outcomes = [Outcome.from_json(json.dumps(one)) for one in content["outcomes"]]
            return cls(dict(content["description"]), outcomes)
        except (FormatError, TypeError, ValueError, KeyError) as error:
            reason = f"no entry {error}" if isinstance(error, KeyError) else error
            raise FormatError(f"{name}: is no comparison ({reason}); give the .json that save() wrote") from error

    def report(self, path: str | os.PathLike[str]) -> None:
        """Write one page that holds everything; see `hqml.compare.report.write_report`.

        Raises:
            FormatError: it cannot be written, or its name does not end in .html.
            LibraryMissing: pandas, matplotlib or jinja2 is missing.
        """
        from hqml.compare.report import write_report

        if Path(path).suffix not in (".html", ".htm"):
            raise FormatError(f"{os.fspath(path)}: a report is an HTML page; name it .html")
        write_report(self, path)

    def __repr__(self) -> str:
        head, *_ = self.words
        return f"<Comparison {self.description.get('name', '')!r}: {head}>"

    def _repr_html_(self) -> str:
        from hqml.compare.page.contents import summaries

        tables = [
            html_section(
                title if len(one.rows) <= _ROWS else f"{title}: the first {_ROWS} of {len(one.rows)} rows",
                html_table(one.headings, [[cell.text for cell in row] for row in one.rows[:_ROWS]]),
            )
            for title, one in summaries(self, brief=True)
        ]
        said = self.words[:_SAID]
        if len(said) < len(self.words):
            said = [*said, f"{len(self.words) - len(said)} more sentences are in .words, all figures in .summary."]
        return html_section(str(self.description.get("name") or "Comparison"), html_lines(said), *tables)

    @cached_property
    def _groups(self) -> dict[tuple[str, str], list[Outcome]]:
        return grouped(self.description, self.outcomes)


def _frame(rows: Sequence[Row], columns: Sequence[str]) -> pandas.DataFrame:
    """Texts as such, the rest as numbers or truth values, whatever is missing."""
    library("pandas", "comparing", "compare")
    import pandas

    frame = pandas.DataFrame(rows, columns=list(columns))
    for name in columns:
        if name in TEXTS:
            frame[name] = frame[name].fillna("").astype(str)
        elif name in FLAGS or name.endswith("_bound"):
            frame[name] = frame[name].astype("boolean")
        elif name not in COUNTS:
            frame[name] = frame[name].astype(float)
    return frame


def _encoded(table: pandas.DataFrame, suffix: str) -> bytes:
    if suffix == ".csv":
        return table.to_csv(index=False).encode()
    library("pyarrow", "comparing", "compare")
    stream = io.BytesIO()
    table.to_parquet(stream, index=False)
    return stream.getvalue()
