"""How each group of a batch is sampled: its stack on the device, its temperatures, its replicas at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeAlias, cast

import numpy as np
import torch

from hqml.annealing import COLDEST, FLIP_SWEEPS, FLIPS, HEAT_BATH_SWEEPS, MULTIPLIERS
from hqml.qubo import DenseQubo, GramQubo, SparseQubo, States
from hqml_torch import devices, temperatures
from hqml_torch.bifurcation import Bifurcation, Forces
from hqml_torch.course import Job, generator_for
from hqml_torch.dense import DenseStack
from hqml_torch.groups import Group, side
from hqml_torch.multipliers import GramStack
from hqml_torch.sparse import SparseStack

Stack: TypeAlias = DenseStack | SparseStack | GramStack

BIFURCATION_STEPS = 1000

_DISCRETE_SHARE = {"bifurcation": 0.5, "ballistic": 0.0, "discrete": 1.0}

_BYTES_A_REPLICA = 32
"""For each variable: position, momentum, force and its rounded position; or state, noise, and what descends."""

_PREPARATION = 2**40  # no chunk of reads has this number: preparing has random numbers of its own


@dataclass(frozen=True)
class StackPlan:
    """How one group is sampled; see `course.Plan`.

    Attributes:
        replicas: of each model at once.
        dtype: of the products.
        ranges: temperatures (hot, cold) of each model, in units of the stack; none for a bifurcation.
        forces: of a bifurcation; none for annealing.
        packing: seconds that the samples of one chunk take after the run.
    """

    group: Group
    stack: Stack
    steps: int
    replicas: int
    dtype: torch.dtype
    ranges: list[tuple[float, float]] | None
    forces: Forces | None
    packing: float

    @property
    def places(self) -> Sequence[int]:
        return self.group.places

    def job(self, generator: torch.Generator) -> Job:
        if self.forces is not None:
            return _Bifurcating(self, self.forces, generator)
        assert self.ranges is not None
        return _Annealing(self, self.ranges, generator)

    def info(self, member: int, steps: int) -> dict[str, Any]:
        """What a reader of the samples of one of the group's models should know, if so many steps were made."""
        told = {
            "method": self.group.method,
            "why": self.group.why,
            "dtype": str(self.dtype).removeprefix("torch."),
            "num_sweeps": steps,
        }
        if self.ranges is None:
            return {**told, "num_steps": steps}
        hot, cold = (max(bound * self.stack.units[member], COLDEST) for bound in self.ranges[member])
        return {**told, "beta_range": (1 / hot, 1 / cold)}


def planned(
    group: Group,
    *,
    reads: int,
    seed: int,
    num_sweeps: int | None,
    beta_range: tuple[float, float] | None,
    device: torch.device,
    dtype: str | None,
    limited: bool = False,
) -> StackPlan:
    """Put a group on the device and settle how it is sampled.

    Where time is `limited`, it counts what the samples take after the run, which is measured.

    Raises:
        ModelTooLarge: it does not fit.
    """
    bifurcates = group.method in _DISCRETE_SHARE
    product = devices.product_dtype(device, dtype) if bifurcates else torch.float32
    if group.form == "gram" and product is torch.float16:
        product = torch.float32  # a kernel, which is used as it is, may be beyond the range of float16
    replicas = _replicas(group, reads, product, device)
    stack = _stack(group, device)
    steps = BIFURCATION_STEPS if bifurcates else HEAT_BATH_SWEEPS if group.form == "gram" else FLIP_SWEEPS
    drawn = generator_for(device, seed, group.places[0], _PREPARATION)
    ranges, forces = None, None
    if bifurcates:
        forces = Forces.of(stack, product, drawn)
    elif beta_range is not None:
        ranges = [(1 / beta_range[0] / unit, 1 / beta_range[1] / unit) for unit in stack.units]
    else:
        rule = MULTIPLIERS if group.form == "gram" else FLIPS
        ranges = temperatures.sampled_ranges(stack, rule, drawn)
    packing = _packing(group, replicas) if limited else 0.0
    return StackPlan(group, stack, num_sweeps or steps, replicas, product, ranges, forces, packing)


class _Annealing:
    """A chunk of replicas on its way from hot to cold, geometrically."""

    def __init__(self, plan: StackPlan, ranges: Sequence[tuple[float, float]], generator: torch.Generator) -> None:
        self._walk = plan.stack.walk(plan.replicas, generator)
        self._hot = plan.stack.spread([hot for hot, _ in ranges])
        self._ratio = plan.stack.spread([cold / hot for hot, cold in ranges])

    def advance(self, positions: Sequence[float]) -> None:
        for position in positions:
            self._walk.sweep(self._hot * self._ratio**position)

    def finish(self, late: Callable[[], bool]) -> list[States]:
        self._walk.descend(late)
        return self._walk.states()


class _Bifurcating:
    """A chunk of agents under a rising pump."""

    def __init__(self, plan: StackPlan, forces: Forces, generator: torch.Generator) -> None:
        self._plan, self._generator = plan, generator
        share = _DISCRETE_SHARE[plan.group.method]
        self._agents = Bifurcation(forces, plan.replicas, generator, discrete=share)

    def advance(self, positions: Sequence[float]) -> None:
        self._agents.run([1.0 - position for position in positions])

    def finish(self, late: Callable[[], bool]) -> list[States]:
        walk = self._plan.stack.walk(self._plan.replicas, self._generator)
        walk.load(self._agents.bits())
        walk.descend(late)
        return walk.states()


def _stack(group: Group, device: torch.device) -> Stack:
    if group.form == "gram":
        return GramStack.of(cast("Sequence[GramQubo]", group.qubos), device)
    if group.form == "sparse":
        return SparseStack.of(cast("Sequence[SparseQubo]", group.qubos), device)
    return DenseStack.of(cast("Sequence[DenseQubo]", group.qubos), device)


def _packing(group: Group, replicas: int) -> float:
    """Seconds to compute the energies of one chunk in float64: measured on one model, times their work beside its."""
    largest = max(group.qubos, key=side)
    started = perf_counter()
    largest.energies(np.zeros((replicas, largest.num_variables)))
    return (perf_counter() - started) * sum(side(qubo) ** 2 for qubo in group.qubos) / side(largest) ** 2


def _replicas(group: Group, reads: int, dtype: torch.dtype, device: torch.device) -> int:
    """How many replicas of each model at once.

    Raises:
        ModelTooLarge: not even one fits.
    """
    fixed, each = _matrix_bytes(group, dtype), _BYTES_A_REPLICA * group.variables
    largest = max(qubo.num_variables for qubo in group.qubos)
    devices.require(fixed + each, device, f"a stack of {len(group.qubos)} model(s) of up to {largest} variables")
    elements, free = devices.ELEMENTS_AT_ONCE[device.type], devices.free_bytes(device)
    if free is not None:
        elements = min(elements, (free - fixed) // (2 * _BYTES_A_REPLICA))
    return group.replicas(reads, elements)


def _matrix_bytes(group: Group, dtype: torch.dtype) -> int:
    """What the couplings take on the device: in float32, and in the dtype of the products where that is another."""
    entry = 4 + (dtype.itemsize if dtype != torch.float32 else 0)
    if group.form == "sparse":
        # A column number of 8 bytes for each coupling.
        return sum((entry + 8) * qubo.couplings.nnz for qubo in cast("Sequence[SparseQubo]", group.qubos))
    return entry * len(group.qubos) * max(map(side, group.qubos)) ** 2
