"""The native training loop of torch: ranks, precision, checkpoints, schedules.

What specifications are checked against (`optimizers`, `schedules`) is read without torch, which `fit` imports.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hqml.dl.training.fitting import fit as fit
    from hqml.dl.training.groups import open_group as open_group

_HOMES = {"fit": "fitting", "open_group": "groups"}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"hqml.dl.training.{_HOMES[name]}"), name)
