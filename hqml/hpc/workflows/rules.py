"""What is wrong with a workflow at any site: keys that contradict each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from hqml.hpc.amounts import shown_time
from hqml.hpc.quoting import as_text
from hqml.hpc.shell_names import instead_of
from hqml.hpc.troubles import Trouble, place_of
from hqml.hpc.workflow import Component, Entry, Scalar, Step, Workflow
from hqml.options import unlike
from hqml.secrets import is_secret_argument
from hqml.specs.places import Place, Places

_STARTERS = {
    "srun": "hqml starts the program with srun; leave the word and its options out: nodes, tasks and cpus say them",
    "sbatch": "hqml submits the step; write the program that its script runs",
}

_VARIABLE = re.compile(r"\$[A-Za-z_]\w*", re.ASCII)


def broken_rules(workflow: Workflow, places: Places) -> Iterator[Trouble]:
    """All that is wrong with a workflow wherever it runs.

    Args:
        workflow: to look at.
        places: what its file says itself.
    """
    for step in workflow.steps:
        yield from _of_step(workflow, step, places)
        for component in step.components:
            inside = place_of(step, component)
            yield from _tasks(component, inside, places)
            if component.container is not None and component.venv is not None:
                yield (*inside, "venv"), "a container has its own Python; leave venv or container out"
            yield from _command(step, component, (*inside, "run"))


def _of_step(workflow: Workflow, step: Step, places: Places) -> Iterator[Trouble]:
    place = ("steps", step.name)
    if step.at_once is not None and not step.sweep:
        yield (*place, "at_once"), "limits the tasks of a sweep, which this step has not"
    if step.checkpoint is not None and step.checkpoint.before >= step.seconds:
        inside = (*place, "checkpoint", "before")
        where = inside if inside in places.lines else (*place, "checkpoint")
        before, time = shown_time(step.checkpoint.before), shown_time(step.seconds)
        yield where, f"a warning {before} before the end comes before the start: the step's time is {time}"
    if step.sweep:
        yield from _sweep(step.sweep, (*place, "sweep"), places)
        environment = {name for one in step.components for name in one.environment} | set(workflow.environment)
        for name in step.sweep[0]:
            if name in environment:
                yield (*place, "sweep", name), f"{name} is in the environment as well; take another name"


def _sweep(tasks: Sequence[Mapping[str, Scalar]], place: Place, places: Places) -> Iterator[Trouble]:
    seen: dict[tuple[tuple[str, str], ...], int] = {}
    is_text: dict[tuple[str, str], bool] = {}
    for index, task in enumerate(tasks):
        where = (*place, index) if (*place, index) in places.lines else place
        if set(task) != set(tasks[0]):
            first, here = (", ".join(sorted(one)) for one in (tasks[0], task))
            yield where, f"all tasks give the same variables; the first gives {first}, this one {here}"
        texts = {name: as_text(value) for name, value in task.items()}
        same = seen.setdefault(tuple(sorted(texts.items())), index)
        if same != index:
            shown = ", ".join(f"{name}={text}" for name, text in texts.items())
            yield where, f"tasks {same} and {index} are the same: {shown}; leave one out"
        for name, value in task.items():
            text = isinstance(value, str)
            if is_text.setdefault((name, texts[name]), text) != text:
                yield where, f"{name} is {value} with quotes in one task, and without in another; write both alike"


def _tasks(component: Component, place: Place, places: Places) -> Iterator[Trouble]:
    nodes, tasks = component.nodes, component.tasks
    where = (*place, "tasks")
    if tasks % nodes:
        down, up = tasks // nodes * nodes, (tasks // nodes + 1) * nodes
        near = f"{down} or {up}" if down else f"{up}"
        yield where, f"{tasks} tasks cannot be spread evenly over {nodes} nodes; ask for {near}, or other nodes"
    workers = component.gpus * nodes if component.launch == "torchrun" else 0
    if component.quantum is not None and max(tasks, workers) > 1:
        told = f"each of its {max(tasks, workers)} tasks would use so much QPU time; ask for one task"
        yield (*place, "quantum"), f"{told}, on one node{' without GPUs' if workers else ''}"
    if component.launch != "torchrun":
        return
    if component.mpi:
        yield (*place, "mpi"), "workers of torchrun are no ranks of MPI; leave mpi out, or launch: torchrun"
    if where in places.lines and workers and tasks not in (nodes, workers):
        yield where, f"torchrun starts a worker for each GPU, {workers} in all, not {tasks}; leave tasks out"


def _command(step: Step, component: Component, place: Place) -> Iterator[Trouble]:
    if isinstance(component.run, Entry):
        yield from _entry(component.run, component, place)
        yield from _swept(component.run, step.sweep, place)
        return
    first = component.run.split()[0]
    if first in _STARTERS:
        yield place, _STARTERS[first]
    if component.launch == "torchrun":
        if "\n" in component.run:
            yield place, "with launch: torchrun this is one line, what follows the word torchrun"
        elif first == "torchrun" or re.fullmatch(r"python[\d.]*", first):
            yield place, f"with launch: torchrun this begins with the script; leave {first!r} out"
    elif first == "torchrun":
        yield place, "write launch: torchrun and leave the word and its rendezvous out; hqml says where workers meet"


def _entry(entry: Entry, component: Component, place: Place) -> Iterator[Trouble]:
    if component.launch == "torchrun":
        yield place, "torchrun starts a script; write run: train.py --option value, not a Python function"
    for name, value in entry.arguments.items():
        if isinstance(value, str) and is_secret_argument(name):
            yield (*place, "arguments", name), f"{instead_of(name)}, and read ${name.upper()} in the function"


def _swept(entry: Entry, sweep: Sequence[Mapping[str, Scalar]], place: Place) -> Iterator[Trouble]:
    """An argument that is "$NAME" stands for a variable of the sweep, and for no other: no shell reads it."""
    known = sweep[0] if sweep else {}
    for argument, value in entry.arguments.items():
        name = value[1:] if isinstance(value, str) and _VARIABLE.fullmatch(value) else None
        if name is not None and name not in known:
            told = f"no sweep of this step has {name}, and other variables are for the function to read in os.environ"
            yield (*place, "arguments", argument), f"{told}{unlike(name, known)}"
