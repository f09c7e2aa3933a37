"""Which energies the reads have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dimod
import numpy as np
import numpy.typing as npt

from hqml.compare.figures.energies import bins
from hqml.errors import ParameterError
from hqml.options import whole_number
from hqml.plot.axes import COLOURS, axes_for, entry, legend, name_axes
from hqml.qubo import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def energies(samples: Any, ax: Axes | None = None, label: str | None = None, *, lowest: int = 0) -> Axes:
    """Draw how many reads have each energy. Further samples on the same axes lie over the first in other colours.

    Args:
        samples: a dimod.SampleSet, or a fitted estimator that keeps one.
        ax: to draw on; None makes a new figure.
        label: their name in the legend.
        lowest: so many reads of the lowest energy stand out, e.g. those that an SVM averages.

    Raises:
        ParameterError: there are no samples, several sets of them (call it for each), or energies that are not finite.
        LibraryMissing: matplotlib is not installed.
    """
    levels, counts = _reads(_one_set(samples))
    marked = min(whole_number("lowest", lowest, least=0), int(counts.sum()))
    ax = axes_for(ax)
    colour, edges = COLOURS[_drawn(ax) % len(COLOURS)], bins(levels, _enough(counts))
    pale = 0.35 if marked or _drawn(ax) or label else 0.6
    _stairs(ax, levels, counts, edges, facecolor=(colour, pale), edgecolor=colour, label=label, gid=_GROUP)
    if marked:
        before = np.concatenate([[0], np.cumsum(counts)[:-1]])
        used = np.clip(marked - before, 0, counts)
        _stairs(ax, levels, used, edges, facecolor=colour, edgecolor="none", label=f"the {marked} lowest")
    name_axes(ax, "energy of the QUBO", "reads")
    ax.margins(y=0.1)
    legend(ax)
    return ax


_GROUP = "hqml-energies"
"""Of the histograms on an axes, so that the next one has a colour of its own."""


def _one_set(samples: Any) -> dimod.SampleSet:
    kept = getattr(samples, "sampleset_", samples)
    if isinstance(kept, list) and len(kept) == 1:
        kept = kept[0]
    if not isinstance(kept, dimod.SampleSet):
        found = f"a list of {len(kept)}" if isinstance(kept, list | tuple) else f"a {type(kept).__name__}"
        raise ParameterError(
            f"energies are drawn of one dimod.SampleSet, or of a fitted estimator that keeps one, found {found}; "
            "of several call energies() for each, on the same ax"
        )
    if not len(kept):
        raise ParameterError("there are no samples to draw: the sample set is empty")
    if lost := int((~np.isfinite(kept.record.energy)).sum()):
        raise ParameterError(f"{lost} of {len(kept)} samples have no finite energy; leave them out with .filter()")
    return kept


def _reads(samples: dimod.SampleSet) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Energies, lowest first, and how many reads have each: (rows,) and (rows,)."""
    order = np.argsort(samples.record.energy, kind="stable")
    return np.asarray(samples.record.energy[order], float), np.asarray(samples.record.num_occurrences[order], float)


def _enough(counts: Floats) -> int:
    """Bins in which the height of a few reads is no noise yet."""
    return int(np.clip(2.5 * np.sqrt(counts.sum()), 10, 40))


def _drawn(ax: Axes) -> int:
    return sum(patch.get_gid() == _GROUP for patch in ax.patches)


def _stairs(ax: Axes, levels: Floats, counts: Floats, edges: Floats, label: str | None, **look: Any) -> None:
    heights, _ = np.histogram(levels, edges, weights=counts)
    ax.stairs(heights, edges, fill=True, linewidth=1.2, label=None if label is None else entry(label), **look)
