"""What the programs of a workflow may miss where they run: an MPI, torch, modules below a venv, a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from hqml.errors import ParameterError
from hqml.hpc import apptainer
from hqml.hpc.site import Site
from hqml.hpc.software.modules import resolve
from hqml.hpc.software.names import modules_of
from hqml.hpc.workflow import Component, Entry, Workflow

_WITH_MPI = {"mpi", "mpi4py", *modules_of("mpi")}


def unchecked_needs(workflow: Workflow, site: Site) -> Iterator[str]:
    """Needs that nobody looks for."""
    needs = {
        str(need): None
        for step in workflow.steps
        for component in step.components
        if component.container is None
        for need in component.needs
    }
    if needs and not site.software.stages:
        yield f"{site.name} has no modules, so that nobody looks for needs: {', '.join(needs)} must be there"


def missing_software(workflow: Workflow, site: Site, component: Component) -> Iterator[str]:
    """What a component may not find."""
    yield from _program(workflow, component)
    if component.container is not None:
        if site.scheduler == "none" and apptainer.found() is None:
            yield "containers need apptainer, which is not on this machine's PATH"
        return
    venv = workflow.venv_of(component)
    if site.software.stages:
        yield from _without_needs(component, venv)
        yield from _not_in_stage(workflow, site, component, venv)
    if venv is not None and site.scheduler == "none" and not _activates(workflow, venv):
        yield f"venv: {venv} has no bin/activate on this machine; make it, or leave venv out"


def _program(workflow: Workflow, component: Component) -> Iterator[str]:
    run = component.run
    if isinstance(run, Entry):
        beside = _folder(workflow).joinpath(*run.module.split("."))
        if not (beside.is_dir() or beside.with_suffix(".py").exists()):
            file = os.path.relpath(beside.with_suffix(".py"), _folder(workflow))
            yield f"there is no {file} beside the workflow; so {run.module} must be installed where the step runs"
    elif run.split()[0] in ("mpirun", "mpiexec"):
        first = run.split()[0]
        yield f"{first} would start ranks within each task; write mpi: true, tasks: N and the program alone"


def _without_needs(component: Component, venv: str | None) -> Iterator[str]:
    names = {need.name for need in component.needs}
    if component.mpi and not names & _WITH_MPI:
        yield "mpi: true, and no module with an MPI is loaded; add mpi to needs"
    if component.launch == "torchrun" and "torch" not in names and venv is None:
        yield "launch: torchrun, and neither needs nor a venv has torch; add torch to needs"
    if venv is not None and not names:
        yield (
            f"the Python of the venv {venv} may need the modules that it was made on, and none is loaded; "
            "add python to needs"
        )


def _not_in_stage(workflow: Workflow, site: Site, component: Component, venv: str | None) -> Iterator[str]:
    try:
        missing = resolve(site, component.needs, kind=site.host(component.on).kind, stage=workflow.stage).missing
    except ParameterError:
        return
    for one in missing:
        if venv is not None and one.wheel:
            yield f"{one.need} is not in {one.where}; the venv {venv} must have it"


def _activates(workflow: Workflow, venv: str) -> bool:
    folder = _folder(workflow) / os.path.expanduser(os.path.expandvars(venv))
    return (folder / "bin" / "activate").exists()


def _folder(workflow: Workflow) -> Path:
    return Path(workflow.path).parent
