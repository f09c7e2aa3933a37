"""What a workflow is: steps on kinds of module, each after others; some of them several components at the same time.

`hqml.hpc.workflows.file` reads workflows, and says in which units users write them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from hqml.hpc.needs import Need

Scalar: TypeAlias = str | int | float | bool


@dataclass(frozen=True)
class Entry:
    """A Python function that a step calls.

    Attributes:
        module: where it is, e.g. "prepare".
        function: its name.
        arguments: by name; plain values.
    """

    module: str
    function: str
    arguments: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Container:
    """An Apptainer image that a component runs in.

    Attributes:
        image: path of a .sif file or of a folder; relative to the workflow's.
        binds: folders of the host that are seen inside, as `--bind` takes them.
    """

    image: str
    binds: tuple[str, ...] = ()


@dataclass(frozen=True)
class QuantumUse:
    """What a step asks of the annealer.

    Attributes:
        seconds: QPU access time that it may use in all.
        licences: how many of the site's it holds while it runs.
        endpoint: address of the gateway, where the site's is not wanted.
        solver: its name, where the site's is not wanted.
        token_file: mode 600; read when the step runs. None: the site's `token_command`, or ~/.config/hqml/token.
    """

    seconds: float
    licences: int = 1
    endpoint: str | None = None
    solver: str | None = None
    token_file: str | None = None


@dataclass(frozen=True)
class Checkpoint:
    """A warning before the time is over; then the step saves its state, ends, and is queued again.

    Attributes:
        before: seconds before the end of the time.
        signal: that the programs get. Slurm takes INT and TERM for the end of the job, or does not hand them on.
        requeues: how often a step is queued again at most.
    """

    before: float = 60.0
    signal: Literal["USR1", "USR2"] = "USR1"
    requeues: int = 10


@dataclass(frozen=True)
class Component:
    """A program on nodes of one module.

    Attributes:
        name: of the step, or within `together` its own.
        on: kind of module, or a module's name at the site.
        run: a command of the shell, or a Python function.
        nodes: how many.
        tasks: processes on all nodes; equally many a node.
        cpus: that each task may use (`--cpus-per-task`); None: see `hqml.hpc.processors`.
        gpus: of each node.
        memory_gb: of each node; None: the site's default.
        partition: where the module's usual one is not wanted.
        needs: software.
        launch: "srun": each task runs the command; "torchrun": one a node, which starts a worker for each GPU (or
            task, without GPUs), that meet through torch's c10d.
        mpi: the tasks are ranks of one MPI world; within `together` one world spans all components that say so.
        environment: variables, beside those of the workflow.
        venv: folder of a virtual environment, instead of the workflow's.
        container: to run in.
        quantum: of components that use the annealer.
    """

    name: str
    on: str
    run: str | Entry
    nodes: int = 1
    tasks: int = 1
    cpus: int | None = None
    gpus: int = 0
    memory_gb: float | None = None
    partition: str | None = None
    needs: tuple[Need, ...] = ()
    launch: Literal["srun", "torchrun"] = "srun"
    mpi: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    venv: str | None = None
    container: Container | None = None
    quantum: QuantumUse | None = None

    @property
    def tasks_per_node(self) -> int:
        """Processes of each node."""
        return math.ceil(self.tasks / self.nodes)

    @property
    def started_per_node(self) -> int:
        """Those of them that the launcher starts; torchrun starts the others."""
        return 1 if self.launch == "torchrun" else self.tasks_per_node


@dataclass(frozen=True)
class Step:
    """One job.

    Attributes:
        name: unique in the workflow.
        components: one; several run at the same time, as a heterogeneous job.
        seconds: wall time.
        after: names of steps that must have ended well.
        sweep: values of variables, one mapping a task of a job array; empty without a sweep.
        at_once: most tasks of the array that run at a time; None: no limit.
        checkpoint: None: the step cannot go on where it was stopped.
    """

    name: str
    components: tuple[Component, ...]
    seconds: float
    after: tuple[str, ...] = ()
    sweep: tuple[Mapping[str, Scalar], ...] = ()
    at_once: int | None = None
    checkpoint: Checkpoint | None = None

    @property
    def together(self) -> bool:
        """Whether it is a heterogeneous job."""
        return len(self.components) > 1


@dataclass(frozen=True)
class Workflow:
    """What a workflow file says.

    Attributes:
        name: of letters, digits, - and _; job names begin with it.
        site: name of a site.
        steps: each behind all that it comes after.
        account: of the project that pays; None: the user's default.
        stage: of the site's software; None: its default.
        venv: folder of a virtual environment, on top of the modules, of components that name none.
        environment: variables of all steps.
        setup: lines of shell before each program, after modules and venv.
        exclude: patterns of files that are not sent to another host, as rsync takes them.
        path: of the file; steps run in its folder.
    """

    name: str
    site: str
    steps: tuple[Step, ...]
    account: str | None = None
    stage: str | None = None
    venv: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    setup: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    path: str = ""

    def step(self, name: str) -> Step:
        """The step of this name, which is there."""
        return next(one for one in self.steps if one.name == name)

    def venv_of(self, component: Component) -> str | None:
        """The virtual environment that a component activates; a container has its own Python."""
        return None if component.container else component.venv or self.venv
