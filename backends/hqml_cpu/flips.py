"""Annealing by single flips: the kernel's form of a model that is not a Gram model.

Both kernels keep d_i = 1 - 2 x_i and the field f_i = dE/dx_i of every spin, so that a flip costs d_i f_i and is decided
by one comparison; an accepted flip updates the fields of its neighbours.
"""

from __future__ import annotations

from hqml.qubo import Qubo, SparseQubo
from hqml_cpu.dense import DenseModel
from hqml_cpu.sparse import SparseModel


def flip_model(qubo: Qubo, reads: int = 1, least: int = 1) -> DenseModel | SparseModel:
    """The kernel's form of a dense or sparse model.

    Args:
        qubo: of n variables.
        reads: wanted of it; they decide how many replicas lie side by side.
        least: replicas that should lie side by side; up to 32 do.
    """
    if isinstance(qubo, SparseQubo):
        return SparseModel.of(qubo, reads, least)
    return DenseModel.of(qubo.to_dense())
