"""All scripts of a workflow, the manifest that tells what they are, and the folder that holds both."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from hqml.errors import FormatError
from hqml.hpc.run import MANIFEST, Job, Manifest, Part, read_manifest, write_json
from hqml.hpc.scripts.placing import Placed, place
from hqml.hpc.scripts.script import script
from hqml.hpc.site import Site
from hqml.hpc.sites.file import SUFFIX
from hqml.hpc.workflow import Step, Workflow
from hqml.samples import version


@dataclass(frozen=True)
class Rendered:
    """What a workflow became at a site.

    Attributes:
        scripts: text by file name, in the order of the steps.
        manifest: what they are.
    """

    scripts: Mapping[str, str]
    manifest: Manifest


def render(workflow: Workflow, site: Site) -> Rendered:
    """Write the scripts of all steps, as text: nothing is run, and nothing read but the workflow and the site.

    Raises:
        ParameterError: the site lacks a module, a partition or a stage that the workflow names.
    """
    scripts: dict[str, str] = {}
    jobs = []
    digits = max(2, len(str(len(workflow.steps))))
    for number, step in enumerate(workflow.steps, start=1):
        name = f"{number:0{digits}}-{step.name}.sh"
        placed = place(workflow, site, step)
        scripts[name] = script(workflow, site, step, placed)
        jobs.append(_job(step, name, placed))
    return Rendered(scripts, _manifest(workflow, site, scripts, jobs))


def _job(step: Step, name: str, placed: Sequence[Placed]) -> Job:
    requeues = step.checkpoint.requeues if step.checkpoint else 0
    parts = tuple(_part(one) for one in placed)
    values = _digest_of([dict(one) for one in step.sweep]) if step.sweep else ""
    return Job(step.name, name, step.after, step.seconds, parts, len(step.sweep), requeues, step.at_once, values)


def _part(placed: Placed) -> Part:
    component, quantum = placed.component, placed.component.quantum
    return Part(
        name=component.name,
        on=component.on,
        kind=placed.module.kind,
        partition=placed.partition.name if placed.partition else None,
        nodes=component.nodes,
        tasks=component.tasks,
        gpus=component.gpus,
        load=placed.load,
        qpu_seconds=quantum.seconds if quantum else None,
        licences=quantum.licences if quantum and placed.module.quantum and placed.module.quantum.licence else 0,
    )


def _manifest(workflow: Workflow, site: Site, scripts: Mapping[str, str], jobs: Sequence[Job]) -> Manifest:
    return Manifest(
        workflow=workflow.name,
        site=site.name,
        scheduler=site.scheduler,
        folder=os.path.dirname(os.path.abspath(workflow.path)) if workflow.path else os.getcwd(),
        digest=_digest(scripts, jobs),
        version=version(),
        jobs=tuple(jobs),
        account=workflow.account,
        file=os.path.abspath(workflow.path) if workflow.path else "",
        asked_site=os.path.abspath(workflow.site) if workflow.site.endswith(SUFFIX) else workflow.site,
    )


def _digest(scripts: Mapping[str, str], jobs: Sequence[Job]) -> str:
    return _digest_of([dict(scripts), [asdict(job) for job in jobs]])


def _digest_of(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def write(rendered: Rendered, folder: str | os.PathLike[str]) -> None:
    """Write scripts and manifest into a folder, all or none; where this run is already it stays as it is.

    Raises:
        FormatError: the folder holds something else, or cannot be written to.
    """
    target = Path(folder)
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            _check_same(rendered, target)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(rendered, target)
    except OSError as error:
        raise FormatError(f"cannot write {folder}: {error.strerror}; choose a folder you may write to") from error


def _check_same(rendered: Rendered, target: Path) -> None:
    if not (target / MANIFEST).is_file():
        raise FormatError(f"{target}: holds something that is no run; name a new folder, or an empty one")
    if read_manifest(target).digest != rendered.manifest.digest:
        raise FormatError(f"{target}: holds another run, whose scripts differ; name a new folder")


def _write_whole(rendered: Rendered, target: Path) -> None:
    """Beside the target first, which then takes its place: a folder can replace one that is empty."""
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        part.mkdir()
        for name, text in rendered.scripts.items():
            (part / name).write_text(text, encoding="utf-8")
            (part / name).chmod(0o755)
        write_json(rendered.manifest, part)
        os.replace(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
