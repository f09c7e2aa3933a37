"""The ranks that train one model together: the seam between the loop and DDP, Horovod or a single process."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any, Protocol

import torch
from torch import Tensor, nn


class Group(Protocol):
    """One of the ranks, and what it does with the others.

    Attributes:
        rank: 0 to size - 1.
        size: how many ranks there are.
        local_rank: among those of this node.
        device: where this rank computes.
    """

    @property
    def rank(self) -> int: ...

    @property
    def size(self) -> int: ...

    @property
    def local_rank(self) -> int: ...

    @property
    def device(self) -> torch.device: ...

    def wrap(self, module: nn.Module) -> Any:
        """A module whose weights begin as those of rank 0; with DDP its gradients are means over the ranks."""
        ...

    def reduce(self, weights: Iterable[nn.Parameter]) -> None:
        """Gradients become means over the ranks, unless the wrapped module saw to it in the backward pass."""
        ...

    def without_sync(self, module: Any) -> AbstractContextManager[None]:
        """Gradients of this block stay local, as in all but the last micro-batch of a step."""
        ...

    def sum(self, values: Tensor) -> Tensor:
        """Of all ranks, on each of them."""
        ...

    def any(self, flag: bool) -> bool:
        """Whether one of the ranks says so; all hear the same."""
        ...

    def barrier(self) -> None: ...

    def close(self) -> None: ...
