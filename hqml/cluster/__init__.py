"""Clustering as a QUBO, with scikit-learn's conventions."""

from hqml.cluster.k_medoids import QuboKMedoids as QuboKMedoids
from hqml.estimators.subsets import RepairWarning as RepairWarning

__all__ = ["QuboKMedoids", "RepairWarning"]
