"""A D-Wave chip: its graph and limits, what is programmed into it, its cost in time, and a stand-in that runs here."""

from hqml_ocean.chip.topologies import made_chip as made_chip

__all__ = ["made_chip"]
