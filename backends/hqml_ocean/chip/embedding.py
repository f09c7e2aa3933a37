"""Where the variables of a model are on a chip: a chain of qubits each."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hqml_ocean.chip.chip import Chip

Embedding: TypeAlias = tuple[tuple[int, ...], ...]
"""The chain of qubit numbers of each variable, in order."""


@lru_cache(maxsize=8)
def largest_clique(chip: Chip) -> int:
    """Variables of the largest clique that minorminer finds on the working graph."""
    from minorminer.busclique import busgraph_cache

    return len(busgraph_cache(chip.graph).largest_clique())


def sparse_embedding(
    chip: Chip, pairs: npt.NDArray[np.integer[Any]], size: int, *, seed: int, timeout: float
) -> Embedding | None:
    """An embedding of a graph of any kind; None where none was found.

    Args:
        chip: of whose working qubits.
        pairs: (c, 2), variables that are coupled.
        size: number of variables; those without couplings are a qubit each.
        seed: of the search.
        timeout: seconds of it.
    """
    from minorminer import find_embedding

    coupled = np.unique(pairs).tolist()
    found: dict[int, Any] = {}
    if coupled:
        found = dict(find_embedding(pairs.tolist(), list(chip.graph.edges), random_seed=seed, timeout=timeout))
    if len(found) < len(coupled):
        return None
    used = {qubit for chain in found.values() for qubit in chain}
    free = (qubit for qubit in sorted(chip.graph) if qubit not in used)
    for variable in sorted(set(range(size)) - set(coupled)):
        qubit = next(free, None)
        if qubit is None:
            return None
        found[variable] = [qubit]
    return tuple(tuple(map(int, found[variable])) for variable in range(size))


def is_valid(chip: Chip, embeddings: list[Embedding]) -> bool:
    """Whether cliques lie on working qubits, no two on the same one, their chains connected and all chains coupled."""
    from dwave.embedding import is_valid_embedding
    from networkx import complete_graph

    qubits = [qubit for one in embeddings for chain in one for qubit in chain]
    if len(qubits) != len(set(qubits)) or not set(qubits) <= set(chip.graph):
        return False
    return all(is_valid_embedding(dict(enumerate(one)), complete_graph(len(one)), chip.graph) for one in embeddings)
