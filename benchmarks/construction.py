"""Building a dense model of n = 2000 from a numpy array, against dimod's own."""

from __future__ import annotations

import dimod
import numpy as np

from common import Table, cpu_seconds
from hqml import DenseQubo


def measure() -> Table:
    matrix = np.random.default_rng(0).normal(size=(2000, 2000))
    ours, _ = cpu_seconds(lambda: DenseQubo(matrix), repeats=9)
    theirs, _ = cpu_seconds(lambda: dimod.BinaryQuadraticModel(matrix, "BINARY"), repeats=9)
    rows = [["hqml.DenseQubo(matrix)", ours, 1.0], ["dimod.BinaryQuadraticModel(matrix)", theirs, theirs / ours]]
    columns = ["what", "CPU seconds", "times ours"]
    return Table("construction", "Construction of a dense model, n = 2000", columns, rows, "Medians of 9 runs.")


if __name__ == "__main__":
    print(measure().markdown())
