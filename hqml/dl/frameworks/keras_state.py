"""A Keras model in training: its weights, and the checkpoint from which it goes on."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hqml.dl.data.loader import Loader
from hqml.dl.frameworks.keras_library import keras
from hqml.dl.signature import Signature
from hqml.dl.spec import Task
from hqml.dl.trained import Epoch
from hqml.dl.training.same_task import check_task, fixed
from hqml.dl.training.schedules import Rates
from hqml.errors import FormatError, ParameterError
from hqml.files import keep
from hqml.untrusted import NUMPY_FAILS, read_json

Weights = list[npt.NDArray[Any]]

_NOTES = "checkpoint.json"


@dataclass
class Run:
    """A model in training, and what its steps need.

    Attributes:
        rate: learning rate before the schedule.
        best: weights of the best epoch so far.
        digest: of the data, `Splits.digest`.
    """

    task: Task
    signature: Signature
    model: Any
    loader: Loader
    rates: Rates
    rate: float
    history: list[Epoch]
    best: Weights
    digest: str = ""


def weights_of(model: Any) -> Weights:
    """A copy of a model's weights, in Keras's order; `get_weights` warns with numpy 2."""
    return [np.array(keras().ops.convert_to_numpy(one.value)) for one in model.weights]


def take_weights(model: Any, path: str) -> None:
    """Begin with the weights of a file.

    Raises:
        ParameterError: it holds another model.
    """
    from hqml.dl.exchange import load

    loaded = load(path).model
    if not isinstance(loaded, keras().Model):
        raise ParameterError(f"{path} holds no model of Keras to begin with; name one that was trained with Keras")
    try:
        model.set_weights(weights_of(loaded))
    except ValueError as error:
        raise ParameterError(f"{path} holds weights of other layers; give the model those of the file") from error


def save(folder: Path, run: Run) -> None:
    """Write the checkpoint: each file whole, and the notes last, which name the others."""
    number = len(run.history)
    model, best = folder / f"checkpoint-{number}.keras", folder / f"best-{number}.npz"
    part = model.with_name(f".{number}.part.keras")
    run.model.save(part)
    part.replace(model)
    stream = io.BytesIO()
    np.savez(stream, *run.best)
    keep(best, stream.getvalue())
    epochs = [{**asdict(one), "validation": dict(one.validation)} for one in run.history]
    notes = {"number": number, "task": fixed(run.task, run.digest), "epochs": epochs, "schedule": run.rates.state()}
    keep(folder / _NOTES, json.dumps(notes).encode())
    for old in (*folder.glob("checkpoint-*.keras"), *folder.glob("best-*.npz")):
        if old not in (model, best):
            old.unlink(missing_ok=True)


def restored(run: Run, folder: Path) -> bool:
    """Go on from a checkpoint, if there is one.

    Raises:
        FormatError: it is damaged.
        ParameterError: it is of another task, or of other data.
    """
    path = folder / _NOTES
    if not path.is_file():
        return False
    try:
        notes = read_json(path.read_bytes())
        before, number = notes["task"], notes["number"]
        history = [Epoch(**one) for one in notes["epochs"]]
        check_task(path, before, fixed(run.task, run.digest))
        run.model = keras().saving.load_model(folder / f"checkpoint-{number}.keras")
        with np.load(io.BytesIO((folder / f"best-{number}.npz").read_bytes()), allow_pickle=False) as kept:
            run.best = [kept[name] for name in kept.files]
        run.history = history
        run.rates.restore(notes["schedule"])
    except ParameterError:
        raise
    except NUMPY_FAILS as error:
        raise FormatError(f"{path}: the checkpoint is damaged ({error}); begin anew with --fresh") from error
    return True
