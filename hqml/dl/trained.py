"""What training gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hqml.dl.signature import Signature
from hqml.dl.spec import Task


@dataclass(frozen=True)
class Epoch:
    """One pass over the training data.

    Attributes:
        number: from 1.
        loss: mean of the training batches.
        validation: figures of the validation data.
        rate: learning rate at its end.
        seconds: that it took.
    """

    number: int
    loss: float
    validation: Mapping[str, float]
    rate: float
    seconds: float


@dataclass(frozen=True)
class Fitted:
    """What a framework hands over.

    Attributes:
        model: a torch.nn.Module in evaluation mode, a keras model, or an AutoRegression of statsmodels.
        rest: tensors that trained with it and are no part of it, e.g. a critic; by name.
        history: of its epochs.
        best: number of the epoch whose weights these are.
        figure: name of the figure that says how good it is.
        test: figures of the test data.
        stopped: why training ended: "epochs", "early", "interrupted".
        seconds: of training, without reading and exporting.
    """

    model: Any
    history: tuple[Epoch, ...]
    best: int
    figure: str
    higher_is_better: bool
    test: Mapping[str, float]
    stopped: str
    seconds: float
    rest: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Trained:
    """A trained task, with its files.

    Attributes:
        task: as it was run, defaults filled in.
        signature: of its model.
        fitted: the model and its figures.
        folder: that holds model.onnx, task.yaml, history.csv, result.json and checkpoint.pt; None where none was named.
        onnx: the model's file.
        onnx_error: largest difference of onnxruntime's predictions from the framework's, as
            `hqml.dl.exchange.checking.checked` measures it; None where none was written.
    """

    task: Task
    signature: Signature
    fitted: Fitted
    folder: Path | None
    onnx: Path | None
    onnx_error: float | None
