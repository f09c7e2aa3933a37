"""The cells of a study that have no outcome yet: which of them is this process's to run next."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TypeAlias

from hqml.compare.budget import Budget, Clock
from hqml.compare.claims import Claim, Claims
from hqml.compare.estimates import Estimates, split
from hqml.compare.metered import Metered
from hqml.compare.outcome import Outcome, labels_of
from hqml.compare.store import Store
from hqml.compare.study import Cell

State: TypeAlias = Literal["begun", "ended", "elsewhere", "refused"]

_POLL = 0.1
"""Seconds between two looks for what other processes have done ..."""

_LONGEST_POLL = 2.0
"""... which grow to so many while nothing happens: a look costs the file system a few questions a cell."""


class OpenCells:
    """Cells of a run, and what has come of them.

    Args:
        cells: of the study.
        store: where outcomes are.
        claims: of this run.
        estimates: of cells.
        budget: of the run and of the study.
        retry_failed: cells that have failed before are open.
        tell: called with what happens to a cell, and its outcome.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        store: Store,
        claims: Claims,
        estimates: Estimates,
        budget: Budget,
        *,
        retry_failed: bool,
        tell: Callable[[State, Cell, Outcome | None], None],
    ) -> None:
        self._cells, self._store, self._claims, self._estimates, self._tell = cells, store, claims, estimates, tell
        self._clock = Clock(budget.seconds)
        self._metered = Metered(claims, estimates, budget.qpu_seconds)
        settled, missing = split(cells, store, retry_failed=retry_failed)
        self._open = [cell for cell, _ in missing]
        self._failed_before = {cell.key: failure for cell, failure in missing}
        self._settled = {outcome.key: outcome for outcome in settled}
        self._statuses = Counter(outcome.status for outcome in settled)
        estimates.learn(settled)

    @property
    def counts(self) -> tuple[int, int]:
        """Cells that are settled: done, failed."""
        return self._statuses["done"], self._statuses["failed"]

    def outcomes(self) -> list[Outcome]:
        """Of all cells that have one; of cells that were not settled here what is in the store."""
        found = (self._settled.get(cell.key) or self._store.load(cell) for cell in self._cells)
        return [outcome for outcome in found if outcome is not None]

    def taken(self, which: Callable[[Cell], bool], *, wait: bool) -> Iterator[tuple[Cell, Claim, float | None]]:
        """Cells that are now this process's to run, one after the other, until none is open or the time is up.

        Args:
            which: of the cells.
            wait: for those that other processes run.

        Yields:
            The cell, the claim to it, metered seconds granted.
        """
        left, pause = [cell for cell in self._open if which(cell)], _POLL
        while left and not self._clock.is_up:
            busy = []
            for cell in left:
                claim = self._take(cell)
                if isinstance(claim, Claim):
                    self._tell("begun", cell, None)
                    yield cell, claim, self._metered.granted(claim)
                elif claim == "busy":
                    busy.append(cell)
            if busy and not wait:
                return
            pause = min(2 * pause, _LONGEST_POLL) if len(busy) == len(left) else _POLL
            left = busy
            if left:
                time.sleep(pause)

    def keep(self, cell: Cell, claim: Claim, outcome: Outcome) -> None:
        """Store the outcome of a cell that was taken."""
        self._store.keep(outcome)
        self._claims.give_back(claim, self._metered.spent(cell, outcome))
        self._settle("ended", cell, outcome)

    def _take(self, cell: Cell) -> Claim | Literal["busy", "over"]:
        """A claim to a cell; "busy" while others run it; "over" where it was settled, or is beyond the budget."""
        if self._settled_elsewhere(cell) or not self._may_begin(cell):
            return "over"
        needed = self._metered.reservation(cell)
        if refusal := self._metered.refusal(needed):
            return self._refused(cell, refusal)
        claim = self._claims.take(cell.key, needed)
        if claim is None:
            return "busy"
        # What others did between the look and the claim; of two that reserve at once one sees the other here.
        settled = self._settled_elsewhere(cell)
        refusal = "" if settled else self._metered.refusal(needed, claim)
        if not (settled or refusal):
            return claim
        self._claims.give_back(claim)
        return "over" if settled else self._refused(cell, refusal)

    def _refused(self, cell: Cell, refusal: str) -> Literal["busy", "over"]:
        if refusal == "busy":
            return "busy"
        now = time.time()
        failed = Outcome(**labels_of(cell), status="failed", error=refusal, started=now, ended=now)
        self._settle("refused", cell, failed)
        return "over"

    def _may_begin(self, cell: Cell) -> bool:
        """Whether the time that is left suffices; where nobody knows how long it takes, there has to be some."""
        if not self._clock.limited or self._clock.is_up:
            return not self._clock.is_up
        seconds = self._estimates.seconds(cell)
        return self._clock.allows(0.0 if math.isnan(seconds) else seconds)

    def _settled_elsewhere(self, cell: Cell) -> bool:
        """Whether another process has settled a cell since this run began."""
        outcome = self._store.load(cell)
        if outcome is None or outcome == self._failed_before[cell.key]:
            return False
        self._settle("elsewhere", cell, outcome)
        return True

    def _settle(self, state: State, cell: Cell, outcome: Outcome) -> None:
        self._settled[cell.key] = outcome
        self._statuses[outcome.status] += 1
        self._estimates.learn([outcome])
        self._tell(state, cell, outcome)
