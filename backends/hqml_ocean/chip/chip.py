"""A chip as its makers describe it: the working graph, the ranges of what is programmed, the time a run takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hqml.errors import ParameterError, UnsupportedModel
from hqml.options import finite_number, whole_number

if TYPE_CHECKING:
    import networkx
    import scipy.sparse
    from dwave.cloud.solver import StructuredSolver

MICROSECONDS = 1e6
"""In a second: SAPI's times are in µs, hqml's in seconds."""

ACCESS_OVERHEAD = 15_000.0
"""µs of low-level initialisation before a run, not charged: the middle of the "roughly 10-20 ms" that D-Wave's
documentation has for Advantage (dwave-ocean-sdk, docs/quantum_research/operation_timing.rst, "QPU Access Time")."""


@dataclass(frozen=True)
class Chip:
    """A QPU: its working graph, its ranges, its timing.

    Attributes:
        name: of the solver.
        graph_id: of the working graph; embeddings are kept under it.
        properties: those that SAPI gives of a solver: `qubits`, `couplers`, `topology`, `h_range`, `j_range`,
            `num_reads_range`, `problem_run_duration_range` (µs), `problem_timing_data` (µs), and so on.
    """

    name: str
    graph_id: str
    properties: Mapping[str, Any] = field(repr=False, hash=False)

    @cached_property
    def graph(self) -> networkx.Graph:
        """Working qubits and couplers, with the attributes by which Ocean knows the family."""
        from dwave.system.samplers.dwave_sampler import qpu_graph

        shape = self.properties["topology"]["shape"]
        couplers = [tuple(pair) for pair in self.properties["couplers"]]
        return qpu_graph(self.topology, shape, self.properties["qubits"], couplers)

    @cached_property
    def layout(self) -> Mapping[int, tuple[float, float]]:
        """Where Ocean draws each working qubit, in units of its drawing."""
        import dwave.graphs

        draw = {
            "chimera": dwave.graphs.chimera_layout,
            "pegasus": dwave.graphs.pegasus_layout,
            "zephyr": dwave.graphs.zephyr_layout,
        }[self.topology]
        return {int(qubit): (float(x), float(y)) for qubit, (x, y) in draw(self.graph).items()}

    @property
    def stands_in(self) -> bool:
        """Whether the chip says of itself that it is none, as those of a quantum node do."""
        return "stand-in" in (self.properties.get("tags") or ())

    @cached_property
    def qubits(self) -> npt.NDArray[np.int64]:
        """Numbers of the working qubits, ascending: (q,)."""
        return np.sort(np.asarray(self.properties["qubits"], dtype=np.int64))

    @cached_property
    def coupler_codes(self) -> npt.NDArray[np.int64]:
        """The working couplers by their codes, ascending: (c,)."""
        return np.sort(self.codes(np.asarray(self.properties["couplers"], dtype=np.int64).reshape(-1, 2)))

    @staticmethod
    def codes(pairs: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """One number for each pair of qubits (c, 2), whatever their order: (c,)."""
        low, high = np.sort(pairs.astype(np.int64), axis=1).T
        return np.asarray((low << 32) + high)

    @property
    def topology(self) -> str:
        """The family: "chimera", "pegasus" or "zephyr"."""
        return str(self.properties["topology"]["type"])

    @property
    def linear_range(self) -> tuple[float, float]:
        """Least and largest h."""
        low, high = self.properties["h_range"]
        return float(low), float(high)

    @property
    def coupling_range(self) -> tuple[float, float]:
        """Least and largest J: the extended range where the chip has one."""
        low, high = self.properties.get("extended_j_range") or self.properties["j_range"]
        return float(low), float(high)

    @property
    def total_coupling_range(self) -> tuple[float, float] | None:
        """Least and largest sum of the J of one qubit, or (Advantage2) of one of its two groups of couplers.

        None where the chip has no such limit.
        """
        each = self.properties.get("per_qubit_coupling_range") or self.properties.get("per_group_coupling_range")
        return None if each is None else (float(each[0]), float(each[1]))

    @cached_property
    def coupling_totals(self) -> scipy.sparse.csr_array:
        """Which couplers count towards which limited sum: (sums, c), ones, columns in the order of `coupler_codes`."""
        import scipy.sparse

        groups = [group for _, group in self._coupler_groups]
        members = np.asarray([pair for group in groups for pair in group], dtype=np.int64).reshape(-1, 2)
        columns = np.searchsorted(self.coupler_codes, self.codes(members))
        starts = np.concatenate([[0], np.cumsum([len(group) for group in groups])])
        shape = (len(groups), len(self.coupler_codes))
        return scipy.sparse.csr_array((np.ones(len(columns)), columns, starts), shape=shape)

    @cached_property
    def total_owners(self) -> npt.NDArray[np.int64]:
        """The qubit of each limited sum: (sums,)."""
        return np.asarray([qubit for qubit, _ in self._coupler_groups], dtype=np.int64)

    @cached_property
    def _coupler_groups(self) -> list[tuple[int, list[tuple[int, int]]]]:
        """Qubits, each with couplers of its whose J are limited together."""
        if "per_qubit_coupling_range" in self.properties or "per_group_coupling_range" not in self.properties:
            return [(qubit, list(self.graph.edges(qubit))) for qubit in self.qubits.tolist()]
        from dwave.system.coupling_groups import coupling_groups

        owners = [qubit for qubit in self.graph for _ in range(2)]  # two groups each, in the graph's order
        return list(zip(owners, coupling_groups(self.graph), strict=True))

    @property
    def longest_run(self) -> float:
        """Seconds that one run may take."""
        return float(self.properties["problem_run_duration_range"][1]) / MICROSECONDS

    def annealing_time(self, wanted: float | None = None) -> float:
        """µs of one anneal: those wanted, none is the chip's default.

        Raises:
            ParameterError: not in the chip's range.
        """
        if wanted is None:
            return float(self.properties["default_annealing_time"])
        time = finite_number("annealing_time", wanted, above=0.0, unit="µs")
        low, high = self.properties["annealing_time_range"]
        if not low <= time <= high:
            raise ParameterError(f"annealing_time must be {low:g} to {high:g} µs on chip {self.name}, found {time:g}")
        return time

    def timing(self, qubits: int, reads: int, annealing_time: float | None = None) -> dict[str, float]:
        """What a run takes, as SAPI's timing entries.

        The access time is that of Ocean's `estimate_qpu_access_time`, in parts that add up: programming
        + reads * (anneal + readout + delay). Post-processing is 0, its time is published nowhere.

        Args:
            qubits: that are programmed.
            reads: anneals of them.
            annealing_time: µs of each; none is the chip's default.

        Returns:
            µs.

        Raises:
            ParameterError: a number is out of its range.
            UnsupportedModel: the chip publishes no timing that is understood here.
        """
        whole_number("qubits", qubits)
        whole_number("reads", reads, least=0)
        anneal = self.annealing_time(annealing_time)
        programming = self._estimate(qubits, 0, anneal)
        access = self._estimate(qubits, reads, anneal)
        data = self.properties["problem_timing_data"]
        delay = float(data["qpu_delay_time_per_sample"] + data["default_readout_thermalization"])
        sample = self._estimate(qubits, 1, anneal) - programming
        return {
            "qpu_programming_time": programming,
            "qpu_anneal_time_per_sample": anneal,
            "qpu_readout_time_per_sample": sample - anneal - delay,
            "qpu_delay_time_per_sample": delay,
            "qpu_sampling_time": access - programming,
            "qpu_access_time": access,
            "qpu_access_overhead_time": ACCESS_OVERHEAD,
            "total_post_processing_time": 0.0,
            "post_processing_overhead_time": 0.0,
        }

    def access_seconds(self, qubits: int, reads: int, annealing_time: float | None = None) -> float:
        """Seconds of access time that a run is charged, see `timing`."""
        return self.timing(qubits, reads, annealing_time)["qpu_access_time"] / MICROSECONDS

    def reads_per_run(self, qubits: int, annealing_time: float | None = None) -> int:
        """Most reads of one run, within the chip's number of reads and its longest run.

        The whole access time is held to the limit; D-Wave leaves programming and delay out, and so is never stricter.

        Raises:
            ParameterError: not even one read fits.
        """
        least, most = (max(1, int(bound)) for bound in self.properties["num_reads_range"])
        fixed = self.access_seconds(qubits, 0, annealing_time)
        each = self.access_seconds(qubits, 1, annealing_time) - fixed
        reads = min(most, max(0, int((self.longest_run - fixed) / each)) + 1)  # one more than fits, or just what fits
        if self.access_seconds(qubits, reads, annealing_time) > self.longest_run:
            reads -= 1
        if reads < least:
            needed = self.access_seconds(qubits, least, annealing_time)
            raise ParameterError(
                f"{least} read(s) of {qubits} qubits take {needed:.3g} s, and chip {self.name} ends a run after "
                f"{self.longest_run:g} s; shorten annealing_time="
            )
        return reads

    def _estimate(self, qubits: int, reads: int, annealing_time: float) -> float:
        """Access time, µs."""
        try:
            return float(
                self._estimator.estimate_qpu_access_time(qubits, num_reads=reads, annealing_time=annealing_time)
            )
        except (KeyError, ValueError) as error:
            raise UnsupportedModel(f"what a run takes on chip {self.name} is not known: {error}") from error

    @cached_property
    def _estimator(self) -> StructuredSolver:
        """Ocean's own timing model; it needs no client, and of the properties the timing alone."""
        from dwave.cloud.solver import StructuredSolver

        needed = {"supported_problem_types": ["ising", "qubo"], "qubits": [], "couplers": [], "parameters": {}}
        published = {name: self.properties[name] for name in ("problem_timing_data",) if name in self.properties}
        return StructuredSolver(
            client=None, data={"identity": {"name": self.name}, "properties": {**needed, **published}}
        )
