"""Figures of a comparison: drawn by matplotlib, coloured by the page, each with its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hqml.compare.figures import (
    decision_maps,
    differences,
    embeddings,
    energies,
    roc,
    scores,
    time_splits,
    time_to_solution,
    trade_offs,
)
from hqml.compare.figures.picture import Picture, subject

if TYPE_CHECKING:
    from hqml.compare.comparison import Comparison

_SECTIONS = (
    ("Time to solution", time_to_solution),
    ("Quality against time", trade_offs),
    ("Energies of the reads", energies),
    ("Scores", scores),
    ("Paired differences", differences),
    ("ROC", roc),
    ("Decision maps", decision_maps),
    ("Where the time goes", time_splits),
    ("On the chip", embeddings),
)


def all_pictures(comparison: Comparison) -> dict[str, list[Picture]]:
    """{heading: figures}; without headings that nothing stands under."""
    seen = subject(comparison)
    drawn = {heading: module.pictures(seen) for heading, module in _SECTIONS}
    return {heading: pictures for heading, pictures in drawn.items() if pictures}
