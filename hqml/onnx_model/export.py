"""Write a fitted estimator as an ONNX model."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hqml.errors import ParameterError
from hqml.files import replacing
from hqml.libraries import check_libraries
from hqml.onnx_model import float32, float64
from hqml.onnx_model.graph import Graph
from hqml.onnx_model.machines import Decider, Sums, read
from hqml.onnx_model.provenance import provenance
from hqml.onnx_model.running import DECISION, INPUT, LABEL, PREDICTION, opened
from hqml.onnx_model.steps import Step, columns, split
from hqml.options import one_of
from hqml.qubo import Floats

if TYPE_CHECKING:
    import onnx

LIBRARIES = ("onnx", "onnxruntime")
"""What is written is run, to compare it with Python."""

TOLERANCE = 1e-5
"""Largest difference of a decision value from Python's, relative to max(1, |value|)."""

_SINGLE_UP_TO = TOLERANCE / 5
"""Largest difference found on the probes with which "auto" takes single precision: other points may be worse."""

_PROBES = 1000


def to_onnx(
    estimator: Any,
    *,
    path: str | Path | None = None,
    features: Sequence[str] | None = None,
    label: str | None = None,
    precision: str = "auto",
) -> onnx.ModelProto:
    """Write a fitted SVM, ensemble or regressor of `hqml.svm`, or a pipeline that ends in one, as an ONNX model.

    Its input is `X`, float64 (N, features). Outputs of a classifier: `label` (N,), int64 or string (float64 or bool
    where the classes are), and `decision`, float64 (N,) for two classes, else (N, classes), both as `predict` and
    `decision_function` give them; of a regressor `prediction`, float64 (N,). Probabilities are not invented. The
    file holds the support vectors, which are samples of the training set (but for kernel="linear": its weights only).

    Each model is run in onnxruntime before it is handed over and compared with Python on 1000 points around the support
    vectors. Decisions differ by less than 1e-5 of max(1, |decision|); a slice's vote or the nearest centre may differ
    where it hangs on the last bits.

    Args:
        estimator: fitted. Kernels linear, poly, rbf, sigmoid; steps StandardScaler, MinMaxScaler, MaxAbsScaler,
            RobustScaler, selectors of features, "passthrough".
        path: a file to write, whole or not at all; None writes none.
        features: names of the columns of X, in order; None takes `feature_names_in_` if the estimator has it.
        label: name of the column it was trained on.
        precision: "single" uses the operators SVMRegressor and Scaler of ai.onnx.ml, which compute in float32;
            "double" uses standard operators in float64; "auto" takes "single" where it differs from Python by less
            than 2e-6 on the 1000 points and a bias decides far from all support vectors, else "double". float32 does
            not do for long: of an RBF machine on Landsat it is wrong by 2e-6 with 27 support vectors, by 9e-6 with 95
            and by 1e-4 with 800. Votes and nearest centres are always "double", since a rounding can turn them over.

    Returns:
        The model; its `metadata_props` hold where it comes from (see docs/onnx.md).

    Raises:
        ParameterError: it is not fitted, a kernel, step or estimator cannot be written, the names do not fit, it needs
            more than ONNX's 2 GiB, or float64 does not reach 1e-5 of Python.
        FormatError: the file cannot be written.
        LibraryMissing: onnx or onnxruntime is not installed.
    """
    one_of("precision", precision, ("auto", "single", "double"))
    if path is not None and Path(path).suffix.lower() != ".onnx":
        raise ParameterError(f"path must end in .onnx, by which `hqml predict` knows the file, found {str(path)!r}")
    check_libraries(LIBRARIES, "an ONNX model", "onnx")
    steps, last = split(estimator)
    decider = read(last)
    names = _names(estimator, columns(steps, last), features)
    model, facts = _faithful(estimator, steps, last, decider, _attempts(precision, decider))
    _describe(model, provenance(last, features=names, label=label, classes=decider.classes) | facts)
    if path is not None:
        with replacing(path) as file:
            file.write(model.SerializeToString())
    return model


def _attempts(precision: str, decider: Decider) -> dict[str, float]:
    """The precisions to try, best first, and the difference from Python up to which each will do."""
    if precision == "single" and not isinstance(decider.rule, Sums):
        raise ParameterError("votes and nearest centres need precision='double': a rounding in float32 turns them over")
    if precision == "single":
        return {"single": math.inf}
    double = {"double": TOLERANCE}
    return double if precision == "double" or not _robust(decider) else {"single": _SINGLE_UP_TO} | double


def _robust(decider: Decider) -> bool:
    """Whether no rounding in float32 turns a class over where decisions are clear.

    Far from all support vectors an RBF kernel is 0 in float32: if no bias decides there, a class hangs on nothing.
    """
    if not isinstance(decider.rule, Sums):
        return False
    if decider.classes is None or decider.kernel.function != "rbf":
        return True
    highest = np.sort(np.append(decider.rule.bias, 0.0) if len(decider.classes) == 2 else decider.rule.bias)[-2:]
    return bool(np.ptp(highest) > TOLERANCE)


def _faithful(
    estimator: Any, steps: Sequence[Step], last: Any, decider: Decider, attempts: Mapping[str, float]
) -> tuple[onnx.ModelProto, dict[str, str]]:
    """The first model that is close enough to Python, and how close it is.

    Raises:
        ParameterError: none is.
    """
    import onnx

    points = _probes(np.asarray(last.support_vectors_), last.n_features_in_, steps)
    expected = _expected(estimator, points, decider)
    for precision, most in attempts.items():
        model = _model(columns(steps, last), steps, decider, precision)
        onnx.checker.check_model(model, full_check=True)
        difference = _difference(model, points, expected, decider)
        if difference <= most:
            return model, {"precision": precision, "largest_difference": f"{difference:.1e}"}
    raise ParameterError(
        f"in {precision} precision the ONNX model's decisions differ from Python's by {difference:.1e} of their value; "
        "the kernel's sums cancel to less than rounding: standardise the features, or lower gamma or degree"
    )


def _model(features: int, steps: Sequence[Step], decider: Decider, precision: str) -> onnx.ModelProto:
    from onnx import TensorProto, helper

    graph = Graph()
    if precision == "single" and isinstance(decider.rule, Sums):
        decisions = float32.decision(graph, INPUT, steps, decider, decider.rule)
    else:
        decisions = float64.decision(graph, INPUT, steps, decider)
    inputs = {INPUT: (TensorProto.DOUBLE, ["N", features])}
    if decider.classes is None:
        _column(graph, decisions, PREDICTION)
        return graph.model(inputs, {PREDICTION: (TensorProto.DOUBLE, ["N"])})
    kind = helper.np_dtype_to_tensor_dtype(decider.classes.dtype)
    if len(decider.classes) > 2:
        graph.node("Identity", decisions, output=DECISION)
        chosen = graph.node("ArgMax", decisions, axis=1, keepdims=0)
        shape: list[Any] = ["N", len(decider.classes)]
    else:
        _column(graph, decisions, DECISION)
        chosen = graph.node("Cast", graph.node("Greater", DECISION, graph.constant(0.0)), to=TensorProto.INT64)
        shape = ["N"]
    graph.node("Gather", graph.constant(decider.classes), chosen, output=LABEL)
    return graph.model(inputs, {LABEL: (kind, ["N"]), DECISION: (TensorProto.DOUBLE, shape)})


def _column(graph: Graph, decisions: str, output: str) -> None:
    """The one column of (N, 1) as (N,)."""
    graph.node("Squeeze", decisions, graph.constant([1], np.int64), output=output)


def _probes(support: Floats, features: int, steps: Sequence[Step]) -> Floats:
    """(1000, columns) points near the support vectors and far from them, as the pipeline takes them."""
    random = np.random.default_rng(0)
    if not len(support):
        support = np.zeros((1, features))
    spread = np.where(support.std(axis=0) > 0, support.std(axis=0), 1.0)
    reach = random.uniform(0, 2, (_PROBES, 1))
    noise = random.normal(size=(_PROBES, features))
    points: Floats = support[random.integers(len(support), size=_PROBES)] + reach * spread * noise
    for step in reversed(steps):
        points = step.undone(points)
    return points


def _expected(estimator: Any, points: Floats, decider: Decider) -> Floats:
    """What Python decides."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        decide = estimator.predict if decider.classes is None else estimator.decision_function
        return np.asarray(decide(points), dtype=np.float64)


def _difference(model: onnx.ModelProto, points: Floats, expected: Floats, decider: Decider) -> float:
    """Largest difference from Python, of max(1, |value|)."""
    output = PREDICTION if decider.classes is None else DECISION
    [found] = opened(model.SerializeToString()).run([output], {INPUT: points})
    differences = np.abs(found - expected) / np.maximum(1, np.abs(expected))
    # Votes and centres that hang on the last bits fall either way, in Python as well.
    return float(differences.max() if isinstance(decider.rule, Sums) else np.quantile(differences, 0.99))


def _names(estimator: Any, count: int, features: Sequence[str] | None) -> list[str] | None:
    names = getattr(estimator, "feature_names_in_", None) if features is None else features
    if names is None:
        return None
    if isinstance(names, str) or len(names) != count:
        raise ParameterError(f"features must name the {count} columns of X, found {names!r}")
    return [str(name) for name in names]


def _describe(model: onnx.ModelProto, facts: dict[str, str]) -> None:
    from onnx import helper

    helper.set_model_props(model, facts)
    model.producer_name, model.producer_version = "hqml", facts["hqml_version"]
    model.doc_string = f"{facts['estimator']}: {INPUT} float64 (N, features); see metadata_props for its provenance"
