"""Ask minorminer for embeddings, in a process of its own: `python -m hqml_ocean.chip.search` with JSON on stdin.

minorminer 0.2.22 may abort the process, or take all the memory there is, where a small clique is asked for and many
qubits are missing; and it hears no Ctrl-C. Whoever asks loses nothing by that here.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from hqml_ocean.chip.chip import Chip
from hqml_ocean.chip.embedding import Embedding

GRACE_SECONDS = 40.0
"""What a process may take beside: Python, the chip's graph, and a search that is under way."""

MEMORY = 4 << 30
"""Bytes that a search may take; a whole Advantage takes 250 MB."""


def clique(chip: Chip, size: int) -> Embedding | None:
    """The clique of a size with the shortest chains; None where it does not fit, or the search did not survive."""
    for line in _lines(chip, 0.0, size=size):
        with suppress(ValueError):  # it may be cut short
            return tuple(tuple(chain) for chain in json.loads(line))
    return None


def sparse(chip: Chip, pairs: Sequence[tuple[int, int]], seconds: float) -> dict[int, tuple[int, ...]]:
    """The chain of each variable that is coupled; none of them where no embedding was found in time."""
    for line in _lines(chip, seconds, pairs=pairs):
        with suppress(ValueError):
            return {variable: tuple(chain) for variable, chain in json.loads(line)}
    return {}


def _lines(chip: Chip, seconds: float, **question: Any) -> list[str]:
    """What the other process has printed, up to its end, whatever that was."""
    about = {"name": chip.name, "graph_id": chip.graph_id, "properties": dict(chip.properties), "seconds": seconds}
    command = [sys.executable, "-m", "hqml_ocean.chip.search"]
    try:
        done = subprocess.run(
            command, input=json.dumps(about | question).encode(), capture_output=True, timeout=seconds + GRACE_SECONDS
        )
        printed = done.stdout
    except subprocess.TimeoutExpired as late:
        printed = late.stdout or b""
    except OSError:
        return []
    return printed.decode(errors="replace").splitlines()


def _answers(question: dict[str, Any]) -> Iterator[Any]:
    chip = Chip(question["name"], question["graph_id"], question["properties"])
    if "pairs" in question:
        yield from _sparse(chip, question["pairs"], question["seconds"])
    else:
        yield from _clique(chip, question["size"])


def _sparse(chip: Chip, pairs: list[list[int]], seconds: float) -> Iterator[list[tuple[int, list[int]]]]:
    """Pairs of a variable and its chain, if an embedding is found. The same in every process."""
    from minorminer import find_embedding

    if found := find_embedding(pairs, list(chip.graph.edges), random_seed=0, timeout=seconds):
        yield list(found.items())


def _clique(chip: Chip, size: int) -> Iterator[Embedding]:
    """The best clique, if there is one. The same in every process."""
    from minorminer.busclique import find_clique_embedding

    if found := find_clique_embedding(size, chip.graph, seed=0, use_cache=False):
        yield tuple(tuple(map(int, found[variable])) for variable in range(size))


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for one in _answers(json.load(sys.stdin)):
        print(json.dumps(one), flush=True)
