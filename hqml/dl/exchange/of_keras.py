"""Keras models as ONNX files, and back."""

from __future__ import annotations

import contextlib
import io
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hqml.dl.exchange.checking import INPUT, ExportError, Inputs
from hqml.dl.exchange.files import check_size, save_checked
from hqml.dl.frameworks.keras import build
from hqml.dl.frameworks.keras_library import quiet
from hqml.dl.frameworks.keras_state import weights_of
from hqml.dl.signature import Signature
from hqml.dl.spec import Task
from hqml.errors import DataError
from hqml.libraries import library

if TYPE_CHECKING:
    import onnx


@quiet()
def export(
    model: Any,
    task: Task,
    signature: Signature,
    path: str | Path,
    *,
    x: Inputs,
    outputs: Sequence[str],
    rest: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> float:
    """Write a Keras model. Its exporter renames and folds weights, so that they are kept beside the graph as well.

    Raises:
        ExportError: Keras cannot write it, and as for `files.save_checked`, of which the arguments are.
    """
    library("onnx", "writing an ONNX model", "dl")
    weights = weights_of(model)
    check_size(2 * sum(array.nbytes for array in weights))
    graph = _traced(model)
    _rename(graph, (INPUT, *outputs))
    return save_checked(
        graph,
        lambda batch: [np.asarray(model.predict_on_batch(batch))],
        x,
        path,
        task=task,
        signature=signature,
        outputs=outputs,
        state=_by_number(weights),
        rest=rest,
        facts=facts,
    )


@quiet()
def rebuilt(task: Task, signature: Signature, weights: Mapping[str, npt.NDArray[Any]]) -> Any:
    """The model with its weights, not compiled.

    Raises:
        DataError: there are others than the layers have.
        ParameterError: the task makes no model.
    """
    model = build(task, signature)
    found = [weights.get(name) for name in _by_number(model.weights)]
    for one, array in zip(model.weights, found, strict=True):
        if array is None or array.shape != tuple(one.shape):
            shape = "none" if array is None else f"shape {array.shape}"
            raise DataError(f"weight {one.path} must have shape {tuple(one.shape)}, found {shape}")
    model.set_weights(found)
    return model


def _by_number(values: Any) -> dict[str, Any]:
    """Weights in Keras's order, whose names differ from one making of a model to the next."""
    return {f"weight_{number}": value for number, value in enumerate(values)}


def _traced(model: Any) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter to its developers
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                model.export(Path(folder) / "model.onnx", format="onnx", verbose=False)
        except Exception as error:  # of Keras, its backend, or the exporter of that
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ExportError(f"Keras cannot write the model as ONNX: {reason}") from error
        found: onnx.ModelProto = library("onnx", "writing an ONNX model", "dl").load(Path(folder) / "model.onnx")
    return found


def _rename(model: onnx.ModelProto, names: Sequence[str]) -> None:
    """Give the input and the outputs hqml's names, and the batch's axis one of its own."""
    graph = model.graph
    tensors = [*graph.input, *graph.output]
    to = {tensor.name: name for tensor, name in zip(tensors, names, strict=True)}
    for node in graph.node:
        for place in (node.input, node.output):
            place[:] = [to.get(name, name) for name in place]
    for tensor in tensors:
        tensor.name = to[tensor.name]
        tensor.type.tensor_type.shape.dim[0].dim_param = "samples"
