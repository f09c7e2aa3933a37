"""Run a cell of a study, or estimate it: whatever a backend or an estimator raises is an outcome."""

from __future__ import annotations

import math
import os
import socket
import warnings
from time import time
from typing import Any

from hqml.backend import Usage
from hqml.compare import learning_cells, qubo_cells
from hqml.compare.outcome import Outcome, labels_of
from hqml.compare.plain import as_plain, plain_options
from hqml.compare.provenance import machine
from hqml.compare.study import Cell, LearningProblem, Solver
from hqml.secrets import scrubbed

MOST_CHARACTERS = 1000
"""Of an error or a warning."""


def run_cell(cell: Cell, *, max_qpu_seconds: float | None = None, first: bool = True) -> Outcome:
    """Run a cell.

    Args:
        cell: which.
        max_qpu_seconds: metered seconds granted to it; metered hardware does not run without.
        first: its seed is the study's first, of which the embedding and the decision map are kept.

    Returns:
        The outcome; whatever Exception is raised on the way is one of status "failed".

    Raises:
        KeyboardInterrupt: by Ctrl-C, also where a backend made the best of it.
    """
    started, found, status, error = time(), dict[str, Any](), "done", ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            _run(cell, found, max_qpu_seconds, first)
        except Exception as raised:
            status, error = "failed", f"{type(raised).__name__}: {raised}".removesuffix(": ")
    options = cell.solver.options if isinstance(cell.solver, Solver) else {}
    texts = dict.fromkeys(str(one.message) for one in caught if not issubclass(one.category, DeprecationWarning))
    own = {
        **labels_of(cell),
        **found,
        "status": status,
        "error": _line(error, options),
        "warnings": [_line(text, options) for text in texts],
        "options": plain_options(options),
        "machine": machine(),
        "started": started,
        "ended": time(),
        "process": f"{socket.gethostname()} {os.getpid()}",
    }
    return Outcome(**{name: as_plain(value) for name, value in own.items()})


def estimate_cell(cell: Cell) -> Usage:
    """What a cell is expected to take; nothing metered is submitted.

    Of an estimator that asks its backend more than once it is the time up to the first batch and that of the batch.

    Returns:
        Seconds on the clock, NaN where the backend cannot tell (of a reference there is none to ask); metered seconds.

    Raises:
        HqmlError: the backend is unknown or unavailable, or cannot take the model.
    """
    if not isinstance(cell.solver, Solver):
        return Usage(seconds=math.nan)
    if isinstance(cell.problem, LearningProblem):
        return learning_cells.estimate_fit(cell, cell.problem, cell.solver)
    return qubo_cells.estimate_qubo(cell, cell.problem, cell.solver)


def _run(cell: Cell, found: dict[str, Any], max_qpu_seconds: float | None, first: bool) -> None:
    if isinstance(cell.problem, LearningProblem):
        learning_cells.fit_and_score(cell, cell.problem, found, max_qpu_seconds=max_qpu_seconds, first=first)
    elif isinstance(cell.solver, Solver):
        qubo_cells.sample_qubo(cell, cell.problem, cell.solver, found, max_qpu_seconds=max_qpu_seconds, first=first)


def _line(text: str, options: Any) -> str:
    line = " ".join(scrubbed(text, options).split())
    return line if len(line) <= MOST_CHARACTERS else f"{line[:MOST_CHARACTERS]}..."
