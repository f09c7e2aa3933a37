"""What a solver's options ask of a call, sorted by who takes it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hqml.compare.study import Solver
from hqml.errors import OptionError


@dataclass(frozen=True)
class Asked:
    """The options of a solver.

    Attributes:
        options: the backend's own.
        time_limit: seconds of a call.
        max_qpu_seconds: metered seconds of a call that the solver allows itself.
    """

    options: Mapping[str, Any]
    time_limit: float | None
    max_qpu_seconds: float | None

    @classmethod
    def of(cls, solver: Solver) -> Asked:
        """
        Raises:
            OptionError: an option is the study's own.
        """
        options = dict(solver.options)
        if clash := sorted({"reads", "seed", "model", "backend", "qubos", "progress"} & set(options)):
            raise OptionError(f"solver {solver.label!r} cannot have the option {clash[0]}: the study says it")
        return cls(options, options.pop("time_limit", None), options.pop("max_qpu_seconds", None))

    def granted(self, by_study: float | None) -> float | None:
        """Metered seconds of a cell: the less of what the solver and the study allow."""
        both = [one for one in (self.max_qpu_seconds, by_study) if one is not None]
        return min(both, default=None)


def limited(time_limit: float | None, most: float = math.inf) -> float | None:
    """A time limit, but no more than `most` seconds."""
    return None if time_limit is None else min(time_limit, most)
