"""A simulated QPU: problems on a chip's graph, checked as a real one does, sampled by `hqml_ocean.chip.simulation`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hqml.errors import UnsupportedModel
from hqml.qubo import Floats, States
from hqml_ocean.chip.chip import Chip
from hqml_ocean.chip.program import Program, auto_scale, check
from hqml_ocean.chip.simulation import run
from hqml_ocean.node.formats import Layout, Problem, decode_problem, encode_answer
from hqml_ocean.node.journal import Job
from hqml_ocean.node.parameters import Parameters, check_duration, read_parameters
from hqml_ocean.node.refusals import bad
from hqml_ocean.node.solvers import Solved


class QpuSolver:
    """A chip as a solver of the node.

    Args:
        chip: what is simulated.
        seed: with the number of a job it makes the job's samples repeatable.
    """

    category = "qpu"
    description = "A stand-in for a QPU: D-Wave's graph, ranges and times, solved by hqml on this machine"

    def __init__(self, chip: Chip, seed: int) -> None:
        self.chip = chip
        self._seed = seed
        self._layout = Layout.of(chip.properties)

    @property
    def name(self) -> str:
        return self.chip.name

    @property
    def identity(self) -> dict[str, Any]:
        return {"name": self.chip.name, "version": {"graph_id": self.chip.graph_id}}

    @property
    def properties(self) -> Mapping[str, Any]:
        return self.chip.properties

    def check(self, kind: str, body: Mapping[str, Any], account: str) -> float:
        problem, asked = self._read(kind, body)
        try:
            check(self._program(problem, asked), self.chip)
        except UnsupportedModel as error:
            raise bad(str(error)) from error
        return check_duration(len(problem.qubits), asked, self.chip)

    def solve(self, job: Job, body: Mapping[str, Any]) -> Solved:
        problem, asked = self._read(job.type, body)
        spins = run(
            self._program(problem, asked),
            self.chip,
            asked.num_reads,
            annealing_time=asked.annealing_time,
            seed=int(np.random.SeedSequence([self._seed, job.number]).generate_state(1)[0]),
        )
        states = spins if problem.kind == "ising" else ((spins + 1) // 2).astype(np.int8)
        states, occurrences = _answers(states, problem.energies(states), asked)
        timing = self.chip.timing(len(problem.qubits), asked.num_reads, asked.annealing_time)
        answer = encode_answer(problem, states, occurrences, self._layout, timing)
        return Solved(answer, used=timing["qpu_access_time"] / 1e6)

    def _read(self, kind: str, body: Mapping[str, Any]) -> tuple[Problem, Parameters]:
        if kind not in ("ising", "qubo"):
            raise bad(f"solver {self.name} takes problems of type ising or qubo, found {kind!r}")
        asked = read_parameters(body.get("params") or {}, self.chip)
        return decode_problem("ising" if kind == "ising" else "qubo", body.get("data"), self._layout), asked

    def _program(self, problem: Problem, asked: Parameters) -> Program:
        spins = problem.spins()
        program = Program(spins.qubits, spins.linear, spins.qubits[spins.pairs], spins.quadratic)
        if not asked.auto_scale:
            return program
        scale = auto_scale(program, self.chip)
        return replace(program, h=program.h / scale, J=program.J / scale)


def _answers(states: States, energies: Floats, asked: Parameters) -> tuple[States, npt.NDArray[np.int64]]:
    """What is answered of the states that were read, and how often each of them was: (samples, k), (samples,)."""
    if asked.answer_mode == "raw":
        kept = states[: asked.max_answers]
        return kept, np.ones(len(kept), dtype=np.int64)
    _, first, counts = np.unique(np.packbits(states > 0, axis=1), axis=0, return_index=True, return_counts=True)
    order = np.argsort(energies[first], kind="stable")[: asked.max_answers]
    return states[first[order]], counts[order].astype(np.int64)
