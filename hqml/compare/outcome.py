"""What one cell of a study gave: plain data, written as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, TypeAlias

from hqml.compare.plain import plain_options
from hqml.compare.study import Cell, LearningProblem, Solver
from hqml.errors import FormatError
from hqml.untrusted import read_json

Status: TypeAlias = Literal["done", "failed"]

FORMAT = 1


@dataclass(frozen=True)
class Outcome:
    """The result of a cell, or why there is none. Times are in seconds.

    Attributes:
        key: of the cell.
        problem, solver, backend, seed, reads: which cell. The backend of a reference is "".
        kind: "qubo" or "learning".
        reference: the solver is a classical machine.
        status: "failed" where `error` says why.
        parameters: of the estimator, those that a grid varies.
        options: of the backend, without secrets.
        variables: of the (largest) QUBO.
        qubos: how many were solved.
        energies: [energy, reads], each energy once, lowest first; of several QUBOs only their sum of lowest ones.
        bound: proven lower bound of the energy.
        complete: every state has been looked at.
        timing: "total", the sum of "build", "embedding", "programming", "sampling", "network", "queue" and "other";
            "startup": once a process, not in the total: imports and compilation, as a fresh process takes them, whoever
            ran before in this one, and the first embedding of the problem (of metered backends that alone; see
            `hqml.compare.warm_up`); 0 in the cells after the first of a process, problem and solver. Of a learning
            problem also "fit" and "predict". Where `stand_in` is set, "programming" and "sampling" are those that the
            published timing model gives for a chip, and the time of the simulation is in no entry.
        qpu: metered or modelled access: "access" and of it "programming" and "sampling"; "overhead".
        joules: used by the whole machine (package or device) meanwhile; None where it does not tell.
        chain_length, chain_breaks: longest chain, mean share of broken ones.
        embedding: "chip", "graph_id", "chains", and "positions" {qubit: [x, y]} where the backend tells.
        schedule: what else the backend says of how it annealed: sweeps, temperatures, method, device.
        scores: accuracy, balanced_accuracy, auroc, auprc on the test rows (of two classes).
        twin: the same of the classical twin.
        decisions: of two classes: "truth" (0 or 1), "decision" of each test row.
        decision_map: "x", "y" (axes), "z" (rows of decision values), "points", "truth", "axes" (names); first seed.
        test_rows, train_rows: of a learning problem.
        stand_in: what the backend stands in for.
        warnings: texts.
        machine: see `hqml.compare.provenance`.
        started, ended: seconds since 1970.
        process: host and process, to see which cells ran at the same time.
        error: one line.
    """

    key: str
    problem: str
    solver: str
    backend: str
    seed: int
    reads: int
    kind: Literal["qubo", "learning"]
    status: Status
    reference: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    variables: int = 0
    qubos: int = 0
    energies: Sequence[Sequence[float]] = ()
    bound: float | None = None
    complete: bool = False
    timing: Mapping[str, float] = field(default_factory=dict)
    qpu: Mapping[str, float] = field(default_factory=dict)
    joules: float | None = None
    chain_length: float | None = None
    chain_breaks: float | None = None
    embedding: Mapping[str, Any] | None = None
    schedule: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, float | None] = field(default_factory=dict)
    twin: Mapping[str, float | None] = field(default_factory=dict)
    decisions: Mapping[str, Sequence[float]] | None = None
    decision_map: Mapping[str, Any] | None = None
    test_rows: int = 0
    train_rows: int = 0
    stand_in: str = ""
    warnings: Sequence[str] = ()
    machine: Mapping[str, Any] = field(default_factory=dict)
    started: float = 0.0
    ended: float = 0.0
    process: str = ""
    error: str = ""

    def to_json(self) -> str:
        return json.dumps({"format": FORMAT, **asdict(self)}, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Outcome:
        """
        Raises:
            FormatError: it is no outcome, or one of another version.
        """
        try:
            content = read_json(text)
            if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
                raise FormatError(f"found no outcome of format {FORMAT}")
            known = {one.name for one in fields(cls)}
            return cls(**{name: value for name, value in content.items() if name in known})
        except (ValueError, TypeError) as error:
            raise FormatError(f"this is no outcome of a comparison: {error}") from error


def labels_of(cell: Cell) -> dict[str, Any]:
    """The fields that say which cell an outcome belongs to."""
    learning = isinstance(cell.problem, LearningProblem)
    solver = cell.solver if isinstance(cell.solver, Solver) else None
    return {
        "key": cell.key,
        "problem": cell.problem.name,
        "solver": cell.solver_label,
        "backend": "" if solver is None else solver.backend_name,
        "seed": cell.seed,
        "reads": cell.reads,
        "kind": "learning" if learning else "qubo",
        "reference": solver is None,
        "parameters": plain_options(cell.problem.parameters) if isinstance(cell.problem, LearningProblem) else {},
    }
