"""Chips made here: D-Wave's topologies, ranges and times as published, with a given share of working qubits.

They are stand-ins for tests and plans: there is no quantum physics behind them, see `hqml_ocean.chip.simulation`.

Sources: D-Wave's documentation (dwave-ocean-sdk, docs/quantum_research/solver_properties_all.rst and
solver_properties_specific.rst), and the solver properties that Ocean ships for its own tests
(`dwave.cloud.testing.mocks`, `dwave.system.testing`), taken from Advantage_system4.1 and DW_2000Q_6 in 2022.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from hqml.errors import ParameterError
from hqml.options import finite_number, one_of, whole_number
from hqml_ocean.chip.chip import Chip

if TYPE_CHECKING:
    import networkx


@dataclass(frozen=True)
class Topology:
    """One generation of chips.

    Attributes:
        family: of the graph.
        shape: of the graph, as SAPI writes it: (rows, columns, shore), (m,) or (m, tile).
        limits: SAPI's properties in which it differs from the others.
        timing: SAPI's `problem_timing_data` in which it differs from the others, µs.
    """

    family: str
    shape: tuple[int, ...]
    limits: Mapping[str, Any] = field(repr=False)
    timing: Mapping[str, Any] = field(repr=False)


_ADVANTAGE2 = Topology(
    family="zephyr",
    shape=(12, 4),
    limits={
        "h_range": [-4.0, 4.0],
        "annealing_time_range": [0.5, 2000.0],
        "per_group_coupling_range": [-13.0, 10.0],
    },
    # As Advantage2_system1 published them; D-Wave's table says ~33600 µs to program, 17 to 101 to read, 60.6 between.
    timing={
        "typical_programming_time": 33631.59,
        "reverse_annealing_without_reinit_prog_time_delta": 31.33,
        "readout_time_model_parameters": [
            *(0.0, 0.7118156236873552, 1.622919864592155, 2.5460233863267376, 3.6610550848533783),
            *(1.3562242666114566, 1.6328679675785214, 1.7857781469507206, 1.99055000334358, 1.9905608299940198),
        ],
        "qpu_delay_time_per_sample": 60.57,
        "reverse_annealing_with_reinit_delay_time_delta": -44.5,
        "reverse_annealing_without_reinit_delay_time_delta": -41.5,
        "decorrelation_time_range": [0.0, 0.0],
    },
)

TOPOLOGIES: Mapping[str, Topology] = MappingProxyType(
    {
        "chimera": Topology(  # DW_2000Q_6
            family="chimera",
            shape=(16, 16, 4),
            limits={
                "h_range": [-2.0, 2.0],
                "annealing_time_range": [1.0, 2000.0],
                "per_qubit_coupling_range": [-9.0, 6.0],  # by memory: D-Wave's pages no longer have it
            },
            timing={
                "typical_programming_time": 10536.81,
                "reverse_annealing_without_reinit_prog_time_delta": 359.58,
                "readout_time_model_parameters": [0.0, 3.30984300471607, 2.2975416678181597, 2.2975416678181597],
                "qpu_delay_time_per_sample": 20.54,
                "reverse_annealing_with_reinit_delay_time_delta": 586.38,
                "reverse_annealing_without_reinit_delay_time_delta": -5.0,
            },
        ),
        "pegasus": Topology(  # Advantage_system4.1
            family="pegasus",
            shape=(16,),
            limits={
                "h_range": [-4.0, 4.0],
                "annealing_time_range": [0.5, 2000.0],
                "per_qubit_coupling_range": [-18.0, 15.0],
            },
            timing={
                "typical_programming_time": 14072.88,
                "reverse_annealing_without_reinit_prog_time_delta": 5.55,
                "readout_time_model_parameters": [
                    *(0.0, 0.7699665876947938, 1.7242758696010096),
                    *(2.711975459489206, 3.1639057672764026, 3.750276915153992),
                    *(1.539131714800995, 1.8726623164229292, 2.125631787097315),
                    *(2.332672340068556, 2.371606651233025, 2.3716219271760215),
                ],
                "qpu_delay_time_per_sample": 20.54,
                "reverse_annealing_with_reinit_delay_time_delta": -4.5,
                "reverse_annealing_without_reinit_delay_time_delta": -1.5,
            },
        ),
        "zephyr": _ADVANTAGE2,
        # Of this size nothing is published but the graph; the rest is that of Advantage2 with Z12.
        "zephyr15": Topology("zephyr", (15, 4), _ADVANTAGE2.limits, _ADVANTAGE2.timing),
    }
)
"""Kinds of chips by name: 2000Q, Advantage, Advantage2, and Advantage2 with the graph Z15."""

_COMMON_TIMING: Mapping[str, Any] = {
    "version": "1.0.0",
    "reverse_annealing_with_reinit_prog_time_delta": 0.0,
    "default_programming_thermalization": 1000.0,
    "default_annealing_time": 20.0,
    "readout_time_model": "pwl_log_log",
    "default_readout_thermalization": 0.0,
    "decorrelation_max_nominal_anneal_time": 2000.0,
    "decorrelation_time_range": [500.0, 10000.0],
}

_COMMON: Mapping[str, Any] = {
    "category": "qpu",
    "supported_problem_types": ["ising", "qubo"],
    "j_range": [-1.0, 1.0],
    "extended_j_range": [-2.0, 1.0],
    "num_reads_range": [1, 10000],
    "problem_run_duration_range": [0.0, 1_000_000.0],
    "default_annealing_time": 20.0,
    "default_programming_thermalization": 1000.0,
    "default_readout_thermalization": 0.0,
    "programming_thermalization_range": [0.0, 10000.0],
    "readout_thermalization_range": [0.0, 10000.0],
    "quota_conversion_rate": 1,
    "tags": ["stand-in"],
    "parameters": {
        "annealing_time": "Microseconds of one anneal.",
        "answer_mode": "'histogram' (equal states once, with their number) or 'raw' (every read, in order).",
        "auto_scale": "Whether h and J are scaled to fill their ranges.",
        "label": "A name for the problem.",
        "max_answers": "Most states in the answer.",
        "num_reads": "Anneals of the problem.",
    },
}


LARGEST_SIDE = 32
"""Twice the side of the largest chip there is: what is larger takes gigabytes, and is a slip."""


def made_chip(
    topology: str = "pegasus", *, shape: tuple[int, ...] | None = None, qubit_yield: float = 0.99, seed: int = 0
) -> Chip:
    """A chip of a published kind, some of whose qubits do not work.

    Real chips also lose single couplers (Advantage_system6.4: 0.5 % of those between working qubits); these do not.

    Args:
        topology: one of TOPOLOGIES.
        shape: of a smaller graph: (rows,), (rows, columns) or (rows, columns, shore) for chimera, (m,) for the others;
            none is that of the real chip.
        qubit_yield: share of working qubits, above 0 up to 1.
        seed: tells which qubits do not work. The same arguments give the same chip.

    Raises:
        ParameterError: an argument is out of its range.
    """
    kind = TOPOLOGIES[one_of("topology", topology, list(TOPOLOGIES))]
    shape = kind.shape if shape is None else _whole_shape(kind, shape)
    whole_number("seed", seed, least=0)
    fabric = _fabric(kind.family, shape)
    working = _working(sorted(fabric), qubit_yield, seed)
    graph = {
        "topology": {"type": kind.family, "shape": list(shape)},
        "num_qubits": _fabricated(kind.family, shape),
        "qubits": working,
        "couplers": sorted(sorted(pair) for pair in fabric.subgraph(working).edges),
    }
    timing = {**_COMMON_TIMING, **kind.timing}
    name = f"hqml_{topology}_{'x'.join(map(str, shape))}"
    properties = {**_COMMON, **kind.limits, **graph, "problem_timing_data": timing, "chip_id": name}
    return Chip(name, _graph_id(graph), properties)


def _whole_shape(kind: Topology, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape as SAPI writes it.

    Raises:
        ParameterError: it is none of the family. Zephyr's tile is 4 as on every real chip: Ocean's coupling groups know
            no other.
    """
    most = len(kind.shape)
    if not 1 <= len(shape) <= most or (kind.family == "zephyr" and shape[1:] not in ((), (4,))):
        raise ParameterError(f"shape of {kind.family} must be like {kind.shape}, found {shape!r}")
    least = 2 if kind.family == "pegasus" else 1  # P1 has no qubits
    if any(isinstance(size, int) and size > LARGEST_SIDE for size in shape):
        raise ParameterError(f"shape must have no number above {LARGEST_SIDE}, found {shape!r}")
    sizes = tuple(whole_number("shape", size, least=least) for size in shape)
    if kind.family == "chimera" and most > len(sizes):
        return (sizes[0], *(sizes[1:] or sizes), kind.shape[-1])
    return (*sizes, *kind.shape[len(sizes) :])


def _fabric(family: str, shape: tuple[int, ...]) -> networkx.Graph:
    """All qubits that can be calibrated, and their couplers."""
    import dwave.graphs

    generators = {
        "chimera": dwave.graphs.chimera_graph,
        "pegasus": dwave.graphs.pegasus_graph,
        "zephyr": dwave.graphs.zephyr_graph,
    }
    return generators[family](*shape)


def _fabricated(family: str, shape: tuple[int, ...]) -> int:
    """Numbers that qubits can have, SAPI's `num_qubits`: on pegasus some lie outside the fabric."""
    if family == "chimera":
        rows, columns, shore = shape
        return 2 * rows * columns * shore
    if family == "pegasus":
        return 24 * shape[0] * (shape[0] - 1)
    size, tile = shape
    return 4 * tile * size * (2 * size + 1)


def _working(qubits: list[int], qubit_yield: float, seed: int) -> list[int]:
    """The working ones, ascending, at least one."""
    share = finite_number("qubit_yield", qubit_yield, above=0.0)
    if share > 1:
        raise ParameterError(f"qubit_yield is the share of working qubits, at most 1, found {qubit_yield!r}")
    count = max(1, round(share * len(qubits)))
    chosen = np.random.default_rng(seed).choice(len(qubits), count, replace=False)
    return [qubits[place] for place in sorted(chosen.tolist())]


def _graph_id(graph: Mapping[str, Any]) -> str:
    """Ten hexadecimal digits, as SAPI's ids have: a hash of the working graph."""
    return hashlib.sha256(json.dumps(graph, sort_keys=True).encode()).hexdigest()[:10]
