"""Load a model of whichever kind the commands write."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hqml.dl.exchange.predictor import Predictor
    from hqml.model_file import Model


def loaded(path: str) -> Model:
    """The estimator in a file: ONNX if its name ends in .onnx, else that of `save_model`.

    Raises:
        FormatError: there is no such file, it is damaged, or of another kind.
        LibraryMissing: it is an ONNX file, and onnxruntime is not installed.
    """
    from hqml.errors import FormatError
    from hqml.model_file import Model

    found = of_any_kind(path)
    if not isinstance(found, Model):
        raise FormatError(f"{path}: is a model of `hqml train`, which `hqml predict` takes; give one of `hqml fit`")
    return found


def of_any_kind(path: str) -> Model | Predictor:
    """The estimator, or the model of `hqml train`, in a file. Errors are those of `loaded`."""
    from hqml.model_file import Model, load_model

    if not is_onnx(path):
        return load_model(path)
    from hqml.dl.exchange.metadata import is_described
    from hqml.onnx_model.running import OnnxModel, metadata_of, session_of

    session = session_of(path)
    if is_described(metadata_of(session, path)):
        from hqml.dl.exchange.predictor import Predictor

        return Predictor(session, path)
    model = OnnxModel(session, path)
    return Model(model, model.features, model.label, model.metadata["hqml_version"])


def is_onnx(path: str) -> bool:
    """Whether a file is an ONNX model, by its name."""
    return path.lower().endswith(".onnx")
