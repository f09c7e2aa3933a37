"""Metered time of a study, shared by all processes: reserved by claims, counted in the store."""

from __future__ import annotations

import math

from hqml.compare.claims import Claim, Claims
from hqml.compare.estimates import Estimates
from hqml.compare.outcome import Outcome
from hqml.compare.study import Cell
from hqml.options import no_less

MARGIN = 1.1
"""Of a cell's estimate: so much is reserved for it and granted to it."""

_FREE = 1e-6
"""Seconds granted to a cell that its backend says to be paid already, by a call that was ended before its answer came:
metered hardware does not run without a grant."""


class Metered:
    """What may still be spent.

    Args:
        claims: of this run, in the store's folder.
        estimates: of cells.
        budget: seconds of the whole study; none is none at all.
    """

    def __init__(self, claims: Claims, estimates: Estimates, budget: float | None) -> None:
        self._claims, self._estimates, self._budget = claims, estimates, budget

    def reservation(self, cell: Cell) -> float:
        """Seconds to reserve for a cell; 0 where it is not metered, or cannot tell and so will not run."""
        if self._budget is None or not self._estimates.is_metered(cell):
            return 0.0
        estimate = self._estimates.qpu_seconds(cell)
        return 0.0 if math.isnan(estimate) else max(_FREE, MARGIN * estimate)

    def refusal(self, needed: float, claim: Claim | None = None) -> str:
        """Why a cell may not run: "busy" as long as others reserve what is left, else in words; "" if it may.

        Args:
            needed: its reservation.
            claim: to it, where it is claimed already.
        """
        if self._budget is None or not needed:
            return ""
        account = self._claims.account(besides=claim)
        left = max(0.0, self._budget - account.spent)
        if needed <= left - account.reserved:
            return ""
        if needed <= left:
            return "busy"
        return (
            f"BudgetExceeded: it may take {no_less(needed)} s of metered time (the estimate and {MARGIN - 1:.0%}), and "
            f"of the study's {self._budget:.3g} s there are {left:.3g} s left; nothing was submitted. Grant more, or "
            "ask for fewer reads"
        )

    def granted(self, claim: Claim) -> float | None:
        """What a cell may take."""
        return claim.record["qpu"] or None

    def spent(self, cell: Cell, outcome: Outcome) -> float:
        """What a cell has taken. Stand-ins have modelled seconds, for which nobody pays."""
        access = outcome.qpu.get("access") or 0.0
        return access if access and self._estimates.is_metered(cell) else 0.0
