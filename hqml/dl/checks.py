"""A task against what hqml knows, and its keys against each other, before anything is read or trained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

from hqml.dl.head import NAME as HEAD
from hqml.errors import ParameterError
from hqml.libraries import library
from hqml.secrets import scrubbed
from hqml.specs.places import Place, Places

if TYPE_CHECKING:
    from hqml.dl.spec import Task

Trouble: TypeAlias = tuple[Place, str]
"""The place of a value, and what is wrong with it."""

_LARGEST_SEED = 2**32 - 1
"""numpy and scikit-learn take no larger one."""


_UNUSED = {
    "keras": ("accumulate", "clip", "deterministic", "checkpoint_every"),
    "statsmodels": ("accumulate", "clip", "deterministic", "checkpoint_every", "epochs", "schedule", "early_stopping"),
}
"""Keys of a task that a framework has no use for."""


def check(task: Task, places: Places) -> None:
    """Find out whether a task can be trained.

    Raises:
        FormatError: it cannot, in one line: of all that is wrong what stands first in the file.
    """
    from hqml.dl.search_checks import search_troubles

    _raise_first(places, [*troubles(task)])
    if task.search is not None:
        _raise_first(places, [*search_troubles(task)])


def check_here(task: Task, places: Places | None = None) -> None:
    """Find out whether this machine can train a task.

    Raises:
        FormatError: it cannot, with the place in the task's file.
        ParameterError: it cannot, and there is no file.
        LibraryMissing: a library is not installed.
    """
    # The framework of a model that begins with a file is known here first.
    found = [*_framework(task)]
    if task.framework == "torch":
        torch = library("torch", "training", "torch")
        if task.precision == "fp16" and not torch.cuda.is_available():
            found.append(
                (("precision",), "fp16 needs a GPU of NVIDIA or AMD, and there is none here; write bf16 or float32")
            )
    if found and places is None:
        place, message = found[0]
        raise ParameterError(f"{'.'.join(map(str, place))}: {message}")
    if places is not None:
        _raise_first(places, found)


def _raise_first(places: Places, found: list[Trouble]) -> None:
    placed = [(_as_written(place, places), message) for place, message in found]
    placed.sort(key=lambda trouble: places.line(trouble[0]))
    if placed:
        raise places.error(*placed[0])


def _as_written(place: Place, places: Places) -> Place:
    """Parameters may be beside their name, or below `parameters`."""
    if len(place) > 1 and place not in places.lines:
        below = (place[0], "parameters", *place[1:])
        return below if below in places.lines else place
    return place


def troubles(task: Task) -> Iterator[Trouble]:
    """All that is wrong with a task, each with its place; its search apart."""
    from hqml.dl.name_checks import name_troubles

    yield from name_troubles(task)
    yield from _data(task)
    yield from _framework(task)
    yield from _loop(task)
    yield from _tracking(task)
    yield from _run(task)


def _data(task: Task) -> Iterator[Trouble]:
    data = task.data
    if data.validation + data.test >= 1:
        left = f"validation {data.validation:g} and test {data.test:g} leave nothing to train on"
        yield ("data", "test"), f"{left}; their sum has to be below 1"
    if data.file is not None and data.validation == 0:
        watching = [("early_stopping", task.early_stopping is not None), ("schedule", task.schedule.name == "plateau")]
        for key, looks in watching:
            if looks:
                yield (key,), "looks at the validation data, of which data: {validation: 0} leaves none"


def _framework(task: Task) -> Iterator[Trouble]:
    if task.framework == "torch":
        return
    alone = f"framework {task.framework} trains in one process, in float32, and keeps no states in between"
    if task.distribution in ("ddp", "horovod"):
        yield ("distribution",), f"{alone}; leave distribution out"
    if task.precision != "float32":
        yield ("precision",), f"{alone}; leave precision out"
    for key in _UNUSED[task.framework]:
        if getattr(task, key) != type(task).model_fields[key].default:
            yield (key,), f"{task.framework} has no use for it here; leave {key} out"
    if task.optimizer.name == HEAD:
        yield ("optimizer", "name"), "a head is trained on the features of a network of framework torch"
    elif task.framework == "statsmodels":
        yield from _likelihood(task)


def _likelihood(task: Task) -> Iterator[Trouble]:
    """What statsmodels, which looks for the highest likelihood in its own way, has no use for either."""
    from hqml.dl.architecture import Architecture

    optimizer, loss = task.optimizer, task.loss
    # `hqml.dl.defaults.completed` fills these in, so that they stand in each task.yaml.
    filled_in = (Architecture.optimizer, Architecture.rate), (Architecture.optimizer, None)
    if (optimizer.name, optimizer.rate) not in filled_in or optimizer.parameters:
        yield ("optimizer",), "statsmodels has an optimizer of its own; leave optimizer out"
    if loss.name not in (None, Architecture.loss) or loss.parameters:
        yield ("loss",), "statsmodels looks for the highest likelihood; leave loss out"
    if task.model.file is not None:
        yield ("model", "file"), "statsmodels finds its coefficients anew; leave file out"


def _loop(task: Task) -> Iterator[Trouble]:
    optimizer = task.optimizer.name
    if task.accumulate > task.data.batch:
        yield (
            ("accumulate",),
            f"a batch of {task.data.batch} samples has no {task.accumulate} parts; ask for at most {task.data.batch}",
        )
    if task.schedule.warmup and task.schedule.warmup >= task.epochs:
        yield (
            ("schedule", "warmup"),
            f"{task.schedule.warmup:g} epochs of warmup are all that is trained: epochs is {task.epochs}",
        )
    if optimizer == "lbfgs" and task.precision == "fp16":
        yield ("precision",), "lbfgs looks at a loss several times a step, which scaled losses of fp16 do not allow"
    if not 0 <= task.seed <= _LARGEST_SEED:
        yield ("seed",), f"must be a whole number from 0 to {_LARGEST_SEED}, found {task.seed}"


def _tracking(task: Task) -> Iterator[Trouble]:
    tracking = task.tracking
    if tracking is None:
        return
    if tracking.uri is not None:
        if tracking.tool == "clearml":
            yield ("tracking", "uri"), "ClearML reads the address of its server from its own file; leave uri out"
        elif ":" not in tracking.uri and tracking.uri != "databricks":
            yield ("tracking", "uri"), f"must be an address, such as sqlite:///{tracking.uri}, or that of a server"
        elif scrubbed(tracking.uri) != tracking.uri:
            yield (
                ("tracking", "uri"),
                "must say no password and no token; MLflow reads MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
            )


def _run(task: Task) -> Iterator[Trouble]:
    run = task.run
    if run.container is not None and run.venv is not None:
        yield ("run", "venv"), "a container has its own Python; leave venv or container out"
    workers = run.nodes * max(1, run.gpus or 0)
    if workers > 1 and task.distribution == "none":
        yield ("distribution",), f"none is one process, and run asks for {workers}; write auto"
    if workers > 1 and task.framework != "torch":
        key = "nodes" if run.nodes > 1 else "gpus"
        yield ("run", key), f"framework {task.framework} trains in one process; ask for one node and at most one GPU"
    if task.precision == "fp16" and run.gpus == 0:
        yield ("precision",), "fp16 needs a GPU, and run asks for none; write bf16 or float32"
