"""The trainable model again, from the ONNX file of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hqml.dl.exchange.arrays import unpacked
from hqml.dl.exchange.files import initializers, read
from hqml.dl.exchange.metadata import REST, STATE, task_of
from hqml.dl.frameworks import framework_of
from hqml.dl.names import Names
from hqml.dl.signature import Signature
from hqml.dl.spec import Task
from hqml.errors import DataError, FormatError, ParameterError


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """What a model file holds.

    Attributes:
        task: that it was trained by.
        signature: of the model.
        model: a torch.nn.Module in evaluation mode on the CPU, or what its framework has.
        metadata: {name: text}, all that the file says of it.
        rest: tensors that trained with it, by name.
    """

    task: Task
    signature: Signature
    model: Any
    metadata: Mapping[str, str]
    rest: Mapping[str, Any]


REBUILT = Names(
    "framework",
    "hqml.dl.exchange",
    "rebuilt",
    {"torch": "of_torch", "keras": "of_keras", "statsmodels": "of_statsmodels", "head": "of_head"},
)
"""By framework: `rebuilt(task, signature, weights) -> model`; raises ParameterError or DataError where it cannot."""


def load(path: str | Path) -> LoadedModel:
    """Load a model that `hqml train` wrote, ready to be trained on. Nothing of the file is executed.

    Raises:
        FormatError: there is no such file, it is damaged, of another origin or of a newer hqml.
        LibraryMissing: onnx, or the framework it was trained with, is not installed.
    """
    file = read(path)
    facts, signature = file.description.facts, file.description.signature
    task = task_of(facts, file.source)
    arrays = {name: unpacked(text, file.source) for name, text in file.description.arrays.items()}
    rest: Mapping[str, Any] = arrays.get(REST, {})
    try:
        framework = framework_of(task)
        model = REBUILT[framework](task, signature, initializers(file) | arrays.get(STATE, {}))
    except (ParameterError, DataError) as error:
        raise FormatError(
            f"{file.source}: its task does not make its model ({error}); the file is damaged, or of an hqml whose "
            "architecture differs"
        ) from error
    if framework == "torch":
        from hqml.dl.exchange.of_torch import tensors

        rest = tensors(rest)
    return LoadedModel(task, signature, model, facts, rest)
