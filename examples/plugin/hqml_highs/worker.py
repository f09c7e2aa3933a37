"""What runs in the other process: takes a linear program, gives back what HiGHS made of it, until nobody asks any more.

It is run as a file, so that it need not import hqml: numpy and scipy are there in a third of a second.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from queue import SimpleQueue
from threading import Thread
from time import time
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

LEAST_SECONDS = 0.01
"""What HiGHS is given where the time is over before it has begun."""


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the other one decides
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what compiled code prints must not get between the answers
    questions: SimpleQueue[dict[str, Any]] = SimpleQueue()
    Thread(target=_listen, args=(questions,), daemon=True).start()
    while True:
        pickle.dump(_answered(questions.get()), answers)
        answers.flush()


def _listen(questions: SimpleQueue[dict[str, Any]]) -> None:
    """Read what is asked; end with the process that asks, however it has ended.

    With scipy before 1.15 that is after the search that is under way: HiGHS lets no other thread run there.
    """
    try:
        while True:
            questions.put(pickle.load(sys.stdin.buffer))
    except (EOFError, OSError, pickle.UnpicklingError):
        os._exit(0)


def _answered(question: dict[str, Any]) -> dict[str, Any]:
    try:
        return _solved(**question)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def _solved(
    costs: Any, rows: Any, limits: Any, binaries: int, end: float | None, options: dict[str, Any]
) -> dict[str, Any]:
    """Solve one linear program; `end` is a time of the clock of this machine."""
    if end is not None:
        options = {**options, "time_limit": max(end - time(), LEAST_SECONDS)}
    whole = np.zeros(len(costs))
    whole[:binaries] = 1
    constraints = LinearConstraint(rows, -np.inf, limits) if len(limits) else None
    found = milp(costs, integrality=whole, bounds=Bounds(0, 1), constraints=constraints, options=options)
    x = None if found.x is None else np.rint(found.x[:binaries]).astype(np.int8)
    return {"x": x, "bound": found.mip_dual_bound, "nodes": found.mip_node_count, "message": found.message}


if __name__ == "__main__":
    main()
