"""Workflows as YAML files.

    site: juwels
    account: training2401
    steps:
      prepare:
        on: cluster               # cluster, booster, dam or quantum, or a module's own name at the site
        time: 10m
        needs: python>=3.10, mpi
        run: python prepare.py --out data
      train:
        after: prepare
        on: booster
        nodes: 2
        gpus: 4                   # of each node
        time: 2h
        needs: torch>=2.1, cuda
        launch: torchrun
        run: train.py --data data
        checkpoint: {before: 2m}
      ensemble:
        after: prepare
        time: 30m
        together:                 # at the same time
          ranks: {on: cluster, tasks: 2, mpi: true, run: python slices.py}
          annealer: {on: quantum, quantum: {seconds: 2}, run: python anneal.py}

All keys are in docs/hpc/workflows.md.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hqml.errors import ParameterError
from hqml.hpc.troubles import Trouble, raise_first
from hqml.hpc.workflow import Checkpoint, Component, Container, Entry, QuantumUse, Scalar, Step, Workflow
from hqml.hpc.workflows.rules import broken_rules
from hqml.hpc.workflows.values import name_of
from hqml.options import unlike
from hqml.specs import Places, open_spec

if TYPE_CHECKING:
    from hqml.hpc.workflows.schema import ComponentSpec, StepSpec, TogetherSpec, WorkflowSpec

_MOST_TASKS = 100_000
"""Of a sweep: more than a scheduler takes, few enough to be counted here."""


def read_workflow(path: str | os.PathLike[str], site: str | None = None) -> Workflow:
    """Read a workflow; all keys are in docs/hpc/workflows.md.

    Args:
        path: the file.
        site: name or file of a site, instead of the one that the file names.

    Raises:
        FormatError: the file cannot be read, or says what no site can do, in one line with its place:
            `wf.yaml:12: steps.train.gpus: ...`
        LibraryMissing: PyYAML or pydantic is not installed.
    """
    return open_workflow(path, site)[0]


def open_workflow(path: str | os.PathLike[str], site: str | None = None) -> tuple[Workflow, Places]:
    """As `read_workflow`, and where the values stand, for `hqml.hpc.workflows.checks.check`."""
    from hqml.specs.libraries import check_installed

    check_installed()
    from hqml.hpc.workflows.schema import WorkflowSpec

    spec, places = open_spec(path, WorkflowSpec)
    return workflow_of(spec, places, path, site), places


def workflow_of(spec: WorkflowSpec, places: Places, path: str | os.PathLike[str], site: str | None = None) -> Workflow:
    """The workflow that a file's content says, or that of another file which names one program.

    Args:
        spec: the content.
        places: where its values stand.
        path: of the file; steps run in its folder.
        site: name or file of a site, instead of the one that the file names.

    Raises:
        FormatError: it says what no site can do, in one line with its place.
    """
    raise_first(places, (*_unknown_steps(spec), *_too_many_tasks(spec)))
    raise_first(places, _cycle(spec))
    with places.at("name"):
        name = spec.name or _name_of_file(path)
    with places.at("site"):
        chosen = site or _site_of_file(spec.site, path)
    workflow = Workflow(
        name=name,
        site=chosen,
        steps=tuple(_step(one, spec.steps[one]) for one in _in_order(spec)),
        account=spec.account,
        stage=spec.stage,
        venv=spec.venv,
        environment=spec.environment,
        setup=tuple(spec.setup),
        exclude=tuple(spec.exclude),
        path=os.fspath(path),
    )
    raise_first(places, broken_rules(workflow, places))
    return workflow


def _name_of_file(path: str | os.PathLike[str]) -> str:
    stem = Path(path).stem
    try:
        return name_of(stem)
    except ParameterError as error:
        raise ParameterError(f"the file's name does not do as one ({error}); add a line such as name: train") from error


def _site_of_file(written: str | None, path: str | os.PathLike[str]) -> str:
    """A site that is a file is looked for beside the workflow."""
    if written is None:
        raise ParameterError("this key is missing; name a site, e.g. site: local")
    is_file = written.endswith((".yaml", ".yml")) and not written.startswith("~")
    return str(Path(path).parent / written) if is_file else written


def _unknown_steps(spec: WorkflowSpec) -> Iterator[Trouble]:
    inside = {
        component: step for step, found in spec.steps.items() for component in getattr(found, "together", {}) or ()
    }
    for step, found in spec.steps.items():
        for name in found.after:
            place = ("steps", step, "after")
            if name == step:
                yield place, "a step cannot come after itself"
            elif name not in spec.steps and name in inside:
                yield place, f"{name!r} is a component of the step {inside[name]!r}; come after that"
            elif name not in spec.steps:
                others = [one for one in spec.steps if one != step]
                meant = unlike(name, others) if others else "; this is the only one"
                yield place, f"there is no step {name!r}{meant}"
            elif found.after.count(name) > 1:
                yield place, f"{name!r} is there twice; leave one out"


def _cycle(spec: WorkflowSpec) -> Iterator[Trouble]:
    """Of steps that wait for each other, the first in the file with the way from it back to it."""
    waiting = set(spec.steps) - set(_in_order(spec))
    for start in spec.steps:
        way = [start]
        while way[-1] in waiting and way[-1] not in way[:-1]:
            way.append(next(one for one in spec.steps[way[-1]].after if one in waiting))
        if way[-1] == start and len(way) > 1:
            yield ("steps", start, "after"), f"steps wait for each other: {' after '.join(way)}"
            return


def _in_order(spec: WorkflowSpec) -> list[str]:
    """Steps behind all that they come after, else as in the file; without those that wait for each other."""
    ordered: list[str] = []
    left = list(spec.steps)
    while ready := [one for one in left if set(spec.steps[one].after) <= set(ordered)]:
        ordered.append(ready[0])
        left.remove(ready[0])
    return ordered


def _too_many_tasks(spec: WorkflowSpec) -> Iterator[Trouble]:
    for step, found in spec.steps.items():
        sweep = getattr(found, "sweep", None)
        tasks = 1
        for values in sweep.values() if isinstance(sweep, dict) else ():
            tasks *= len(values)
        if tasks > _MOST_TASKS:
            yield ("steps", step, "sweep"), f"{tasks} tasks are more than {_MOST_TASKS}; let a program try several"


def _step(name: str, spec: StepSpec | TogetherSpec) -> Step:
    from hqml.hpc.workflows.schema import TogetherSpec

    checkpoint = Checkpoint(**dict(spec.checkpoint)) if spec.checkpoint else None
    if isinstance(spec, TogetherSpec):
        components = tuple(_component(one, found) for one, found in spec.together.items())
        return Step(name, components, spec.time, after=tuple(spec.after), checkpoint=checkpoint)
    return Step(
        name,
        (_component(name, spec),),
        spec.time,
        after=tuple(spec.after),
        sweep=tuple(_tasks(spec.sweep or {})),
        at_once=spec.at_once,
        checkpoint=checkpoint,
    )


def _tasks(sweep: Mapping[str, list[Scalar]] | Iterable[Mapping[str, Scalar]]) -> Iterable[Mapping[str, Scalar]]:
    if not isinstance(sweep, Mapping):
        return sweep
    return [dict(zip(sweep, values, strict=True)) for values in itertools.product(*sweep.values())] if sweep else ()


def _component(name: str, spec: ComponentSpec) -> Component:
    container = Container(spec.container.image, tuple(spec.container.binds)) if spec.container else None
    return Component(
        name=name,
        on=spec.on,
        run=spec.run if isinstance(spec.run, str) else _entry(spec.run.python, spec.run.arguments),
        nodes=spec.nodes,
        tasks=spec.nodes if spec.tasks is None else spec.tasks,
        cpus=spec.cpus,
        gpus=spec.gpus,
        memory_gb=spec.memory,
        partition=spec.partition,
        needs=spec.needs,
        launch=spec.launch,
        mpi=spec.mpi,
        environment=spec.environment,
        venv=spec.venv,
        container=container,
        quantum=QuantumUse(**dict(spec.quantum)) if spec.quantum else None,
    )


def _entry(written: str, arguments: Mapping[str, object]) -> Entry:
    module, _, function = written.partition(":")
    return Entry(module, function, arguments)
