"""What a component runs: the shell function that each of its tasks calls, and the command that starts the tasks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from hqml.hpc.apptainer import FIND, gpu_option
from hqml.hpc.environment_lines import NOT_INSIDE
from hqml.hpc.quoting import expanding, exports, indented, literal
from hqml.hpc.scripts.placing import Placed
from hqml.hpc.scripts.torchrun import keeping_state, meeting, torchrun
from hqml.hpc.site import Launch, Node, Site
from hqml.hpc.workflow import Container, Entry, Scalar, Step, Workflow

_LOCAL_MPI = {
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}
"""Lets Open MPI 4 and 5 start more ranks than there are cores, as others do."""


def program(workflow: Workflow, site: Site, step: Step, placed: Placed, first: Iterable[str] = ()) -> str:
    """The function that each task runs; it begins with the lines of `first`."""
    lines = ["set -euo pipefail"]
    if step.checkpoint is not None and not placed.torchrun:
        lines += [f"trap : {step.checkpoint.signal} # is for the program; this shell waits for its end"]
    lines += [*first, *_task(site, placed), *_meeting(workflow, site, placed)]
    lines += [NOT_INSIDE] if placed.component.container is not None else []
    lines += workflow.setup
    lines += _command(site, step, placed)
    return "\n".join([f"{placed.function}() {{", *indented(lines), "}"])


def _task(site: Site, placed: Placed) -> list[str]:
    """Which of the tasks this is, where no MPI and no torchrun tells."""
    if site.scheduler == "none" or placed.all_tasks == 1 or placed.component.mpi or placed.torchrun:
        return []
    return [f"export HQML_TASK=$SLURM_PROCID HQML_TASKS={placed.all_tasks}"]


def _meeting(workflow: Workflow, site: Site, placed: Placed) -> list[str]:
    return meeting(site, placed, workflow.environment) if placed.torchrun else []


def _command(site: Site, step: Step, placed: Placed) -> list[str]:
    component, checkpoint = placed.component, step.checkpoint
    if isinstance(component.run, Entry):
        lines = [_entry(component.run, step.sweep)]
    elif placed.torchrun:
        lines = torchrun(site, placed, component.run.strip(), checkpoint)
    else:
        lines = [component.run.strip()]
    if component.container is not None:
        lines = _in_container(placed, component.container, lines, keeps=checkpoint is not None)
    return keeping_state(lines, checkpoint) if placed.torchrun and checkpoint is not None else lines


def _entry(entry: Entry, sweep: Sequence[Mapping[str, Scalar]]) -> str:
    """Call a function; an argument that is "$NAME" of a variable of the sweep is its value."""
    arguments = dict(entry.arguments)
    swept = {name: arguments.pop(name) for name in list(arguments) if _variable(arguments[name]) in (sweep or [{}])[0]}
    call = [f"{name}={_value(_variable(variable), sweep)}" for name, variable in swept.items()]
    call += ["**json.loads(sys.argv[1])"] if arguments else []
    code = f"import json, os, sys; from {entry.module} import {entry.function}; {entry.function}({', '.join(call)})"
    written = f"python3 -c {literal(code)}"
    return f"{written} {literal(json.dumps(arguments))}" if arguments else written


def _variable(argument: object) -> str | None:
    return argument[1:] if isinstance(argument, str) and argument.startswith("$") else None


def _value(variable: str | None, sweep: Sequence[Mapping[str, Scalar]]) -> str:
    """Variables of the shell are text: what was none is read as JSON."""
    read, values = f'os.environ["{variable}"]', [task[str(variable)] for task in sweep]
    texts = list(dict.fromkeys(one for one in values if isinstance(one, str)))
    if not texts:
        return f"json.loads({read})"
    return read if len(texts) == len(set(values)) else f"{read} if {read} in {texts} else json.loads({read})"


def _gpu_option(placed: Placed) -> list[str]:
    """A component without GPUs sees none, whatever its node has. Of this machine nobody says whose its GPUs are."""
    node = placed.partition.node if placed.partition else Node(cores=1, gpus=1)
    option = gpu_option(node) if placed.component.gpus else ""
    return [option] if option else []


def _in_container(placed: Placed, container: Container, what: Sequence[str], *, keeps: bool) -> list[str]:
    """Apptainer keeps the variables of the shell; of its folders the workflow's, and where state is kept, are seen."""
    binds = ['"$PWD"', *(['"$HQML_CHECKPOINT"'] if keeps else []), *map(expanding, container.binds)]
    options = [*_gpu_option(placed), *(f"--bind {one}" for one in binds), '--pwd "$PWD"']
    inner = what[0] if isinstance(placed.component.run, Entry) else f"sh -c {literal(chr(10).join(what))}"
    return [
        "local apptainer",
        f"apptainer=$({FIND}) || {{",
        '    echo "neither apptainer nor singularity is here to run the container" >&2',
        "    exit 127",
        "}",
        f'"$apptainer" exec {" ".join(options)} \\',
        f"    {expanding(container.image)} {inner}",
    ]


def launched(site: Site, step: Step, placed: Sequence[Placed]) -> list[str]:
    """Commands that start all components, each to be waited for: first the MPI world, then the others one by one."""
    numbered = list(enumerate(placed))
    world = [(number, one) for number, one in numbered if one.component.mpi]
    groups = [world] if world else []
    groups += [[(number, one)] for number, one in numbered if not one.component.mpi]
    start = _mpiexec if site.scheduler == "none" else _srun
    return [start(site.launch, step, group) for group in groups]


def _srun(launch: Launch, step: Step, group: Sequence[tuple[int, Placed]]) -> str:
    parts = [" ".join([*_srun_options(launch, step, number, one), "bash -c", one.function]) for number, one in group]
    return "srun " + " : \\\n    ".join(parts)


def _srun_options(launch: Launch, step: Step, number: int, placed: Placed) -> list[str]:
    """A component is told its size: srun would take that of the first one from the environment."""
    component, options = placed.component, list(launch.srun)
    if component.mpi and launch.mpi:
        options = [f"--mpi={launch.mpi}", *options]
    if step.together:
        options = [f"--het-group={number} --nodes={component.nodes} --ntasks={placed.all_tasks}", *options]
    if placed.cpus or step.together:
        options += [f"--cpus-per-task={placed.cpus or 1}"]
    if placed.all_tasks > 1:  # those of a step that keeps its state have to finish that
        options += [f"--kill-on-bad-exit={int(step.checkpoint is None)}"]
    return options


def _mpiexec(launch: Launch, step: Step, group: Sequence[tuple[int, Placed]]) -> str:
    """Without a scheduler; a task each where there is no MPI."""
    if group[0][1].component.mpi:
        return "mpiexec " + " : ".join(f"-n {one.all_tasks} bash -c {one.function}" for _, one in group)
    return f"bash -c {group[0][1].function}"


def local_mpi(placed: Sequence[Placed]) -> list[str]:
    """What MPI needs on a machine with fewer cores than ranks."""
    return exports(_LOCAL_MPI) if any(one.component.mpi for one in placed) else []
