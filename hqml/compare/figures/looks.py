"""Colours that change with the page's light and dark mode, and a look for each solver that it keeps in all figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

INK, FAINT, PAPER = "#010101", "#020202", "#030303"
"""Placeholders: text and lines, what stays behind, the ground. matplotlib draws with them, the page has the colours."""

SHADES = 8
"""How many colours there are for solvers; further ones are told apart by marker and dashes."""

SERIES = tuple(f"#0a0a{n:02x}" for n in range(SHADES))

VARIABLES: Mapping[str, str] = {
    INK: "--ink",
    FAINT: "--faint",
    PAPER: "--card",
    **{colour: f"--s{n}" for n, colour in enumerate(SERIES)},
}
"""Placeholder: the variable of style.css that holds the colour, for either mode."""

_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
_DASHES: tuple[tuple[float, ...], ...] = ((), (4, 1.5), (1, 1.2), (6, 1.5, 1, 1.5), (2.5, 1), (8, 2))


@dataclass(frozen=True)
class Look:
    """How a solver is drawn.

    Attributes:
        colour: a placeholder, or a colour of matplotlib.
        marker: of matplotlib.
        dashes: lengths of line and gap; none is a whole line.
    """

    colour: str
    marker: str
    dashes: tuple[float, ...]

    @property
    def line(self) -> dict[str, Any]:
        """What `Axes.plot` takes for a line with markers."""
        style: Any = (0, self.dashes) if self.dashes else "-"
        return {"color": self.colour, "marker": self.marker, "linestyle": style}


def looks(solvers: Iterable[str], colours: Sequence[str] = SERIES) -> dict[str, Look]:
    """A look for each, by its place; after 8 colours, 9 markers and 6 dashes they come again, but not together."""
    return {
        solver: Look(colours[n % len(colours)], _MARKERS[n % len(_MARKERS)], _DASHES[n % len(_DASHES)])
        for n, solver in enumerate(solvers)
    }


def twin_looks(names: Iterable[str]) -> dict[str, Look]:
    """Of classical twins, which are no solvers: in the colour of text."""
    return {name: Look(INK, _MARKERS[::-1][n % len(_MARKERS)], (1, 1.2)) for n, name in enumerate(names)}
