"""A task from its data to its files: the one road that `hqml train`, searches and workflows take."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hqml.dl.checks import check_here
from hqml.dl.data import open_splits, signature_of
from hqml.dl.data.finite import check_finite
from hqml.dl.defaults import completed
from hqml.dl.frameworks import FITS, framework_of
from hqml.dl.results import write_results
from hqml.dl.tracker import NoTracker, Tracker
from hqml.dl.trained import Fitted, Trained
from hqml.errors import FormatError, ParameterError
from hqml.hpc.runs.claim import claimed

if TYPE_CHECKING:
    from hqml.dl.group import Group
    from hqml.dl.progress import Progress
    from hqml.dl.signature import Signature
    from hqml.dl.source import Splits
    from hqml.dl.spec import Task

MODEL = "model.onnx"


def train(
    task: Task,
    folder: str | Path | None = None,
    *,
    base: str | Path = ".",
    resume: bool = True,
    report: Callable[[Progress], None] | None = None,
    group: Group | None = None,
) -> Trained:
    """Train a task and write what comes of it. Under torchrun each rank calls it; rank 0 writes.

    Args:
        task: of `hqml.dl.read_task`.
        folder: gets model.onnx, task.yaml, history.csv, result.json and checkpoint.pt; it is made. None: no files.
        base: folder that paths of the task are relative to: that of its file.
        resume: go on from the folder's checkpoint, if there is one of this task.
        report: is called with the progress of training.
        group: ranks that train together; None: those that the launcher of this process started.

    Raises:
        ParameterError: the task does not fit its data, or this machine; or another process of this machine trains in
            the folder.
        FormatError: the data cannot be read, or the folder not be written.
        SystemExit: with status 75, when a signal asked to stop: called again, it goes on.
    """
    if isinstance(task, str | Path):
        raise ParameterError(f"a task is wanted, found {str(task)!r}; read it first: hqml.dl.read_task({str(task)!r})")
    task = completed(task, base)
    check_here(task)
    with ExitStack() as open_things:
        group = _group(task) if group is None else group
        if group is not None:
            open_things.callback(group.close)
        first = group is None or group.rank == 0
        splits = open_splits(task.data, base)
        open_things.callback(_close, splits)
        check_finite(splits, unknown_targets=task.loss.name == "physics")
        signature = signature_of(splits)
        place = _made(folder, first)
        if first and place is not None:
            open_things.enter_context(claimed(place, "this training", surely=True))
        ended: list[str] = []
        tracker = open_things.enter_context(_tracking(task, place, ended, resume=resume, first=first))
        fitted = _fit(task, splits, signature, folder=place, group=group, resume=resume, report=report, tracker=tracker)
        ended.append(fitted.stopped)
        trained = _written(task, signature, fitted, splits, place, tracker, first)
        if first and place is not None:
            write_results(trained, place, base)
        if group is not None:
            group.barrier()
        return trained


def _group(task: Task) -> Group | None:
    """The ranks that train together; frameworks but torch have one."""
    if task.framework != "torch":
        return None
    from hqml.dl.training import open_group

    group: Group = open_group(task.distribution)
    return group


def _made(folder: str | Path | None, first: bool) -> Path | None:
    if folder is None:
        return None
    try:
        if first:
            Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FormatError(f"cannot write {folder}: {error.strerror}; choose a folder you may write to") from error
    return Path(folder)


def _close(splits: Splits) -> None:
    for source in (splits.train, splits.validation, splits.test):
        source.close()


@contextmanager
def _tracking(task: Task, folder: Path | None, ended: Sequence[str], *, resume: bool, first: bool) -> Iterator[Tracker]:
    """A run of the tracking tool, which hears how it ended; `ended` is what training says of it, once it has."""
    if task.tracking is None or not first:
        yield NoTracker()
        return
    from hqml.dl.tracking import open_tracker

    tracker: Tracker = open_tracker(task, folder, resume=resume)
    status = "failed"
    try:
        yield tracker
        status = "killed" if "interrupted" in ended else "finished"
    except (KeyboardInterrupt, SystemExit):
        status = "killed"
        raise
    finally:
        tracker.close(status)


def _fit(task: Task, splits: Splits, signature: Signature, *, group: Group | None, **others: Any) -> Fitted:
    ranks = {} if group is None else {"group": group}
    fitted: Fitted = FITS[framework_of(task)](task, splits, signature, **ranks, **others)
    return fitted


def _written(
    task: Task,
    signature: Signature,
    fitted: Fitted,
    splits: Splits,
    folder: Path | None,
    tracker: Tracker,
    first: bool,
) -> Trained:
    """Export the model, register it, and write the other files; rank 0 alone does."""
    if not first or (folder is None and task.tracking is None):
        onnx = None if folder is None else folder / MODEL
        return Trained(task, signature, fitted, folder, onnx, None)
    with ExitStack() as stack:
        place = folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        error = _exported(task, signature, fitted, splits, place / MODEL)
        tracker.metrics({f"test_{name}": value for name, value in fitted.test.items()}, step=fitted.best)
        if task.tracking is not None:
            tracker.model(place / MODEL, signature, task.tracking.register_as or task.name)
        trained = Trained(task, signature, fitted, folder, None if folder is None else place / MODEL, error)
    return trained


def _exported(task: Task, signature: Signature, fitted: Fitted, splits: Splits, path: Path) -> float:
    import numpy as np

    from hqml.dl.exchange import export
    from hqml.dl.tracking.told import ran_with

    example = splits.test if len(splits.test) else splits.train
    rows = np.arange(min(8, len(example)))
    ran = {name: value for name, value in ran_with(task).items() if name in ("site", "modules")}
    metadata = {"metrics": dict(fitted.test), "figure": fitted.figure, "best": fitted.best, **ran}
    error: float = export(
        fitted.model, task, signature, path, rest=fitted.rest, example=example.read(rows)["x"], metadata=metadata
    )
    return error
