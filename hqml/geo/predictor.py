"""A model as what it says of rows of features, in the values of a map."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hqml.errors import ParameterError
from hqml.geo.legend import Legend, legend_of
from hqml.geo.measure import Measure
from hqml.geo.rbf import RbfMachines, rbf_machines
from hqml.model_file import Model
from hqml.onnx_model import OnnxModel
from hqml.qubo import Floats

Rows: TypeAlias = Callable[[Floats], npt.NDArray[Any]]

_WORKING_MIB = 128
"""scikit-learn's working_memory for the estimators' own predict: its default of 1 GiB is for a whole machine."""


@dataclass(frozen=True)
class Predictor:
    """What a map is made with.

    Attributes:
        features: that a row has.
        names: of them in order, None where they were never known.
        estimator: name of the estimator's class.
        scale: what the values of the map mean.
        values: from (rows, features) to (rows,) values of the map.
        in_threads: whether `values` leaves the work to one core, so that several threads may call it.
    """

    features: int
    names: tuple[str, ...] | None
    estimator: str
    scale: Legend | Measure
    values: Rows
    in_threads: bool


def predictor_of(model: Any) -> Predictor:
    """Make a model ready to map.

    Machines of RBF kernels decide in single precision where its error cannot turn a decision over, which is all but a
    few pixels; the estimator itself decides the others, so that the map is what `predict` gives.

    Args:
        model: a fitted estimator or pipeline, an OnnxModel, or a Model of `load_model`.

    Raises:
        ParameterError: it predicts neither classes nor numbers from features.
    """
    estimator = model.estimator if isinstance(model, Model) else model
    last = estimator[-1] if hasattr(estimator, "steps") else estimator
    scale = _scale(model, estimator, last)
    machines = rbf_machines(last) if isinstance(scale, Legend) else None
    if machines is not None and isinstance(scale, Legend):
        values = _by_machines(machines, estimator, last, scale)
    else:
        values = _by_itself(estimator, scale)
    features, names = int(estimator.n_features_in_), getattr(model, "features", None)
    return Predictor(features, names, type(last).__name__, scale, values, machines is not None)


@contextmanager
def unnamed() -> Iterator[None]:
    """Let estimators that were fitted on named columns take arrays without a word."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X does not have valid feature names", UserWarning)
        yield


def _scale(model: Any, estimator: Any, last: Any) -> Legend | Measure:
    """What the values of a map mean, by what the model predicts."""
    from sklearn.base import is_clusterer, is_regressor

    name = type(last).__name__
    if _pairwise(last):
        raise ParameterError(
            f"the model's {name} takes a precomputed kernel, which a scene has not; train it with a kernel of features"
        )
    classes = getattr(estimator, "classes_", None)
    if classes is None and hasattr(last, "labels_") and is_clusterer(last):
        classes = np.unique(last.labels_)
    if classes is not None and not isinstance(classes, list):  # a list: several outputs
        return legend_of(np.asarray(classes))
    if isinstance(estimator, OnnxModel) or is_regressor(last):
        return Measure(getattr(model, "label", None) or "prediction")
    raise ParameterError(f"the model's {name} predicts neither classes nor numbers; map a classifier or regressor")


def _pairwise(last: Any) -> bool:
    from sklearn.utils import get_tags

    return bool(hasattr(last, "__sklearn_tags__") and get_tags(last).input_tags.pairwise)


def _by_itself(estimator: Any, scale: Legend | Measure) -> Rows:
    from sklearn import config_context

    def values(rows: Floats) -> npt.NDArray[Any]:
        with config_context(working_memory=_WORKING_MIB):
            predicted = np.asarray(estimator.predict(rows))
        if predicted.shape != (len(rows),):
            raise ParameterError(
                f"the model predicts {predicted.size // len(rows)} values a pixel, a map holds one; train it on one"
            )
        return scale.encoded(predicted)

    return values


def _by_machines(machines: RbfMachines, estimator: Any, last: Any, legend: Legend) -> Rows:
    itself = _by_itself(estimator, legend)
    steps = estimator[:-1] if estimator is not last and len(estimator) > 1 else None

    def values(rows: Floats) -> npt.NDArray[Any]:
        decisions, doubt = machines.decisions(rows if steps is None else np.asarray(steps.transform(rows)))
        if len(legend.codes) == 2:
            chosen, margin = (decisions[:, 0] > 0).astype(np.intp), np.abs(decisions[:, 0])
        else:
            chosen, best = decisions.argmax(axis=1), np.partition(decisions, -2, axis=1)
            margin = (best[:, -1] - best[:, -2]) / 2
        codes = legend.codes[chosen]
        unsure = np.flatnonzero(~(margin > doubt))  # also where a number has left the range of single precision
        if len(unsure):
            codes[unsure] = itself(rows[unsure])
        return codes

    return values
