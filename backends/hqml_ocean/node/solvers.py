"""What a solver of the node is, and how SAPI describes it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from hqml_ocean.node.journal import Job


@dataclass(frozen=True)
class Solved:
    """What came of a job.

    Attributes:
        answer: SAPI's object.
        used: QPU seconds.
    """

    answer: dict[str, Any]
    used: float


class Solver(Protocol):
    """Something that takes jobs one at a time."""

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> dict[str, Any]:
        """SAPI's identity: the name, and of a QPU the version of its working graph."""
        ...

    @property
    def category(self) -> str:
        """ "qpu" or "hybrid"."""
        ...

    @property
    def description(self) -> str: ...

    @property
    def properties(self) -> Mapping[str, Any]: ...

    def check(self, kind: str, body: Mapping[str, Any], account: str) -> float:
        """Check a job of an account before it is accepted.

        Args:
            kind: of problem, one of `supported_problem_types`.
            body: {"data", "params"}.
            account: whose job it is.

        Returns:
            QPU seconds that it is expected to use.

        Raises:
            Refusal: it cannot be solved here.
        """
        ...

    def solve(self, job: Job, body: Mapping[str, Any]) -> Solved:
        """Solve a job that was checked."""
        ...


def definition(solver: Solver, load: float, filter_: str | None) -> dict[str, Any]:
    """What SAPI says of a solver.

    Args:
        solver: which.
        load: 0 to 1, how busy it is.
        filter_: SAPI's choice of fields, "all,-status,-avg_load" or "none,+identity,+status"; None is all.
    """
    fields = {
        "identity": solver.identity,
        "status": "ONLINE",
        "description": solver.description,
        "properties": dict(solver.properties),
        "avg_load": load,
    }
    first, *changes = (filter_ or "all").split(",")
    chosen = set(fields) if first.strip() != "none" else set()
    for change in changes:
        sign, name = change.strip()[:1], change.strip()[1:]
        # A plus that the client did not escape arrives as a space, which is stripped.
        chosen = chosen - {name} if sign == "-" else chosen | {name if sign == "+" else change.strip()}
    return {name: value for name, value in fields.items() if name in chosen}


def etag(content: bytes) -> str:
    """A weak validator, the only kind that SAPI uses."""
    return f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'


def as_json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
