"""`fit`: a task, its data and its ranks in; a trained model and what is known of it out."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch

from hqml.dl import building
from hqml.dl.data.loader import Loader
from hqml.dl.defaults import completed
from hqml.dl.group import Group
from hqml.dl.objective import Objective
from hqml.dl.progress import Progress
from hqml.dl.scaling import Scaled, inside
from hqml.dl.signature import Signature
from hqml.dl.source import Source, Splits
from hqml.dl.spec import Task
from hqml.dl.tracker import NoTracker, Tracker
from hqml.dl.trained import Fitted
from hqml.dl.training import course, randomness
from hqml.dl.training.evaluation import evaluate, share_buffers
from hqml.dl.training.groups import open_group
from hqml.dl.training.groups.lost import lost_ranks_told
from hqml.dl.training.interruption import Signals, noticing
from hqml.dl.training.loop import Training, micro_batch
from hqml.dl.training.precision import Precision
from hqml.dl.training.schedules import Rates
from hqml.dl.training.state import FILE, State, read_state
from hqml.dl.training.stepping import Stepper
from hqml.errors import DataError, ParameterError

_SAMPLE = 4096
"""Training samples that an architecture may look at before the first step."""


def fit(
    task: Task,
    splits: Splits,
    signature: Signature,
    *,
    folder: str | Path | None = None,
    group: Group | None = None,
    resume: bool = True,
    report: Callable[[Progress], None] | None = None,
    tracker: Tracker | None = None,
) -> Fitted:
    """Train a model of the zoo with torch. Every rank calls this, and gets the same model.

    Args:
        task: what, and how; what it leaves out is filled in.
        splits: the data, the same on each rank.
        signature: of the data.
        folder: gets checkpoint.pt; it is there already. None: nothing is written, and no signal but Ctrl-C is heard.
        group: ranks that train together; None: those that `task.distribution` means.
        resume: go on from the folder's checkpoint, if there is one.
        report: is called with the progress, on rank 0.
        tracker: is told the figures of each epoch, on rank 0.

    Returns:
        The weights of the best epoch: `hqml.dl.training.course.best`.

    Raises:
        ParameterError: the task does not fit its data, its checkpoint, or this machine.
        DataError: there are fewer training samples than ranks, or a value is not finite.
        FormatError: the checkpoint is damaged, or cannot be written.
        Diverged: the loss is not finite.
        HostError: another rank has failed.
        SystemExit: with status 75: a signal asked to save and stop.
    """
    began = time.monotonic()
    task = completed(task)
    with ExitStack() as stack:
        if group is None:
            group = open_group(task.distribution)
            stack.callback(group.close)
        stack.enter_context(lost_ranks_told())
        _check(task, splits, group)
        stack.enter_context(randomness.own_chance(task.seed, task.deterministic, group.device))
        signals = stack.enter_context(noticing(keeps=folder is not None))
        path = None if folder is None else Path(folder) / FILE
        state = _state(path, task, splits, group, resume=resume)
        training = _begun(task, splits, signature, group, state, path, signals, report, tracker or NoTracker())
        earlier = sum(epoch.seconds for epoch in training.position.history) + training.position.seconds
        stopped = training.run()
        return _fitted(training, stopped, earlier + time.monotonic() - began)


def _check(task: Task, splits: Splits, group: Group) -> None:
    if len(splits.train) < group.size:
        raise DataError(f"{group.size} ranks cannot share {len(splits.train)} training samples; start fewer of them")
    if task.early_stopping is not None and not len(splits.validation):
        raise ParameterError("early_stopping looks at validation data, and there are none; set data: {validation: 0.1}")


def _state(path: Path | None, task: Task, splits: Splits, group: Group, *, resume: bool) -> State | None:
    """Of the checkpoint to go on from. One that is not wanted is removed: a later run must not go on from it."""
    if path is None:
        return None
    if resume:
        return read_state(path, task, splits.digest)
    if group.rank == 0:
        path.unlink(missing_ok=True)
    group.barrier()
    return None


def _begun(
    task: Task,
    splits: Splits,
    signature: Signature,
    group: Group,
    state: State | None,
    path: Path | None,
    signals: Signals,
    report: Callable[[Progress], None] | None,
    tracker: Tracker,
) -> Training:
    """Training before its first step, or where the checkpoint left it."""
    precision = Precision(task.precision, group.device)
    objective = building.begin(task, signature)
    if state is None and task.model.file is None:
        _look_at_data(building.architecture_of(task).begin, objective, splits.train, task.seed, group)
    precision.prepare(objective)
    objective.train()
    loader = Loader(splits.train, task.data.batch, rank=group.rank, size=group.size, seed=task.seed)
    training = Training(
        task=task,
        splits=splits,
        group=group,
        precision=precision,
        objective=objective,
        stepper=Stepper(task, objective, group, precision),
        loader=loader,
        rates=Rates(task.schedule, task.epochs, len(loader)),
        signals=signals,
        tracker=tracker,
        report=report,
        path=path,
    )
    training.position.loss = training.position.loss.to(group.device)
    randomness.reseed(task.seed, group.rank)
    training.restore(state)
    return training


def _look_at_data(
    begin: Callable[[torch.nn.Module, torch.Tensor], None] | None,
    objective: Objective,
    source: Source,
    seed: int,
    group: Group,
) -> None:
    """Take from the training data what is needed before the first step: their scale, and what an architecture wants."""
    model = objective.model
    if isinstance(model, Scaled):
        model.measure(source, group)
    if begin is None:
        return
    chosen = np.random.default_rng(seed % 2**63).permutation(len(source))[:_SAMPLE]
    inputs = torch.from_numpy(source.read(np.sort(chosen))["x"])
    begin(inside(model), model.standardised(inputs) if isinstance(model, Scaled) else inputs)


def _fitted(training: Training, stopped: str, seconds: float) -> Fitted:
    """The best weights and their figures."""
    task, group, objective = training.task, training.group, training.objective
    if training.best is not None:
        objective.load_state_dict(training.best)
    share_buffers(objective, group)
    test = evaluate(objective, training.splits.test, micro_batch(task), group, training.precision)
    history = tuple(training.position.history)
    objective.to("cpu", torch.float32).eval()
    return Fitted(
        model=objective.model,
        history=history,
        best=course.best(history),
        figure=objective.figure,
        higher_is_better=objective.higher_is_better,
        test=test,
        stopped=stopped,
        seconds=seconds,
        rest={name: value for name, value in objective.state_dict().items() if not name.startswith("model.")},
    )
