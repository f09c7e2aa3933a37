"""How well a classifier does on rows that it was not trained on."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import accuracy_score, average_precision_score, balanced_accuracy_score, roc_auc_score

from hqml.qubo import Floats


def scores(model: Any, X: Floats, y: npt.NDArray[Any]) -> dict[str, float | None]:
    """accuracy, balanced_accuracy, auroc and, of two classes, auprc.

    auroc and auprc (average precision) are None where the model has no decision values, or a class has no row; of more
    than two classes auroc is the mean of each class against the rest.

    Args:
        model: a fitted classifier.
        X: (rows, features).
        y: (rows,) labels.
    """
    predicted = model.predict(X)
    with warnings.catch_warnings():
        # A class that is predicted but absent from a few rows has no recall to average; that is as it should be.
        warnings.simplefilter("ignore")
        balanced = float(balanced_accuracy_score(y, predicted))
    found: dict[str, float | None] = {
        "accuracy": float(accuracy_score(y, predicted)),
        "balanced_accuracy": balanced,
        "auroc": None,
    }
    is_class = np.asarray(y)[:, None] == np.asarray(model.classes_)[None, :]
    decisions = decision_values(model, X)
    if len(model.classes_) == 2:
        found["auprc"] = None
    if decisions is None or not (is_class.any(axis=0) & ~is_class.all(axis=0)).all():
        return found
    if len(model.classes_) == 2:
        found["auroc"] = float(roc_auc_score(is_class[:, 1], decisions))
        found["auprc"] = float(average_precision_score(is_class[:, 1], decisions))
    else:
        found["auroc"] = float(np.mean([roc_auc_score(*pair) for pair in zip(is_class.T, decisions.T, strict=True)]))
    return found


def decision_values(model: Any, X: Floats) -> Floats | None:
    """(rows,) of two classes, else (rows, classes); None where the model has none of this shape."""
    if not hasattr(model, "decision_function"):
        return None
    decisions = np.asarray(model.decision_function(X), dtype=np.float64)
    classes = len(model.classes_)
    return decisions if decisions.shape == ((len(X),) if classes == 2 else (len(X), classes)) else None


def binary_decisions(model: Any, X: Floats, y: npt.NDArray[Any]) -> dict[str, list[float]] | None:
    """ "truth" (0, or 1 for the model's second class) and "decision" of each row; None for more than two classes."""
    if len(model.classes_) != 2 or (decisions := decision_values(model, X)) is None:
        return None
    truth = np.asarray(y) == model.classes_[1]
    return {"truth": truth.astype(int).tolist(), "decision": significant(decisions, 6)}


def significant(values: Floats, digits: int) -> Any:
    """The values as (nested) lists, rounded to so many significant digits."""
    flat = [float(f"{value:.{digits}g}") for value in np.ravel(values)]
    return np.reshape(flat, np.shape(values)).tolist()
