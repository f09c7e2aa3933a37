"""Receiver operating characteristics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hqml.compare.figures.looks import looks
from hqml.compare.scoring import decision_values
from hqml.errors import DataError, ParameterError
from hqml.plot.axes import COLOURS, axes_for, entry, ink, legend, name_axes
from hqml.plot.labels import classes_of, codes_of
from hqml.qubo import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def roc(estimators: Any, X: Any, y: Any, ax: Axes | None = None) -> Axes:
    """Draw how much of the positive class is found for how much of the other that is taken for it.

    The legend has each area under the curve. The positive class is `classes_[1]`; the dotted diagonal is chance.

    Args:
        estimators: a fitted classifier of two classes, a list of them, or a mapping {name: classifier}.
        X: (rows, features), best rows that they were not trained on.
        y: (rows,), labels.
        ax: to draw on; None makes a new figure.

    Raises:
        ParameterError: an estimator has more than two classes, or no decision values or probabilities.
        DataError: y has rows of one class only, or a class that was not trained.
        NotFittedError: an estimator is not fitted.
        LibraryMissing: matplotlib is not installed.
    """
    from sklearn.metrics import auc, roc_curve

    curves = {
        name: roc_curve(_is_positive(one, name, y), _decisions(one, name, X))[:2]
        for name, one in _named(estimators).items()
    }
    ax = axes_for(ax, 5.0, 4.6)
    ax.plot([0, 1], [0, 1], color=ink(ax), alpha=0.5, linewidth=0.8, linestyle=":")
    for (name, (false, true)), look in zip(curves.items(), looks(curves, COLOURS).values(), strict=True):
        ax.plot(false, true, **{**look.line, "marker": ""}, label=f"{auc(false, true):.3f}  {entry(name)}")
    name_axes(ax, "false positive rate", "true positive rate")
    legend(ax, loc="lower right", title="AUROC", alignment="left")
    return ax


def _named(estimators: Any) -> dict[str, Any]:
    """{name: estimator}; without names they are called by their class, and numbered."""
    if isinstance(estimators, Mapping):
        named = {str(name): one for name, one in estimators.items()}
    else:
        listed = list(estimators) if isinstance(estimators, list | tuple) else [estimators]
        kinds = [_kind(one) for one in listed]
        places = [kinds[:place].count(kind) for place, kind in enumerate(kinds)]
        named = {
            kind if kinds.count(kind) == 1 else f"{kind} {place + 1}": one
            for kind, place, one in zip(kinds, places, listed, strict=True)
        }
    if not named:
        raise ParameterError("there is no estimator to draw; give at least one that is fitted")
    return named


def _kind(estimator: Any) -> str:
    """The name of its class; of a pipeline that of its last step."""
    steps = getattr(estimator, "steps", None)
    return _kind(steps[-1][1]) if steps else type(estimator).__name__


def _is_positive(estimator: Any, name: str, y: Any) -> npt.NDArray[np.bool_]:
    """Which rows are of `classes_[1]`: (rows,)."""
    classes = classes_of(estimator)
    if classes is None:
        raise ParameterError(f"a ROC is of a classifier of one label a row; {name} is none")
    if len(classes) != 2:
        raise ParameterError(f"a ROC is of a classifier of two classes; {name} has {len(classes)} classes")
    truth = np.asarray(codes_of(y, classes) == 1)
    if truth.all() or not truth.any():
        found = np.unique(np.asarray(y)).tolist()
        raise DataError(f"a ROC needs rows of both classes, {classes.tolist()}; y holds {found[:5]}")
    return truth


def _decisions(estimator: Any, name: str, X: Any) -> Floats:
    """Decision values, else the probability of the positive class: (rows,)."""
    decisions = decision_values(estimator, X)
    if decisions is None and hasattr(estimator, "predict_proba"):
        return np.asarray(estimator.predict_proba(X), float)[:, 1]
    if decisions is None:
        raise ParameterError(f"{name} has neither decision_function nor predict_proba, so that it has no ROC")
    return decisions
