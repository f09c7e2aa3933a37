"""ONNX files of trained models: graph, weights and metadata together. Knows neither torch nor keras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from hqml.dl.exchange.arrays import packed
from hqml.dl.exchange.checking import ExportError, Inputs, Predict, checked
from hqml.dl.exchange.metadata import REST, STATE, Description, described, properties
from hqml.errors import FormatError, ParameterError
from hqml.files import check_writable, replacing
from hqml.libraries import library
from hqml.model_file import content_of

if TYPE_CHECKING:
    import onnx

    from hqml.dl.signature import Signature
    from hqml.dl.spec import Task

MOST_BYTES = 2**31 - 2**20
"""Protocol buffers, hence ONNX files in one piece, end at 2 GiB."""


@dataclass(frozen=True, eq=False)
class OnnxFile:
    """An ONNX file of a trained model.

    Attributes:
        source: what to call it in messages.
        model: as it was written.
        description: what its metadata say.
    """

    source: str
    model: onnx.ModelProto
    description: Description


def check_path(path: str | Path) -> None:
    """Find out before long work whether a model can be written to a path.

    Raises:
        ParameterError: it does not end in .onnx.
        FormatError: it cannot be written.
    """
    if Path(path).suffix.lower() != ".onnx":
        raise ParameterError(f"a model's file must end in .onnx, by which `hqml predict` knows it, found {str(path)!r}")
    check_writable(path)


def save_checked(
    model: onnx.ModelProto,
    predict: Predict,
    x: Inputs,
    path: str | Path,
    *,
    task: Task,
    signature: Signature,
    outputs: Sequence[str],
    state: Mapping[str, npt.ArrayLike] | None = None,
    rest: Mapping[str, npt.ArrayLike] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> float:
    """Write a model that computes the same in onnxruntime, with what it is; nothing is written if it does not.

    Args:
        model: a graph from "x" (samples, *x) to `outputs`; it is changed: its metadata become hqml's.
        predict: the framework's model.
        x: (samples, *x), to compare them on.
        path: ends in .onnx.
        task: as it was run.
        signature: of the model.
        outputs: names of what it gives.
        state: arrays that the framework's model needs and the graph has not, by name.
        rest: arrays that trained beside the model, e.g. of a critic.
        facts: more that the file shall say.

    Returns:
        The largest difference of onnxruntime's results, as `checking.checked` measures it.

    Raises:
        ExportError: they differ, or the file would be larger than 2 GiB.
        ParameterError, FormatError: as for `check_path`.
    """
    check_path(path)
    texts = properties(task, signature, outputs, facts)
    for name, arrays in ((STATE, state), (REST, rest)):
        if arrays:
            texts[name] = packed(arrays)
    _describe(model, texts)
    check_size(model.ByteSize())
    error = checked(model.SerializeToString(), predict, x, outputs)
    _describe(model, texts | {"onnx_error": f"{error:.1e}"})
    with replacing(path) as file:
        file.write(model.SerializeToString())
    return error


def check_size(size: int) -> None:
    """
    Raises:
        ExportError: as many bytes do not fit into a file.
    """
    if size > MOST_BYTES:
        raise ExportError(
            f"the model takes {size / 2**30:.1f} GiB, and an ONNX file holds 2 GiB; give it fewer parameters, or keep "
            "the checkpoint, which holds all of it"
        )


def read(path: str | Path) -> OnnxFile:
    """Read a file of `save_checked`.

    Raises:
        FormatError: there is no such file, it is damaged, or another one's.
    """
    onnx = library("onnx", "reading an ONNX model", "dl")
    source, content = str(path), content_of(Path(path))
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf's errors differ from version to version
        raise FormatError(f"{source}: is not an ONNX file, or damaged ({error}); write or copy it again") from error
    description = described({one.key: one.value for one in model.metadata_props}, source)
    return OnnxFile(source, model, description)


def initializers(file: OnnxFile) -> dict[str, npt.NDArray[Any]]:
    """The weights and constants of its graph, by name.

    Raises:
        FormatError: some are damaged, or in another file.
    """
    from onnx import TensorProto, numpy_helper

    found: dict[str, npt.NDArray[Any]] = {}
    for tensor in file.model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            raise FormatError(
                f"{file.source}: its weights are in another file, which hqml does not open; save both as one: "
                "onnx.save_model"
            )
        try:
            found[tensor.name] = numpy_helper.to_array(tensor)
        except (ValueError, TypeError, KeyError) as error:
            raise FormatError(f"{file.source}: {tensor.name} is damaged ({error}); write or copy it again") from error
    return found


def _describe(model: onnx.ModelProto, texts: Mapping[str, str]) -> None:
    """Put a model's metadata in place of what its exporter said: names of files and lines, how it was traced."""
    from onnx import helper

    del model.metadata_props[:]
    helper.set_model_props(model, dict(texts))
    model.producer_name, model.producer_version = "hqml", texts["hqml_version"]
    model.doc_string = "A model of hqml train: see task, signature and outputs in metadata_props"
    graph = model.graph
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
