"""The temperatures of an annealing run, sampled from the barriers around quenched states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch

from hqml.annealing import QUENCH, Rule
from hqml_torch.walks import Walk

SAMPLED_REPLICAS = 4


class Stack(Protocol):
    """Models on the device, as annealing sees them."""

    def spread(self, values: Sequence[float]) -> torch.Tensor: ...
    def parts(self, x: torch.Tensor) -> list[torch.Tensor]: ...
    def largest_changes(self) -> list[float]: ...
    def walk(self, replicas: int, generator: torch.Generator) -> Walk: ...


def sampled_ranges(stack: Stack, rule: Rule, generator: torch.Generator) -> list[tuple[float, float]]:
    """Quench a few replicas and read the range, (hot, cold) in the stack's units, off the barriers they end among."""
    highest = [change or 1.0 for change in stack.largest_changes()]
    walk = stack.walk(SAMPLED_REPLICAS, generator)
    spread = stack.spread(highest)
    for share in QUENCH:
        walk.sweep(spread * float(share))
    walk.descend()
    barriers = [part.cpu().numpy().ravel() for part in stack.parts(walk.barriers())]
    return [rule.span(part, top) for part, top in zip(barriers, highest, strict=True)]
