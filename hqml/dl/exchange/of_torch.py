"""torch models as ONNX files, and back."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from hqml.dl.exchange import files
from hqml.dl.exchange.checking import INPUT, ExportError, Inputs
from hqml.dl.signature import Signature
from hqml.dl.spec import Task
from hqml.errors import DataError
from hqml.libraries import library

if TYPE_CHECKING:
    import onnx

_OPSET = 18
"""The lowest that torch's exporter writes: of ONNX 1.13 (December 2022), so that older runtimes can run the files."""


def export(
    model: nn.Module,
    task: Task,
    signature: Signature,
    path: str | Path,
    *,
    x: Inputs,
    outputs: Sequence[str],
    rest: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> float:
    """Write a torch model, on any device, which stays as it is; one of float64 is written in float32.

    Weights keep the names of `state_dict`; what the graph does not hold of it goes into the metadata.

    Raises:
        ExportError: torch cannot write it, and as for `files.save_checked`, of which the arguments are.
    """
    for name in ("onnx", "onnxscript"):
        library(name, "writing an ONNX model", "dl")
    frozen = copy.deepcopy(model).cpu().float().eval().requires_grad_(False)
    graph = traced(frozen, x, outputs)
    return files.save_checked(
        graph,
        lambda batch: predicted(frozen, batch),
        x,
        path,
        task=task,
        signature=signature,
        outputs=outputs,
        state=missing(graph, frozen),
        rest={name: _array(tensor) for name, tensor in rest.items()},
        facts=facts,
    )


def rebuilt(task: Task, signature: Signature, weights: Mapping[str, npt.NDArray[Any]]) -> nn.Module:
    """The model of a task with its weights, in evaluation mode on the CPU.

    Raises:
        ParameterError: the task gives no model.
        DataError: a weight is missing, or of another shape.
    """
    from hqml.dl.building import build

    with torch.random.fork_rng(devices=[]):  # new weights are drawn, and not used
        model: nn.Module = build(task, signature).model
    take(model, weights)
    return model


def take(model: nn.Module, weights: Mapping[str, npt.NDArray[Any]]) -> None:
    """Put its weights into a model, which then is in evaluation mode.

    Raises:
        DataError: a weight is missing, or of another shape.
    """
    model.load_state_dict(
        {name: _weight(name, tensor, weights.get(name)) for name, tensor in model.state_dict().items()}
    )
    model.eval()


def tensors(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, torch.Tensor]:
    """The `rest` of a file as tensors."""
    return {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}


def traced(model: nn.Module, x: Inputs, outputs: Sequence[str]) -> onnx.ModelProto:
    """The graph of a model in evaluation mode on the CPU, with the weights under their names.

    Raises:
        ExportError: torch cannot write it.
    """
    held = [*model.parameters(), *model.buffers()]
    files.check_size(sum(tensor.numel() * tensor.element_size() for tensor in held))
    # torch takes the sizes 0 and 1 for constants.
    batch = torch.from_numpy(np.resize(x, (max(2, min(len(x), 4)), *x.shape[1:])))
    try:
        with _quiet():
            program = torch.onnx.export(
                model,
                (batch,),
                dynamo=True,
                optimize=False,  # it would fold weights into others, and their names would be lost
                verbose=False,
                input_names=[INPUT],
                output_names=list(outputs),
                dynamic_shapes=({0: torch.export.Dim("samples")},),
                opset_version=_OPSET,
            )
    except Exception as error:  # of torch.onnx, torch.export and whatever they call
        cause = error.__cause__ or error
        reason = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
        raise ExportError(f"torch cannot write the model as ONNX: {type(cause).__name__}: {reason}") from error
    assert program is not None  # None is of dynamo=False
    found: onnx.ModelProto = program.model_proto
    return found


def predicted(model: nn.Module, x: Inputs) -> list[npt.NDArray[Any]]:
    """What a model in evaluation mode gives: its outputs, in order."""
    with torch.no_grad():
        found = model(torch.from_numpy(x))
    return [_array(one) for one in (found if isinstance(found, tuple) else (found,))]


def missing(graph: onnx.ModelProto, model: nn.Module) -> dict[str, npt.NDArray[Any]]:
    """What of `state_dict` is no initializer of the graph: counters, parts that predictions do not need."""
    from onnx import numpy_helper

    tensors = {tensor.name: tensor for tensor in graph.graph.initializer}
    state = {name: _array(tensor) for name, tensor in model.state_dict().items()}
    return {
        name: array
        for name, array in state.items()
        if name not in tensors or not np.array_equal(numpy_helper.to_array(tensors[name]), array)
    }


def _weight(name: str, tensor: torch.Tensor, array: npt.NDArray[Any] | None) -> torch.Tensor:
    shape = tuple(tensor.shape)
    if array is None or array.shape != shape or array.dtype.kind not in "fiub":
        found = "missing" if array is None else f"{array.dtype} {array.shape}"
        raise DataError(f"weight {name} is {found}, and the task makes it {shape}")
    return torch.from_numpy(array.copy())


def _array(tensor: Any) -> npt.NDArray[Any]:
    return np.asarray(tensor.detach().cpu().numpy() if isinstance(tensor, torch.Tensor) else tensor)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter says to its own developers: deprecations within torch, and that torchvision, of which
    no operator is used, is missing."""
    log = logging.getLogger("torch.onnx")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(before)
