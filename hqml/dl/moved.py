"""A task that means the same in another folder: its paths are relative to the folder of its file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hqml.dl.data.files import SUFFIXES

if TYPE_CHECKING:
    from hqml.dl.spec import Task


def moved(task: Task, base: str | Path, folder: str | Path) -> Task:
    """The task with the paths that its file has in another folder.

    Args:
        task: whose relative paths are relative to `base`.
        base: folder of its file.
        folder: that gets a file of it.
    """

    def path(name: str) -> str:
        fixed = os.path.isabs(name) or name.startswith("~")  # of the home folder
        return name if fixed else os.path.relpath(Path(base) / name, folder)

    data, model, run, search = task.data, task.model, task.run, task.search
    if data.file is not None:
        targets = data.targets
        if targets is not None and Path(targets).suffix.lower() in SUFFIXES:
            targets = path(targets)
        data = data.model_copy(update={"file": path(data.file), "targets": targets})
    if model.file is not None:
        model = model.model_copy(update={"file": path(model.file)})
    if run.site is not None and Path(run.site).suffix in (".yaml", ".yml"):
        run = run.model_copy(update={"site": path(run.site)})
    if search is not None and search.storage is not None and "://" not in search.storage:
        search = search.model_copy(update={"storage": path(search.storage)})
    return task.model_copy(update={"data": data, "model": model, "run": run, "search": search})
