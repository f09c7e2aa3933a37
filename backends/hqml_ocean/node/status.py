"""What `hqml node status` shows: solvers, the queue as far as an account may see it, what is left of its budget."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from hqml.samples import version
from hqml_ocean.node.journal import Job, Journal
from hqml_ocean.node.tokens import Account

if TYPE_CHECKING:
    from hqml_ocean.node.desk import Desk


def status_of(desk: Desk, account: Account) -> dict[str, Any]:
    """The status of a node that solves here, for one account."""
    queues = {queue.solver.name: queue.waiting() for queue in desk.queues.values()}
    solvers = [
        {
            "name": queue.solver.name,
            "category": queue.solver.category,
            "status": "ONLINE",
            "waiting": len(queues[queue.solver.name]),
        }
        for queue in desk.queues.values()
    ]
    own = [line_of(job, place) for waiting in queues.values() for place, job in enumerate(waiting, start=1)
           if job.account == account.name]  # fmt: skip
    others = sum(job.account != account.name for waiting in queues.values() for job in waiting)
    return {
        "node": {"version": version(), "forwards": False},
        "account": account.name,
        "budget": budget_of(desk.journal, account),
        "solvers": solvers,
        "queue": own,
        "others": others,
    }


def budget_of(journal: Journal, account: Account) -> dict[str, float | None]:
    """QPU seconds of an account: granted in all, used, reserved by jobs that wait, left; None is without a limit."""
    used, reserved = journal.spent(account.name), journal.reserved(account.name)
    limited = math.isfinite(account.budget)
    return {
        "granted": account.budget if limited else None,
        "used": used,
        "reserved": reserved,
        "left": max(account.budget - used - reserved, 0.0) if limited else None,
    }


def line_of(job: Job, place: int | None) -> dict[str, Any]:
    """One own job in the queue. `position` counts from 1, the one that runs, in the queue of its solver."""
    return {
        "position": place,
        "id": job.id,
        "label": job.label,
        "solver": job.solver,
        "status": job.status,
        "submitted_on": job.submitted_on,
    }
