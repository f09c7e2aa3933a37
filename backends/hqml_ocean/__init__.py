"""D-Wave's Ocean as backends: its samplers on this machine."""

from hqml_ocean.neal import NealBackend as NealBackend
from hqml_ocean.tabu import TabuBackend as TabuBackend

__all__ = ["NealBackend", "TabuBackend"]
