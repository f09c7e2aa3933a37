"""The script of a step: readable bash, which sbatch takes as it is, or without a scheduler bash itself.

It is text of the workflow and the site alone: nothing of this process's environment is in it.
"""

from __future__ import annotations

from collections.abc import Sequence

from hqml.hpc.environment_lines import before_modules, module_lines
from hqml.hpc.quoting import expanding, exports, indented, literal
from hqml.hpc.scripts import blocks as shell_blocks
from hqml.hpc.scripts import torchrun
from hqml.hpc.scripts.placing import Placed, place
from hqml.hpc.scripts.programs import launched, local_mpi, program
from hqml.hpc.scripts.sbatch_lines import sbatch_lines
from hqml.hpc.site import Site
from hqml.hpc.workflow import QuantumUse, Step, Workflow


def script(workflow: Workflow, site: Site, step: Step, placed: Sequence[Placed] | None = None) -> str:
    """Write the script of a step.

    Args:
        workflow: that has the step.
        site: where it is to run.
        step: one of the workflow's.
        placed: its components, as `place` places them.

    Raises:
        ParameterError: the site lacks a module, a partition or a stage that the workflow names.
    """
    placed = place(workflow, site, step) if placed is None else placed
    blocks = [_head(workflow, site, step, placed), f"set -euo pipefail\n{shell_blocks.NO_TOKEN}"]
    if step.sweep and site.scheduler == "none":
        blocks += [_one_after_another(step)]
    blocks += _frame(workflow, site, step, placed)
    blocks += [_sweep(step)] if step.sweep else []
    blocks += _together(workflow, site, step, placed) if step.together else _alone(workflow, site, step, placed[0])
    blocks += _run(workflow, site, step, placed)
    return "\n\n".join(one for one in blocks if one) + "\n"


_SHELLCHECK = "# shellcheck disable=SC1091,SC2016,SC2317"
"""Files that are sourced are not here; a literal $ is meant; functions are called by name, from `bash -c` or `trap`."""


def _head(workflow: Workflow, site: Site, step: Step, placed: Sequence[Placed]) -> str:
    where = ", ".join(dict.fromkeys(one.module.name for one in placed))
    command = "bash" if site.scheduler == "none" else "sbatch"
    lines = [
        "#!/bin/bash",
        f"# {step.name}, a step of {workflow.name}, on {where} at {site.name}. Written by `hqml job`.",
        f"# By hand, in the folder of the workflow: {command} PATH/OF/THIS/FILE",
    ]
    options = sbatch_lines(workflow, site, step, placed) if site.scheduler == "slurm" else []
    return "\n".join([*lines, *options, _SHELLCHECK])


def _frame(workflow: Workflow, site: Site, step: Step, placed: Sequence[Placed]) -> list[str]:
    """How the script ends, and what it does with signals."""
    groups = site.scheduler == "none" and (_several(placed) or step.checkpoint is not None)
    task = ".$SLURM_ARRAY_TASK_ID" if step.sweep else ""
    blocks = [shell_blocks.own_groups()] if groups else []
    blocks += [shell_blocks.state(f"{step.name}{task}", ends_programs=groups)]
    if step.checkpoint is not None:
        in_run, by_hand = f"{step.name}{task}", f"{workflow.name}-{step.name}{task}"
        blocks += [shell_blocks.warning(step.checkpoint, in_run, by_hand)]
    return blocks


def _one_after_another(step: Step) -> str:
    """All tasks of an array where no scheduler starts them."""
    return f"""\
# Without a scheduler the tasks of the sweep run one after another, unless SLURM_ARRAY_TASK_ID names one.
if [[ -z ${{SLURM_ARRAY_TASK_ID:-}} ]]; then
    hqml_status=0
    for hqml_index in {{0..{len(step.sweep) - 1}}}; do
        SLURM_ARRAY_TASK_ID=$hqml_index bash "$0" || hqml_status=$?
    done
    exit "$hqml_status"
fi"""


def _sweep(step: Step) -> str:
    lines = ["# The values of this task of the sweep.", "case $SLURM_ARRAY_TASK_ID in"]
    for number, values in enumerate(step.sweep):
        lines += [f"{number}) export {' '.join(f'{name}={literal(value)}' for name, value in values.items())} ;;"]
    return "\n".join([*lines, '*) echo "the sweep has no task $SLURM_ARRAY_TASK_ID" >&2; exit 2 ;;', "esac"])


def _alone(workflow: Workflow, site: Site, step: Step, placed: Placed) -> list[str]:
    """One component: this shell prepares what its tasks find."""
    blocks = [_lines("Software", _software(workflow, site, placed))]
    blocks += [_lines("Environment", [*_common(workflow, site, [placed]), *exports(placed.component.environment)])]
    if placed.component.quantum is not None:
        blocks += [_token("hqml_token", site, placed.component.quantum)]
        annealer = [*_annealer(placed, site), "hqml_token"]
        blocks += [_lines("The annealer, and how much of it this step may use", annealer)]
    tell, names = _telling(step, [placed])
    title = "# What each task runs." if placed.all_tasks > 1 else "# What runs."
    function = program(workflow, site, step, placed)
    return [*blocks, *tell, f"{title}\n{function}\nexport -f {' '.join([*names, placed.function])}"]


def _together(workflow: Workflow, site: Site, step: Step, placed: Sequence[Placed]) -> list[str]:
    """Several components: each prepares itself, since modules differ from one kind of node to another."""
    software = [_software(workflow, site, one) for one in placed]
    shared = _shared(site, software)
    blocks = [_lines("Software of all", shared), _lines("Environment of all", _common(workflow, site, placed))]
    functions, names = _telling(step, placed)
    for one, lines in zip(placed, software, strict=True):
        own = [*([] if shared else lines), *exports(one.component.environment)]
        if one.component.quantum is not None:
            token = f"hqml_token_{one.function.removeprefix('run_')}"
            functions += [_token(token, site, one.component.quantum)]
            names += [token]
            own += [*_annealer(one, site), token]
        functions += [f"# {one.component.name}, on {one.module.title}.\n{program(workflow, site, step, one, own)}"]
        names += [one.function]
    return [*blocks, *functions, f"export -f {' '.join(names)}"]


def _shared(site: Site, software: Sequence[list[str]]) -> list[str]:
    """What all components load that load anything, where they are on one machine: mpiexec is started there as well."""
    first, *others = [lines for lines in software if lines] or [[]]
    return first if site.scheduler == "none" and all(lines == first for lines in others) else []


def _telling(step: Step, placed: Sequence[Placed]) -> tuple[list[str], list[str]]:
    """A function that programs with torchrun call, and its name, where there are such."""
    if step.checkpoint is None or not any(one.torchrun for one in placed):
        return [], []
    return [torchrun.tell_function(step.checkpoint)], [torchrun.TELL]


def _lines(title: str, lines: Sequence[str]) -> str:
    return "\n".join([f"# {title}.", *lines]) if lines else ""


def _software(workflow: Workflow, site: Site, placed: Placed) -> list[str]:
    """Modules, and a virtual environment on top; both use variables that may be unset."""
    lines = [f"# {message}" for message in placed.missing]
    if placed.purge:
        lines += module_lines(site.software.setup, site.software.purge, placed.use, placed.load)
    if venv := workflow.venv_of(placed.component):
        lines += [f". {expanding(venv.rstrip('/') + '/bin/activate')}"]
        lines += before_modules() if placed.packages else []
    return ["set +u # these may use variables that are not set", *lines, "set -u"] if lines else []


def _common(workflow: Workflow, site: Site, placed: Sequence[Placed]) -> list[str]:
    mpi = local_mpi(placed) if site.scheduler == "none" else []
    return [*mpi, *exports({**site.launch.environment, **workflow.environment})]


def _annealer(placed: Placed, site: Site) -> list[str]:
    use, known = placed.component.quantum, placed.module.quantum
    assert use is not None
    values = {
        "DWAVE_API_ENDPOINT": use.endpoint or (known and known.endpoint),
        "DWAVE_API_REGION": known and known.region if use.endpoint is None else None,
        "DWAVE_API_SOLVER": use.solver or (known and known.solver),
        "DWAVE_API_PROXY": known and known.proxy,
        "HQML_MAX_QPU_SECONDS": f"{use.seconds:g}",
    }
    return exports({name: value for name, value in values.items() if value})


def _token(name: str, site: Site, use: QuantumUse) -> str:
    return shell_blocks.token_function(name, use.token_file, site.token_command)


def _several(placed: Sequence[Placed]) -> bool:
    """Whether more than one program is started where there is no srun to start them."""
    return len(placed) > 1 or (placed[0].all_tasks > 1 and not placed[0].component.mpi)


def _run(workflow: Workflow, site: Site, step: Step, placed: Sequence[Placed]) -> list[str]:
    commands = launched(site, step, placed)
    local = site.scheduler == "none"
    alone = not _several(placed) if local else len(commands) == 1
    if alone and step.checkpoint is None:
        return commands
    sign = "-" if local else ""
    if alone:
        started = [f"{commands[0]} &", "hqml_program=$!", f'hqml_programs=("{sign}$hqml_program")']
        blocks = ["\n".join(started), shell_blocks.WAIT_FOR_ONE]
    else:
        started = _started(placed, commands, local, f"hqml_programs[$!]={sign}$!")
        blocks = ["\n".join(["hqml_programs=()", *started]), shell_blocks.wait_for_all(step.checkpoint)]
    if step.checkpoint is not None and not local:
        blocks += [shell_blocks.requeue(step.checkpoint, f"{workflow.name}-{step.name}", array=bool(step.sweep))]
    return [*blocks, 'exit "$hqml_status"']


def _started(placed: Sequence[Placed], commands: Sequence[str], local: bool, remember: str) -> list[str]:
    """Each command in the background; without a scheduler once for each task that is no rank of MPI."""
    lines = []
    tasks = _tasks_of_commands(placed)
    for command, count in zip(commands, tasks, strict=True):
        if local and count > 1:
            inner = [f"HQML_TASK=$hqml_number HQML_TASKS={count} {command} &", remember]
            lines += [f"for hqml_number in {{0..{count - 1}}}; do", *indented(inner), "done"]
        else:
            lines += [f"{command} &", remember]
    return lines


def _tasks_of_commands(placed: Sequence[Placed]) -> list[int]:
    """How often each command of `launched` is to be run where each run is one task."""
    world = [1] if any(one.component.mpi for one in placed) else []
    return [*world, *(one.all_tasks for one in placed if not one.component.mpi)]
