"""A task as a job of a site: a workflow of one step, which runs `hqml train` there."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hqml.errors import FormatError, ParameterError
from hqml.hpc.site import Module, Site
from hqml.hpc.sites.file import load_site
from hqml.specs import Places, validated
from hqml.specs.places import Place

if TYPE_CHECKING:
    from hqml.dl.spec import RunSpec, Task
    from hqml.hpc.scripts.rendering import Rendered
    from hqml.hpc.workflow import Workflow

STEP = "train"

_MODULE = ("-m", "hqml.cli", "train")
"""Taken by python and by torchrun alike."""

_WARNING = 60.0
"""Seconds before the end of the time at which training saves its state; of a short job half of its time."""


@dataclass(frozen=True)
class PlacedTask:
    """A task at a site.

    Attributes:
        workflow: of the one step.
        site: where it runs.
        warnings: what is unwise about it.
    """

    workflow: Workflow
    site: Site
    warnings: tuple[str, ...]

    def rendered(self) -> Rendered:
        """Its script. The run knows of no workflow file: there is none to be mended."""
        from hqml.hpc.scripts.rendering import render

        found = render(self.workflow, self.site)
        return replace(found, manifest=replace(found.manifest, file=""))


def place_task(
    task: Task,
    places: Places,
    path: str | os.PathLike[str],
    *,
    site: str | None = None,
    arguments: Sequence[str] = (),
) -> PlacedTask:
    """Write a task as a workflow, and check it against its site.

    Args:
        task: with `run`, which says what it asks of the site.
        places: of its file.
        path: of its file, in whose folder it runs.
        site: name or file of a site, instead of the one that the task names.
        arguments: of `hqml train`, beside the file.

    Raises:
        FormatError: the site does not take it, in one line with its place.
        ParameterError: the site is not known.
    """
    from hqml.hpc.workflows.advice import warnings
    from hqml.hpc.workflows.checks import check
    from hqml.hpc.workflows.file import workflow_of
    from hqml.hpc.workflows.schema import WorkflowSpec

    run = task.run
    with places.at("run"):
        name = site or _beside(run.site, path)
    with places.at("run", "site") if site is None else nullcontext():
        found = load_site(name)
    with places.at("run", "on"):
        module = _module(found, run.on)
    command = [*_MODULE, os.path.basename(path), *arguments]
    content = {
        "name": task.name,
        "site": name,
        **_said(run, ("account", "stage", "venv")),
        "steps": {STEP: _step(task, found, module, command)},
    }
    moved = _Moved(places.path, _moved_lines(places), places)
    workflow = workflow_of(validated(content, moved, WorkflowSpec), moved, path, name)
    check(workflow, found, moved)
    return PlacedTask(workflow, found, tuple(warnings(workflow, found)))


def _beside(site: str | None, path: str | os.PathLike[str]) -> str:
    """A site that is a file is looked for beside the task's."""
    if site is None:
        raise ParameterError("name a site: --site, or `run: {site: ...}` in the specification")
    is_file = site.endswith((".yaml", ".yml")) and not site.startswith("~")
    return os.path.join(os.path.dirname(path), site) if is_file else site


def _module(site: Site, on: str | None) -> Module:
    """Where none is named, the first that has GPUs, else the first that is no annealer's."""
    if on is not None and site.module(on).quantum is not None:
        raise ParameterError(f"{on!r} is an annealer, which trains no network; name a module of nodes")
    if on is not None:
        return site.module(on)
    modules = [one for one in site.modules if one.quantum is None]
    return next((one for one in modules if _gpus_of(one)), modules[0])


def _gpus_of(module: Module) -> int:
    return module.partitions[0].node.gpus if module.partitions else 0


def _step(task: Task, site: Site, module: Module, command: list[str]) -> dict[str, Any]:
    run, together = task.run, task.framework == "torch" and task.distribution != "none"
    by_default = "needs" not in run.model_fields_set
    partitions = [one for one in module.partitions if run.partition in (None, one.name, one.qos)]
    gpus = run.gpus
    if gpus is None:
        node = partitions[0].node if partitions else None
        whole = bool(partitions and partitions[0].whole_nodes and together)
        gpus = 0 if node is None else node.gpus if whole else min(1, node.gpus)
    workers = run.nodes * max(1, gpus)
    step = {
        "on": run.on or module.name,
        "nodes": run.nodes,
        "gpus": gpus,
        "time": f"{run.time}s",
        "needs": [] if by_default and not site.software.stages else run.needs,
        **_said(run, ("cpus", "memory", "partition", "container", "environment")),
        **_started(task.distribution, workers, command),
    }
    if task.framework == "torch":
        step["checkpoint"] = {"before": min(_WARNING, run.time / 2), "requeues": run.requeues}
    return step


def _started(distribution: str, workers: int, command: list[str]) -> dict[str, Any]:
    """Several workers are torchrun's, or ranks of the MPI that Horovod speaks."""
    if workers > 1 and distribution in ("auto", "ddp"):
        return {"launch": "torchrun", "run": shlex.join(command)}
    program = {"run": shlex.join(["python3", *command])}
    return {"tasks": workers, "mpi": True, **program} if distribution == "horovod" else program


def _said(run: RunSpec, keys: Sequence[str]) -> dict[str, Any]:
    return {key: value for key in keys if (value := getattr(run, key)) not in (None, {})}


_OF_TASK: dict[Place, Place] = {
    **{(key,): ("run", key) for key in ("site", "account", "stage", "venv")},
    **{
        ("steps", STEP, key): ("run", key)
        for key in ("on", "nodes", "gpus", "cpus", "memory", "partition", "time", "needs", "container", "environment")
    },
    **{("steps", STEP, "checkpoint", key): ("run", "requeues") for key in ("requeues", "before")},
    ("name",): ("name",),
}
"""Where the keys of the workflow come from."""


def _of_task(place: Place) -> Place:
    for length in range(len(place), 0, -1):
        if place[:length] in _OF_TASK:
            return (*_OF_TASK[place[:length]], *place[length:])
    return ("run",)


def _moved_lines(places: Places) -> dict[Place, int]:
    found: dict[Place, int] = {(): places.line(())}
    for place, line in places.lines.items():
        for ours, theirs in _OF_TASK.items():
            if place[: len(theirs)] == theirs:
                found[(*ours, *place[len(theirs) :])] = line
    return found


@dataclass(frozen=True)
class _Moved(Places):
    """The places of a workflow that a task's file says in its own words.

    Attributes:
        task: places of that file.
    """

    task: Places

    def line(self, place: Place) -> int:
        """Of the key of the task."""
        return self.task.line(_of_task(place))

    def error(self, place: Place, message: str) -> FormatError:
        """In the words of the task."""
        return self.task.error(_of_task(place), message)
