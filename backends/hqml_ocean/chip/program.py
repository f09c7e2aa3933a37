"""What a chip is programmed with, and whether it can be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hqml.errors import UnsupportedModel
from hqml.qubo import Floats
from hqml_ocean.chip.chip import Chip

READS_AT_ONCE = 128
"""Reads whose energies are computed at a time: 40,000 couplers are then 40 MB."""

SLACK = 1e-9
"""Of a range's width: by so much a value may miss its range, for a model scaled to fill it is rounded."""


@dataclass(frozen=True, eq=False)
class Program:
    """What a chip is programmed with: an Ising model on its qubits, sum h_i s_i + sum J_ij s_i s_j, s = -1 or +1.

    Attributes:
        qubits: (k,), numbers of the active qubits, ascending.
        h: (k,), their biases.
        pairs: (c, 2), numbers of the qubits that each coupler in use couples, in either order.
        J: (c,), their couplings.
    """

    qubits: npt.NDArray[np.int32]
    h: Floats
    pairs: npt.NDArray[np.int32]
    J: Floats

    def energies(self, spins: npt.NDArray[np.int8]) -> Floats:
        """Energy of each state: (reads,). `spins` is (reads, k), -1 and +1, in the order of `qubits`."""
        first, second = np.searchsorted(self.qubits, self.pairs).T
        energies = spins @ self.h
        for start in range(0, len(spins), READS_AT_ONCE):
            block = slice(start, start + READS_AT_ONCE)
            energies[block] += (spins[block][:, first] * spins[block][:, second]) @ self.J
        return np.asarray(energies)


def check(program: Program, chip: Chip) -> None:
    """Whether the chip can be programmed so.

    Raises:
        UnsupportedModel: it cannot; the message names the first qubit or coupler at fault.
    """
    for fault in _faults(program, chip):
        raise UnsupportedModel(f"chip {chip.name} cannot be programmed so: {fault}")


def auto_scale(program: Program, chip: Chip) -> float:
    """By what h and J are divided to fill the chip's ranges without leaving them; 1 where all are zero.

    The program's qubits and pairs must be on the chip's graph. Source: D-Wave's parameter `auto_scale`,
    dwave-ocean-sdk, docs/quantum_research/solver_parameters.rst: the extended range of J counts, and the limits on sums
    of J.
    """
    bounded = [(program.h, chip.linear_range), (program.J, chip.coupling_range)]
    if chip.total_coupling_range is not None:
        bounded.append((_totals(program, chip), chip.total_coupling_range))
    ratios = [values.max(initial=0.0) / high for values, (_, high) in bounded]
    ratios += [values.min(initial=0.0) / low for values, (low, _) in bounded]
    return float(max(ratios)) or 1.0


def _faults(program: Program, chip: Chip) -> Iterator[str]:
    """What is wrong, the most basic first."""
    yield from _of_the_arrays(program)
    yield from _of_the_graph(program, chip)
    yield from _of_single_values(program, chip)
    yield from _of_sums(program, chip)


def _of_the_arrays(program: Program) -> Iterator[str]:
    qubits, pairs = program.qubits, program.pairs
    if qubits.ndim != 1 or not len(qubits):
        yield f"qubits must be numbers, (k,), at least one, found shape {qubits.shape}"
    if program.h.shape != qubits.shape:
        yield f"h must have shape {qubits.shape}, one value a qubit, found {program.h.shape}"
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        yield f"pairs must have shape (c, 2), found {pairs.shape}"
    if program.J.shape != pairs.shape[:1]:
        yield f"J must have shape {pairs.shape[:1]}, one value a pair, found {program.J.shape}"
    unsorted = np.flatnonzero(np.diff(qubits) <= 0)
    if len(unsorted):
        yield f"qubits must be ascending; qubit {qubits[unsorted[0]]} is followed by {qubits[unsorted[0] + 1]}"


def _of_the_graph(program: Program, chip: Chip) -> Iterator[str]:
    codes = chip.codes(program.pairs)
    for qubit in program.qubits[~np.isin(program.qubits, chip.qubits)][:1]:
        yield f"qubit {qubit} does not work or does not exist"
    for a, b in program.pairs[~np.isin(codes, chip.coupler_codes)][:1]:
        yield f"no coupler joins qubits {a} and {b}"
    for a, b in program.pairs[~np.isin(program.pairs, program.qubits).all(axis=1)][:1]:
        yield f"the coupler of qubits {a} and {b} is in use, but not both qubits are"
    order = np.argsort(codes, kind="stable")
    for a, b in program.pairs[order[1:][np.diff(codes[order]) == 0]][:1]:
        yield f"the coupler of qubits {a} and {b} is given twice; add the values up"


def _of_single_values(program: Program, chip: Chip) -> Iterator[str]:
    for place in np.flatnonzero(_outside(program.h, chip.linear_range))[:1]:
        yield f"h of qubit {program.qubits[place]} is {program.h[place]:g}, out of {_written(chip.linear_range)}"
    for place in np.flatnonzero(_outside(program.J, chip.coupling_range))[:1]:
        a, b = program.pairs[place]
        yield f"J of qubits {a} and {b} is {program.J[place]:g}, out of {_written(chip.coupling_range)}"


def _of_sums(program: Program, chip: Chip) -> Iterator[str]:
    """A qubit bears only so much of all its couplings together; on Advantage2, of either group of them."""
    bounds = chip.total_coupling_range
    if bounds is not None:
        totals = _totals(program, chip)
        for place in np.flatnonzero(_outside(totals, bounds))[:1]:
            yield f"the J of qubit {chip.total_owners[place]} add up to {totals[place]:g}, out of {_written(bounds)}"


def _totals(program: Program, chip: Chip) -> Floats:
    """The sums of J that the chip limits: (sums,)."""
    couplings = np.zeros(len(chip.coupler_codes))
    couplings[np.searchsorted(chip.coupler_codes, chip.codes(program.pairs))] = program.J
    return np.asarray(chip.coupling_totals @ couplings)


def _outside(values: Floats, bounds: tuple[float, float]) -> npt.NDArray[np.bool_]:
    """NaN is outside of everything."""
    low, high = bounds
    slack = SLACK * (high - low)
    return ~((low - slack <= values) & (values <= high + slack))


def _written(bounds: tuple[float, float]) -> str:
    return f"[{bounds[0]:g}, {bounds[1]:g}]"
