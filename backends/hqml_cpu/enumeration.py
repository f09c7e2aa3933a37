"""Kernels that walk through all 2**n states of a QUBO, a block at a time.

The state of number b * 2**low + l has the bits of l as its first `low` variables and the bits of b as the others: block
b holds the 2**low states that agree on the others. Within a block the energy is

    E(l) = base(b) + sum_i field_i(b) l_i + pairs(l),

where base and field are computed afresh for each block, so that rounding does not accumulate over blocks, and pairs,
the couplings among the first variables, is one table for all blocks. The linear part is built by doubling: the states
with bit i are those without it plus field_i. That makes two additions a state, on arrays that stay in the cache.
"""

from __future__ import annotations

from typing import TypeAlias

import numba
import numpy as np
import numpy.typing as npt

from hqml.qubo import Floats

Numbers: TypeAlias = npt.NDArray[np.int64]


@numba.njit(cache=True, nogil=True)
def pair_table(couplings: Floats, low: int) -> Floats:
    """Energy of the couplings among the first `low` variables, for each of their states: (2**low,).

    Args:
        couplings: (n, n), symmetric, diagonal zero.
        low: variables of a block, at most n.
    """
    table = np.zeros(1 << low)
    for state in range(1, 1 << low):
        top = 0
        while state >> (top + 1):
            top += 1
        rest = state ^ (1 << top)
        energy = table[rest]
        for i in range(top):
            if rest >> i & 1:
                energy += couplings[top, i]
        table[state] = energy
    return table


@numba.njit(cache=True, nogil=True)
def _fill(block: int, couplings: Floats, linear: Floats, pairs: Floats, low: int, energies: Floats) -> None:
    """Energies (2**low,) of the states of one block, without the offset."""
    n = len(linear)
    base = 0.0
    for i in range(low, n):
        if block >> (i - low) & 1:
            base += linear[i]
            for j in range(low, i):
                if block >> (j - low) & 1:
                    base += couplings[i, j]
    energies[0] = base
    for i in range(low):
        field = linear[i]
        for j in range(low, n):
            if block >> (j - low) & 1:
                field += couplings[i, j]
        half = 1 << i
        for state in range(half):
            energies[half + state] = energies[state] + field
    for state in range(1 << low):
        energies[state] += pairs[state]


@numba.njit(cache=True, nogil=True)
def block_minima(
    first: int, last: int, couplings: Floats, linear: Floats, pairs: Floats, low: int, minima: Floats
) -> None:
    """Write the lowest energy of each of the blocks first..last-1 into `minima`, (blocks,)."""
    energies = np.empty(1 << low)
    for block in range(first, last):
        _fill(block, couplings, linear, pairs, low, energies)
        minima[block] = energies.min()


@numba.njit(cache=True, nogil=True)
def states_below(
    blocks: Numbers,
    couplings: Floats,
    linear: Floats,
    pairs: Floats,
    low: int,
    bound: float,
    tie: float,
    numbers: Numbers,
    found: Floats,
) -> tuple[int, int, int]:
    """Collect the states of some blocks whose energy is at most `bound`, until the place for them may not suffice.

    Args:
        blocks: numbers of the blocks.
        couplings: (n, n), symmetric, diagonal zero.
        linear: (n,).
        pairs: what `pair_table` gives.
        low: variables of a block.
        bound: energy up to which a state is collected.
        tie: energy up to which a state is counted as a minimum.
        numbers: filled with the numbers of the states; holds at least one block.
        found: filled with their energies.

    Returns:
        How many blocks were done, how many states collected, how many minima counted.
    """
    energies = np.empty(1 << low)
    done = count = ties = 0
    while done < len(blocks) and count + len(energies) <= len(numbers):
        block = blocks[done]
        _fill(block, couplings, linear, pairs, low, energies)
        for state in range(1 << low):
            if energies[state] <= tie:
                ties += 1
            if energies[state] <= bound:
                numbers[count] = (block << low) | state
                found[count] = energies[state]
                count += 1
        done += 1
    return done, count, ties
