"""Search over the keys of a specification: trials of Optuna's, of an annealer's, or of Ray Tune's proposing."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hqml.dl.search.found import Found as Found
    from hqml.dl.search.searching import search as search

_HOMES = {"Found": "found", "search": "searching"}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"hqml.dl.search.{_HOMES[name]}"), name)
