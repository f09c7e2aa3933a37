"""Run the cells of a study that a store has not yet, beside other processes that do the same.

Several processes, ranks or jobs on several nodes run the same study against one store: each takes the next cell that
nobody has claimed, and waits at the end for those that others run. Cells whose backend spreads itself over the ranks of
a launcher (`mpi`) are run first, by all ranks together: rank 0 takes them and tells the others.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from hqml.compare.budget import Budget
from hqml.compare.collective import Ranks, is_collective, ranks_of
from hqml.compare.estimates import EstimateCell, Estimates
from hqml.compare.estimates import Plan as Plan
from hqml.compare.estimates import PlanRow as PlanRow
from hqml.compare.estimates import plan as plan
from hqml.compare.open_cells import OpenCells, State
from hqml.compare.outcome import Outcome
from hqml.compare.store import Store
from hqml.compare.study import Cell, Study
from hqml.errors import BackendError

_END, _FAILED = -1, -2
"""In place of a cell: there is no more, or rank 0 has failed."""


@dataclass(frozen=True)
class Progress:
    """A step of a run.

    Attributes:
        state: the cell has "begun" or "ended" here, has ended "elsewhere", or was "refused": it would take more metered
            time than the study has left.
        cell: which.
        outcome: of the cell; None where it has begun.
        done, failed: cells with such an outcome, those that were in the store included.
        total: cells of the study.
    """

    state: State
    cell: Cell
    outcome: Outcome | None
    done: int
    failed: int
    total: int


class RunCell(Protocol):
    """See `hqml.compare.cells.run_cell`."""

    def __call__(self, cell: Cell, *, max_qpu_seconds: float | None, first: bool) -> Outcome: ...


def run_study(
    study: Study,
    store: Store,
    *,
    budget: Budget | None = None,
    retry_failed: bool = True,
    wait: bool = True,
    on_cell: Callable[[Progress], None] | None = None,
    run_cell: RunCell | None = None,
    estimate_cell: EstimateCell | None = None,
) -> list[Outcome]:
    """Run what is missing, each outcome stored as it ends; a run that was ended, even killed, is gone on with.

    Args:
        study: what is compared.
        store: shared by all who run it.
        budget: what may be taken; cells beyond it stay open for the next run.
        retry_failed: run cells again that have failed in an earlier run.
        wait: for cells that others run, and take over those whose process is lost. Else they stay open.
        on_cell: told of each step.
        run_cell: in place of that of `hqml.compare.cells`.
        estimate_cell: likewise.

    Returns:
        The outcomes of those cells of the study that have one, in the order of `study.cells()`; the others are open. A
        cell for which metered time is missing has a failed outcome here, but none in the store.

    Raises:
        KeyboardInterrupt: Ctrl-C, or SIGTERM. What has ended is in the store; nothing stays claimed.
        FormatError: the store cannot be written, or has a file of something else.
    """
    store.describe(study)
    ranks = ranks_of(study)
    cells = study.cells()

    def tell(state: State, cell: Cell, outcome: Outcome | None) -> None:
        if on_cell is not None:
            done, failed = open_cells.counts
            on_cell(Progress(state, cell, outcome, done, failed, len(cells)))

    def run(cell: Cell, granted: float | None) -> Outcome:
        return (run_cell or _run_cell())(cell, max_qpu_seconds=granted, first=cell.seed == study.seeds[0])

    with store.claims() as claims:
        estimates = Estimates(estimate_cell)
        limits = budget or Budget()
        open_cells = OpenCells(cells, store, claims, estimates, limits, retry_failed=retry_failed, tell=tell)
        if ranks is not None:
            _together(ranks, cells, open_cells, run, wait)
        with _ended_by_sigterm():
            for cell, claim, granted in open_cells.taken(lambda cell: not (ranks and is_collective(cell)), wait=wait):
                open_cells.keep(cell, claim, run(cell, granted))
    return open_cells.outcomes()


def _run_cell() -> RunCell:
    from hqml.compare.cells import run_cell

    return run_cell


def _together(
    ranks: Ranks,
    cells: tuple[Cell, ...],
    open_cells: OpenCells,
    run: Callable[[Cell, float | None], Outcome],
    wait: bool,
) -> None:
    """Run the cells that all ranks have to run together, in the order that rank 0 says.

    Raises:
        BackendError: rank 0 has ended before.
    """
    if not ranks.first:
        while (place := ranks.from_first(_END)) != _END:
            if place == _FAILED:
                raise BackendError("rank 0 has ended the run")
            run(cells[place], None)
        return
    places = {cell.key: place for place, cell in enumerate(cells)}
    taken = open_cells.taken(is_collective, wait=wait)
    while True:
        with _telling_failures(ranks):
            cell, claim, _ = next(taken, (None, None, None))
        ranks.from_first(_END if cell is None else places[cell.key])
        if cell is None or claim is None:
            return
        outcome = run(cell, None)
        with _telling_failures(ranks):
            open_cells.keep(cell, claim, outcome)


@contextmanager
def _telling_failures(ranks: Ranks) -> Iterator[None]:
    """Whatever ends rank 0 in this block ends the others, which wait to be told the next cell."""
    try:
        yield
    except BaseException:
        ranks.from_first(_FAILED)
        raise


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Make Ctrl-C of SIGTERM, by which batch systems end a job, unless somebody else handles it."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def end(number: int, frame: Any) -> None:
        if callable(signal.getsignal(signal.SIGINT)):
            signal.raise_signal(signal.SIGINT)  # to whoever notices Ctrl-C just now
        else:  # a shell has started this in the background, where Ctrl-C is ignored
            raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
