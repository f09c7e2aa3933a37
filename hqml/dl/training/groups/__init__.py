"""Ranks that train one model together: one alone, DDP, Horovod. One strategy a file."""

from hqml.dl.training.groups.opening import open_group

__all__ = ["open_group"]
