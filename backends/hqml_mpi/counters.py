"""Random numbers that do not depend on who draws them: a function of a key and a counter.

SplitMix64 (Steele, Lea, Flood 2014, doi:10.1145/2714064.2660195), entered at any place of its sequence.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]


def keys(count: int, *seed: int) -> Keys:
    """One key a replica: (count,). A longer list of keys begins with the shorter one."""
    return np.random.SeedSequence(seed).generate_state(count, np.uint64).astype(np.uint64, copy=False)


@numba.njit(nogil=True, cache=True, inline="always")
def uniform(key, counter):  # type: ignore[no-untyped-def]
    """A float64 from 0 (included) to 1 (not included)."""
    z = key + np.uint64(counter) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return np.float64(z >> np.uint64(11)) * 2.0**-53
