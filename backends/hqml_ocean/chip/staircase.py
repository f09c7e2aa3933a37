"""A clique in a corner of crossing tracks: chains of a piece of row and a piece of column each, along a staircase.

The corner is at (x, y), the staircase has d + 1 steps. The chain at step p has a row that covers x .. x + d - p and a
column that covers y .. y + p. Of two chains, at steps p <= q, the row of the first crosses the column of the second if

    that column is at x + d - q or less (then the row reaches it, for x + d - q <= x + d - p), and
    that row is at y + p or less (then the column reaches it, for y + p <= y + q).

So a row fits every step from max(its place - y, x + d - its reach) on, a column every step up to
min(x + d - its place, its reach - y), and any pairs of a row and a column that have a step in common are a clique. A
row with a missing qubit is not lost, it only has to go with a later column. Pairs matched in the order of steps are as
many as there can be. All chains are of one length, up to the ends of pieces: this is the triangle of Choi, with
missing qubits, and on tracks of any family.

Source: the triangle, Choi, Quantum Inf. Process. 10 (2011) 343, arXiv:1001.3116; chains of a row and a column, Boothby,
King, Roy, Quantum Inf. Process. 15 (2016) 495, arXiv:1507.04774; matching of rows and columns by steps, own.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from hqml_ocean.chip.tracks import Views

FREE = -1
"""In place of an owner, and of a qubit that is missing."""


class Bench(NamedTuple):
    """Room to work in: what is known of the tracks at one corner.

    Attributes:
        rows: the rows that are free at the corner; their ends, and the next in a list of those of one step.
        columns: likewise.
        steps: the heads of these lists, of rows and of columns.
        pairs: the rows and columns that were matched.
    """

    rows: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int64]
    steps: npt.NDArray[np.int64]
    pairs: npt.NDArray[np.int64]


def bench(views: Views) -> Bench:
    tracks = max(views.row_at.shape[1], views.column_at.shape[1])
    empty = [np.zeros(shape, dtype=np.int64) for shape in ((3, tracks), (3, tracks), (2, views.side), (2, tracks))]
    return Bench(*empty)


@numba.njit(cache=True, nogil=True)
def clique(views, bench, owner, place, size, least, chains, lengths):  # type: ignore[no-untyped-def]
    """The largest clique at a place on free qubits, of `size` chains at most.

    Args:
        views: the chip's tracks.
        bench: room to work in, is written to.
        owner: (qubits,), of each qubit, FREE where it may be used.
        place: (4,), one of the four views, x, y and d < views.side.
        size: most chains.
        least: fewer chains are of no use: 0 is then returned.
        chains: (size, longest), the qubits of each chain are written here; none is longer.
        lengths: (size,), how many they are.

    Returns:
        the number of chains.
    """
    view, x, y, d = place
    rows = _runs(views.row_at[view], views.row_start[view], views.row_qubit[view], views, owner, y, x, d, bench.rows)
    if min(rows, size) < least:
        return 0
    columns = _runs(
        views.column_at[view], views.column_start[view], views.column_qubit[view], views, owner, x, y, d, bench.columns
    )
    if min(rows, columns, size) < least:
        return 0
    pairs = _matched(views, bench, place, rows, columns)
    if min(pairs, size) < least:
        return 0
    return _chains(views, bench, place, pairs, size, chains, lengths)


@numba.njit(cache=True, nogil=True)
def _runs(at, start, qubit, views, owner, low, wall, d, found):  # type: ignore[no-untyped-def]
    """Tracks from `low` on that are free where they meet the wall, and how far they go on free from there."""
    count = 0
    for track in range(np.searchsorted(at, low), len(at)):
        beyond = at[track] - low
        if beyond >= d + views.grain:
            break
        if wall < start[track]:
            continue
        piece = (wall - start[track]) // views.length
        if piece >= qubit.shape[1] or qubit[track, piece] == FREE or owner[qubit[track, piece]] != FREE:
            continue
        end = (piece + 1) * views.length + start[track] - 1
        enough = wall + d - beyond + views.grain
        while end < enough and piece + 1 < qubit.shape[1]:
            piece += 1
            if qubit[track, piece] == FREE or owner[qubit[track, piece]] != FREE:
                break
            end += views.length
        found[0, count] = track
        found[1, count] = end
        count += 1
    return count


@numba.njit(cache=True, nogil=True)
def _first_step(views, bench, place, row):  # type: ignore[no-untyped-def]
    """The step from which on a row can be used. The grain that it is in is crossed as one."""
    view, x, y, d = place
    at = views.row_at[view, bench.rows[0, row]]
    grain = at - (at - views.column_start[view, 0]) % views.grain
    return max(0, grain - y, x + d - bench.rows[1, row])


@numba.njit(cache=True, nogil=True)
def _last_step(views, bench, place, column):  # type: ignore[no-untyped-def]
    view, x, y, d = place
    at = views.column_at[view, bench.columns[0, column]]
    grain = at - (at - views.row_start[view, 0]) % views.grain
    return min(d, x + d - grain, bench.columns[1, column] - y)


@numba.njit(cache=True, nogil=True)
def _matched(views, bench, place, rows, columns):  # type: ignore[no-untyped-def]
    """Match rows to columns: each column, in the order of last steps, takes the row that has waited longest."""
    d = place[3]
    bench.steps[:, : d + 1] = -1
    for row in range(rows):
        step = _first_step(views, bench, place, row)
        if step <= d:
            bench.rows[2, row] = bench.steps[0, step]
            bench.steps[0, step] = row
    for column in range(columns):
        step = _last_step(views, bench, place, column)
        if step >= 0:
            bench.columns[2, column] = bench.steps[1, step]
            bench.steps[1, step] = column
    waiting = pairs = 0
    for step in range(d + 1):
        row = bench.steps[0, step]
        while row >= 0:
            bench.pairs[0, waiting] = row
            waiting += 1
            row = bench.rows[2, row]
        column = bench.steps[1, step]
        while column >= 0 and pairs < waiting:
            bench.pairs[1, pairs] = column
            pairs += 1
            column = bench.columns[2, column]
    return pairs


@numba.njit(cache=True, nogil=True)
def _chains(views, bench, place, pairs, size, chains, lengths):  # type: ignore[no-untyped-def]
    """Write the chains of matched pairs, from the outermost row and column that are used on."""
    view, x, y, d = place
    inner_x, inner_y = views.side, views.side
    for pair in range(pairs):
        inner_x = min(inner_x, views.column_at[view, bench.columns[0, bench.pairs[1, pair]]])
        inner_y = min(inner_y, views.row_at[view, bench.rows[0, bench.pairs[0, pair]]])
    count = 0
    for pair in range(pairs):
        row, column = bench.rows[0, bench.pairs[0, pair]], bench.columns[0, bench.pairs[1, pair]]
        row_start, column_start = views.row_start[view, row], views.column_start[view, column]
        step = _first_step(views, bench, place, bench.pairs[0, pair])
        row_end, column_end = (x + d - step - row_start) // views.length, (y + step - column_start) // views.length
        later = step + (x + d - step - row_start) % views.length + 1  # where the row can be a piece shorter
        if (
            later <= _last_step(views, bench, place, bench.pairs[1, pair])
            and (y + later - column_start) // views.length == column_end
        ):
            row_end -= 1
        first, low = (inner_x - row_start) // views.length, (inner_y - column_start) // views.length
        length = row_end - first + column_end - low + 2
        if length > chains.shape[1]:
            continue
        chains[count, : row_end - first + 1] = views.row_qubit[view, row, first : row_end + 1]
        chains[count, row_end - first + 1 : length] = views.column_qubit[view, column, low : column_end + 1]
        lengths[count] = length
        count += 1
        if count == size:
            break
    return count
