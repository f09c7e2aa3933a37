"""Where the variables of a problem lie on the chip of an annealer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hqml.compare.figures.canvas import WIDTH, new_axes
from hqml.compare.figures.looks import SERIES
from hqml.compare.figures.picture import Picture, Subject, picture
from hqml.compare.outcome import Outcome
from hqml.compare.page.tables import data_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    Floats = npt.NDArray[np.float64]

MOST = 6
"""Embeddings drawn; they say little beside each other."""


def pictures(subject: Subject) -> list[Picture]:
    """The first seed's of each problem and solver that has one, the first six."""
    found: dict[tuple[str, str], Outcome] = {}
    for outcome in subject.comparison.outcomes:
        if outcome.embedding and outcome.embedding.get("positions"):
            found.setdefault((outcome.problem, outcome.solver), outcome)
    more = f" The first {MOST} of {len(found)} embeddings are drawn." if len(found) > MOST else ""
    return [_embedding(f"embedding-{place}", one, more) for place, one in enumerate([*found.values()][:MOST])]


def _embedding(name: str, outcome: Outcome, more: str) -> Picture:
    embedding = outcome.embedding or {}
    chains: Mapping[str, Sequence[Any]] = embedding["chains"]
    positions = {str(qubit): place for qubit, place in embedding["positions"].items()}
    placed = [_points(chain, positions) for chain in chains.values()]
    qubits = sum(len(chain) for chain in chains.values())
    longest = max((len(chain) for chain in chains.values()), default=0)
    caption = (
        f"{len(chains)} variables on {qubits} qubits of {embedding.get('chip', 'the chip')}, the longest chain of "
        f"{longest}; seed {outcome.seed}. A chain has one colour, and its qubits are joined to their nearest ones "
        "(the chip's own couplers are not drawn); colours come again." + more
    )
    rows = [
        (variable, len(chain), " ".join(map(str, chain)), "; ".join(_place(positions, qubit) for qubit in chain))
        for variable, chain in chains.items()
    ]
    data = data_table(name, ["variable", "chain length", "qubits", "places (x y)"], rows)
    title = f"{outcome.problem}: its variables on the chip, {outcome.solver}"
    return picture(name, title, caption, data, lambda: _draw(placed))


def _place(positions: Mapping[str, Sequence[float]], qubit: Any) -> str:
    return " ".join(f"{one:.4g}" for one in positions.get(str(qubit), ())) or "?"


def _points(chain: Sequence[Any], positions: Mapping[str, Sequence[float]]) -> Floats:
    """(qubits, 2): those that have a place."""
    return np.array([positions[str(one)] for one in chain if str(one) in positions], float).reshape(-1, 2)


def _draw(placed: Sequence[Floats]) -> Figure:
    """One line for all chains of a colour, with gaps: a page of thousands of qubits stays small."""
    together = np.concatenate(placed)
    low, high = together.min(axis=0), together.max(axis=0)
    margin = 0.03 * float((high - low).max()) or 1.0
    width, height = high - low + 2 * margin
    figure, axes = new_axes(float(np.clip(WIDTH * height / width, 1.2, 6)))
    dot = float(np.clip(130 / len(together) ** 0.5, 1.6, 6))
    for n, colour in enumerate(SERIES):
        chains = [points for points in placed[n :: len(SERIES)] if len(points)]
        if not chains:
            continue
        dots, links = _dots(np.concatenate(chains)), np.concatenate([_links(points) for points in chains])
        axes.plot(*links.T, color=colour, linewidth=dot / 3, alpha=0.8)
        axes.plot(*dots.T, color=colour, linewidth=dot, solid_capstyle="round")
    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.set_xlim(low[0] - margin, high[0] + margin)
    axes.set_ylim(low[1] - margin, high[1] + margin)
    return figure


def _dots(points: Floats) -> Floats:
    """Each point as a line of no length, with a gap behind: round caps make it a dot."""
    return np.stack([points, points, np.full_like(points, np.nan)], axis=1).reshape(-1, 2)


def _links(points: Floats) -> Floats:
    """The shortest tree that joins the points, as lines with gaps."""
    from scipy.sparse.csgraph import minimum_spanning_tree
    from scipy.spatial.distance import cdist

    if len(points) < 2:
        return np.empty((0, 2))
    tree = minimum_spanning_tree(cdist(points, points) + 1e-12).tocoo()
    gap = np.full((tree.nnz, 2), np.nan)
    return np.stack([points[tree.row], points[tree.col], gap], axis=1).reshape(-1, 2)
