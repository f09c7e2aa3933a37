"""Dense models of like size, padded into one stack; single bits in heat bath, a block of them a product."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from hqml.annealing import unit_of
from hqml.qubo import DenseQubo, States
from hqml_torch.devices import tensor
from hqml_torch.scales import strength
from hqml_torch.walks import BitWalk, blocks_of


@dataclass(frozen=True)
class DenseStack:
    """Dense models as the device reads them, each in its own unit of energy, so that float32 carries it.

    Attributes:
        couplings: (models, n, n), padded with zeros.
        linear: (models, n, 1).
        sizes: variables of each model, at most n.
        units: of energy; powers of two, so that whole coefficients stay exact.
    """

    couplings: torch.Tensor
    linear: torch.Tensor
    sizes: tuple[int, ...]
    units: tuple[float, ...]

    @classmethod
    def of(cls, qubos: Sequence[DenseQubo], device: torch.device) -> DenseStack:
        sizes = tuple(qubo.num_variables for qubo in qubos)
        shape = (len(qubos), max(sizes))
        couplings, linear = torch.zeros(*shape, shape[1], device=device), torch.zeros(*shape, 1, device=device)
        units = []
        for place, qubo in enumerate(qubos):
            unit, n = unit_of(qubo.couplings, qubo.linear), qubo.num_variables
            couplings[place, :n, :n] = tensor(qubo.couplings, device, unit)
            linear[place, :n, 0] = tensor(qubo.linear, device, unit)
            units.append(unit)
        return cls(couplings, linear, sizes, tuple(units))

    @property
    def shape(self) -> tuple[int, int]:
        """Models, and variables of each with padding."""
        return self.couplings.shape[0], self.couplings.shape[1]

    def spread(self, values: Sequence[float]) -> torch.Tensor:
        """One value a model, to be multiplied with (models, n, replicas)."""
        return torch.tensor(values, dtype=torch.float32, device=self.linear.device)[:, None, None]

    def parts(self, x: torch.Tensor) -> list[torch.Tensor]:
        """What is each model's of (models, n, replicas): (its n, replicas) each."""
        return [x[place, :size] for place, size in enumerate(self.sizes)]

    def states(self, x: torch.Tensor) -> list[States]:
        """(replicas, n) of each model."""
        return [part.T.to("cpu", torch.int8).numpy() for part in self.parts(x)]

    def field(self, x: torch.Tensor) -> torch.Tensor:
        """dE/dx, in units: (models, n, replicas)."""
        return torch.baddbmm(self.linear, self.couplings, x)

    def largest_changes(self) -> list[float]:
        """A bound on what one flip can change, in units, of each model."""
        bounds = self.couplings.abs().sum(dim=2, keepdim=True) + self.linear.abs()
        return [float(part.max()) for part in self.parts(bounds)]

    def strengths(self) -> list[float]:
        """`scales.strength` of each model, in units."""
        return [strength(part) for part in self.parts(torch.linalg.vector_norm(self.couplings, dim=2, keepdim=True))]

    def spin_field(self) -> torch.Tensor:
        """h of E = 1/4 (1/2 s' J s + h' s) + constant, s = 2 x - 1: (models, n, 1)."""
        return 2 * self.linear + self.couplings.sum(dim=2, keepdim=True)

    def multiplier(self, dtype: torch.dtype) -> Callable[[torch.Tensor, torch.Tensor], None]:
        """What writes J @ positions to its second argument, both (models, n, agents) of `dtype`."""
        couplings = self.couplings.to(dtype)

        def multiply(positions: torch.Tensor, out: torch.Tensor) -> None:
            torch.bmm(couplings, positions, out=out)

        return multiply

    def walk(self, replicas: int, generator: torch.Generator) -> DenseWalk:
        return DenseWalk(self, replicas, generator)


class DenseWalk(BitWalk):
    """Bits of a dense stack in heat bath. A block's fields are fresh: nothing is kept that could drift."""

    def __init__(self, stack: DenseStack, replicas: int, generator: torch.Generator) -> None:
        super().__init__(stack, blocks_of(stack.shape[1]), replicas, generator)
        self._stack = stack
        self._field = torch.empty(stack.shape[0], self.width, replicas, device=self.x.device)

    def visit(self, rows: slice, noise: torch.Tensor) -> Callable[[], None]:
        x, own, linear = self.x, self.x[:, rows], self._stack.linear[:, rows]
        couplings, field = self._stack.couplings[:, rows], self._field[:, : rows.stop - rows.start]
        # Of the variables of the block that come before, the new value counts, not the one in the product.
        before = torch.tril(couplings[:, :, rows], -1).contiguous()
        turns = [
            (field[:, i], noise[:, i], own[:, i], field[:, i + 1 :], before[:, i + 1 :, i, None], own[:, i, None])
            for i in range(rows.stop - rows.start)
        ]

        def update() -> None:
            torch.baddbmm(linear, couplings, x, out=field)
            field.baddbmm_(before, own, alpha=-1)
            for one, threshold, new, later, column, row in turns:
                torch.lt(one, threshold, out=new)
                later.addcmul_(column, row)

        return update
