"""Tasks as YAML files.

    name: digits                  # default: the file's name
    model: {family: mlp, hidden: [128, 128]}
    data: {source: digits, batch: 64}
    optimizer: {name: adamw, rate: 1e-3}
    epochs: 20
    early_stopping: {patience: 5}

All keys are in docs/dl/specifications.md.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hqml.dl.dotted import Overrides, overridden
from hqml.specs import Places, read_content, validated

if TYPE_CHECKING:
    from hqml.dl.spec import Task


def read_task(path: str | os.PathLike[str], overrides: Overrides = ()) -> Task:
    """Read a task; all keys are in docs/dl/specifications.md.

    Args:
        path: the file.
        overrides: other values, by the dotted names of their keys: a mapping, or texts such as "optimizer.rate=0.01".

    Raises:
        FormatError: the file cannot be read, or says what cannot be done, in one line with its place:
            `digits.yaml:2: model.hiden: ...`, or `--set model.hiden: ...`.
        LibraryMissing: PyYAML or pydantic is not installed.
    """
    return open_task(path, overrides)[0]


def open_task(path: str | os.PathLike[str], overrides: Overrides = ()) -> tuple[Task, Places]:
    """As `read_task`, and where the values stand, for what only their use can find wrong."""
    content, places = read_content(path)
    from hqml.dl.checks import check
    from hqml.dl.defaults import with_framework
    from hqml.dl.spec import Task

    content, places = overridden(content, places, overrides)
    if isinstance(content, dict):
        content = {"name": Path(path).stem, **content}
    task = with_framework(validated(content, places, Task))
    check(task, places)
    return task, places
