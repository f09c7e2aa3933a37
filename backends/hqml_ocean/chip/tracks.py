"""The qubits of a chip as pieces of straight tracks that cross.

On Chimera, Pegasus and Zephyr alike a qubit is a straight piece of a row or of a column of the chip. The pieces of one
row (or column) follow each other end to end, each coupled to the next: a track. A piece of a row and a piece of a
column are coupled where they cross. This holds for every coupler but the odd ones, which are not used here.

Source: Boothby et al., Next-Generation Topology of D-Wave Quantum Processors, arXiv:2003.00133; Boothby et al., Zephyr
Topology of D-Wave Quantum Processors, D-Wave technical report 14-1056A-A (2021).
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Integers: TypeAlias = npt.NDArray[np.int32]

PEGASUS_TRACKS = 12
"""Parallel tracks of a unit cell of Pegasus, and the length of its qubits in tracks."""


class Views(NamedTuple):
    """The usable qubits of a chip, looked at from four sides: as it is, mirrored in x, in y, in both.

    Attributes:
        row_at: (4, rows), the y of each row, ascending.
        row_start: (4, rows), the x at which its pieces begin, less than `length`.
        row_qubit: (4, rows, pieces), the qubit of each piece; -1 where there is none.
        column_at: (4, columns), the x of each column, ascending.
        column_start: (4, columns), the y at which its pieces begin.
        column_qubit: (4, columns, pieces).
        length: of a piece, in tracks that it crosses.
        grain: all pieces begin at the same remainder by this, so that what lies between is crossed or not as one.
        side: every coordinate is less.
    """

    row_at: Integers
    row_start: Integers
    row_qubit: Integers
    column_at: Integers
    column_start: Integers
    column_qubit: Integers
    length: int
    grain: int
    side: int


@dataclass(frozen=True)
class Pieces:
    """Where each qubit of a chip is.

    Attributes:
        qubit: (k,), its number.
        vertical: (k,), whether it is a piece of a column.
        track: (k,), a number of its row or column among those of its direction.
        at: (k,), the coordinate across its direction.
        start: (k,), the least coordinate along its direction.
        length: of all of them.
    """

    qubit: Integers
    vertical: npt.NDArray[np.bool_]
    track: Integers
    at: Integers
    start: Integers
    length: int


def views(graph: Any) -> Views:
    """The tracks of a working graph.

    Args:
        graph: networkx graph of Ocean, of the family chimera, pegasus or zephyr with qubits numbered.
    """
    pieces = _pieces(graph)
    side = int(max(pieces.at.max() + 1, pieces.start.max() + pieces.length))
    usable = ~np.isin(pieces.qubit, list(_spoilt(graph, pieces)))
    sides = [_seen(pieces, usable, side, *mirrored) for mirrored in product((False, True), repeat=2)]
    grain = math.gcd(pieces.length, *(pieces.start - pieces.start[0]).tolist())
    return Views._make([*map(np.stack, zip(*sides, strict=True)), pieces.length, grain, side])


def _pieces(graph: Any) -> Pieces:
    import dwave.graphs

    family, tile = graph.graph["family"], graph.graph["tile"]
    qubits = sorted(graph)
    coordinates = getattr(dwave.graphs, f"{family}_coordinates")(*_shape(graph))
    parts = np.array(list(getattr(coordinates, f"iter_linear_to_{family}")(qubits)), dtype=np.int32).T
    if family == "chimera":
        row, column, direction, k = parts
        at, start = tile * np.where(direction == 0, [column, row], [row, column]) + [k, 0 * k]
        track, length = at, tile
    elif family == "pegasus":
        direction, w, k, z = parts
        offsets = np.array([graph.graph["vertical_offsets"], graph.graph["horizontal_offsets"]])
        at, start = PEGASUS_TRACKS * w + k, PEGASUS_TRACKS * z + offsets[direction, k]
        track, length = at, PEGASUS_TRACKS
    else:
        direction, w, k, j, z = parts
        at, start = tile * w + k, tile * (2 * z + j)
        track, length = 2 * at + j, 2 * tile
    return Pieces(np.array(qubits, dtype=np.int32), direction == 0, track, at, start, length)


def _shape(graph: Any) -> tuple[int, ...]:
    about = graph.graph
    by_family = {"chimera": ("rows", "columns", "tile"), "pegasus": ("rows",), "zephyr": ("rows", "tile")}
    return tuple(about[name] for name in by_family[about["family"]])


def _spoilt(graph: Any, pieces: Pieces) -> set[int]:
    """Working qubits that are left out, so that of the others no two lack the coupler that they should have."""
    import dwave.graphs

    track = dict(zip(pieces.qubit.tolist(), zip(pieces.vertical, pieces.track, strict=True), strict=True))
    whole = getattr(dwave.graphs, f"{graph.graph['family']}_graph")(*_shape(graph))
    missing = [
        (a, b)
        for a, b in whole.edges
        if a in track
        and b in track
        and not graph.has_edge(a, b)
        # Two rows, or two columns, share odd couplers only.
        and (track[a] == track[b] or track[a][0] != track[b][0])
    ]
    often = Counter(qubit for pair in missing for qubit in pair)
    spoilt: set[int] = set()
    for pair in missing:
        if spoilt.isdisjoint(pair):
            spoilt.add(max(pair, key=lambda qubit: often[qubit]))
    return spoilt


def _seen(pieces: Pieces, usable: Any, side: int, mirror_x: bool, mirror_y: bool) -> list[Any]:
    """Rows and columns from one side: where they are, where their pieces begin, their qubits."""
    found: list[Any] = []
    for vertical in (False, True):
        across, along = (mirror_x, mirror_y) if vertical else (mirror_y, mirror_x)
        chosen = pieces.vertical == vertical
        at, start = pieces.at[chosen], pieces.start[chosen]
        at = side - 1 - at if across else at
        start = side - pieces.length - start if along else start
        _, first, member = np.unique(pieces.track[chosen], return_index=True, return_inverse=True)
        order = np.argsort(at[first], kind="stable")
        qubit = np.full((len(first), side // pieces.length + 1), -1, dtype=np.int32)
        places = (np.argsort(order)[member], start // pieces.length)
        qubit[places] = np.where(usable[chosen], pieces.qubit[chosen], -1)
        found += [at[first][order].astype(np.int32), (start % pieces.length)[first][order].astype(np.int32), qubit]
    return found
