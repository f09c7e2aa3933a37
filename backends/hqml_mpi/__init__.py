"""MPI as a backend: a batch spread over ranks, tempering across ranks, a Gram model with its rows on many ranks."""

from hqml_mpi.backend import MpiBackend as MpiBackend
from hqml_mpi.distributed import DistributedGram as DistributedGram
from hqml_mpi.distributed import own_rows as own_rows

__all__ = ["DistributedGram", "MpiBackend", "own_rows"]
