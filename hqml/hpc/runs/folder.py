"""The folder of a run: where it is, and what may be written into it again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hqml.errors import ParameterError
from hqml.files import replacing
from hqml.hpc.run import JOBS, MANIFEST, STATE, Manifest, read_manifest, write_json
from hqml.hpc.runs.states import UNFINISHED_STATES

if TYPE_CHECKING:
    from hqml.hpc.host import Host
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


def write_run(rendered: Rendered, folder: str | os.PathLike[str], host: Host) -> None:
    """Write scripts and manifest into the folder of a run.

    Steps that failed, or were not submitted yet, may differ from what the folder has; others may not, since its logs
    and states would tell of something else.

    Args:
        rendered: what to write.
        folder: of the run, on this machine; made where there is none.
        host: where its jobs are.

    Raises:
        ParameterError: a step has changed that is done, or in the queue.
        FormatError: the folder is another thing, or cannot be written to.
    """
    from hqml.hpc.scripts.rendering import write

    path = Path(folder)
    changed = _changed(rendered, path) if (path / MANIFEST).exists() else []
    if not changed:
        write(rendered, folder)
        return
    if _used(path):
        _check_unfinished(changed, path, host)
    _rewrite(rendered, path)


def _changed(rendered: Rendered, folder: Path) -> list[str]:
    """Steps of the folder whose scripts are others now, or gone; all where only the manifest differs."""
    before = read_manifest(folder)
    scripts = {job.step: job.script for job in rendered.manifest.jobs}
    changed = [job.step for job in before.jobs if not _same(job.script, scripts.get(job.step), rendered, folder)]
    fresh = [step for step in scripts if step not in {job.step for job in before.jobs}]
    return changed or fresh


def _same(old: str, new: str | None, rendered: Rendered, folder: Path) -> bool:
    try:
        return new is not None and (folder / old).read_text(encoding="utf-8") == rendered.scripts[new]
    except OSError:
        return False


def _used(folder: Path) -> bool:
    return (folder / JOBS).exists() or (folder / STATE).exists()


def _check_unfinished(changed: Sequence[str], folder: Path, host: Host) -> None:
    from hqml.hpc.runs.status import statuses

    for one in statuses(folder, host):
        kept = [task.state for task in one.tasks if task.state not in UNFINISHED_STATES]
        if one.step in changed and kept:
            raise ParameterError(
                f"{folder}: the step {one.step} has changed, and there it is {kept[0]} as it was; for a new run name "
                "another folder by --run, or remove this one"
            )


def _rewrite(rendered: Rendered, folder: Path) -> None:
    before = {job.script for job in read_manifest(folder).jobs}
    for name, text in rendered.scripts.items():
        with replacing(folder / name) as file:
            file.write(text.encode())
        (folder / name).chmod(0o755)
    write_json(rendered.manifest, folder)
    for name in before - set(rendered.scripts):
        (folder / name).unlink(missing_ok=True)


def asked_for(manifest: Manifest) -> list[tuple[str, float, float]]:
    """What a run may take at most: of each module the node hours, and the QPU seconds."""
    found: dict[str, tuple[float, float]] = {}
    for job in manifest.jobs:
        for part in job.parts:
            hours, seconds = found.get(part.on, (0.0, 0.0))
            tasks = max(job.tasks, 1)
            hours += part.nodes * job.seconds / 3600 * tasks * (1 + job.requeues)
            found[part.on] = hours, seconds + (part.qpu_seconds or 0.0) * tasks
    return [(on, *sums) for on, sums in found.items()]
