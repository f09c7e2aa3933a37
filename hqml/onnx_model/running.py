"""Run an ONNX model of `to_onnx`. It needs onnxruntime, and neither onnx nor scikit-learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hqml.display import first_line
from hqml.errors import DataError, FormatError
from hqml.libraries import library
from hqml.qubo import Floats
from hqml.untrusted import read_json

INPUT, LABEL, DECISION, PREDICTION = "X", "label", "decision", "prediction"

_AT_ONCE = 1024
"""Samples a run: with 20,000 support vectors 160 MB a tensor."""

_ONLY_ERRORS = 3
"""A level of onnxruntime's log."""


class OnnxModel:
    """A classifier or regressor in onnxruntime, used like the estimator it was made of.

    Args:
        session: an onnxruntime.InferenceSession of a model of `to_onnx`.
        source: what to call it in messages.

    Attributes:
        metadata: {name: text}, its provenance.
        n_features_in_: how many columns X has.
        features: their names in order, None where they were never known.
        label: name of the column it was trained on, None where it was never known.
        classes_: (classes,), sorted; None of a regressor.

    Raises:
        FormatError: the session is of another model.
    """

    def __init__(self, session: Any, source: str = "the ONNX model") -> None:
        self._session, self._source = session, source
        self.n_features_in_ = _checked_columns(session, source)
        self.metadata = metadata_of(session, source)
        try:
            features, classes = (read_json(self.metadata.get(name, "null")) for name in ("features", "classes"))
            self.features: tuple[str, ...] | None = None if features is None else tuple(map(str, features))
            self.classes_: npt.NDArray[Any] | None = None if classes is None else np.array(classes)
        except (ValueError, TypeError) as error:
            raise FormatError(
                f"{source}: its metadata is damaged ({error}); write it again with hqml.to_onnx"
            ) from error
        self.label = self.metadata.get("label")
        self._check_metadata(source)

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        """The class of each sample, or a regressor's number: (samples,).

        Args:
            X: (samples, features).

        Raises:
            DataError: X has other columns, or holds what is not a finite number.
            FormatError: the model is damaged.
        """
        if self.classes_ is None:
            return self._run(PREDICTION, X)
        return self._run(LABEL, X).astype(self.classes_.dtype)

    def decision_function(self, X: npt.ArrayLike) -> Floats:
        """Decision values: (samples,) for two classes, positive for `classes_[1]`; else (samples, classes).

        Args:
            X: (samples, features).

        Raises:
            DataError: as for `predict`, or this is a regressor.
        """
        if self.classes_ is None:
            raise DataError("a regressor has no decision values; use predict")
        return self._run(DECISION, X)

    def _run(self, output: str, X: npt.ArrayLike) -> npt.NDArray[Any]:
        points = self._checked(X)
        if not len(points):  # on which older runtimes crash
            return self._run(output, np.zeros((1, self.n_features_in_)))[:0]
        starts = range(0, len(points), _AT_ONCE)
        try:
            parts = [self._session.run([output], {INPUT: points[start : start + _AT_ONCE]})[0] for start in starts]
        except Exception as error:  # onnxruntime's errors share no root beside this
            raise FormatError(f"{self._source}: does not run ({first_line(error)}); write or copy it again") from error
        return np.concatenate(parts)

    def _checked(self, X: npt.ArrayLike) -> Floats:
        names = getattr(X, "columns", None)
        if names is not None and self.features is not None and list(names) != list(self.features):
            raise DataError(f"the columns of X must be {', '.join(self.features)}, in this order; choose them by name")
        try:
            points = np.ascontiguousarray(X, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(f"X must hold numbers alone: {error}") from error
        if points.ndim != 2 or points.shape[1] != self.n_features_in_:
            raise DataError(f"X must have shape (samples, {self.n_features_in_}), found {points.shape}")
        if not np.isfinite(points).all():
            raise DataError("X holds NaN or infinity; fill it in or leave it out")
        return points

    def _check_metadata(self, source: str) -> None:
        names = {output.name for output in self._session.get_outputs()}
        if "hqml_version" not in self.metadata or (LABEL in names) != (self.classes_ is not None):
            raise FormatError(f"{source}: lacks the metadata that hqml.to_onnx writes; write it again")
        if self.features is not None and len(self.features) != self.n_features_in_:
            raise FormatError(
                f"{source}: its column names do not fit its {self.n_features_in_} columns; write it again"
            )


def load_onnx(path: str | Path) -> OnnxModel:
    """Load a model that `to_onnx` or `hqml fit --out model.onnx` wrote.

    Raises:
        FormatError: there is no such file, it is not an ONNX file or damaged, or another model.
        LibraryMissing: onnxruntime is not installed.
    """
    return OnnxModel(session_of(path), str(path))


def session_of(path: str | Path) -> Any:
    """An onnxruntime.InferenceSession of any ONNX file, on the CPU.

    Raises:
        FormatError: there is no such file, it is not an ONNX file, damaged, or names other files as its weights.
        LibraryMissing: onnxruntime is not installed.
    """
    from hqml.model_file import content_of
    from hqml.onnx_model.one_file import is_whole

    content = content_of(Path(path))
    if content.startswith(b"PK"):
        raise FormatError(f"{path}: is a zip, not an ONNX file; if `hqml fit` wrote it, rename it to end in .skops")
    library("onnxruntime", "an ONNX model", "onnx")
    try:
        if is_whole(content):
            return opened(content)
    except Exception as error:  # onnxruntime's errors share no root beside this
        told = f"is not an ONNX file, or damaged ({first_line(error)}); write or copy it again"
        raise FormatError(f"{path}: {told}") from error
    raise FormatError(
        f"{path}: names other files as its weights, which hqml does not open; save it as one with onnx.save_model"
    )


def metadata_of(session: Any, source: str) -> dict[str, str]:
    """What an ONNX file says of its model: {name: text}.

    Raises:
        FormatError: it is no text.
    """
    try:
        return dict(session.get_modelmeta().custom_metadata_map)
    except UnicodeDecodeError as error:
        raise FormatError(f"{source}: its metadata are damaged ({error}); write or copy it again") from error


def opened(content: bytes) -> Any:
    """An onnxruntime.InferenceSession of a model's bytes, on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ONLY_ERRORS
    # Threads that wait in a loop win nothing here, and cost whoever else computes on the node.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Else bytes that also look like onnxruntime's own format are read as that, which `one_file` does not look through.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _checked_columns(session: Any, source: str) -> int:
    """How many columns its input has.

    Raises:
        FormatError: its inputs and outputs are not those of `to_onnx`.
    """
    inputs, outputs = session.get_inputs(), [output.name for output in session.get_outputs()]
    if len(inputs) == 1 and inputs[0].name == INPUT and inputs[0].type == "tensor(double)":
        shape = inputs[0].shape
        if len(shape) == 2 and isinstance(shape[1], int) and outputs in ([LABEL, DECISION], [PREDICTION]):
            return shape[1]
    taken = ", ".join(f"{one.name} {one.type} {one.shape}" for one in inputs)
    raise FormatError(
        f"{source}: is not a model of hqml.to_onnx, which takes {INPUT} (N, features) in float64 and gives {LABEL} and "
        f"{DECISION}, or {PREDICTION}; this one takes {taken} and gives {', '.join(outputs)}. Run it with onnxruntime"
    )
