"""Cluster around points of the data, and see what the QUBO's stand-in for the k-medoids objective is worth.

Iris, 150 flowers in four measures, standardised. The inertia is the sum of the distances to the nearest medoid; KMeans
has means instead, which need not be flowers. The Rand index says how well the three species are found.
"""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.metrics import adjusted_rand_score, pairwise_distances
from sklearn.preprocessing import StandardScaler

from hqml.cluster import QuboKMedoids


def main() -> None:
    X, species = load_iris(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    models: dict[str, Any] = {
        "QUBO": QuboKMedoids(3, random_state=0),
        "QUBO, ten times the sweeps": QuboKMedoids(3, backend_options={"num_sweeps": 2000}, random_state=0),
        "QUBO, 5 subsamples of 40": QuboKMedoids(3, subsample_size=40, random_state=0),
        "QUBO, then alternating": QuboKMedoids(3, refine="alternate", random_state=0),
        "KMeans": KMeans(3, n_init=10, random_state=0),
    }
    table = Table("model", "inertia (distances)", "Rand index", "medoids")
    for name, model in models.items():
        model.fit(X)
        inertia = pairwise_distances(X, model.cluster_centers_).min(axis=1).sum()
        medoids = ", ".join(map(str, getattr(model, "medoid_indices_", [])))
        table.add_row(name, f"{inertia:.1f}", f"{adjusted_rand_score(species, model.labels_):.2f}", medoids)
    Console().print(table)


if __name__ == "__main__":
    main()
