"""From a task to the model that is trained, and that a file of it is read into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from hqml.dl.architecture import Architecture
from hqml.dl.objective import Objective
from hqml.dl.objectives import OBJECTIVES
from hqml.dl.parameters import filled
from hqml.dl.scaling import scaled
from hqml.dl.signature import Signature
from hqml.dl.spec import Task
from hqml.dl.zoo import ARCHITECTURES
from hqml.errors import ParameterError


@dataclass(frozen=True)
class Built:
    """
    Attributes:
        architecture: what the zoo says of the model's family.
        model: with the scaling around it, where the task wants one (`hqml.dl.scaling.inside` takes it off).
    """

    architecture: Architecture
    model: Any


def architecture_of(task: Task) -> Architecture:
    """What the zoo says of the task's family.

    Raises:
        ParameterError: it names none, or one that is not there.
    """
    if task.model.family is None:
        raise ParameterError("the model has neither a family nor a file; name one, e.g. model: resnet")
    architecture: Architecture = ARCHITECTURES[task.model.family]
    return architecture


def build(task: Task, signature: Signature) -> Built:
    """An untrained model, its weights drawn from torch's generator.

    Raises:
        ParameterError: a parameter is out of its range, or the family cannot take such inputs or targets.
    """
    architecture = architecture_of(task)
    parameters = filled(architecture.parameters, task.model.parameters, f"model {architecture.name!r}")
    model = architecture.build(parameters, signature)
    if architecture.framework == "torch" and _is_scaled(task, architecture):
        loss = task.loss.name or architecture.loss
        model = scaled(model, signature, loss, architecture.outputs, channels_first=architecture.channels_first)
    return Built(architecture, model)


def objective_for(task: Task, model: nn.Module, signature: Signature) -> Objective:
    """What is minimised, around the model.

    Raises:
        ParameterError: the loss is unknown, or does not fit the targets.
    """
    name = task.loss.name or architecture_of(task).loss
    objective: Objective = OBJECTIVES[name](task.loss.model_copy(update={"name": name}), model, signature)
    return objective


def begin(task: Task, signature: Signature) -> Objective:
    """The objective with the weights that training starts from: drawn, or those of the file that the task names.

    Raises:
        ParameterError: as `build` and `objective_for`; or the weights of the file are of another model.
    """
    objective = objective_for(task, build(task, signature).model, signature)
    if task.model.file is not None:
        _take_weights(objective, task.model.file)
    return objective


def _is_scaled(task: Task, architecture: Architecture) -> bool:
    return architecture.scaled if task.data.scale is None else task.data.scale


def _take_weights(objective: Objective, path: str) -> None:
    from hqml.dl.exchange import load

    loaded = load(path)
    if not isinstance(loaded.model, nn.Module):
        raise ParameterError(
            f"{path} holds no network of torch to begin with; name one that `hqml train` made of a family"
        )
    weights = loaded.model.state_dict()
    own = objective.model.state_dict()
    unlike = [name for name in {*own, *weights} if _shape(own, name) != _shape(weights, name)]
    if unlike:
        name = min(unlike)
        raise ParameterError(
            f"{path} holds weights of another model: {name} is {_shape(weights, name) or 'not there'} in it, "
            f"{_shape(own, name) or 'not there'} here; give the model the parameters that it was trained with"
        )
    objective.model.load_state_dict(weights)
    rest = {name: torch.as_tensor(value) for name, value in loaded.rest.items()}
    objective.load_state_dict(rest, strict=False)


def _shape(weights: dict[str, Any], name: str) -> str:
    return str(list(weights[name].shape)) if name in weights else ""
