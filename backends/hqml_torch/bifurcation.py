"""Simulated bifurcation: spins as oscillators that a rising pump drives to -1 or +1, all agents in one product a step.

Ballistic (bSB) couples positions, discrete (dSB) their signs. Without heating, ballistic agents end in one state when
the pump rises slowly (K2000, 2000 steps: all at cut 33209), so they are heated.

Sources: Goto et al., Sci. Adv. 7 (2021) eabe7953, doi:10.1126/sciadv.abe7953; heating: Kanao & Goto, Commun. Phys. 5
(2022) 153, doi:10.1038/s42005-022-00929-9.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from hqml_torch.devices import replayed

LONGEST_STEP = 1.25
"""Of Goto et al. for K2000, whose fastest mode has frequency sqrt(2)."""

STABLE = 1.77
"""Longest step times frequency of the fastest mode. Symplectic Euler diverges at 2; this is that of K2000. Graphs with
edges of one sign have a mode that is faster than all others (G1: 2.1), which a longer step blows up."""

COUPLING = 0.5
"""In units of 1 / strength of the couplings: c0 of Goto et al."""

HEATING = {"ballistic": (0.02, 0.12), "discrete": (0.0, 0.04)}
"""Rates at which momenta grow, spread evenly over the agents, so that no one rate has to suit every model.

On K2000 at 1000 steps rates of 0.06 to 0.1 keep nearly all ballistic agents apart at no loss of mean cut. Discrete
agents stay apart by themselves; more than this collapses them on G1.
"""

STEPS_AT_ONCE = 8
"""Steps of one CUDA graph: each has a place for its own pump, so the host launches one graph for all of them."""

_SPREAD = 0.1  # width of the positions and momenta at the start


class Couplings(Protocol):
    """A stack of models as bifurcation sees it: forces on spins."""

    @property
    def shape(self) -> tuple[int, int]: ...
    def spread(self, values: list[float]) -> torch.Tensor: ...
    def strengths(self) -> list[float]: ...
    def spin_field(self) -> torch.Tensor: ...
    def multiplier(self, dtype: torch.dtype) -> Callable[[torch.Tensor, torch.Tensor], None]: ...


@dataclass(frozen=True)
class Forces:
    """What drives the spins of a stack, in units in which one set of constants suits every model.

    Attributes:
        multiply: writes J @ positions to its second argument, both (models, n, agents) of `dtype`.
        gain: of that product in a step, spread over the stack.
        bias: (models, n, 1), what the linear terms add in a step; none where they are zero.
        time_step: as long as the fastest mode of the stack allows.
    """

    shape: tuple[int, int]
    dtype: torch.dtype
    multiply: Callable[[torch.Tensor, torch.Tensor], None]
    gain: torch.Tensor
    bias: torch.Tensor | None
    time_step: float

    @classmethod
    def of(cls, stack: Couplings, dtype: torch.dtype, generator: torch.Generator) -> Forces:
        coupling = stack.spread([COUPLING / strength for strength in stack.strengths()])
        fastest = math.sqrt(1 + max(0.0, _largest_eigenvalue(stack, coupling, generator)))
        time_step = min(LONGEST_STEP, STABLE / fastest)
        gain, field = coupling * time_step, stack.spin_field()
        bias = field * gain if bool(field.any()) else None
        return cls(stack.shape, dtype, stack.multiplier(dtype), gain, bias, time_step)


class Bifurcation:
    """Agents of a stack: positions `x` and momenta `y` are (models, n, agents), float32.

    Args:
        agents: of each model.
        discrete: share of the agents, the last ones, that couple by sign.
        heating: none shows what it is good for.
    """

    def __init__(
        self,
        forces: Forces,
        agents: int,
        generator: torch.Generator,
        *,
        discrete: float = 0.0,
        heating: bool = True,
    ) -> None:
        device = generator.device
        self._forces = forces
        self._ballistic = agents - round(discrete * agents)
        self.x, self.y = (
            torch.rand(*forces.shape, agents, generator=generator, device=device).sub_(0.5).mul_(_SPREAD)
            for _ in range(2)
        )
        # Positions are rounded to the dtype of the product, and so is the force; both are added up in float32.
        self._positions = torch.empty_like(self.x, dtype=forces.dtype)
        self._force = torch.empty_like(self._positions)
        rates = torch.cat(
            [_evenly(HEATING["ballistic"], self._ballistic), _evenly(HEATING["discrete"], agents - self._ballistic)]
        )
        self._growth = 1 + forces.time_step * heating * rates.to(device)
        # What pulls a spin back to 0 in each of the next steps, times the time step.
        self._pulls = torch.zeros(STEPS_AT_ONCE, device=device)
        self._one: Callable[[], None] | None = None
        self._many: Callable[[], None] | None = None

    def run(self, detunings: Sequence[float]) -> None:
        """A step at each detuning a0 - a(t): from 1 it falls to 0 while the pump rises.

        A step knows nothing of the others of its run, so that it does not matter how many runs the way is cut into.
        """
        if self._one is None or self._many is None:
            self._one, self._many = self._captured()
        pulls = [-detuning * self._forces.time_step for detuning in detunings]
        ahead = torch.tensor(pulls, dtype=torch.float32, device=self.x.device)
        whole = len(pulls) - len(pulls) % STEPS_AT_ONCE
        for first in range(0, whole, STEPS_AT_ONCE):
            self._pulls.copy_(ahead[first : first + STEPS_AT_ONCE])
            self._many()
        for last in range(whole, len(pulls)):
            self._pulls[:1].copy_(ahead[last : last + 1])
            self._one()

    def _captured(self) -> tuple[Callable[[], None], Callable[[], None]]:
        before = self.x.clone(), self.y.clone()

        def many() -> None:
            for step in range(STEPS_AT_ONCE):
                self._step(self._pulls[step : step + 1])

        steps = replayed(lambda: self._step(self._pulls[:1]), self.x.device), replayed(many, self.x.device)
        self.x.copy_(before[0])
        self.y.copy_(before[1])
        return steps

    def _step(self, pull: torch.Tensor) -> None:
        x, y, forces, k = self.x, self.y, self._forces, self._ballistic
        if k:
            torch.mul(x[..., :k], forces.gain, out=self._positions[..., :k])
        if k < x.shape[-1]:
            torch.copysign(forces.gain, x[..., k:], out=self._positions[..., k:])
        forces.multiply(self._positions, self._force)
        y.sub_(self._force)
        if forces.bias is not None:
            y.sub_(forces.bias)
        y.addcmul_(x, pull).mul_(self._growth)
        x.add_(y, alpha=forces.time_step)
        _stop_at_walls(x, y)

    def bits(self) -> torch.Tensor:
        """(models, n, agents), float32, zeros and ones."""
        return (self.x > 0).to(torch.float32)


def _evenly(bounds: tuple[float, float], count: int) -> torch.Tensor:
    """So many values, each in the middle of its part of an interval: (count,)."""
    low, high = bounds
    return low + (high - low) * (torch.arange(count) + 0.5) / count


def _stop_at_walls(x: torch.Tensor, y: torch.Tensor) -> None:
    """Spins beyond -1 or +1 are put there, at rest: in one pass each.

    The derivative of hardtanh at x, times y, is y inside the walls and 0 outside.
    """
    torch.ops.aten.hardtanh_backward.grad_input(y, x, -1.0, 1.0, grad_input=y)
    x.clamp_(-1.0, 1.0)


def _largest_eigenvalue(stack: Couplings, coupling: torch.Tensor, generator: torch.Generator) -> float:
    """Of coupling * J, over all models of the stack: to a few per cent, by Lanczos' method.

    Of one model all values of `coupling` are the same, so that the product is symmetric.

    Source: Golub & Van Loan, Matrix Computations, chapter 10. Vectors are not made orthogonal anew: the outermost
    eigenvalue is found well before that matters.
    """
    multiply = stack.multiplier(torch.float32)
    q = torch.randn(*stack.shape, 1, generator=generator, device=generator.device)
    q, before, product = q / q.norm(), torch.zeros_like(q), torch.empty_like(q)
    diagonal, beside = [], [torch.zeros((), device=q.device)]
    for _ in range(_LANCZOS_STEPS):
        multiply(q, product)
        rest = product * coupling - beside[-1] * before
        diagonal.append((q * rest).sum())
        rest -= diagonal[-1] * q
        beside.append(rest.norm())
        before, q = q, rest / beside[-1].clamp_min(1e-30)
    between = torch.stack(beside[1:-1]).cpu()
    tridiagonal = torch.diag(torch.stack(diagonal).cpu()) + torch.diag(between, 1) + torch.diag(between, -1)
    return float(torch.linalg.eigvalsh(tridiagonal)[-1])


_LANCZOS_STEPS = 16
