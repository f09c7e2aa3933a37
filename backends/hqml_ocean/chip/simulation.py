"""A classical stand-in for a chip: errors of its analog controls, then simulated annealing on this machine.

There is no quantum physics in it: no tunnelling, no temperature of a refrigerator, no readout errors, no crosstalk.
What it shares with a chip is the graph, the ranges, the time that is charged and the size of the control errors.
Quality and speed of its samples say nothing about those of a quantum annealer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hqml.backend import drawn_seed
from hqml.options import finite_number, whole_number
from hqml.qubo import SparseQubo
from hqml.samples import states_of
from hqml_ocean.chip.chip import Chip
from hqml_ocean.chip.program import Program, check

SWEEPS, USUAL_TIME = 1000, 20.0
"""Sweeps that stand for the usual annealing time in µs, see `sweeps`."""


@dataclass(frozen=True)
class Noise:
    """How far the h and J that a chip realises are off those programmed: Gaussian, drawn once a programming.

    Attributes:
        h: standard deviation, in units of h (which are those of J, whose `j_range` ends at 1).
        J: standard deviation, in units of J.

    The defaults are the middles of what D-Wave measured in the course of an anneal: 0.025 (early) to 0.010 (late) of h,
    0.0145 to 0.0095 of J. Source: figures of the distributions of δh and δJ (ICE, integrated control errors) on a
    D-Wave 2X, dwave-ocean-sdk, docs/quantum_research/errors.rst. Left out are the systematic errors that a chip has
    besides, and errors of couplers that are not in use.

    Raises:
        ParameterError: one is not a finite number of at least 0.
    """

    h: float = 0.0175
    J: float = 0.012

    def __post_init__(self) -> None:
        finite_number("noise of h", self.h, least=0.0)
        finite_number("noise of J", self.J, least=0.0)


def run(
    program: Program,
    chip: Chip,
    reads: int,
    *,
    annealing_time: float | None = None,
    seed: int | None = None,
    noise: Noise = Noise(),
) -> npt.NDArray[np.int8]:
    """Program the stand-in once and read it out `reads` times.

    Args:
        program: what it is programmed with.
        chip: that stands for itself: its graph and ranges hold.
        reads: anneals, each read out once.
        annealing_time: µs of one anneal; none is the chip's default.
        seed: makes noise and samples repeatable; none draws one.
        noise: of the controls.

    Returns:
        (reads, k), -1 and +1, columns in the order of `program.qubits`; rows in no order, as a chip gives them.

    Raises:
        UnsupportedModel: the chip cannot be programmed so.
        ParameterError: reads, annealing_time or seed is out of its range.
    """
    check(program, chip)
    whole_number("reads", reads)
    entropy = drawn_seed(None if seed is None else whole_number("seed", seed, least=0))
    for_noise, for_anneals, for_order = np.random.SeedSequence(entropy).spawn(3)
    states = _annealed(
        realised(program, noise, np.random.default_rng(for_noise)),
        reads,
        sweeps(chip.annealing_time(annealing_time)),
        int(for_anneals.generate_state(1, np.uint64)[0] >> 1),
    )
    return np.random.default_rng(for_order).permutation(states)


def realised(program: Program, noise: Noise, rng: np.random.Generator) -> Program:
    """The program with an error on each h and on each J in use."""
    return Program(
        program.qubits,
        program.h + rng.normal(0.0, noise.h, program.h.shape),
        program.pairs,
        program.J + rng.normal(0.0, noise.J, program.J.shape),
    )


def sweeps(annealing_time: float) -> int:
    """Sweeps of simulated annealing that stand for an annealing time, µs.

    They grow with its square root: 1000 for 20 µs, 158 for the shortest of 0.5 µs, 10 000 for the longest of 2000 µs.
    That is this stand-in's own rule: longer anneals give better samples, and the longest are still bearable (100 reads
    of a whole Advantage in 4 s on 2 cores, 14 s where they are shared).
    """
    return round(SWEEPS * math.sqrt(annealing_time / USUAL_TIME))


def _annealed(program: Program, reads: int, num_sweeps: int, seed: int) -> npt.NDArray[np.int8]:
    """(reads, k), -1 and +1, by the `cpu` backend."""
    from hqml.registry import load_backend

    qubo = to_qubo(program)
    options: dict[str, Any] = {"num_sweeps": num_sweeps, "method": "annealing"}
    [found] = load_backend("cpu").sample([qubo], reads=reads, seed=seed, **options)
    return 2 * states_of(found, qubo) - 1


def to_qubo(program: Program) -> SparseQubo:
    """The same energies of x = (s + 1) / 2; variable i is `program.qubits[i]`."""
    import scipy.sparse

    count = len(program.qubits)
    ends = np.searchsorted(program.qubits, program.pairs).T
    both = np.bincount(ends[0], program.J, count) + np.bincount(ends[1], program.J, count)
    matrix = scipy.sparse.coo_array((4 * program.J, (ends[0], ends[1])), shape=(count, count))
    return SparseQubo(matrix, linear=2 * (program.h - both), offset=float(program.J.sum() - program.h.sum()))
