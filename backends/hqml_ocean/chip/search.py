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
from time import monotonic
from typing import Any

from hqml_ocean.chip.chip import Chip
from hqml_ocean.chip.embedding import Embedding

SECONDS = 20.0
"""How long windows are slid. A whole Advantage takes 4 s."""

GRACE_SECONDS = 40.0
"""What a process may take beside: Python, the chip's graph, and a search that is under way."""

MEMORY = 4 << 30
"""Bytes that a search may take; a whole Advantage takes 250 MB."""

ALONE = 0
"""In place of a window's side: the clique with the shortest chains, wherever it is."""

LARGER_WINDOWS = 2
"""Sizes of windows beyond the smallest that can hold the clique: missing qubits ask for more room."""


def cliques(chip: Chip, size: int) -> list[Embedding]:
    """Cliques of one size: first the one with the shortest chains, then those that share the chip with each other.

    Returns:
        None of them where the clique does not fit; of a search that did not survive what it had found by then.
    """
    found: dict[int, list[Embedding]] = {}
    for line in _lines(chip, SECONDS, size=size):
        with suppress(ValueError):  # the last one may be cut short
            side, clique = json.loads(line)
            found.setdefault(side, []).append(tuple(tuple(chain) for chain in clique))
    if ALONE not in found:
        return []
    return found[ALONE] + max(found.values(), key=len)


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
        yield from _all_cliques(chip, question["size"])


def _sparse(chip: Chip, pairs: list[list[int]], seconds: float) -> Iterator[list[tuple[int, list[int]]]]:
    """Pairs of a variable and its chain, if an embedding is found. The same in every process."""
    from minorminer import find_embedding

    if found := find_embedding(pairs, list(chip.graph.edges), random_seed=0, timeout=seconds):
        yield list(found.items())


def _all_cliques(chip: Chip, size: int) -> Iterator[tuple[int, Embedding]]:
    """Pairs of a window's side and a clique in a window of that side; the best clique of all comes first."""
    alone = _clique(size, chip.graph)
    if alone is None:
        return
    yield ALONE, alone
    end = monotonic() + SECONDS
    for side in _sides(chip, alone):
        for clique in _in_windows(chip, size, side, end):
            yield side, clique


def _clique(size: int, graph: Any) -> Embedding | None:
    from minorminer.busclique import find_clique_embedding

    found = find_clique_embedding(size, graph, use_cache=False)
    return tuple(tuple(map(int, found[variable])) for variable in range(size)) if found else None


def _sides(chip: Chip, alone: Embedding) -> Iterator[int]:
    """Sides of windows that may hold a clique, smallest first: its longest chain tells how far it reaches."""
    largest = int(chip.properties["topology"]["shape"][0])
    least = max(map(len, alone)) - 2  # a whole window has shorter chains than a chip with qubits missing
    for side in range(max(least, 2), largest + 1):
        if _clique(len(alone), _lattice(chip, side)) is not None:
            yield from range(side, min(side + LARGER_WINDOWS, largest) + 1)
            return


def _in_windows(chip: Chip, size: int, side: int, end: float) -> Iterator[Embedding]:
    """Cliques in windows of one size, in the order in which the windows are slid."""
    used: set[int] = set()
    for window in _windows(chip, side):
        if monotonic() > end:
            return
        if used.isdisjoint(window):
            found = _clique(size, chip.graph.subgraph(window))
            if found is not None:
                used.update(qubit for chain in found for qubit in chain)
                yield found


def _windows(chip: Chip, side: int) -> Iterator[frozenset[int]]:
    """Qubits of every window of a size, missing ones left out."""
    import dwave.graphs

    mappings = getattr(dwave.graphs, f"{chip.topology}_sublattice_mappings")
    window, whole = _lattice(chip, side), _lattice(chip, int(chip.properties["topology"]["shape"][0]))
    working = set(chip.graph)
    for to_chip in mappings(window, whole):
        yield frozenset(map(to_chip, window)) & working


def _lattice(chip: Chip, side: int) -> Any:
    """The chip's family without missing qubits."""
    import dwave.graphs

    shape = chip.properties["topology"]["shape"]
    further = (side, *shape[2:]) if chip.topology == "chimera" else shape[1:]
    return getattr(dwave.graphs, f"{chip.topology}_graph")(side, *further)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for one in _answers(json.load(sys.stdin)):
        print(json.dumps(one), flush=True)
