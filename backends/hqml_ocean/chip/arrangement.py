"""Cliques arranged on a chip by annealing: corners move, turn and grow on what the others leave free.

A state has some cliques, of which some lack chains yet. A move takes one away and puts it to a place near by, or
anywhere; the more chains in all the better, and of as many chains the fewer qubits. Whenever all are complete, one more
is asked for: first beside those that are there, then with all places drawn anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from hqml_ocean.chip.chip import Chip
from hqml_ocean.chip.embedding import Embedding
from hqml_ocean.chip.staircase import FREE, bench, clique
from hqml_ocean.chip.tracks import Integers, Views, views

QUBIT_COST = 0.01
"""Of a qubit, in chains. From here on the constants were tuned on chips with 1 % missing; half or twice of any of them
finds as many, or one less."""

LOCAL = 0.9
"""Share of the moves that go near by."""

DISTANCE = 6
"""Most that a corner moves then in each direction, in tracks."""

STEPS = 3
"""Most steps that a staircase gets longer or shorter then."""

TO_THE_NEEDY = 0.6
"""Share of the moves for which a clique is chosen that lacks chains."""

SPARE_STEPS = 14
"""Most steps beyond those that a whole chip needs: missing qubits ask for more room."""

BESIDE = 0.5
ANEW = 1.0
COLD = 0.2
"""Temperatures, in chains: the first with one clique more beside those that are there, or with all places drawn anew;
and the last."""

MOVES = 4_000
"""Of the first attempt, for each clique."""

GROWTH = 1.5
"""How many times more moves the next attempt has after one that failed."""

EFFORT = 60_000
"""Moves in all, for each qubit of the chip, divided by size + 30, as the time of a move grows: 6 to 16 s for a whole
Advantage or Advantage2, on one core."""

ALONE_MOVES = 20_000
"""Of an attempt to place a single clique."""

SLICE = 100_000
"""Moves between two looks whether Ctrl-C was pressed."""


class Layout(NamedTuple):
    """Cliques on a chip, complete or not.

    Attributes:
        places: (m, 4), view, x, y and d of each.
        chains: (m, size, longest), qubits.
        lengths: (m, size), of the chains.
        counts: (m,), chains that it has.
        owner: (qubits,), the clique of each qubit, FREE where there is none.
    """

    places: npt.NDArray[np.int64]
    chains: Integers
    lengths: Integers
    counts: npt.NDArray[np.int64]
    owner: Integers

    def complete(self) -> bool:
        return bool((self.counts == self.chains.shape[1]).all())

    def with_room_for(self, more: int) -> Layout:
        """A copy with cliques that have no chains yet."""
        grown = [
            np.concatenate([part, np.zeros((more, *part.shape[1:]), dtype=part.dtype)])
            for part in (self.places, self.chains, self.lengths, self.counts)
        ]
        return Layout._make([*grown, self.owner.copy()])

    def embeddings(self) -> list[Embedding]:
        return [
            tuple(tuple(chain[:length].tolist()) for chain, length in zip(chains, lengths, strict=True))
            for chains, lengths in zip(self.chains, self.lengths, strict=True)
        ]


def arranged(chip: Chip, size: int, longest: int) -> list[Embedding]:
    """Disjoint clique embeddings, as many as are found. The same in every process.

    Args:
        chip: on whose working qubits.
        size: variables of each.
        longest: most qubits of a chain.
    """
    tracks = views(chip.graph)
    best = _empty(tracks, size, longest)
    qubits = int((tracks.row_qubit[0] != FREE).sum() + (tracks.column_qubit[0] != FREE).sum())
    left, moves, beside, seed = EFFORT * qubits // (size + 30), float(MOVES), True, 0
    while left > 0:
        layout, hot = best.with_room_for(1), BESIDE
        if not beside:
            layout, hot = _empty(tracks, size, longest).with_room_for(len(layout.counts)), ANEW
        for used in _annealed(tracks, layout, min(left, int(moves * len(layout.counts))), hot, seed):
            left -= used
        seed += 1
        if layout.complete():
            best, beside = layout, True
        else:
            moves, beside = GROWTH * moves, not beside
    return best.embeddings()


def alone(chip: Chip, size: int, longest: int) -> Embedding | None:
    """One clique embedding; None where none was found with chains so short."""
    tracks = views(chip.graph)
    layout = _empty(tracks, size, longest).with_room_for(1)
    for _ in _annealed(tracks, layout, ALONE_MOVES, ANEW, 0):
        pass
    return layout.embeddings()[0] if layout.complete() else None


def _empty(tracks: Views, size: int, longest: int) -> Layout:
    qubits = 1 + int(max(tracks.row_qubit.max(), tracks.column_qubit.max()))
    return Layout(
        np.zeros((0, 4), dtype=np.int64),
        np.zeros((0, size, longest), dtype=np.int32),
        np.zeros((0, size), dtype=np.int32),
        np.zeros(0, dtype=np.int64),
        np.full(qubits, FREE, dtype=np.int32),
    )


def _annealed(tracks: Views, layout: Layout, moves: int, hot: float, seed: int) -> Iterator[int]:
    """Anneal a layout; yields how many moves each slice had."""
    room = bench(tracks)
    density = tracks.row_at.shape[1] / len(np.unique(tracks.row_at[0]))
    size = layout.chains.shape[1]
    most = min(int(size / density) + SPARE_STEPS, tracks.side - 1)
    limits = (min(int(0.9 * size / density), most), most)
    rng = np.random.default_rng(seed)
    for start in range(0, moves, SLICE):
        end = min(start + SLICE, moves)
        temperatures = hot * (COLD / hot) ** np.linspace(start / moves, end / moves, 2)
        done = _anneal(tracks, room, layout, limits, int(rng.integers(2**31)), end - start, temperatures)
        yield done
        if layout.complete():
            return


@numba.njit(cache=True, nogil=True)
def _anneal(tracks, room, layout, limits, seed, moves, temperatures):  # type: ignore[no-untyped-def]
    """Make moves until all cliques are complete; returns how many."""
    np.random.seed(seed)
    chains, lengths = np.zeros_like(layout.chains[0]), np.zeros_like(layout.lengths[0])
    size, owner, counts = len(lengths), layout.owner, layout.counts
    needy = np.count_nonzero(counts < size)
    place = np.zeros(4, dtype=np.int64)
    for move in range(moves):
        if needy == 0:
            return move
        one = _chosen(counts, size)
        _propose(tracks, limits, layout.places[one], counts[one] == 0, place)
        if min(place[1], place[2]) < 0 or max(place[1], place[2]) >= tracks.side:
            continue
        temperature = temperatures[0] * (temperatures[1] / temperatures[0]) ** (move / moves)
        held = counts[one] - QUBIT_COST * layout.lengths[one, : counts[one]].sum()
        bar = held + temperature * np.log(1 - np.random.random())
        _own(owner, layout, one, FREE)
        # Chains cost a qubit each at least: with fewer of them than this the bar is out of reach.
        count = clique(tracks, room, owner, place, size, bar / (1 - QUBIT_COST), chains, lengths)
        if count - QUBIT_COST * lengths[:count].sum() >= bar:
            needy += int(count < size) - int(counts[one] < size)
            layout.places[one], counts[one] = place, count
            layout.chains[one, :count], layout.lengths[one, :count] = chains[:count], lengths[:count]
        _own(owner, layout, one, one)
    return moves


@numba.njit(cache=True, nogil=True)
def _chosen(counts, size):  # type: ignore[no-untyped-def]
    """A clique to move."""
    one = np.random.randint(len(counts))
    if np.random.random() < TO_THE_NEEDY:
        while counts[one] == size:
            one = (one + 1) % len(counts)
    return one


@numba.njit(cache=True, nogil=True)
def _propose(tracks, limits, now, nowhere, place):  # type: ignore[no-untyped-def]
    """A place near by, or anywhere."""
    if nowhere or np.random.random() >= LOCAL:
        place[0] = np.random.randint(4)
        place[1] = np.random.randint(tracks.side)
        place[2] = np.random.randint(tracks.side)
        place[3] = np.random.randint(limits[0], limits[1] + 1)
    else:
        place[0] = now[0]
        place[1] = now[1] + np.random.randint(-DISTANCE, DISTANCE + 1)
        place[2] = now[2] + np.random.randint(-DISTANCE, DISTANCE + 1)
        place[3] = min(limits[1], max(limits[0], now[3] + np.random.randint(-STEPS, STEPS + 1)))


@numba.njit(cache=True, nogil=True)
def _own(owner, layout, one, whose):  # type: ignore[no-untyped-def]
    """Give the qubits of a clique to an owner."""
    for chain in range(layout.counts[one]):
        for at in range(layout.lengths[one, chain]):
            owner[layout.chains[one, chain, at]] = whose
