"""What a job asks Slurm for: the lines of #SBATCH at the head of its script."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hqml.hpc.amounts import slurm_time
from hqml.hpc.run import job_name, log_pattern
from hqml.hpc.scripts.placing import Placed
from hqml.hpc.site import Launch, Site
from hqml.hpc.workflow import Step, Workflow


def sbatch_lines(workflow: Workflow, site: Site, step: Step, placed: Sequence[Placed]) -> list[str]:
    """All lines of a step; of a heterogeneous job what holds for all of it comes first, with the first component.

    Account, time, signal and the like hold for all components, partition, nodes and the like for one:
    https://slurm.schedmd.com/heterogeneous_jobs.html, and as sbatch 22.05 does.
    """
    lines = _of_job(workflow, step)
    for number, one in enumerate(placed):
        lines += ["#SBATCH hetjob"] * (number > 0)
        lines += [f"#SBATCH {option}" for option in _of_component(site.launch, one)]
    return lines


def _of_job(workflow: Workflow, step: Step) -> list[str]:
    options = [f"job-name={job_name(workflow.name, step.name)}"]
    options += [f"account={workflow.account}"] if workflow.account else []
    options += [f"time={slurm_time(step.seconds)}"]
    if step.sweep:
        options += [f"array=0-{len(step.sweep) - 1}" + (f"%{step.at_once}" if step.at_once else "")]
    options += [f"output={log_pattern(is_array=bool(step.sweep))}"]
    options += _of_checkpoint(step)
    return [f"#SBATCH --{option}" for option in options]


def _of_checkpoint(step: Step) -> list[str]:
    """A step that cannot go on must not start again by itself; one that can keeps the log of what it did before."""
    if step.checkpoint is None:
        return ["no-requeue"]
    warning = f"signal=B:{step.checkpoint.signal}@{math.ceil(step.checkpoint.before)}"
    return [warning, "requeue", "open-mode=append"]


def _of_component(launch: Launch, placed: Placed) -> list[str]:
    component, options = placed.component, []
    if placed.partition:
        options += [f"--partition={placed.partition.name}"]
        options += [f"--qos={placed.partition.qos}"] if placed.partition.qos else []
    options += [f"--nodes={component.nodes}", f"--ntasks-per-node={placed.tasks}"]
    options += [f"--cpus-per-task={placed.cpus}"] if placed.cpus else []
    options += _gpus(launch, component.gpus)
    if component.memory_gb and launch.memory:
        options += [f"--mem={_memory(component.memory_gb)}"]
    if (licence := licence_of(placed)) is not None:
        options += [f"--licenses={licence}"]
    return options


def _gpus(launch: Launch, gpus: int) -> list[str]:
    if not gpus or launch.gpus == "none":
        return []
    return [f"--gres=gpu:{gpus}" if launch.gpus == "gres" else f"--gpus-per-node={gpus}"]


def _memory(gigabytes: float) -> str:
    whole = gigabytes == int(gigabytes)
    return f"{int(gigabytes)}G" if whole else f"{math.ceil(gigabytes * 1024)}M"


def licence_of(placed: Placed) -> str | None:
    """What of the annealer's licences a component holds, as Slurm writes it; None: the site counts none."""
    quantum, use = placed.module.quantum, placed.component.quantum
    if quantum is None or use is None or quantum.licence is None:
        return None
    return f"{quantum.licence}:{use.licences}"
