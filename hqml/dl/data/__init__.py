"""From files to batches: sources, shards of ranks, prefetching, staging."""
