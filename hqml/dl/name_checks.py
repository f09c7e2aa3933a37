"""What a task names, and the parameters that come with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from importlib import import_module
from typing import TYPE_CHECKING, Any

from hqml.dl.architecture import Architecture
from hqml.dl.datasets import DATASETS
from hqml.dl.names import Names
from hqml.dl.objectives import OBJECTIVES
from hqml.dl.parameters import WrongParameter, filled
from hqml.dl.zoo import ARCHITECTURES
from hqml.errors import HqmlError
from hqml.options import unlike

if TYPE_CHECKING:
    from hqml.dl.checks import Trouble
    from hqml.dl.spec import Named, OptimizerSpec, ScheduleSpec, Task

_ELSEWHERE = {"lr": "rate", "learning_rate": "rate", "batch_size": "batch", "type": "name"}
"""What others call keys of ours."""

_WITHOUT_TARGETS = ("reconstruction", "gan", "wasserstein")
"""Losses that can do without them."""


def name_troubles(task: Task) -> Iterator[Trouble]:
    """Names that are not known, and parameters that what they name does not take.

    Parameters of what needs a library that is not here, e.g. torch where a job is written, are not looked at.
    """
    yield from _model(task)
    yield from _data(task)
    yield from _loss(task)
    yield from _loop(task)


def _model(task: Task) -> Iterator[Trouble]:
    model = task.model
    if model.family is None:
        if model.file is None:
            yield ("model",), f"name a family, or a file to begin with{unlike('', ARCHITECTURES)}"
        return
    if model.family not in ARCHITECTURES.homes:
        yield ("model", "family"), _unknown(ARCHITECTURES, model.family)
        return
    architecture = _found(ARCHITECTURES, model.family)
    if architecture is not None:
        yield from _parameters("model", model, architecture.parameters, f"model {model.family}")
        yield from _framework(task, architecture)
        yield from _targets(task, architecture)


def _framework(task: Task, architecture: Architecture) -> Iterator[Trouble]:
    if "framework" in task.model_fields_set and task.framework != architecture.framework:
        trains = f"{architecture.name} is trained by {architecture.framework}, not by {task.framework}"
        yield ("framework",), f"{trains}; leave framework out, or write {architecture.framework}"


def _targets(task: Task, architecture: Architecture) -> Iterator[Trouble]:
    """Data that are made say themselves whether they have targets."""
    loss = task.loss.name or architecture.loss
    if task.data.file is not None and task.data.targets is None and loss not in _WITHOUT_TARGETS:
        yield ("data", "targets"), f"loss {loss!r} needs targets, and there are none (null); name them"


def _data(task: Task) -> Iterator[Trouble]:
    data = task.data
    if (data.source is None) == (data.file is None):
        told = "names both; leave one out" if data.file else f"name a source or a file{unlike('', DATASETS)}"
        yield ("data",), told
    elif data.source is not None and data.source not in DATASETS.homes:
        yield ("data", "source"), _unknown(DATASETS, data.source)
    elif data.source is not None:
        dataset = _found(DATASETS, data.source)
        if dataset is not None:
            yield from _parameters("data", data, dataset.parameters, f"data {data.source}")
    else:
        from hqml.dl.data.parameters import FileParameters

        yield from _parameters("data", data, FileParameters, "data of files")


def _loss(task: Task) -> Iterator[Trouble]:
    name = task.loss.name
    if name is None:
        return
    if name not in OBJECTIVES.homes:
        yield ("loss", "name"), _unknown(OBJECTIVES, name)
        return
    kind = _tables_of(OBJECTIVES, name).get(name)
    if kind is not None:
        yield from _parameters("loss", task.loss, kind, f"loss {name}")


def _loop(task: Task) -> Iterator[Trouble]:
    from hqml.dl.head import NAME
    from hqml.dl.head.parameters import HeadParameters
    from hqml.dl.training.optimizers import OPTIMIZERS
    from hqml.dl.training.schedules import SCHEDULES

    yield from _of_table("optimizer", task.optimizer, {**OPTIMIZERS, NAME: HeadParameters})
    yield from _of_table("schedule", task.schedule, SCHEDULES)


def _of_table(section: str, spec: OptimizerSpec | ScheduleSpec, table: Mapping[str, type[Any]]) -> Iterator[Trouble]:
    if spec.name not in table:
        yield (section, "name"), f"there is no {section} {spec.name!r}{unlike(spec.name, table)}"
    else:
        yield from _parameters(section, spec, table[spec.name], f"{section} {spec.name}")


def _parameters(section: str, spec: Named, kind: type[Any], owner: str) -> Iterator[Trouble]:
    known = [field.name for field in fields(kind)]
    strange = [key for key in spec.parameters if key not in known]
    for key in strange:
        own = [one for one in type(spec).model_fields if one != "parameters"]
        yield (section, key), f"{owner} takes no parameter {key!r}{_meant(key, known, own)}"
    if strange:
        return
    try:
        filled(kind, spec.parameters, owner)
    except WrongParameter as error:
        first = error.told.partition(" ")[0]
        named = error.key or (first if first in spec.parameters else None)
        yield (section, *([named] if named else [])), f"{owner}: {error.told}"


def _meant(key: str, parameters: Iterable[str], own: Iterable[str]) -> str:
    """The key that was meant, one of the section itself maybe; where that is not clear, the parameters there are."""
    if (meant := _ELSEWHERE.get(key)) is not None and meant in own:
        return f"; did you mean {meant!r}?"
    near = unlike(key, [*parameters, *own])
    return near if "did you mean" in near else unlike(key, parameters)


def _unknown(names: Names, name: str) -> str:
    return f"there is no {names.kind} {name!r}{unlike(name, names)}"


def _found(names: Names, name: str) -> Any:
    """What a name stands for; None where a library that it needs is not here."""
    try:
        return names[name]
    except ImportError as missing:
        if isinstance(missing, HqmlError) or not (missing.name or "").startswith("hqml"):
            return None
        raise


def _tables_of(names: Names, name: str) -> Mapping[str, type[Any]]:
    """Parameters by name, of a module that says them."""
    try:
        return getattr(import_module(f"{names.package}.{names.homes[name]}"), "PARAMETERS", {})
    except ImportError as missing:
        if isinstance(missing, HqmlError) or not (missing.name or "").startswith("hqml"):
            return {}
        raise
