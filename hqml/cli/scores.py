"""How well a model does on a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hqml.tables import Table


def scores(model: Any, table: Table) -> dict[str, float | None]:
    """Accuracy, balanced accuracy and, for two classes, the area under the ROC curve (None where one class is absent).

    Args:
        model: a fitted classifier.
        table: with labels.
    """
    import numpy as np
    from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score

    predicted = model.predict(table.X)
    found: dict[str, float | None] = {
        "accuracy": float(accuracy_score(table.y, predicted)),
        "balanced_accuracy": _balanced(table.y, predicted, balanced_accuracy_score),
    }
    if len(model.classes_) == 2:
        positive = np.asarray(table.y) == model.classes_[1]
        both = 0 < positive.sum() < len(positive)
        found["auroc"] = float(roc_auc_score(positive, model.decision_function(table.X))) if both else None
    return found


def _balanced(truth: Any, predicted: Any, score: Any) -> float:
    import warnings

    with warnings.catch_warnings():
        # A class that is predicted but absent from a small table has no recall to average; that is as it should be.
        warnings.simplefilter("ignore")
        return float(score(truth, predicted))
