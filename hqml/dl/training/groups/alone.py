"""One process that trains alone."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn


class Alone:
    """The group of one rank."""

    rank = 0
    size = 1
    local_rank = 0

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def wrap(self, module: nn.Module) -> Any:
        return module

    def reduce(self, weights: Iterable[nn.Parameter]) -> None: ...

    def without_sync(self, module: Any) -> AbstractContextManager[None]:
        return nullcontext()

    def sum(self, values: Tensor) -> Tensor:
        return values

    def any(self, flag: bool) -> bool:
        return flag

    def barrier(self) -> None: ...

    def close(self) -> None: ...
