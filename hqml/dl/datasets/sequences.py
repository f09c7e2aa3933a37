"""What datasets of time series have in common: windows of the past, and what follows them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def windows(series: Array, steps: int, horizon: int) -> tuple[Array, Array]:
    """Each stretch of a series (time,) as (windows, steps, 1), and what follows it, (windows, horizon)."""
    both = np.lib.stride_tricks.sliding_window_view(series, steps + horizon)
    return both[:, :steps, None], both[:, steps:]
