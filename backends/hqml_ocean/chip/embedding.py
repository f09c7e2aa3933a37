"""Where the variables of a model are on a chip: a chain of qubits each."""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache
from typing import TypeAlias

from hqml_ocean.chip.chip import Chip

Embedding: TypeAlias = tuple[tuple[int, ...], ...]
"""The chain of qubit numbers of each variable, in order."""


@lru_cache(maxsize=8)
def largest_clique(chip: Chip) -> int:
    """Variables of the largest clique that minorminer finds on the working graph.

    minorminer keeps what it has found out of a chip by a digest of the working graph: in the virtual environment's
    own folder if there is one, else in the user's data. Where it may not write it finds nothing out, and is asked for
    one size after the other instead.
    """
    from minorminer.busclique import busgraph_cache, find_clique_embedding

    try:
        return len(busgraph_cache(chip.graph).largest_clique())
    except OSError:
        sizes = range(1, len(chip.graph) + 1)
        return bisect_left(sizes, True, key=lambda size: not find_clique_embedding(size, chip.graph, use_cache=False))


@lru_cache(maxsize=16)
def sparse_embedding(chip: Chip, pairs: tuple[tuple[int, int], ...], size: int, seconds: float) -> Embedding | None:
    """An embedding of a graph of any kind; None where none was found.

    Args:
        chip: of whose working qubits.
        pairs: variables that are coupled.
        size: number of variables; those without couplings are a qubit each.
        seconds: that the search may take.
    """
    from hqml_ocean.chip import search

    coupled = sorted({variable for pair in pairs for variable in pair})
    if size > len(chip.graph) or len(pairs) > chip.graph.number_of_edges():
        return None
    found = search.sparse(chip, pairs, seconds) if pairs else {}
    if len(found) < len(coupled):
        return None
    used = {qubit for chain in found.values() for qubit in chain}
    free = (qubit for qubit in sorted(chip.graph) if qubit not in used)
    for variable in sorted(set(range(size)) - set(coupled)):
        qubit = next(free, None)
        if qubit is None:
            return None
        found[variable] = (int(qubit),)
    return tuple(found[variable] for variable in range(size))


def is_valid(chip: Chip, embeddings: list[Embedding]) -> bool:
    """Whether cliques lie on working qubits, no two on the same one, their chains connected and all chains coupled."""
    from dwave.embedding import is_valid_embedding
    from networkx import complete_graph

    qubits = [qubit for one in embeddings for chain in one for qubit in chain]
    if len(qubits) != len(set(qubits)) or not set(qubits) <= set(chip.graph):
        return False
    return all(is_valid_embedding(dict(enumerate(one)), complete_graph(len(one)), chip.graph) for one in embeddings)
