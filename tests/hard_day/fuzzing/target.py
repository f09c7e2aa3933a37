"""What is fuzzed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

Run: TypeAlias = Callable[[bytes], object]
Mutate: TypeAlias = Callable[[bytes, int, int], bytes]
"""From data, the most bytes that are wanted and a seed to other data."""


@dataclass(frozen=True)
class Target:
    """Something that reads what others write.

    Attributes:
        make: from a folder of its own to what is called with each input; it imports all that it needs.
        seeds: from that folder to inputs by name: real files, where there are some.
        mutate: how to change an input; None leaves it to libFuzzer.
        longest: bytes of an input.
    """

    make: Callable[[Path], Run]
    seeds: Callable[[Path], Mapping[str, bytes]]
    mutate: Mutate | None = None
    longest: int = 4096
