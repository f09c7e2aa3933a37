"""What a task leaves out, filled in: by the architecture, by the dataset, by the model that it begins with."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hqml.dl.datasets import DATASETS
from hqml.dl.parameters import filled
from hqml.dl.zoo import ARCHITECTURES

if TYPE_CHECKING:
    from hqml.dl.spec import OptimizerSpec, Task


def completed(task: Task, base: str | Path = ".") -> Task:
    """The task with all that training needs said, so that it means the same in another version of hqml.

    Args:
        task: as it was read.
        base: folder that its paths are relative to.

    Raises:
        ParameterError: a family, a dataset or a parameter is not known.
    """
    task = _begun(task, Path(base))
    architecture = ARCHITECTURES[task.model.family or ""]
    model = _parameters(architecture.parameters, task.model.parameters, f"model {architecture.name}")
    data: dict[str, Any] = {} if task.data.scale is not None else {"scale": architecture.scaled}
    if task.data.source is not None:
        dataset = DATASETS[task.data.source]
        data["parameters"] = _parameters(dataset.parameters, task.data.parameters, f"data {dataset.name}")
    else:
        from hqml.dl.data.parameters import FileParameters

        data["parameters"] = _parameters(FileParameters, task.data.parameters, "data of files")
    return task.model_copy(
        update={
            "framework": architecture.framework,
            "model": task.model.model_copy(update={"parameters": model}),
            "data": task.data.model_copy(update=data),
            "loss": task.loss.model_copy(update={"name": task.loss.name or architecture.loss}),
            "optimizer": _optimizer(task.optimizer, architecture.optimizer, architecture.rate),
        }
    )


def with_framework(task: Task) -> Task:
    """The task with the framework that trains its family, where it names none itself.

    Left as it is: a family that is not known, or whose library is not here.
    """
    if "framework" in task.model_fields_set or task.model.family not in ARCHITECTURES.homes:
        return task
    try:
        return task.model_copy(update={"framework": ARCHITECTURES[task.model.family or ""].framework})
    except ImportError:
        return task


def _begun(task: Task, base: Path) -> Task:
    """With the family and the parameters of the model that training begins with, where it says none itself."""
    if task.model.file is None:
        return task
    path = (base / task.model.file).resolve()
    found: dict[str, Any] = {"file": str(path)}
    if task.model.family is None:
        from hqml.dl.exchange import load

        before = load(path).task.model
        found |= {"family": before.family, "parameters": {**before.parameters, **task.model.parameters}}
    return task.model_copy(update={"model": task.model.model_copy(update=found)})


def _parameters(kind: type[Any], given: dict[str, Any], owner: str) -> dict[str, Any]:
    return asdict(filled(kind, given, owner))


def _optimizer(spec: OptimizerSpec, name: str, rate: float) -> OptimizerSpec:
    """The architecture's, unless another is named, which has a rate of its own."""
    if "name" in spec.model_fields_set and spec.name != name:
        return spec
    return spec.model_copy(update={"name": name, "rate": spec.rate or rate})
