"""A trained model, of whichever framework, as an ONNX file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hqml.dl.exchange import checking, files
from hqml.dl.frameworks import framework_of
from hqml.dl.names import Names
from hqml.dl.zoo import ARCHITECTURES
from hqml.errors import DataError, ParameterError

if TYPE_CHECKING:
    from hqml.dl.signature import Signature
    from hqml.dl.spec import Task

EXPORTERS = Names(
    "framework",
    "hqml.dl.exchange",
    "export",
    {"torch": "of_torch", "keras": "of_keras", "statsmodels": "of_statsmodels", "head": "of_head"},
)
"""By framework: `export(model, task, signature, path, *, x, outputs, rest, facts)` does what
`files.save_checked` does."""


def export(
    model: Any,
    task: Task,
    signature: Signature,
    path: str | Path,
    *,
    rest: Mapping[str, Any] | None = None,
    example: npt.ArrayLike | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> float:
    """Write a model as ONNX, compared with its framework before it is kept.

    The graph takes "x", float32 (samples, *x) for any number of samples, and gives the outputs of the family. `load`
    finds all of the model again.

    Args:
        model: of the task's framework, e.g. a torch.nn.Module of `hqml.dl.building`.
        task: as it was run; names the family.
        signature: of the model.
        path: ends in .onnx; written whole or not at all.
        rest: tensors that trained with it, by name.
        example: (samples, *x) of its data, to compare on; None takes noise.
        metadata: more that the file shall say, e.g. figures.

    Returns:
        The largest difference of onnxruntime's results, as `checking.checked` measures it: at most 1e-4.

    Raises:
        ExportError: it cannot be written, onnxruntime computes something else, or it takes more than 2 GiB.
        ParameterError: the task names no family, or the path no .onnx file.
        DataError: the example has another shape.
        FormatError: the file cannot be written.
        LibraryMissing: onnx, onnxruntime, onnxscript or the framework is not installed.
    """
    files.check_path(path)
    if task.model.family is None:
        raise ParameterError("the task names no model family, without which nobody could load the model again")
    architecture = ARCHITECTURES[task.model.family]
    error: float = EXPORTERS[framework_of(task)](
        model,
        task,
        signature,
        path,
        x=checking.example(signature, task.seed) if example is None else _fitting(example, signature),
        outputs=architecture.outputs,
        rest=rest or {},
        facts=metadata or {},
    )
    return error


def _fitting(example: npt.ArrayLike, signature: Signature) -> checking.Inputs:
    x = np.ascontiguousarray(example, dtype=np.float32)
    if x.shape[1:] != signature.x or not len(x):
        raise DataError(f"the example must have shape (samples, {', '.join(map(str, signature.x))}), found {x.shape}")
    return x
