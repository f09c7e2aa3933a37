"""Load a model of whichever kind the commands write."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hqml.model_file import Model


def loaded(path: str) -> Model:
    """The model in a file: ONNX if its name ends in .onnx, else that of `save_model`.

    Raises:
        FormatError: there is no such file, it is damaged, or of another kind.
        OnnxMissing: it is an ONNX file, and onnxruntime is not installed.
    """
    from hqml.model_file import Model, load_model

    if not is_onnx(path):
        return load_model(path)
    from hqml.onnx_model import load_onnx

    model = load_onnx(path)
    return Model(model, model.features, model.label, model.metadata["hqml_version"])


def is_onnx(path: str) -> bool:
    """Whether a file is an ONNX model, by its name."""
    return path.lower().endswith(".onnx")
