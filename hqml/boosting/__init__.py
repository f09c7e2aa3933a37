"""Strong classifiers that are votes of a few weak ones, chosen by QUBOs."""

from hqml.boosting._classifier import EmptySelectionWarning as EmptySelectionWarning
from hqml.boosting.qboost import QBoostClassifier as QBoostClassifier
from hqml.boosting.twin import RelaxedBoostClassifier as RelaxedBoostClassifier

__all__ = ["EmptySelectionWarning", "QBoostClassifier", "RelaxedBoostClassifier"]
