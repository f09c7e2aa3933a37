"""Inertia and adjusted Rand index of QuboKMedoids, of PAM, which searches the true objective, and of KMeans."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_blobs
from sklearn.metrics import adjusted_rand_score, pairwise_distances
from sklearn.preprocessing import StandardScaler

from common import Table
from hqml.cluster import QuboKMedoids

SEEDS = range(5)
KINDS: dict[str, dict[str, Any]] = {
    "welsch": {},
    "distance": {"dissimilarity": "distance"},
    "1000 sweeps": {"backend_options": {"num_sweeps": 1000}},
    "tabu": {"backend": "tabu", "reads": 10},
    "5 subsamples of 80": {"subsample_size": 80},
    "refined": {"refine": "alternate"},
}


def sets() -> Iterator[tuple[str, Any, Any, int]]:
    """Name, X, classes, and how many clusters."""
    for name, load, k in (("iris", load_iris, 3), ("wine", load_wine, 3), ("breast cancer", load_breast_cancer, 2)):
        X, y = load(return_X_y=True)
        yield name, StandardScaler().fit_transform(X), y, k
    yield "blobs", *make_blobs(300, 4, centers=8, cluster_std=1.5, random_state=1), 8
    X, y = load_digits(return_X_y=True)
    yield "digits", X[:400] / 16, y[:400], 10


def pam(distances: Any, k: int, rng: np.random.Generator) -> list[int]:
    """Swap a medoid and a point, the best of all swaps each time, until none helps; best of five random starts."""
    best, found = np.inf, [0]
    for _ in range(5):
        medoids, cost = list(rng.permutation(len(distances))[:k]), np.inf
        while True:
            swaps = []
            for place in range(k):
                nearest = distances[:, medoids[:place] + medoids[place + 1 :]].min(axis=1, initial=np.inf)
                sums = np.minimum(nearest[:, None], distances).sum(axis=0)
                swaps.append((sums.min(), place, int(sums.argmin())))
            lowest, place, point = min(swaps)
            if lowest >= cost - 1e-9:
                break
            cost, medoids[place] = lowest, point
        if cost < best:
            best, found = cost, medoids
    return found


def rows_of(X: Any, y: Any, k: int) -> list[str]:
    """Of each kind the excess inertia over PAM's and the adjusted Rand index, then the index of PAM and of KMeans."""
    distances = pairwise_distances(X)
    medoids = pam(distances, k, np.random.default_rng(0))
    best = distances[:, medoids].min(axis=1).sum()
    cells = []
    for parameters in KINDS.values():
        models = [QuboKMedoids(k, random_state=seed, **parameters).fit(X) for seed in SEEDS]
        excess = 100 * (np.array([model.inertia_ for model in models]) / best - 1)
        cells.append(f"{excess.mean():.1f} ± {excess.std():.1f} % / {_mean_rand(y, lambda i, m=models: m[i].labels_)}")
    means = [KMeans(k, n_init=5, random_state=seed).fit(X) for seed in SEEDS]
    return [
        *cells,
        f"{adjusted_rand_score(y, distances[:, medoids].argmin(axis=1)):.2f}",
        _mean_rand(y, lambda i: means[i].labels_),
    ]


def _mean_rand(y: Any, labels: Callable[[int], Any]) -> str:
    return f"{np.mean([adjusted_rand_score(y, labels(i)) for i in SEEDS]):.2f}"


def measure() -> Table:
    rows = []
    for name, X, y, k in sets():
        started = perf_counter()
        rows.append([f"{name} ({len(X)})", k, *rows_of(X, y, k)])
        print(*rows[-1], f"{perf_counter() - started:.0f} s", sep=" | ", flush=True)
    columns = ["set (points)", "k", *KINDS, "PAM: Rand", "KMeans: Rand"]
    notes = (
        "Excess inertia over PAM (best of five starts) / adjusted Rand index; mean and spread over 5 seeds. The "
        "first columns are QuboKMedoids at its defaults but for what they name."
    )
    return Table("clustering", "k-medoids by a QUBO beside PAM", columns, rows, notes)


if __name__ == "__main__":
    measure().save()
