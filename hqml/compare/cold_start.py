"""What a solver's imports and compilation take, measured in a process that has done neither.

Solvers share libraries and kernels, so that in one process whoever runs first would pay for the others. Each solver
therefore gets a fresh process, which draws a single read of a tiny model twice; the first call less the second is what
counts. Python's own start is not in it, nor the imports that `hqml compare` needs whatever the solver (numpy, scipy,
dimod, networkx, `hqml.dispatch`): they are made before the first call. Nor is the start of MPI: the process is alone.
What a backend compiles only for larger models is not seen; what numba and the like keep on disk is as it is found.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

from hqml.compare.small_calls import small_call, tiny_model
from hqml.compare.study import Solver
from hqml.qubo import Form

PATIENCE = 60.0
"""Seconds that the process may take."""

_LAUNCHERS = ("OMPI_", "PMI", "PALS_", "PRTE_", "SLURM_")
"""What the variables begin with by which a process knows that it is a rank; one that did would wait for the others."""

_KEEPS_FILES = "checkpoint"
"""An option that names a file, which is the measured call's alone."""

_known: dict[str, float | None] = {}
"""Seconds by solver and form; None where they could not be measured."""


def cold_start(solver: Solver, form: Form) -> float | None:
    """Seconds of a solver's imports and compilation, measured once a process of the study.

    Args:
        solver: not metered.
        form: of the models that it is given.

    Returns:
        None where the backend is an object or an option is none that JSON has, which no other process could build; and,
        with a warning, where the process failed or took more than a minute.
    """
    asked = _asked(solver, form)
    if asked is None:
        return None
    known = hashlib.sha256(asked.encode()).hexdigest()  # options may hold secrets, which nobody is to find here
    if known not in _known:
        _known[known] = _in_fresh_process(asked, solver)
    return _known[known]


def extra(call: Callable[[], object]) -> float:
    """Seconds by which the first of two equal calls takes longer."""
    return max(seconds_of(call) - seconds_of(call), 0.0)


def seconds_of(call: Callable[[], object]) -> float:
    started = perf_counter()
    call()
    return perf_counter() - started


def _asked(solver: Solver, form: Form) -> str | None:
    """What the process is told, on its standard input: options may hold secrets, and command lines are seen by all."""
    own = {"time_limit", "max_qpu_seconds", _KEEPS_FILES}  # a tiny model needs no limit, and one would cut off imports
    options = {name: value for name, value in solver.options.items() if name not in own}
    try:
        return json.dumps({"backend": solver.backend, "options": options, "form": form})
    except (TypeError, ValueError):
        return None


def _in_fresh_process(asked: str, solver: Solver) -> float | None:
    try:
        ended = subprocess.run(
            [sys.executable, "-m", __name__],
            input=asked,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(os.environ),
            timeout=PATIENCE,
            check=True,
            text=True,
        )
        return float(ended.stdout.split()[-1])  # libraries may have greeted before
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        warnings.warn(
            f"the start-up of {solver.backend!r} could not be measured in a process of its own "
            f"({type(error).__name__}), so what solvers before it had imported is not in it",
            stacklevel=2,
        )
        return None


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Ours, without a rank's, and with our way to find modules, which need not begin with the current folder."""
    kept = {name: value for name, value in ours.items() if not name.startswith(_LAUNCHERS)}
    path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)
    return {**kept, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}


def main() -> None:
    """Measure what standard input asks for, and print the seconds."""
    asked: dict[str, Any] = json.load(sys.stdin)
    solver, model = Solver(asked["backend"], asked["options"]), tiny_model(asked["form"])
    print(extra(lambda: small_call(model, solver, seed=0, time_limit=None)))


if __name__ == "__main__":
    main()
