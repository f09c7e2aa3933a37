"""Chance in training: seeds of ranks, and torch's generators as tensors that a checkpoint can hold."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from hqml.dl.group import Group


@contextmanager
def own_chance(seed: int, deterministic: bool, device: torch.device) -> Iterator[None]:
    """A block in which torch's generators begin from a seed; after it they, and torch's settings, are as before.

    Args:
        seed: any whole number.
        deterministic: whether torch may use only algorithms that give the same bits again.
        device: that computes.
    """
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed % 2**63)
        try:
            if deterministic:
                # As NVIDIA's cuBLAS wants it (docs.nvidia.com/cuda/cublas, "Results reproducibility").
                os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
                torch.use_deterministic_algorithms(True)
                torch.backends.cudnn.benchmark = False
            yield
        finally:
            torch.use_deterministic_algorithms(before[0])
            torch.backends.cudnn.benchmark = before[1]


def reseed(seed: int, rank: int) -> None:
    """Chance of a rank's own, e.g. for dropout, once all have drawn the same weights."""
    [number] = np.random.SeedSequence([seed % 2**63, rank]).generate_state(1, np.uint64)
    torch.manual_seed(int(number) % 2**63)


def gathered(row: Tensor, group: Group) -> Tensor:
    """Rows of all ranks, on the CPU: (ranks, numbers). All ranks call this, with as many numbers."""
    dtype = torch.int32 if row.dtype == torch.uint8 else row.dtype  # the sum of bytes is no byte to every library
    everyone = torch.zeros((group.size, len(row)), dtype=dtype, device=group.device)
    everyone[group.rank] = row.to(group.device, dtype)
    return group.sum(everyone).to("cpu", row.dtype)


def restore(states: Tensor, group: Group) -> None:
    """Go on from gathered states. A rank that was not there then keeps its own."""
    if group.rank >= len(states) or states.shape[1] != len(state(group.device)):
        return
    cpu = len(torch.get_rng_state())
    torch.set_rng_state(states[group.rank, :cpu].clone())
    if group.device.type == "cuda":
        torch.cuda.set_rng_state(states[group.rank, cpu:].clone(), group.device)


def state(device: torch.device) -> Tensor:
    """Of the generators that a rank draws from: (bytes,), uint8."""
    parts = [torch.get_rng_state()]
    if device.type == "cuda":
        parts.append(torch.cuda.get_rng_state(device))
    return torch.cat(parts)
