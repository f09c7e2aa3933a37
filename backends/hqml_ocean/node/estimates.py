"""What a job of a real service is expected to use, by the timing data that its solver publishes."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import Any
from urllib.parse import quote

from hqml_ocean.node.formats import active_qubits
from hqml_ocean.node.upstream import Upstream

FRESH = 900.0
"""Seconds for which a solver's definition is taken as known."""

_TIMED = (
    *("num_reads", "annealing_time", "anneal_schedule", "initial_state", "reinitialize_state"),
    *("programming_thermalization", "readout_thermalization", "reduce_intersample_correlation"),
)
"""Parameters on which the time of a run depends, by Ocean's `estimate_qpu_access_time`."""


class Estimates:
    """Access times of jobs before they are passed on.

    Args:
        upstream: the service.
    """

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._known: dict[str, tuple[float, dict[str, Any]]] = {}

    async def seconds(self, solver: str, job: Mapping[str, Any]) -> float:
        """QPU seconds of a job, 0 where they cannot be known: without published timing, or a time limit."""
        definition = await self._definition(solver)
        params = job.get("params")
        if job.get("type") not in ("ising", "qubo"):
            return _hybrid_seconds(definition, params)
        given = {name: params[name] for name in _TIMED if name in params} if isinstance(params, dict) else {}
        return _access_seconds(definition, active_qubits(job.get("data")), given)

    async def _definition(self, solver: str) -> dict[str, Any]:
        asked, known = self._known.get(solver, (-FRESH, {}))
        if monotonic() - asked > FRESH:
            reply = await self._upstream.ask("GET", f"solvers/remote/{quote(solver, safe='')}", "solver-definition")
            found = reply.json()
            known = found if reply.good and isinstance(found, dict) else {}
            self._known[solver] = (monotonic(), known)
        return known


def _hybrid_seconds(definition: dict[str, Any], params: Any) -> float:
    """The time limit at the rate at which the service charges it."""
    limit = params.get("time_limit") if isinstance(params, dict) else None
    rate = definition.get("properties", {}).get("quota_conversion_rate")
    known = all(isinstance(value, int | float) and value > 0 for value in (limit, rate))
    return float(limit) / float(rate) if known else 0.0  # type: ignore[arg-type]


def _access_seconds(definition: dict[str, Any], qubits: int, given: dict[str, Any]) -> float:
    """By Ocean's own timing model."""
    from dwave.cloud.solver import StructuredSolver

    if not qubits or not definition:
        return 0.0
    try:
        solver = StructuredSolver(client=None, data=definition)
        return float(solver.estimate_qpu_access_time(qubits, **{"num_reads": 1, **given})) / 1e6
    except Exception:  # whatever a foreign definition or parameter makes of it: the service will judge
        return 0.0
