"""Whom training tells what it does: MLflow or ClearML.

`open_tracker` gives the one `hqml.dl.tracker.Tracker` of a run. `told` says what a run is, `events` and `kept` carry it
to a tool and keep what the tool does not take, `mlflow_run` and `clearml_run` are the tools, `registry` is where models
are found again.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hqml.dl.spec import Task
    from hqml.dl.tracker import Tracker

__all__ = ["open_tracker"]


def open_tracker(task: Task, folder: str | Path | None = None, *, resume: bool = True) -> Tracker:
    """Begin a run of the task's tracking tool, or go on with that of its folder, and tell it what the run is.

    Call it on rank 0 alone. Once it is open, nothing that befalls the tool stops training: see `kept.KeptTracker`.

    Args:
        task: whose `tracking` says where; with defaults filled in, all of them are told.
        folder: of the results: remembers the run, and keeps what the tool does not take. None: neither is kept.
        resume: go on with the run that the folder remembers.

    Raises:
        LibraryMissing: the tool is not installed.
        ServiceError: it cannot be reached, and this is no run that goes on.
        FormatError: the folder cannot be written.
    """
    from hqml.dl.tracker import NoTracker

    if task.tracking is None:
        return NoTracker()
    from hqml.dl.tracking.kept import KeptTracker
    from hqml.dl.tracking.memory import Memory
    from hqml.dl.tracking.told import told
    from hqml.dl.tracking.tools import Place

    place = Place.of(task.name, task.tracking)
    tracker = KeptTracker(place, Memory(None if folder is None else Path(folder)), resume=resume)
    tracker.parameters(told(task))
    return tracker
