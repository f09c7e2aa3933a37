"""The folder of a run: where it is, and what may be written into it again."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hqml.errors import FormatError, ParameterError
from hqml.files import replacing
from hqml.hpc.run import JOBS, MANIFEST, STATE, Job, Manifest, read_manifest, write_json
from hqml.hpc.runs.claim import claimed
from hqml.hpc.runs.states import UNFINISHED_STATES

if TYPE_CHECKING:
    from hqml.hpc.host import Host
    from hqml.hpc.runs.states import StepStatus
    from hqml.hpc.scripts.rendering import Rendered

SUFFIX = ".run"


def default_folder(workflow: str | os.PathLike[str], name: str) -> Path:
    """Of a workflow's run: beside its file."""
    return Path(workflow).parent / f"{name}{SUFFIX}"


def only_run(folder: str | os.PathLike[str] = ".") -> Path:
    """The run in a folder, where there is one.

    Raises:
        ParameterError: there is none, or several.
    """
    found = sorted(path.parent for path in Path(folder).glob(f"*{SUFFIX}/{MANIFEST}"))
    if len(found) != 1:
        here = f"are several here: {', '.join(map(str, found))}" if found else f"is no NAME{SUFFIX} here"
        raise ParameterError(f"name the folder of a run; there {here}")
    return found[0]


@contextmanager
def kept(rendered: Rendered, folder: str | os.PathLike[str]) -> Iterator[None]:
    """Keep the folder of a run for this process while the block lasts; a new one is written first.

    Raises:
        ParameterError: another process is at work on the run, or it is another workflow's.
        FormatError: the folder is another thing, or cannot be written to.
    """
    from hqml.hpc.scripts.rendering import write

    path = Path(folder)
    if not (path / MANIFEST).exists():
        manifest = replace(rendered.manifest, run=secrets.token_hex(8))
        try:
            write(replace(rendered, manifest=manifest), folder)
        except FormatError:
            if not (path / MANIFEST).exists():  # else another process was faster
                raise
    with claimed(folder):
        _check_workflow(rendered.manifest, read_manifest(folder), path)
        yield


def _check_workflow(manifest: Manifest, before: Manifest, folder: Path) -> None:
    """One workflow a run; its file may have been moved or renamed, so that the old one is not there any more."""
    old, new = before.file, manifest.file
    if new and os.path.exists(old) and not os.path.samefile(old, new):
        raise ParameterError(f"{folder}: is the run of {old}, not of {new}; name another folder")


def write_run(rendered: Rendered, folder: str | os.PathLike[str], host: Host) -> list[str]:
    """Write scripts and manifest into the folder of a run.

    Steps that failed, or were not submitted yet, may differ from what the folder has; others may not, since its logs
    and states would tell of something else. Of an array that has tasks of both kinds the values must stay.

    Args:
        rendered: what to write.
        folder: of the run, on this machine; made where there is none.
        host: where its jobs are.

    Returns:
        Steps of a run that was at work before, and has taken over how they are now.

    Raises:
        ParameterError: a step has changed that is done, or in the queue; another process is at work on the run; or it
            is another workflow's.
        FormatError: the folder is another thing, or cannot be written to.
    """
    path = Path(folder)
    with kept(rendered, folder):
        before = read_manifest(folder)
        manifest = replace(rendered.manifest, run=before.run)
        changed = changes(rendered, folder, host)
        if changed or manifest != before:
            _rewrite(replace(rendered, manifest=manifest), before, path)
        return changed if _used(path) else []


def changes(rendered: Rendered, folder: str | os.PathLike[str], host: Host) -> list[str]:
    """Steps of a run that `write_run` would change.

    Raises:
        ParameterError: it would not, since one of them is done, or in the queue; or the run is another workflow's.
        FormatError: the folder is no run's.
    """
    before, path = read_manifest(folder), Path(folder)
    _check_workflow(rendered.manifest, before, path)
    changed = _changed(rendered, before, path)
    if changed and _used(path):
        _check_unfinished(changed, rendered.manifest, before, path, host)
    return changed


def _changed(rendered: Rendered, before: Manifest, folder: Path) -> list[str]:
    """Steps of the folder that are others now, or gone; the number before the name of a script does not count."""
    jobs = {job.step: job for job in rendered.manifest.jobs}
    return [job.step for job in before.jobs if not _same(job, jobs.get(job.step), rendered, folder)]


def _same(old: Job, new: Job | None, rendered: Rendered, folder: Path) -> bool:
    if new is None or replace(old, script=new.script) != new:
        return False
    try:
        return (folder / old.script).read_text(encoding="utf-8") == rendered.scripts[new.script]
    except OSError:
        return False


def _used(folder: Path) -> bool:
    return (folder / JOBS).exists() or (folder / STATE).exists()


def _check_unfinished(changed: Sequence[str], manifest: Manifest, before: Manifest, folder: Path, host: Host) -> None:
    old, new = ({job.step: job for job in one.jobs} for one in (before, manifest))
    for one in _statuses(before, folder, host):
        used = [task.state for task in one.tasks if task.state not in UNFINISHED_STATES]
        may_go_on = one.unfinished and one.step in new and new[one.step].sweep == old[one.step].sweep
        if one.step in changed and used and not may_go_on:
            raise ParameterError(
                f"{folder}: the step {one.step} has changed, and there it is {used[0]} as it was; for a new run name "
                "another folder by --run, or remove this one"
            )


def _statuses(manifest: Manifest, folder: Path, host: Host) -> list[StepStatus]:
    """How its steps stand; the process at work on it is this one, which runs none of them yet."""
    if manifest.scheduler == "none":
        from hqml.hpc.runs.local_status import statuses_by_files

        return statuses_by_files(manifest, folder, alive=False)
    from hqml.hpc.runs.status import statuses

    return statuses(folder, host)


def _rewrite(rendered: Rendered, before: Manifest, folder: Path) -> None:
    for name, text in rendered.scripts.items():
        with replacing(folder / name) as file:
            file.write(text.encode())
        (folder / name).chmod(0o755)
    write_json(rendered.manifest, folder)
    for name in {job.script for job in before.jobs} - set(rendered.scripts):
        (folder / name).unlink(missing_ok=True)


def asked_for(manifest: Manifest) -> list[tuple[str, float, float]]:
    """What a run may take at most: of each module the node hours and the QPU seconds, of each start anew."""
    found: dict[str, tuple[float, float]] = {}
    for job in manifest.jobs:
        for part in job.parts:
            hours, seconds = found.get(part.on, (0.0, 0.0))
            starts = max(job.tasks, 1) * (1 + job.requeues)
            hours += part.nodes * job.seconds / 3600 * starts
            found[part.on] = hours, seconds + (part.qpu_seconds or 0.0) * starts
    return [(on, *sums) for on, sums in found.items()]
