"""Models of time series as ONNX files, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hqml.dl.autoregression import AutoRegression
from hqml.dl.exchange.checking import INPUT, Inputs
from hqml.dl.exchange.files import save_checked
from hqml.dl.frameworks.statistical import build
from hqml.dl.signature import Signature
from hqml.dl.spec import Task
from hqml.errors import DataError
from hqml.libraries import library

if TYPE_CHECKING:
    import onnx

_COEFFICIENTS = "coefficients"


def export(
    model: AutoRegression,
    task: Task,
    signature: Signature,
    path: str | Path,
    *,
    x: Inputs,
    outputs: Sequence[str],
    rest: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> float:
    """Write a fitted model as the linear function of its window, compared with statsmodels' own forecasts.

    Raises:
        ExportError: as for `files.save_checked`, of which the arguments are.
    """
    library("onnx", "writing an ONNX model", "dl")
    return save_checked(
        _graph(model, signature, *outputs),
        lambda windows: [_as_targets(model.forecast(windows.reshape(len(windows), -1).astype(np.float64)), signature)],
        x,
        path,
        task=task,
        signature=signature,
        outputs=outputs,
        state={_COEFFICIENTS: np.asarray(model.coefficients)},
        rest=rest,
        facts=facts,
    )


def rebuilt(task: Task, signature: Signature, weights: Mapping[str, npt.NDArray[Any]]) -> AutoRegression:
    """The fitted model.

    Raises:
        DataError: its coefficients are missing, or as many as those of another order.
        ParameterError: the task fits no model.
    """
    model = build(task, signature)
    found = weights.get(_COEFFICIENTS)
    if found is None or found.shape != (len(model.names()),):
        shape = "none" if found is None else f"of shape {found.shape}"
        raise DataError(f"coefficients must be {len(model.names())} numbers, found {shape}")
    return replace(model, coefficients=np.asarray(found, dtype=np.float64))


def _graph(model: AutoRegression, signature: Signature, output: str) -> onnx.ModelProto:
    """In float64 inside, as statsmodels computes."""
    from onnx import TensorProto

    from hqml.onnx_model.graph import Graph

    graph = Graph()
    weights, constant = model.linear
    flat = graph.node("Reshape", INPUT, graph.constant([-1, model.window], np.int64))
    window = graph.node("Cast", flat, to=TensorProto.DOUBLE)
    ahead = graph.node("Add", graph.node("MatMul", window, graph.constant(weights)), graph.constant(constant))
    single = graph.node("Cast", ahead, to=TensorProto.FLOAT)
    shape = signature.y or ()
    graph.node("Reshape", single, graph.constant([-1, *shape], np.int64), output=output)
    return graph.model(
        {INPUT: (TensorProto.FLOAT, ["samples", *signature.x])}, {output: (TensorProto.FLOAT, ["samples", *shape])}
    )


def _as_targets(forecast: npt.NDArray[np.float64], signature: Signature) -> Inputs:
    return forecast.reshape(len(forecast), *(signature.y or ())).astype(np.float32)
