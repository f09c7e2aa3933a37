"""Replicas that draw their variables anew one after the other, a block at a time: what all three forms share.

A block's fields come from one product with all variables, so that the work is that of a GEMM; inside a block the rule
is sequential (or its variables do not meet), so the chain is that of single updates and its statistics are exact.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Protocol

import torch

from hqml.qubo import States
from hqml_torch.devices import replayed

BLOCK = 64
"""Variables of a block: its own couplings are a small triangle beside the product with all others."""

_NOISE_BYTES = 256 * 2**20
"""Random numbers that are drawn at once; a sweep that needs more is done in segments."""

_DESCENT_SWEEPS = 500

_EDGE = 1e-7
"""Uniform numbers in float32 are multiples of 2**-24; those closer to 0 or 1 than this are moved here."""


class Walk(ABC):
    """Replicas of a stack: `x` is (models, n, replicas), float32.

    Args:
        shape: (models, n, replicas).
        blocks: slices of the n variables, in order.
        levels: values of a variable, each of which takes a random number; 1 where a variable is a bit.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        blocks: Sequence[slice],
        generator: torch.Generator,
        *,
        levels: int = 1,
    ) -> None:
        self.x = torch.zeros(shape, device=generator.device)
        self.levels = levels
        self._generator = generator
        self._blocks = blocks
        self._segments: list[_Segment] = []

    @property
    def width(self) -> int:
        """Variables of the largest block."""
        return max(int(block.stop - block.start) for block in self._blocks)

    @abstractmethod
    def visit(self, rows: slice, noise: torch.Tensor) -> Callable[[], None]:
        """What updates the variables of one block, given what `draw` leaves in its part of the noise."""

    @abstractmethod
    def draw(self, noise: torch.Tensor, rows: slice, temperatures: torch.Tensor | None) -> None:
        """Fill the noise of some rows. No temperatures is temperature zero."""

    @abstractmethod
    def load(self, bits: torch.Tensor) -> None:
        """Begin at these bits of the models: (models, bits, replicas)."""

    @abstractmethod
    def states(self) -> list[States]:
        """(replicas, bits) of each model."""

    @abstractmethod
    def barriers(self) -> torch.Tensor:
        """What the cheapest other value of each variable would cost now: (models, n, replicas)."""

    def settle(self) -> None:  # noqa: B027 - most walks have nothing to mend
        """Mend, after the descent, what no single move can."""

    def moving(self) -> tuple[torch.Tensor, ...]:
        """What a sweep changes."""
        return (self.x,)

    def sweep(self, temperatures: torch.Tensor | None) -> None:
        """Draw every variable once.

        Args:
            temperatures: as the stack spreads them over its variables; none is zero.
        """
        for segment in self._segments or self._build():
            self.draw(segment.noise, segment.rows, temperatures)
            segment.step()

    def descend(self, late: Callable[[], bool] = lambda: False) -> None:
        """Sweep at temperature zero until nothing moves, or it is late, then settle.

        Args:
            late: asked after each sweep from the third on; until then nearly all that can be won is won.
        """
        before = torch.empty_like(self.x)
        for sweep in range(_DESCENT_SWEEPS):
            before.copy_(self.x)
            self.sweep(None)
            if torch.equal(before, self.x) or (sweep >= 2 and late()):
                break
        self.settle()

    def _build(self) -> list[_Segment]:
        """Prepare the steps. Capturing them moves the replicas, which are put back."""
        before = [part.clone() for part in self.moving()]
        models, _, replicas = self.x.shape
        for blocks in _segments(self._blocks, _NOISE_BYTES // (4 * models * self.levels * replicas)):
            rows = slice(blocks[0].start, blocks[-1].stop)
            width = rows.stop - rows.start
            shape = (models, width, replicas) if self.levels == 1 else (models, width, self.levels, replicas)
            noise = torch.zeros(shape, device=self.x.device)
            visits = [
                self.visit(block, noise[:, block.start - rows.start : block.stop - rows.start]) for block in blocks
            ]
            self._segments.append(_Segment(rows, noise, replayed(_in_turn(visits), self.x.device)))
        for part, kept in zip(self.moving(), before, strict=True):
            part.copy_(kept)
        return self._segments


class Bits(Protocol):
    """A stack of models of bits."""

    @property
    def shape(self) -> tuple[int, int]: ...
    def field(self, x: torch.Tensor) -> torch.Tensor: ...
    def states(self, x: torch.Tensor) -> list[States]: ...


class BitWalk(Walk):
    """Replicas whose variables are bits, random at the start."""

    def __init__(self, stack: Bits, blocks: Sequence[slice], replicas: int, generator: torch.Generator) -> None:
        super().__init__((*stack.shape, replicas), blocks, generator)
        self._bits = stack
        self.x.copy_(torch.rand(self.x.shape, generator=generator, device=self.x.device) < 0.5)

    def draw(self, noise: torch.Tensor, rows: slice, temperatures: torch.Tensor | None) -> None:
        # P(x = 1) = 1 / (1 + exp(f / T)) = P(T ln(u / (1 - u)) > f) with u uniform: thresholds for the fields f.
        if temperatures is None:
            noise.zero_()
            return
        part = temperatures if temperatures.shape[1] == 1 else temperatures[:, rows]
        noise.uniform_(generator=self._generator).logit_(_EDGE).mul_(part)

    def load(self, bits: torch.Tensor) -> None:
        self.x.copy_(bits)

    def states(self) -> list[States]:
        return self._bits.states(self.x)

    def barriers(self) -> torch.Tensor:
        return (1 - 2 * self.x) * self._bits.field(self.x)


class _Segment:
    """Blocks whose random numbers are drawn at once."""

    def __init__(self, rows: slice, noise: torch.Tensor, step: Callable[[], None]) -> None:
        self.rows, self.noise, self.step = rows, noise, step


def blocks_of(n: int, size: int = BLOCK) -> list[slice]:
    return [slice(first, min(first + size, n)) for first in range(0, n, size)]


def _segments(blocks: Sequence[slice], width: int) -> list[list[slice]]:
    """Neighbouring blocks, of at most `width` variables together (but at least one block)."""
    found: list[list[slice]] = []
    for block in blocks:
        if found and block.stop - found[-1][0].start <= width:
            found[-1].append(block)
        else:
            found.append([block])
    return found


def _in_turn(visits: Sequence[Callable[[], None]]) -> Callable[[], None]:
    def step() -> None:
        for visit in visits:
            visit()

    return step
