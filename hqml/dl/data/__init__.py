"""From files to batches: sources, splits, shards of ranks, prefetching, staging. Without torch."""

from hqml.dl.data.opening import open_splits, signature_of

__all__ = ["open_splits", "signature_of"]
