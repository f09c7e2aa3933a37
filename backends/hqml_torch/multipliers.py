"""Heat bath over whole multipliers, for Gram models that are never written out; a block of points a product.

A move draws one multiplier a_n anew from all its 2^K values, with their Boltzmann probabilities given the others:
the energy of a value v is v (c_n + G_nn v / 2) plus what its digits cost, c_n = sum_{m != n} G_nm a_m.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from hqml.qubo import GramQubo, States
from hqml_torch.devices import tensor
from hqml_torch.scales import strength
from hqml_torch.units import GramUnits
from hqml_torch.walks import Walk, blocks_of


@dataclass(frozen=True)
class GramStack:
    """Gram models of like size and the same weights of digits, each in its own unit of energy.

    Multipliers are in a unit of their own too, that of the weights. All units are powers of two, so that whole
    coefficients stay exact.

    Attributes:
        gram: (models, points, points), float32, padded with zeros. One float32 matrix is used where it lies, unless
            its unit is far from 1.
        scale: (models, points, 1), zero where padded.
        shift: (models, 1, 1).
        weights: (K,), value of each digit.
        values: (L,), what a multiplier can be; L = 2^K.
        digits: (L, K), of each value.
        linear: (models, points, K), what each digit costs by itself.
        own: (models, points, 1), G_nn.
        sizes: points of each model.
        units: of energy, of each model.
    """

    gram: torch.Tensor
    scale: torch.Tensor
    shift: torch.Tensor
    weights: torch.Tensor
    values: torch.Tensor
    digits: torch.Tensor
    linear: torch.Tensor
    own: torch.Tensor
    sizes: tuple[int, ...]
    units: tuple[float, ...]

    @classmethod
    def of(cls, qubos: Sequence[GramQubo], device: torch.device) -> GramStack:
        sizes, units = tuple(qubo.num_points for qubo in qubos), tuple(GramUnits.of(qubo) for qubo in qubos)
        weights = qubos[0].weights / units[0].multiplier  # those of all models are the same
        shape = (len(qubos), max(sizes))
        scale, own = torch.zeros(*shape, 1, device=device), torch.zeros(*shape, 1, device=device)
        linear = torch.zeros(*shape, len(weights), device=device)
        for place, (qubo, unit) in enumerate(zip(qubos, units, strict=True)):
            scaled = qubo.scale / unit.scale
            diagonal = qubo.gram.diagonal() / unit.gram + qubo.shift / unit.gram
            scale[place, : sizes[place], 0] = tensor(scaled, device)
            own[place, : sizes[place], 0] = tensor(scaled**2 * diagonal, device)
            linear[place, : sizes[place]] = tensor(qubo.linear, device, unit.energy)
        shifts = [qubo.shift / unit.gram for qubo, unit in zip(qubos, units, strict=True)]
        digits = (np.arange(2 ** len(weights))[:, None] >> np.arange(len(weights))) & 1
        return cls(
            gram=_padded(qubos, units, shape[1], device),
            scale=scale,
            shift=tensor(shifts, device)[:, None, None],
            weights=tensor(weights, device),
            values=tensor(digits @ weights, device),
            digits=tensor(digits, device),
            linear=linear,
            own=own,
            sizes=sizes,
            units=tuple(unit.energy for unit in units),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Models, and bits of each with padding."""
        return len(self.sizes), self.gram.shape[1] * len(self.weights)

    def spread(self, values: Sequence[float]) -> torch.Tensor:
        """One value a model, to be multiplied with (models, n, replicas)."""
        return torch.tensor(values, dtype=torch.float32, device=self.gram.device)[:, None, None]

    def parts(self, x: torch.Tensor) -> list[torch.Tensor]:
        """What is each model's of (models, points, replicas)."""
        return [x[place, :size] for place, size in enumerate(self.sizes)]

    def states(self, levels: torch.Tensor) -> list[States]:
        """(replicas, points * K) of each model; levels (models, points, replicas) are places among the values."""
        bits = self.digits.to(torch.int8)
        return [bits[part.T].reshape(part.shape[1], -1).cpu().numpy() for part in self.parts(levels)]

    def singles(self) -> torch.Tensor:
        """(models, points, L), what each value costs by itself."""
        return self.linear @ self.digits.T + self.own / 2 * self.values**2

    def largest_changes(self) -> list[float]:
        """A bound on what one move can change from all multipliers at zero, where a walk starts."""
        return [float(part.abs().max()) for part in self.parts(self.singles())]

    def gradient(self, a: torch.Tensor) -> torch.Tensor:
        """G a: (models, points, replicas)."""
        scaled = self.scale * a
        return self.scale * torch.baddbmm(self.shift * scaled.sum(dim=1, keepdim=True), self.gram, scaled)

    def strengths(self) -> list[float]:
        """`scales.strength` of each model, as if its couplings between bits were written out."""
        rows = torch.empty_like(self.scale)
        for block in blocks_of(rows.shape[1]):
            whole = (self.gram[:, block] + self.shift) * self.scale.transpose(1, 2)
            rows[:, block] = torch.linalg.vector_norm(whole, dim=2, keepdim=True) * self.scale[:, block].abs()
        squares = (rows * self.weights.norm()).square() - (self.own * self.weights).square()
        return [strength(part) for part in self.parts(squares.clamp_min(0).sqrt() * self.weights.abs())]

    def spin_field(self) -> torch.Tensor:
        """h of E = 1/4 (1/2 s' J s + h' s) + constant, s = 2 x - 1: (models, n, 1)."""
        through = self.gradient(self.weights.sum().expand_as(self.scale)) - self.own * self.weights
        alone = 2 * self.linear + self.own * self.weights**2
        return (through * self.weights + alone).reshape(*self.shape, 1)

    def multiplier(self, dtype: torch.dtype) -> Callable[[torch.Tensor, torch.Tensor], None]:
        """What writes J @ positions to its second argument, both (models, n, agents) of `dtype`; J is between bits."""
        gram, scale = self.gram.to(dtype), self.scale.to(dtype)
        weights, shift = self.weights.to(dtype)[:, None], self.shift.to(dtype)
        self_terms = (self.own[..., None] * self.weights[:, None] ** 2).to(dtype)

        def multiply(positions: torch.Tensor, out: torch.Tensor) -> None:
            digits = positions.view(*gram.shape[:2], len(weights), -1)
            scaled = (digits * weights).sum(dim=2).mul_(scale)
            product = torch.bmm(gram, scaled).add_(shift * scaled.sum(dim=1, keepdim=True)).mul_(scale)
            torch.mul(product[:, :, None], weights, out=out.view_as(digits)).addcmul_(digits, self_terms, value=-1)

        return multiply

    def walk(self, replicas: int, generator: torch.Generator) -> GramWalk:
        return GramWalk(self, replicas, generator)


class GramWalk(Walk):
    """Multipliers of a Gram stack in heat bath: `x` holds them, `level` the place of each among the values."""

    def __init__(self, stack: GramStack, replicas: int, generator: torch.Generator) -> None:
        # All multipliers begin at zero: from a random start their balance alone takes hundreds of sweeps to heal.
        models, points = stack.scale.shape[:2]
        super().__init__((models, points, replicas), blocks_of(points), generator, levels=len(stack.values))
        self._stack = stack
        self.level = torch.zeros(self.x.shape, dtype=torch.int64, device=self.x.device)
        self.x += stack.values[0]
        self._scaled = stack.scale * self.x
        self._single = stack.singles()[..., None]
        self._field = torch.empty(models, self.width, replicas, device=self.x.device)
        self._energy = torch.empty(models, self.levels, replicas, device=self.x.device)
        self._lowest = torch.empty(models, replicas, device=self.x.device)
        self._balance = torch.empty(models, 1, replicas, device=self.x.device)

    def visit(self, rows: slice, noise: torch.Tensor) -> Callable[[], None]:
        stack, scaled, balance = self._stack, self._scaled, self._balance
        energy, lowest = self._energy, self._lowest
        gram, scale, own_scaled = stack.gram[:, rows], stack.scale[:, rows], self._scaled[:, rows]
        field, own = self._field[:, : rows.stop - rows.start], self.x[:, rows]
        inside = scale * (gram[:, :, rows] + stack.shift) * scale.transpose(1, 2)
        # The product has the old value of every point, itself included; wanted are none of its own, new ones before.
        before = torch.tril(inside).contiguous()
        values = stack.values[None, :, None]
        turns = [
            (
                field[:, i, None],
                noise[:, i],
                self.level[:, rows.start + i],
                own[:, i],
                field[:, i + 1 :],
                before[:, i + 1 :, i, None],
                own[:, i, None],
            )
            for i in range(rows.stop - rows.start)
        ]

        def update() -> None:
            torch.sum(scaled, 1, keepdim=True, out=balance)
            torch.baddbmm(balance * stack.shift, gram, scaled, out=field)
            field.mul_(scale).baddbmm_(before, own, alpha=-1)
            for one, costs, level, new, later, column, row in turns:
                torch.addcmul(costs, values, one, out=energy)
                torch.min(energy, 1, out=(lowest, level))  # argmin takes three times as long on the processor
                torch.take(stack.values, level, out=new)
                later.addcmul_(column, row)
            torch.mul(scale, own, out=own_scaled)

        return update

    def draw(self, noise: torch.Tensor, rows: slice, temperatures: torch.Tensor | None) -> None:
        # The lowest energy minus Gumbel noise, -ln(-ln u) with u uniform, is an exact draw.
        if temperatures is None:
            noise.copy_(self._single[:, rows].expand_as(noise))
            return
        noise.uniform_(generator=self._generator).log_().neg_().log_()
        noise.mul_(temperatures[..., None]).add_(self._single[:, rows])

    def moving(self) -> tuple[torch.Tensor, ...]:
        return (self.x, self.level, self._scaled)

    def _refresh(self) -> None:
        torch.take(self._stack.values, self.level, out=self.x)
        torch.mul(self._stack.scale, self.x, out=self._scaled)

    def load(self, bits: torch.Tensor) -> None:
        """Begin at these bits of the models: (models, points * K, replicas)."""
        models, points, replicas = self.x.shape
        places = 2 ** torch.arange(len(self._stack.weights), device=bits.device)
        digits = bits.view(models, points, -1, replicas).to(torch.int64)
        self.level.copy_((digits * places[:, None]).sum(dim=2))
        self._refresh()

    def states(self) -> list[States]:
        return self._stack.states(self.level)

    def settle(self) -> None:
        """Back to zero where a replica ended above it, which no single move can where digits are coarse."""
        alone = self._single[..., 0].gather(2, self.level) - self._stack.own / 2 * self.x**2
        energies = (self.x * self._stack.gradient(self.x) / 2 + alone).sum(dim=1, keepdim=True)
        self.level.masked_fill_(energies > 0, 0)
        self._refresh()

    def barriers(self) -> torch.Tensor:
        stack = self._stack
        without = stack.gradient(self.x) - stack.own * self.x
        energies = self._single + stack.values[:, None] * without[:, :, None]
        lowest = energies.topk(2, dim=2, largest=False).values
        return lowest[:, :, 1] - lowest[:, :, 0]


def _padded(qubos: Sequence[GramQubo], units: Sequence[GramUnits], n: int, device: torch.device) -> torch.Tensor:
    if len(qubos) == 1:
        return tensor(qubos[0].gram, device, units[0].gram)[None]
    gram = torch.zeros(len(qubos), n, n, device=device)
    for place, (qubo, unit) in enumerate(zip(qubos, units, strict=True)):
        gram[place, : qubo.num_points, : qubo.num_points] = tensor(qubo.gram, device, unit.gram)
    return gram
