"""How the cpu backend grows with variables, reads, digits and threads, by the clock.

One thing is varied at a time; the rest is 64 reads, 200 sweeps, 3 digits, one thread. Ranks are in `mpi.py`, samples up
to 20,000 in `scale.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse

import hqml
from common import Table, landsat_kernel, wall_seconds
from hqml import DenseQubo, Qubo, SparseQubo
from hqml.problems.svm_dual import svm_dual

SWEEPS = 200
READS = 64


def measure() -> Table:
    columns = ["varied", "value", "model", "seconds", "M variable updates a second"]
    notes = (
        f"Medians of 3 runs by the clock, {READS} reads, {SWEEPS} sweeps, one thread where nothing else is said; an "
        "update is a variable tried in one read (of a Gram model a multiplier counts as its digits)."
    )
    return Table("growth", "Growth of the cpu backend", columns, list(_rows()), notes)


def _rows() -> Iterator[list[Any]]:
    for n in (250, 500, 1000, 2000, 4000):
        yield _row("variables", n, "dense +-1", dense(n))
    for n in (500, 2000, 8000, 32_000):
        yield _row("variables", n, "sparse +-1, 20 neighbours", sparse(n))
    for points in (250, 500, 1000, 2000, 4000):
        yield _row("variables", 3 * points, f"Gram, N = {points}", gram(points))
    for reads in (1, 4, 16, 64, 256):
        yield _row("reads", reads, "dense +-1, n = 1000", dense(1000), reads=reads)
        yield _row("reads", reads, "sparse +-1, n = 2000", sparse(2000), reads=reads)
    for digits in (1, 2, 3, 4, 6, 8):
        yield _row("digits", digits, "Gram, N = 1000", gram(1000, digits))
    for threads in (1, 2):
        yield _row("threads", threads, "dense +-1, n = 1000", dense(1000), threads=threads)
        yield _row("threads", threads, "sparse +-1, n = 2000", sparse(2000), reads=512, threads=threads)
        yield _row("threads", threads, "Gram, N = 1000", gram(1000), threads=threads)


def _row(varied: str, value: int, name: str, model: Qubo, *, reads: int = READS, threads: int = 1) -> list[Any]:
    def work() -> None:
        hqml.sample(model, "cpu", reads=reads, num_sweeps=SWEEPS, seed=0, threads=threads, bound=False)

    work()  # compiles
    seconds = wall_seconds(work, repeats=3)
    return [varied, value, name, seconds, model.num_variables * reads * SWEEPS / seconds / 1e6]


def dense(n: int) -> DenseQubo:
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (n, n))
    return DenseQubo(np.triu(signs, 1), linear=np.zeros(n))


def sparse(n: int) -> SparseQubo:
    rng = np.random.default_rng(0)
    ends = rng.integers(0, n, (2, 10 * n))
    ends = ends[:, ends[0] != ends[1]]
    signs = rng.choice([-1.0, 1.0], ends.shape[1])
    return SparseQubo(scipy.sparse.coo_array((signs, ends), shape=(n, n)))


def gram(points: int, digits: int = 3) -> hqml.GramQubo:
    kernel, labels, _ = landsat_kernel(points)
    return svm_dual(kernel, labels, n_bits=digits)


if __name__ == "__main__":
    print(measure().markdown())
