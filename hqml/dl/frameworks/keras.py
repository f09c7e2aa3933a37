"""Keras models: trained an epoch at a time by Keras itself, so that each can be told, saved, and gone on from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from hqml.display import first_line
from hqml.dl.data.loader import Loader
from hqml.dl.frameworks.keras_library import keras, quiet
from hqml.dl.frameworks.keras_state import Run, restored, save, take_weights, weights_of
from hqml.dl.parameters import filled
from hqml.dl.progress import Progress
from hqml.dl.signature import Signature
from hqml.dl.source import Source, Splits
from hqml.dl.spec import LossSpec, OptimizerSpec, Task
from hqml.dl.tracker import NoTracker, Tracker
from hqml.dl.trained import Epoch, Fitted
from hqml.dl.training import course
from hqml.dl.training.interruption import noticing
from hqml.dl.training.schedules import Rates
from hqml.dl.zoo import ARCHITECTURES
from hqml.errors import ParameterError
from hqml.hpc.checkpoint import UNFINISHED
from hqml.options import unlike

_LOSSES = {"mse": "MeanSquaredError", "mae": "MeanAbsoluteError", "huber": "Huber"}
_OPTIMIZERS = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD", "rmsprop": "RMSprop", "lion": "Lion", "nadam": "Nadam"}
_AT_ONCE = 1024
_SAMPLES_OF_SCALING = 10_000


def build(task: Task, signature: Signature) -> Any:
    """The model of a task, not compiled and with weights by chance.

    Raises:
        ParameterError: a parameter is out of its range, or the layers do not fit the data.
    """
    family = task.model.family or ""
    architecture = ARCHITECTURES[family]
    return architecture.build(filled(architecture.parameters, task.model.parameters, family), signature)


@quiet()
def fit(
    task: Task,
    splits: Splits,
    signature: Signature,
    *,
    folder: Path | None = None,
    resume: bool = True,
    report: Callable[[Progress], None] | None = None,
    tracker: Tracker | None = None,
) -> Fitted:
    """Train a Keras model on this process's device.

    A run that ended before its epochs were over goes on behind the last whole one; its order of samples and its
    dropout are those of the seed and the epoch, so that it ends where it would have ended without the break.

    Args:
        task: of family sequential.
        splits: of its data.
        signature: of the model.
        folder: keeps the checkpoint; None: there is none.
        resume: go on from the folder's checkpoint, if it is of this task.
        report: is called after each epoch.
        tracker: is told its figures.

    Raises:
        ParameterError: a layer, a loss, an optimiser or one of their parameters is none that Keras has here; or the
            checkpoint is of another task.
        FormatError: the checkpoint is damaged.
        Diverged: the loss is no number any more.
        SystemExit: with status 75, when a signal asked to stop: called again, it goes on.
    """
    started = perf_counter()
    run = _begun(task, splits, signature, folder if resume else None)
    with noticing(keeps=folder is not None) as signals:
        stopped = _ended(run)
        while not stopped:
            epoch = _epoch(run, splits.validation)
            _note(run, epoch)
            if folder is not None:
                save(folder, run)
            _tell(run, epoch, report, tracker or NoTracker())
            if signals.asked:
                raise SystemExit(UNFINISHED)
            stopped = "interrupted" if signals.interrupted else _ended(run)
    run.model.set_weights(run.best)
    return Fitted(
        model=run.model,
        history=tuple(run.history),
        best=course.best(run.history),
        figure="rmse" if signature.classes is None else "accuracy",
        higher_is_better=signature.classes is not None,
        test=_figures(run, splits.test),
        stopped=stopped,
        seconds=perf_counter() - started,
    )


def _ended(run: Run) -> str:
    """Why no epoch follows; "" where one does."""
    if course.is_stale(run.history, run.task.early_stopping):
        return "early"
    return "epochs" if len(run.history) >= run.task.epochs else ""


def _begun(task: Task, splits: Splits, signature: Signature, folder: Path | None) -> Run:
    """The model as it begins, or as its checkpoint has it."""
    library = keras()
    library.utils.set_random_seed(task.seed)
    model = build(task, signature)
    optimizer = _optimizer(task.optimizer)
    loader = Loader(splits.train, task.data.batch, seed=task.seed)
    rates = Rates(task.schedule, task.epochs, len(loader))
    run = Run(task, signature, model, loader, rates, float(optimizer.learning_rate), [], [], splits.digest)
    if folder is not None and restored(run, folder):
        return run
    if task.data.scale:
        rows = np.random.default_rng(task.seed).permutation(len(splits.train))[:_SAMPLES_OF_SCALING]
        model.get_layer("scaling").adapt(splits.train.read(np.sort(rows))["x"])
    if task.model.file is not None:
        take_weights(model, task.model.file)
    model.compile(optimizer=optimizer, loss=_loss(task, signature))
    run.best = weights_of(model)
    return run


def _optimizer(spec: OptimizerSpec) -> Any:
    name = spec.name
    if name not in _OPTIMIZERS:
        raise ParameterError(f"keras has no optimizer {name!r}{unlike(name, _OPTIMIZERS)}")
    rate = {} if spec.rate is None else {"learning_rate": spec.rate}
    try:
        return getattr(keras().optimizers, _OPTIMIZERS[name])(**rate, **spec.parameters)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"optimizer {name}: {first_line(error)}") from error


def _loss(task: Task, signature: Signature) -> Any:
    name, losses = task.loss.name, keras().losses
    if signature.classes is not None:
        if name not in (None, "supervised", "cross-entropy"):
            raise ParameterError(f"loss {name!r} does not fit targets that are classes; leave `loss` out")
        return _made_loss(losses.SparseCategoricalCrossentropy, task.loss, from_logits=True)
    name = "mse" if name in (None, "supervised") else str(name)
    if name not in _LOSSES:
        raise ParameterError(f"a task of framework keras has no loss {name!r}{unlike(name, _LOSSES)}")
    return _made_loss(getattr(losses, _LOSSES[name]), task.loss)


def _made_loss(kind: Any, spec: LossSpec, **own: Any) -> Any:
    try:
        return kind(**spec.parameters, **own)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"loss {spec.name} of keras: {first_line(error)}") from error


def _epoch(run: Run, watched: Source) -> Epoch:
    """The next pass over the training data."""
    started, before = perf_counter(), len(run.history)
    library = keras()
    library.utils.set_random_seed(run.task.seed + before)
    first = before * len(run.loader)

    def change_rate(step: int, logs: Any = None) -> None:
        run.model.optimizer.learning_rate = run.rate * run.rates.at(first + step)

    history = run.model.fit(
        _pairs(run.loader, before),
        steps_per_epoch=len(run.loader),
        initial_epoch=before,
        epochs=before + 1,
        verbose=0,
        callbacks=[library.callbacks.LambdaCallback(on_train_batch_begin=change_rate)],
    )
    rate = run.rate * run.rates.at(first + len(run.loader) - 1)
    loss = float(history.history["loss"][0])
    course.check_finite(loss, before + 1)
    return Epoch(before + 1, loss, _figures(run, watched), rate, perf_counter() - started)


def _pairs(loader: Loader, epoch: int) -> Iterator[tuple[Any, Any]]:
    for batch in loader.epoch(epoch):
        yield batch["x"], batch["y"]


def _figures(run: Run, source: Source) -> dict[str, float]:
    """Means over the samples of a source; none of an empty one."""
    sums = {"loss": 0.0, "figure": 0.0}
    for batch in Loader(source, _AT_ONCE, shuffle=False).epoch(0) if len(source) else ():
        predicted, target = run.model.predict_on_batch(batch["x"]), batch["y"]
        loss = keras().ops.convert_to_numpy(run.model.loss(target, predicted))
        hits = predicted.argmax(1) == target if run.signature.classes is not None else (predicted - target) ** 2
        sums["loss"] += len(target) * float(loss)
        sums["figure"] += len(target) * float(np.mean(hits, dtype=np.float64))
    if not len(source):
        return {}
    loss, figure = (value / len(source) for value in sums.values())
    return (
        {"loss": loss, "rmse": math.sqrt(figure)}
        if run.signature.classes is None
        else {"loss": loss, "accuracy": figure}
    )


def _note(run: Run, epoch: Epoch) -> None:
    """Keep the epoch, and its weights if it is the best."""
    run.history.append(epoch)
    run.rates.observe(course.watched(epoch))
    if course.best(run.history) == epoch.number:
        run.best = weights_of(run.model)


def _tell(run: Run, epoch: Epoch, report: Callable[[Progress], None] | None, tracker: Tracker) -> None:
    figures = {f"validation_{name}": value for name, value in epoch.validation.items()}
    tracker.metrics({"loss": epoch.loss, **figures}, epoch.number)
    if report is not None:
        steps = len(run.loader)
        report(Progress(epoch.number, run.task.epochs, steps, steps, epoch.loss, epoch))
