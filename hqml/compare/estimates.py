"""What cells are expected to take: by those that are done, else by the backend."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from hqml.backend import Usage
from hqml.compare.outcome import Outcome
from hqml.compare.store import Store
from hqml.compare.study import Cell, Solver, Study
from hqml.dispatch import opened
from hqml.secrets import scrubbed

EstimateCell: TypeAlias = Callable[[Cell], Usage]

_UNKNOWN = Usage(seconds=math.nan)


@dataclass(frozen=True)
class PlanRow:
    """The cells that are missing of one problem and solver.

    Attributes:
        problem, solver: as in tables.
        cells: how many.
        seconds: of each, on the clock; NaN where nobody can tell.
        qpu_seconds: metered, of each.
        error: why the backend cannot be asked; its cells will fail.
    """

    problem: str
    solver: str
    cells: int
    seconds: float
    qpu_seconds: float
    error: str = ""


@dataclass(frozen=True)
class Plan:
    """What is left to do of a study.

    Attributes:
        rows: one a problem and solver of which cells are missing.
        total: cells of the study.
    """

    rows: tuple[PlanRow, ...]
    total: int

    @property
    def cells(self) -> int:
        """How many are missing."""
        return sum(row.cells for row in self.rows)

    @property
    def seconds(self) -> float:
        """Of the cells whose time is known, one after the other."""
        return sum(row.cells * row.seconds for row in self.rows if not math.isnan(row.seconds))

    @property
    def unknown(self) -> int:
        """Cells whose time is not known."""
        return sum(row.cells for row in self.rows if math.isnan(row.seconds))

    @property
    def qpu_seconds(self) -> float:
        """Metered, of all that are missing; NaN where a backend cannot tell."""
        return sum(row.cells * row.qpu_seconds for row in self.rows)


class Estimates:
    """Asks a backend once a problem and solver.

    Args:
        estimate_cell: see `hqml.compare.cells.estimate_cell`, which is used where there is none.
    """

    def __init__(self, estimate_cell: EstimateCell | None = None) -> None:
        self._estimate_cell = estimate_cell or _estimate_cell
        self._asked: dict[tuple[str, str], Usage | str] = {}
        self._took: dict[tuple[str, str], list[float]] = {}
        self._metered: dict[str, bool] = {}

    def learn(self, outcomes: Iterable[Outcome]) -> None:
        """Take note of what cells took."""
        for one in outcomes:
            if one.status == "done":
                self._took.setdefault((one.problem, one.solver), []).append(_seconds_of(one))

    def seconds(self, cell: Cell) -> float:
        """On the clock: the mean of the cells of this problem and solver that are done, else what the backend says."""
        took = self._took.get(_of(cell))
        return sum(took) / len(took) if took else self._usage(cell).seconds

    def qpu_seconds(self, cell: Cell) -> float:
        """Metered; NaN where the backend cannot tell.

        It is 0 for a cell that an earlier call has left paid, which says nothing of the others: they are asked again.
        """
        if not self.is_metered(cell):
            return 0.0
        usage = self._usage(cell)
        if usage.qpu_seconds == 0:
            del self._asked[_of(cell)]
        return usage.qpu_seconds

    def error(self, cell: Cell) -> str:
        """Why the backend cannot tell, or ""."""
        answer = self._answer(cell)
        return answer if isinstance(answer, str) else ""

    def _usage(self, cell: Cell) -> Usage:
        answer = self._answer(cell)
        return _UNKNOWN if isinstance(answer, str) else answer

    def _answer(self, cell: Cell) -> Usage | str:
        if _of(cell) not in self._asked:
            self._asked[_of(cell)] = self._ask(cell)
        return self._asked[_of(cell)]

    def _ask(self, cell: Cell) -> Usage | str:
        try:
            return self._estimate_cell(cell)
        except Exception as error:  # whatever a plug-in raises is told with the cell
            options = cell.solver.options if isinstance(cell.solver, Solver) else {}
            return " ".join(scrubbed(f"{type(error).__name__}: {error}", options).split())

    def is_metered(self, cell: Cell) -> bool:
        """Whether its time is paid for. A backend that cannot tell just now is asked again for the next cell."""
        known = self._metered.get(cell.solver_label)
        if known is None:
            known = _metered(cell.solver) if isinstance(cell.solver, Solver) else False
            if known is not None:
                self._metered[cell.solver_label] = known
        return bool(known)


def plan(study: Study, store: Store, *, retry_failed: bool = True, estimate_cell: EstimateCell | None = None) -> Plan:
    """What `run_study` would do, and how long that would take; nothing metered is submitted.

    Args:
        study: what is compared.
        store: has the cells that are done.
        retry_failed: as of `run_study`.
        estimate_cell: in place of `hqml.compare.cells.estimate_cell`.

    Raises:
        FormatError: the store has a file of something else.
    """
    cells = study.cells()
    done, missing = split(cells, store, retry_failed=retry_failed)
    estimates = Estimates(estimate_cell)
    estimates.learn(done)
    groups: dict[tuple[str, str], list[Cell]] = {_of(cell): [] for cell in cells}
    for cell, _ in missing:
        groups[_of(cell)].append(cell)
    rows = (
        PlanRow(
            *names,
            cells=len(group),
            seconds=estimates.seconds(group[0]),
            qpu_seconds=estimates.qpu_seconds(group[0]),
            error=estimates.error(group[0]),
        )
        for names, group in groups.items()
        if group
    )
    return Plan(tuple(rows), len(cells))


def split(
    cells: Sequence[Cell], store: Store, *, retry_failed: bool
) -> tuple[list[Outcome], list[tuple[Cell, Outcome | None]]]:
    """The outcomes that are to stay, and the cells that are to be run, each with its failure of an earlier run."""
    settled: list[Outcome] = []
    missing: list[tuple[Cell, Outcome | None]] = []
    for cell in cells:
        outcome = store.load(cell)
        if outcome is None or (retry_failed and outcome.status == "failed"):
            missing.append((cell, outcome))
        else:
            settled.append(outcome)
    return settled, missing


def _estimate_cell(cell: Cell) -> Usage:
    from hqml.compare.cells import estimate_cell

    return estimate_cell(cell)


def _seconds_of(outcome: Outcome) -> float:
    """What another such cell would take: without the start-up, which a process has once and measures several times."""
    if outcome.timing.get("startup") and not outcome.stand_in:  # of a stand-in the clock knows, not the model's times
        return outcome.timing.get("total", 0.0) + outcome.timing.get("predict", 0.0)
    return outcome.ended - outcome.started


def _of(cell: Cell) -> tuple[str, str]:
    return cell.problem.name, cell.solver_label


def _metered(solver: Solver) -> bool | None:
    """Whether a solver's time is paid for; None where it cannot tell, so that it is granted none."""
    try:
        backend, _ = opened(solver.backend, dict(solver.options))
        try:
            return backend.capabilities.metered
        finally:
            if isinstance(solver.backend, str):
                backend.close()
    except Exception:  # whatever a plug-in raises; its cells will tell
        return None
