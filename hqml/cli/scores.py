"""How well a model does on a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hqml.errors import DataError

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


def regression_scores(model: Any, table: Table) -> dict[str, float | None]:
    """Share of the variance explained (r2, None for a single row) and mean absolute error in the label's units.

    Args:
        model: a fitted regressor.
        table: with labels.

    Raises:
        DataError: the labels are no numbers.
    """
    from sklearn.metrics import mean_absolute_error, r2_score

    truth = table.labels()
    if truth.dtype.kind not in "iuf":
        raise DataError(
            f"column {table.label!r} holds text ({str(truth[0])!r}), but the model predicts numbers; name another"
        )
    predicted = model.predict(table.X)
    return {
        "r2": float(r2_score(truth, predicted)) if len(truth) > 1 else None,
        "mean_absolute_error": float(mean_absolute_error(truth, predicted)),
    }


def _balanced(truth: Any, predicted: Any, score: Any) -> float:
    import warnings

    with warnings.catch_warnings():
        # A class that is predicted but absent from a small table has no recall to average; that is as it should be.
        warnings.simplefilter("ignore")
        return float(score(truth, predicted))
