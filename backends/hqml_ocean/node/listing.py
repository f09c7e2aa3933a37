"""Which of an account's jobs a list is to have."""

from __future__ import annotations

from collections.abc import Mapping

from hqml_ocean.node.journal import SENT, Job, Journal
from hqml_ocean.node.refusals import bad

MOST_LISTED = 1000


def matching(journal: Journal, account: str, query: Mapping[str, str]) -> list[Job]:
    """Own jobs by label, status and solver, the newest first, at most `max_results`.

    Raises:
        Refusal: a filter is malformed.
    """
    conditions, values = ["account = ?", "status != ?"], [account, SENT]
    for name in ("label", "status", "solver"):
        if name in query:
            conditions.append(f"{name} = ?")
            values.append(query[name])
    return journal.jobs(" AND ".join(conditions), values, newest=_most(query.get("max_results")))


def _most(wanted: str | None) -> int:
    if wanted is None:
        return MOST_LISTED
    if not wanted.isascii() or not wanted.isdigit() or not wanted.strip("0"):
        raise bad("max_results must be a whole number of at least 1")
    return min(int(wanted), MOST_LISTED) if len(wanted) < 10 else MOST_LISTED
