"""Whether a checkpoint is of the task, and of the data, that are to go on. Needs no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hqml.dl.spec import Task
from hqml.errors import ParameterError
from hqml.untrusted import read_json

_FREE = {"name", "epochs", "checkpoint_every", "early_stopping", "distribution", "tracking", "run", "search"}
"""Keys of a task that may change before it goes on."""

_FREE_DATA = {"limit_mb", "stage"}


_DIGEST = "data.digest"


def fixed(task: Task, digest: str = "") -> str:
    """What has to be the same when training goes on, as JSON.

    Args:
        task: that is trained.
        digest: of its data, `hqml.dl.source.Splits.digest`.
    """
    content = task.model_dump(mode="json", exclude=_FREE)
    content["data"] = {key: value for key, value in content["data"].items() if key not in _FREE_DATA}
    content["data"] |= {"digest": digest} if digest else {}
    del content["model"]["file"]  # whose weights training began with: it may have moved since
    return json.dumps(content, sort_keys=True)


def check_task(path: Path, before: str, now: str) -> None:
    """Compare what `fixed` says of the task of a checkpoint, and of the one that is to go on.

    Raises:
        ValueError: `before` says no task.
        ParameterError: they differ. A checkpoint that knows no digest of its data is taken as it is.
    """
    if before == now:
        return
    old, new = _flat(read_json(before)), _flat(read_json(now))
    unlike = {key for key in {*old, *new} if old.get(key) != new.get(key)}
    if unlike <= {_DIGEST}:
        if _DIGEST in old and _DIGEST in new:
            raise ParameterError(
                f"the data have changed since {path} was written; bring back those it began with, name another folder "
                "(--out), or begin anew (--fresh)"
            )
        return
    key = min(unlike - {_DIGEST})
    raise ParameterError(
        f"{path} is of a task with {key}: {json.dumps(old.get(key))}, not {json.dumps(new.get(key))}; "
        "name another folder (--out), or begin anew (--fresh)"
    )


def _flat(content: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Values by dotted names, without the word `parameters`, which users do not write."""
    found: dict[str, Any] = {}
    for key, value in content.items():
        name = before if key == "parameters" else f"{before}{key}."
        found |= _flat(value, name) if isinstance(value, dict) else {f"{before}{key}": value}
    return found
