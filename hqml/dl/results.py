"""What a trained task leaves beside its model: task.yaml, history.csv and result.json."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hqml.dl.moved import moved
from hqml.dl.spec import Named, RunSpec, Task
from hqml.dl.trained import Trained
from hqml.files import replacing
from hqml.secrets import without_secrets
from hqml.specs.model import Spec


def write_results(trained: Trained, folder: Path, base: str | Path) -> None:
    """Write the three files, each whole or not at all.

    Args:
        trained: with its task.
        folder: that gets them.
        base: folder that paths of the task are relative to.
    """
    texts = {
        "task.yaml": task_text(moved(trained.task, base, folder)),
        "history.csv": _history(trained),
        "result.json": json.dumps(result(trained), indent=2, allow_nan=False) + "\n",
    }
    for name, text in texts.items():
        with replacing(folder / name) as file:
            file.write(text.encode())


def result(trained: Trained) -> dict[str, Any]:
    """What came of training, as plain values; numbers that are not finite are None."""
    fitted = trained.fitted
    test = {name: _finite(value) for name, value in fitted.test.items()}
    return {
        "name": trained.task.name,
        "family": trained.task.model.family,
        "figure": fitted.figure,
        "value": test.get(fitted.figure),
        "test": test,
        "epochs": len(fitted.history),
        "best": fitted.best,
        "stopped": fitted.stopped,
        "seconds": round(fitted.seconds, 3),
        "onnx": None if trained.onnx is None else str(trained.onnx),
        "onnx_error": trained.onnx_error,
    }


def task_text(task: Task) -> str:
    """The task as YAML that `hqml.dl.read_task` reads; without secrets, which no parameter of a model is."""
    import yaml

    whole = _written(task)
    safe = {**without_secrets(whole), "model": whole["model"]}
    content = {key: value for key, value in safe.items() if value != {}}
    text: str = yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=110, allow_unicode=True)
    return text


def _written(spec: Spec) -> dict[str, Any]:
    """The keys of a part of a task: without those that are None by default, parameters beside what they belong to."""
    kinds, plain = type(spec).model_fields, spec.model_dump(mode="json", by_alias=True)
    found: dict[str, Any] = {}
    for name, kind in kinds.items():
        key, value = kind.alias or name, getattr(spec, name)
        if isinstance(value, RunSpec) and value == RunSpec():
            continue
        if value is not None or kind.default is not None:
            found[key] = _written(value) if isinstance(value, Spec) else plain[key]
    parameters = found.pop("parameters", {}) if isinstance(spec, Named) else {}
    hidden = {key: one for key, one in parameters.items() if key in kinds}
    beside = {key: one for key, one in parameters.items() if key not in kinds}
    return {**found, **beside, **({"parameters": hidden} if hidden else {})}


def _history(trained: Trained) -> str:
    figures = list(dict.fromkeys(name for epoch in trained.fitted.history for name in epoch.validation))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["epoch", "loss", *(f"validation_{name}" for name in figures), "rate", "seconds"])
    for epoch in trained.fitted.history:
        validation: Mapping[str, float] = epoch.validation
        watched = [validation.get(name, "") for name in figures]
        writer.writerow([epoch.number, epoch.loss, *watched, epoch.rate, round(epoch.seconds, 4)])
    return out.getvalue()


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
