"""Cliques side by side on a chip: as many of one size as its working qubits have room for.

A window is a smaller chip of the same family inside the chip. It is slid over the chip, and wherever no qubit of it is
used yet minorminer looks for a clique in it (`search.py`). A clique fills only a triangle of its window, so that
windows overlap. What was found is kept on disk by the chip's graph_id, and checked against its graph when it is read.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from hqml.errors import FormatError
from hqml.files import replacing
from hqml_ocean.caches import caches
from hqml_ocean.chip import search
from hqml_ocean.chip.chip import Chip
from hqml_ocean.chip.embedding import Embedding, is_valid

VERSION = 1
"""Of the way cliques are packed: part of the name of a cache file."""

STEP = 4
"""Sizes are rounded up to multiples of this. Chains grow with every 4 variables on Chimera, with every 12 and 16 on
Pegasus and Zephyr, so that nothing is lost, and one search serves slices that differ by a sample or two."""


TOO_MUCH = {("chimera", 4), ("zephyr", 8)}
"""Sizes for which minorminer 0.2.22 takes all memory as soon as a qubit is missing: a larger clique is taken."""


def clique_embedding(chip: Chip, size: int) -> Embedding | None:
    """The embedding of a clique that has the shortest chains; None where it does not fit."""
    found = _cliques(chip, size)
    return found[0][:size] if found else None


def side_by_side(chip: Chip, size: int, wanted: int) -> list[Embedding]:
    """Disjoint clique embeddings of one size.

    Args:
        chip: on whose working qubits.
        size: variables of each clique.
        wanted: most that are of use.

    Returns:
        As many as were found, up to `wanted`; none where not even one fits.
    """
    if wanted == 1:
        one = clique_embedding(chip, size)
        return [] if one is None else [one]
    return [found[:size] for found in _cliques(chip, size)[1 : wanted + 1]]


def _cliques(chip: Chip, size: int) -> tuple[Embedding, ...]:
    """The best one, then those that share the chip."""
    if size == 1:
        qubits = tuple(((int(qubit),),) for qubit in sorted(chip.graph))
        return (qubits[0], *qubits)
    rounded = -(-size // STEP) * STEP
    if (chip.topology, rounded) in TOO_MUCH:
        rounded += STEP
    return _kept(chip, rounded) or _kept(chip, size)


@lru_cache(maxsize=64)
def _kept(chip: Chip, size: int) -> tuple[Embedding, ...]:
    file = _file(chip, size)
    found = _read(file, chip, size)
    if found is None:
        found = search.cliques(chip, size)
        if not found:  # or the search did not survive: the next one may
            return ()
        with suppress(FormatError, OSError):  # without a cache it only takes longer next time
            file.parent.mkdir(parents=True, exist_ok=True)
            with replacing(file) as stream:
                stream.write(json.dumps(found).encode())
    return tuple(found)


def _file(chip: Chip, size: int) -> Path:
    digest = hashlib.sha256(f"{chip.name} {chip.graph_id} {VERSION}".encode()).hexdigest()[:16]
    return caches() / "embeddings" / f"{chip.topology}-{digest}-{size}.json"


def _read(file: Path, chip: Chip, size: int) -> list[Embedding] | None:
    """What the cache has, if it is of this chip."""
    try:
        listed = json.loads(file.read_text())
        found: list[Embedding] = [tuple(tuple(int(qubit) for qubit in chain) for chain in one) for one in listed]
    except (OSError, ValueError, TypeError):
        return None
    whole = all(len(one) == size for one in found)
    return found if whole and is_valid(chip, found[:1]) and is_valid(chip, found[1:]) else None
