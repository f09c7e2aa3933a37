"""From files to batches: sources, splits, shards of ranks, prefetching, staging. Without torch."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hqml.dl.data.opening import open_splits as open_splits
    from hqml.dl.data.opening import signature_of as signature_of

__all__ = ["open_splits", "signature_of"]


def __getattr__(name: str) -> Any:
    # Late: it needs pydantic, and whoever reads arrays to predict from does not.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from hqml.dl.data import opening

    return getattr(opening, name)
