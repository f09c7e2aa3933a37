"""Train a network, put its features into a support vector machine, and train that on a backend."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from hqml.catalogue import made
from hqml.dl.data.loader import Loader
from hqml.dl.group import Group
from hqml.dl.head.model import Features, Headed, features_of
from hqml.dl.head.parameters import HeadParameters, body_optimizer, parameters_of_head
from hqml.dl.progress import Progress
from hqml.dl.signature import Signature
from hqml.dl.source import Rows, Source, Splits
from hqml.dl.spec import Task
from hqml.dl.tracker import Tracker
from hqml.dl.trained import Epoch, Fitted
from hqml.errors import DataError, ParameterError
from hqml.model_file import load_model, save_model

Features64: TypeAlias = npt.NDArray[np.float64]

_AT_ONCE = 512
"""Samples whose features are taken at a time."""


def fit(
    task: Task,
    splits: Splits,
    signature: Signature,
    *,
    folder: Path | None = None,
    group: Group | None = None,
    resume: bool = True,
    report: Callable[[Progress], None] | None = None,
    tracker: Tracker | None = None,
) -> Fitted:
    """Train the network, unless the task names a trained one, and then the head on what its last layer sees.

    The ranks of a group train the network together; the head is trained by the first of them.

    Args:
        task: whose optimiser is a head.
        splits: of classes.
        signature: of the data.
        folder: gets the network's checkpoint, and the head.
        group: ranks that train the network.
        resume: go on from its checkpoint, and take the head of the folder if it was trained on the same features.
        report: hears how far the network is.
        tracker: is told its figures and the head's.

    Returns:
        The model is a `Headed`; figures are of the head, `network_accuracy` is that of the network's own last layer.

    Raises:
        DataError: the targets are no classes, or one of them is in no training sample.
        ParameterError: the family has no features, or the head is not what a backend can train.
        BudgetExceeded: the head needs more QPU time than it was granted.
        KeyboardInterrupt: Ctrl-C ended the training of the network; no head is trained then.
    """
    if signature.classes is None:
        raise DataError("a qubo-svm-head learns classes, and the targets are numbers; give data with class numbers")
    parameters = parameters_of_head(task.optimizer)
    network = _network(task, splits, signature, folder, group, resume=resume, report=report, tracker=tracker)
    if network.stopped == "interrupted":  # a head may cost QPU time, which nobody wants who pressed Ctrl-C
        raise KeyboardInterrupt
    if group is not None and group.rank != 0:
        return network
    features = Features(network.model.cpu().eval(), task.model.family or "")
    started = perf_counter()
    rows = _rows(splits.train, parameters.samples, task.seed)
    x, y = _seen(features, splits.train, rows)
    _check_classes(y, signature.classes)
    model = Headed(features, _trained(parameters, task.seed, x, y, folder, resume=resume))
    return _judged(model, network, splits, perf_counter() - started, tracker)


def _judged(model: Headed, network: Fitted, splits: Splits, seconds: float, tracker: Tracker | None) -> Fitted:
    """A network with its head, and the figures of it: the head counts as an epoch more, which took `seconds`."""
    train, validation, test = (_figures(model, one) for one in (splits.train, splits.validation, splits.test))
    number = len(network.history) + 1
    epoch = Epoch(number, train["loss"], validation, 0.0, seconds)
    if tracker is not None:
        told = {f"validation_{name}": value for name, value in validation.items()}
        tracker.metrics({"loss": epoch.loss, "head_seconds": seconds, **told}, number)
    return Fitted(
        model=model,
        history=(*network.history, epoch),
        best=number,
        figure="accuracy",
        higher_is_better=True,
        test={**test, **_of_network(network), **_costs(model.head[-1])},
        stopped=network.stopped,
        seconds=network.seconds + seconds,
    )


def network_task(task: Task) -> Task:
    """The task of the network alone."""
    return task.model_copy(update={"optimizer": body_optimizer(task.optimizer)})


def _network(
    task: Task, splits: Splits, signature: Signature, folder: Path | None, group: Group | None, **others: Any
) -> Fitted:
    """The trained network: of a file, or trained here."""
    if task.model.file is not None:
        from hqml.dl.exchange import load

        loaded = load(task.model.file)
        if not isinstance(loaded.model, nn.Module):
            raise ParameterError(f"{task.model.file} holds no network of torch, on whose features a head could learn")
        if loaded.signature.x != signature.x:
            raise DataError(
                f"{task.model.file} takes inputs of shape {loaded.signature.x}, and the data has {signature.x}; take "
                "the data that it was trained on"
            )
        same = loaded.signature.classes == signature.classes
        figures = {"accuracy": _accuracy(loaded.model, splits.test)} if same and len(splits.test) else {}
        return Fitted(loaded.model, (), 0, "accuracy", True, figures, "epochs", 0.0)
    from hqml.dl.training import fit as fit_network

    return fit_network(network_task(task), splits, signature, folder=folder, group=group, **others)


def _trained(
    parameters: HeadParameters, seed: int, x: Features64, y: Rows, folder: Path | None, *, resume: bool
) -> Any:
    """The fitted head; that of the folder, where it was trained on the same features, as annealing may cost."""
    digest = hashlib.sha256(repr((parameters, seed)).encode() + x.tobytes() + y.tobytes()).hexdigest()[:16]
    kept = None if folder is None else folder / f"head-{digest}.skops"
    if resume and kept is not None and kept.is_file():
        return load_model(kept).estimator
    head = _head(parameters, seed).fit(x, y)
    if kept is not None:
        save_model(kept, head)
    return head


def _head(parameters: HeadParameters, seed: int) -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    run = {
        "backend": parameters.backend,
        "backend_options": parameters.options or None,
        "reads": parameters.reads,
        "time_limit": parameters.time_limit,
        "max_qpu_seconds": parameters.max_qpu_seconds,
        "random_state": seed,
    }
    return make_pipeline(StandardScaler(), made(parameters.estimator, parameters.svm, **run))


def _rows(source: Source, samples: int | None, seed: int) -> Rows:
    """Which training samples the head sees: all, or equally many of each class as far as there are."""
    everything: Rows = np.arange(len(source))
    if samples is None or samples >= len(source):
        return everything
    y = np.concatenate([batch["y"] for batch in Loader(source, _AT_ONCE, shuffle=False).epoch(0)])
    order = np.random.default_rng(seed).permutation(len(y))
    # The first of each class come before the second of each, and so on.
    place = np.empty(len(y), dtype=np.int64)
    for one in np.unique(y):
        own = order[y[order] == one]
        place[own] = np.arange(len(own))
    chosen: Rows = np.sort(order[np.argsort(place[order], kind="stable")][:samples])
    return chosen


def _seen(features: Features, source: Source, rows: Rows) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Features and class numbers of some samples."""
    parts = [source.read(rows[start : start + _AT_ONCE]) for start in range(0, len(rows), _AT_ONCE)]
    found = [features_of(features, np.asarray(part["x"], dtype=np.float32)) for part in parts]
    return np.concatenate(found), np.concatenate([part["y"] for part in parts])


def _check_classes(y: npt.NDArray[np.int64], classes: tuple[str, ...]) -> None:
    missing = [classes[one] for one in range(len(classes)) if one not in y]
    if missing:
        raise DataError(f"no sample that the head sees is of class {missing[0]!r}; give it more, with samples:")


def _figures(model: Headed, source: Source) -> dict[str, float]:
    """Accuracy, and as the loss the share of wrong answers; none of an empty source."""
    if not len(source):
        return {}
    accuracy = _accuracy(model, source)
    return {"loss": 1 - accuracy, "accuracy": accuracy}


@torch.no_grad()
def _accuracy(model: Headed | nn.Module, source: Source) -> float:
    """Share of the samples of a source whose class has the highest score."""
    hits = 0
    for batch in Loader(source, _AT_ONCE, shuffle=False).epoch(0):
        x = torch.from_numpy(batch["x"]) if isinstance(model, nn.Module) else batch["x"]
        hits += int((np.asarray(model(x)).argmax(axis=1) == batch["y"]).sum())
    return hits / len(source)


def _of_network(network: Fitted) -> dict[str, float]:
    return {"network_accuracy": network.test["accuracy"]} if "accuracy" in network.test else {}


def _costs(estimator: Any) -> dict[str, float]:
    """What the annealing took, in seconds; of the QPU where one was used."""
    timing = estimator.timing_
    return {f"{name}_seconds": float(timing[name]) for name in ("solve", "qpu") if name in timing}
