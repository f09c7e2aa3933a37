"""The temperatures of an annealing run, sampled from the barriers around quenched states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from hqml.qubo import Floats
from hqml_torch.walks import Walk

QUENCH_SWEEPS = 24
SAMPLED_REPLICAS = 4


@dataclass(frozen=True)
class Rule:
    """Temperature range from the barriers of quenched states: hot * their 90 % quantile to cold * their 10 % quantile.

    The factors are those of the `cpu` backend, see `benchmarks/temperature_range.py`.
    """

    hot: float
    cold: float


FLIPS = Rule(hot=0.25, cold=0.15)
MULTIPLIERS = Rule(hot=0.5, cold=0.1)


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
    for share in np.geomspace(1.0, 1e-5, QUENCH_SWEEPS):
        walk.sweep(spread * float(share))
    walk.descend()
    barriers = [part.cpu().numpy().ravel() for part in stack.parts(walk.barriers())]
    return [_range(part, top, rule) for part, top in zip(barriers, highest, strict=True)]


def _range(barriers: Floats, highest: float, rule: Rule) -> tuple[float, float]:
    barriers = barriers[barriers > 1e-7 * highest]
    if not len(barriers):
        return highest, highest * 1e-3
    low, high = np.quantile(barriers, (0.1, 0.9))
    hot = rule.hot * float(high)
    return hot, min(rule.cold * float(low), hot)
