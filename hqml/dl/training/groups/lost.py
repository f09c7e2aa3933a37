"""What to say where another rank has gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import distributed

from hqml.errors import HostError


@contextmanager
def lost_ranks_told() -> Iterator[None]:
    """A block in which ranks wait for each other, in a sum or in a backward pass.

    Raises:
        HostError: another rank has gone, of which gloo and nccl tell in words about sockets.
    """
    try:
        yield
    except RuntimeError as error:
        # Errors of nccl have a class of their own, those of gloo name a file of its source.
        of_nccl = distributed.is_available() and isinstance(error, distributed.DistError)
        if of_nccl or "gloo" in str(error):
            raise HostError("another rank has failed, or cannot be reached any more; see what it says") from error
        raise
