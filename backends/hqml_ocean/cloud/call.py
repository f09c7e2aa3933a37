"""What a call of `sample` on a service does around its submissions: its grant, and something for every model."""

from __future__ import annotations

import os
from collections.abc import Sequence

import dimod

from hqml.errors import BudgetExceeded, ServiceTimeout
from hqml.options import finite_number, no_less
from hqml_ocean.cloud.jobs import ROUNDING, Outcome, kept_note
from hqml_ocean.cloud.kept import Kept, answered_before


def granted(max_qpu_seconds: float | None, needed: float, what: str) -> float:
    """The metered seconds that this call may spend.

    Raises:
        BudgetExceeded: none were granted, or too few. Who goes through `hqml.sample` is refused there already.
    """
    if max_qpu_seconds is None:
        raise BudgetExceeded(
            f"{what} is metered; grant it time, e.g. max_qpu_seconds={no_less(needed)} (estimate); "
            "nothing was submitted"
        )
    allowed = finite_number("max_qpu_seconds", max_qpu_seconds, above=0, unit="seconds")
    if needed > allowed * (1 + ROUNDING):
        raise BudgetExceeded(
            f"{what} would take about {no_less(needed)} s of metered time, max_qpu_seconds is {allowed:.3g}; "
            "nothing was submitted. Grant more, or ask for fewer reads or models"
        )
    return allowed


def unpaid(seconds: Sequence[float], digest: str, checkpoint: str | os.PathLike[str] | None) -> float:
    """Metered seconds of the submissions that no earlier call has made.

    Args:
        seconds: of each submission.
        digest: of the call.
        checkpoint: folder in which it would have left something.
    """
    paid = answered_before(digest, len(seconds), checkpoint)
    return sum(one for number, one in enumerate(seconds) if number not in paid)


def whole(
    found: Sequence[dimod.SampleSet | None], outcome: Outcome, kept: Kept, time_limit: float | None
) -> list[dimod.SampleSet]:
    """The SampleSets, if there is one for each model. What was kept of a call that has its end is no longer needed.

    Raises:
        KeyboardInterrupt: Ctrl-C came before every model had samples.
        ServiceTimeout: so did the time limit.
    """
    if outcome.ending == "all":
        kept.done()
    present = [one for one in found if one is not None]
    if len(present) == len(found):
        return present
    left = kept_note(outcome.answers, kept)
    if outcome.ending == "interrupted":
        raise KeyboardInterrupt(left)
    raise ServiceTimeout(f"the time limit of {time_limit:g} s is over; what was in the queue is cancelled. {left}")
