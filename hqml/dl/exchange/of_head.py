"""A network and its head as one ONNX file, and back."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hqml.dl.exchange import of_torch
from hqml.dl.exchange.checking import Inputs
from hqml.dl.exchange.files import save_checked
from hqml.dl.head.fitting import network_task
from hqml.dl.head.model import Features, Headed
from hqml.dl.signature import Signature
from hqml.dl.spec import Task
from hqml.errors import DataError
from hqml.libraries import library
from hqml.model_file import load_model, save_model

if TYPE_CHECKING:
    import onnx

_HEAD = "head"
_FEATURES = "features"


def export(
    model: Headed,
    task: Task,
    signature: Signature,
    path: str | Path,
    *,
    x: Inputs,
    outputs: Sequence[str],
    rest: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> float:
    """Write a network up to its last layer with the support vector machine behind it, in one graph.

    Raises:
        ExportError: torch cannot write the network, and as for `files.save_checked`, of which the arguments are.
        ParameterError: the head is none that ONNX can hold.
    """
    for name in ("onnx", "onnxscript"):
        library(name, "writing an ONNX model", "dl")
    body = of_torch.traced(model.features, x, [_FEATURES])
    state = of_torch.missing(body, model.features)
    return save_checked(
        _joined(body, model.head, outputs[0]),
        lambda batch: [model(batch)],
        x,
        path,
        task=task,
        signature=signature,
        outputs=outputs[:1],
        state={**state, _HEAD: _packed(model.head)},
        rest=rest,
        facts=facts,
    )


def rebuilt(task: Task, signature: Signature, weights: Mapping[str, npt.NDArray[Any]]) -> Headed:
    """The network, without what its last layer was, and the head.

    Raises:
        ParameterError: the task gives no network.
        DataError: a weight, or the head, is missing or damaged.
    """
    import torch

    from hqml.dl.building import build

    if _HEAD not in weights:
        raise DataError("the head is missing")
    with torch.random.fork_rng(devices=[]):
        features = Features(build(network_task(task), signature).model, task.model.family or "")
    of_torch.take(features, weights)
    return Headed(features, _unpacked(weights[_HEAD]))


def _joined(body: onnx.ModelProto, head: Any, output: str) -> onnx.ModelProto:
    """From the network's features to the head's decision, as scores of the classes."""
    from onnx import TensorProto, compose, helper

    from hqml.onnx_model import to_onnx

    svm = compose.add_prefix(to_onnx(head), "head/")
    decision = next(one for one in svm.graph.output if one.name == "head/decision")
    binary = len(decision.type.tensor_type.shape.dim) == 1
    cast = helper.make_node("Cast", [_FEATURES], ["head/X"], to=TensorProto.DOUBLE)
    body.graph.node.extend([cast, *svm.graph.node, *_scores(output, binary=binary)])
    body.graph.initializer.extend(svm.graph.initializer)
    del body.graph.output[:]
    classes = 2 if binary else decision.type.tensor_type.shape.dim[1].dim_value
    body.graph.output.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, ["samples", classes]))
    known = {one.domain for one in body.opset_import}
    body.opset_import.extend(one for one in svm.opset_import if one.domain not in known)
    return body


def _scores(output: str, *, binary: bool) -> list[Any]:
    """Nodes from the decision to (samples, classes) in float32."""
    from onnx import TensorProto, helper

    if not binary:
        return [helper.make_node("Cast", ["head/decision"], [output], to=TensorProto.FLOAT)]
    return [
        helper.make_node("Cast", ["head/decision"], ["head/d"], to=TensorProto.FLOAT),
        helper.make_node("Constant", [], ["head/axis"], value_ints=[1]),
        helper.make_node("Unsqueeze", ["head/d", "head/axis"], ["head/for"]),
        helper.make_node("Neg", ["head/for"], ["head/against"]),
        helper.make_node("Concat", ["head/against", "head/for"], [output], axis=1),
    ]


def _packed(head: Any) -> npt.NDArray[np.uint8]:
    """The fitted pipeline as bytes of a model file, which holds no code, no samples of an annealer and no tokens."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "head.skops"
        save_model(path, head)
        return np.frombuffer(path.read_bytes(), dtype=np.uint8)


def _unpacked(content: npt.NDArray[Any]) -> Any:
    if content.dtype != np.uint8 or content.ndim != 1:
        raise DataError("the head is damaged")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "head.skops"
        path.write_bytes(content.tobytes())
        return load_model(path).estimator
