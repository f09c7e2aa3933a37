"""Feature selection as a QUBO, with scikit-learn's conventions."""

from hqml.estimators.subsets import RepairWarning as RepairWarning
from hqml.selection.feature_selector import QuboFeatureSelector as QuboFeatureSelector

__all__ = ["QuboFeatureSelector", "RepairWarning"]
