"""One call of the backend: model by model, each with a share of the time, and what is proven of each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter, time
from typing import Any

import dimod
import numpy as np
from hqml.qubo import Qubo
from hqml.samples import to_sampleset

from hqml_highs.descent import descended, local_minima
from hqml_highs.linear import LinearProgram, linearised
from hqml_highs.process import Answer, Highs

GRACE = 1.0
"""Seconds beyond its time that HiGHS may take to hand over what it has: it looks at the clock between its steps."""

CLOSED = 2e-6
"""Distance of energy and bound, in units of the linear program, at which an optimum counts as proven: twice what HiGHS
itself allows."""


@dataclass(frozen=True)
class Search:
    """One call of `sample`.

    Attributes:
        highs: where linear programs are solved.
        options: of scipy's `milp`.
        seed: of the descents.
        end: of the time for all models, on the clock of `perf_counter`.
    """

    highs: Highs
    options: dict[str, Any]
    seed: int
    end: float

    def run(self, qubos: Sequence[Qubo], progress: Callable[[float], None] | None) -> list[dimod.SampleSet]:
        results = []
        for index, qubo in enumerate(qubos):
            started = perf_counter()
            share = (self.end - started) / (len(qubos) - index)
            results.append(self._sampleset(qubo, index, started, started + share))
            if progress is not None:
                progress((index + 1) / len(qubos))
        return results

    def _sampleset(self, qubo: Qubo, index: int, started: float, end: float) -> dimod.SampleSet:
        """Solve one model of the batch and say how it went."""
        model = qubo.to_sparse()
        program = linearised(model)
        states = local_minima(model, np.random.default_rng([self.seed, index]), end)
        built = perf_counter()
        answer = self._answer(program, end)
        if answer.get("x") is not None:
            states = np.vstack([states, descended(model, answer["x"])])
        energies = qubo.energies(states)
        lowest = int(energies.argmin())
        return to_sampleset(
            qubo,
            states[lowest : lowest + 1],
            backend="highs",
            seed=self.seed,
            timing={"model": built - started, "solve": perf_counter() - built},
            interrupted=self.highs.stopped.is_set(),
            **_proven(program, answer, float(energies[lowest])),
        )

    def _answer(self, program: LinearProgram, end: float) -> Answer:
        """What HiGHS makes of a linear program by `end`; empty where there was no time or its process was ended."""
        left = end - perf_counter()
        if left <= 0 or self.highs.stopped.is_set():
            return {}
        limited = left < math.inf
        question = {
            "costs": program.costs,
            "rows": program.rows,
            "limits": program.limits,
            "binaries": program.binaries,
            "end": time() + left if limited else None,  # perf_counter may mean something else to another process
            "options": self.options,
        }
        return self.highs.ask(question, seconds=left + GRACE if limited else None) or {}


def _proven(program: LinearProgram, answer: Answer, energy: float) -> dict[str, Any]:
    """What is known of the lowest energy."""
    bound = program.least
    if answer.get("bound") is not None:
        bound = max(bound, program.energy(answer["bound"]))  # of a search that has hardly begun it is -infinity
    bound = min(bound, energy)  # above it by rounding, at most
    return {
        "bound": bound,
        "gap": (energy - bound) / max(1.0, abs(bound)),
        "complete": energy - bound <= CLOSED * program.unit,
        "nodes": answer.get("nodes"),
        "message": answer.get("message", "HiGHS was not asked, or was ended"),
    }
