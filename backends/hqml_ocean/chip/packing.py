"""Cliques on a chip, alone or side by side: as many of one size as its working qubits have room for.

Both are arranged as staircases (`staircase.py`, `arrangement.py`); the clique alone is minorminer's where that has
shorter chains. What was found is kept on disk by the chip's graph_id, and checked against its graph when it is read.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from hqml.errors import FormatError
from hqml.files import replacing
from hqml.untrusted import read_json
from hqml_ocean.caches import caches
from hqml_ocean.chip import search
from hqml_ocean.chip.arrangement import alone, arranged
from hqml_ocean.chip.chip import Chip
from hqml_ocean.chip.embedding import Embedding, is_valid

VERSION = 2
"""Of the way cliques are packed: part of the name of a cache file."""

STEP = 4
"""Sizes are rounded up to multiples of this. Chains grow with every 4 variables on Chimera, with every 12 and 16 on
Pegasus and Zephyr, so that nothing is lost, and one search serves slices that differ by a sample or two."""

LONGER = 1
"""Qubits that a chain of a clique that shares the chip may have more than the longest one of the clique alone."""

LONGEST = 64
"""Qubits of a chain, more than any has that goes once along a row and once along a column of a chip of today."""


TOO_MUCH = {("chimera", 4), ("zephyr", 8)}
"""Sizes for which minorminer 0.2.22 takes all memory as soon as a qubit is missing: a larger clique is taken."""


def side_by_side(chip: Chip, size: int, wanted: int) -> list[Embedding]:
    """Disjoint clique embeddings of one size.

    Args:
        chip: on whose working qubits.
        size: variables of each clique.
        wanted: most that are of use.

    Returns:
        As many as were found, up to `wanted`; a single one has the shortest chains; none where not even one fits.
    """
    found = _cliques(chip, size, shared=wanted > 1)
    return [one[:size] for one in found[:wanted]]


def _cliques(chip: Chip, size: int, *, shared: bool) -> tuple[Embedding, ...]:
    """Those that share the chip, or the best one alone."""
    if size == 1:
        return tuple(((int(qubit),),) for qubit in sorted(chip.graph))
    rounded = -(-size // STEP) * STEP
    if (chip.topology, rounded) in TOO_MUCH:
        rounded += STEP
    return _kept(chip, rounded, shared) or _kept(chip, size, shared)


@lru_cache(maxsize=128)
def _kept(chip: Chip, size: int, shared: bool) -> tuple[Embedding, ...]:
    file = _file(chip, size, shared)
    found = _read(file, chip, size)
    if found is None:
        found = _shared(chip, size) if shared else _alone(chip, size)
        if not found:
            return ()
        with suppress(FormatError, OSError):  # without a cache it only takes longer next time
            file.parent.mkdir(parents=True, exist_ok=True)
            with replacing(file) as stream:
                stream.write(json.dumps(found).encode())
    return tuple(found)


def _shared(chip: Chip, size: int) -> list[Embedding]:
    best = _kept(chip, size, False)
    return arranged(chip, size, max(map(len, best[0])) + LONGER) or list(best) if best else []


def _alone(chip: Chip, size: int) -> list[Embedding]:
    best = search.clique(chip, size) or alone(chip, size, LONGEST)
    while best is not None:
        shorter = alone(chip, size, max(map(len, best)) - 1)
        if shorter is None:
            return [best]
        best = shorter
    return []


def _file(chip: Chip, size: int, shared: bool) -> Path:
    digest = hashlib.sha256(f"{chip.name} {chip.graph_id} {VERSION}".encode()).hexdigest()[:16]
    kind = "shared" if shared else "alone"
    return caches() / "embeddings" / f"{chip.topology}-{digest}-{size}-{kind}.json"


def _read(file: Path, chip: Chip, size: int) -> list[Embedding] | None:
    """What the cache has, if it is of this chip."""
    try:
        listed = read_json(file.read_bytes())
        found: list[Embedding] = [tuple(tuple(int(qubit) for qubit in chain) for chain in one) for one in listed]
    except (OSError, ValueError, TypeError):
        return None
    return found if found and all(len(one) == size for one in found) and is_valid(chip, found) else None
