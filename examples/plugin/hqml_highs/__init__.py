"""QUBOs solved by the MILP solver HiGHS, as backend `highs` of hqml."""

from hqml_highs.backend import HighsBackend as HighsBackend

__all__ = ["HighsBackend"]
