"""A QUBO as a mixed-integer linear program: a variable more, and a row or two, for each coupling.

The product of two binary variables x_i, x_j is the number y between

    max(0, x_i + x_j - 1) <= y <= min(x_i, x_j),

so that energies become linear:

    minimise    offset + sum_i linear_i x_i + sum_{i<j} q_ij y_ij,        x binary, 0 <= y <= 1
    subject to  x_i + x_j - y_ij <= 1                    where q_ij > 0
                y_ij - x_i <= 0 and y_ij - x_j <= 0      where q_ij < 0

The other two rows of each product may be left out: a price presses y down to its lower limit, a reward up to its
upper one. That y need not be declared a whole number saves the solver from branching on it.

Source: products as rows, with y a whole number: R. Fortet, Revue Francaise de Recherche Operationnelle 4 (1960) 17;
y as a real number: F. Glover and E. Woolsey, Operations Research 22 (1974) 180, doi:10.1287/opre.22.1.180.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.sparse
from hqml.errors import UnsupportedModel
from hqml.qubo import Floats, SparseQubo

LARGEST_COST = 1024.0
"""Costs are scaled to below this. HiGHS calls an optimum proven within 1e-6 in units of its costs, which is then 1e-9
to 2e-9 of the largest coefficient. Whole numbers below it stay whole numbers, which HiGHS makes use of."""


@dataclass(frozen=True)
class LinearProgram:
    """Minimise costs @ v with rows @ v <= limits and 0 <= v <= 1, where the first `binaries` of v are whole numbers.

    Attributes:
        costs: (n + m,), of n variables and m products, in units of `unit`.
        rows: (r, n + m).
        limits: (r,).
        binaries: n.
        unit: energy of a cost of 1; a power of two, so that scaling rounds nothing.
        offset: energy at cost 0.
    """

    costs: Floats
    rows: scipy.sparse.csr_array
    limits: Floats
    binaries: int
    unit: float
    offset: float

    def energy(self, cost: float) -> float:
        return cost * self.unit + self.offset

    @property
    def least(self) -> float:
        """An energy that no state goes below: every reward, and no price."""
        return self.energy(float(np.minimum(self.costs, 0.0).sum()))


def linearised(model: SparseQubo) -> LinearProgram:
    """Write a QUBO of n variables and m couplings as a linear program of n + m.

    Raises:
        UnsupportedModel: its coefficients add up to more than float64 can hold.
    """
    products = scipy.sparse.coo_array(scipy.sparse.triu(model.couplings, 1))
    costs = np.concatenate([model.linear, products.data])
    with np.errstate(over="ignore"):
        total = float(np.abs(costs).sum()) + abs(model.offset)
    if not math.isfinite(total):
        raise UnsupportedModel("the coefficients add up to more than float64 can hold; divide the model by a constant")
    rows, limits = _rows(products, model.num_variables)
    unit = _unit(costs)
    return LinearProgram(costs / unit, rows, limits, model.num_variables, unit, model.offset)


def _rows(products: scipy.sparse.coo_array, n: int) -> tuple[scipy.sparse.csr_array, Floats]:
    """What holds each product to its factors: rows (r, n + m) and their upper limits (r,)."""
    y = n + np.arange(len(products.data))
    price, reward = products.data > 0, products.data < 0
    prices, rewards = int(price.sum()), int(reward.sum())
    # Entries as (columns, value), a block of consecutive rows at a time.
    first = [(products.row[price], 1.0), (products.col[price], 1.0), (y[price], -1.0)]
    second = [(y[reward], 1.0), (products.row[reward], -1.0)]
    third = [(y[reward], 1.0), (products.col[reward], -1.0)]
    sizes = (prices, rewards, rewards)
    starts = np.cumsum((0, *sizes))
    entries = [
        (start + np.arange(size), columns, np.full(size, value))
        for start, size, block in zip(starts, sizes, (first, second, third), strict=False)
        for columns, value in block
    ]
    row, column, value = (np.concatenate(parts) for parts in zip(*entries, strict=True))
    places = row.astype(np.int32), column.astype(np.int32)  # HiGHS of scipy before 1.15 takes no longer ones
    shape = (int(starts[-1]), n + len(products.data))
    return scipy.sparse.csr_array((value, places), shape=shape), np.repeat([1.0, 0.0, 0.0], sizes)


def _unit(costs: Floats) -> float:
    """The power of two that, divided by, brings the largest cost just below LARGEST_COST; 1 where all are zero."""
    largest = float(np.abs(costs).max(initial=0.0))
    exponent = math.frexp(largest)[1] - math.frexp(LARGEST_COST)[1] + 1
    return 2.0 ** max(exponent, -1022) if largest > 0 else 1.0  # the smallest power that is not rounded to less
