"""A run: a folder with the scripts of a workflow, their manifest, what was submitted, logs, and how steps ended.

    RUN/
      manifest.json        what was rendered: `Manifest`
      01-prepare.sh ...    one script a step
      jobs.json            what the scheduler answered: `Jobs`
      logs/                standard output and error of steps
      state/STEP[.TASK]    how a step (a task of its array) ended, written by the script itself: one line, "0" or its
                           exit status, and the second (since 1970) of start and end
      processes/STEP[.TASK]  which process ran a task last, where there is no scheduler

Scripts find the folder in `HQML_RUN`, which `submit` exports; by hand they run without it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_origin, get_type_hints

from hqml.errors import FormatError
from hqml.files import replacing
from hqml.untrusted import read_json

_Read = TypeVar("_Read")

MANIFEST, JOBS, LOGS, STATE = "manifest.json", "jobs.json", "logs", "state"

UNFINISHED = 75
"""Exit status of a program that has saved its state and wants to go on later: EX_TEMPFAIL of sysexits.h."""


@dataclass(frozen=True)
class Part:
    """What one component of a step asks for."""

    name: str
    on: str
    kind: str
    partition: str | None
    nodes: int
    tasks: int
    gpus: int
    load: tuple[str, ...] = ()
    qpu_seconds: float | None = None
    licences: int = 0


@dataclass(frozen=True)
class Job:
    """What one step became.

    Attributes:
        step: its name.
        script: file name in the run's folder.
        after: steps that must have ended well.
        seconds: wall time.
        parts: its components.
        tasks: of its array; 0: it is none.
        at_once: most of them that run at a time; None: no limit.
        sweep: SHA-256 of what each task has its values from; "": it is no array.
        requeues: how often it may queue itself again; 0: never.
    """

    step: str
    script: str
    after: tuple[str, ...]
    seconds: float
    parts: tuple[Part, ...]
    tasks: int = 0
    requeues: int = 0
    at_once: int | None = None
    sweep: str = ""


@dataclass(frozen=True)
class Manifest:
    """What was rendered: everything that submitting needs to know, and nothing secret.

    Attributes:
        workflow: its name.
        site: its name.
        scheduler: of the site.
        folder: of the workflow file, where steps run; absolute.
        digest: of the scripts and the jobs, so that a run is not mixed with another one.
        version: of hqml.
        jobs: one a step, each behind those that it comes after.
        account: None: the user's default.
        run: what tells the run from all others, one in the same folder before it as well; "" before it has a folder.
        file: of the workflow, on the machine that rendered it; absolute. "": there is none.
        asked_site: the site as that file, or --site, names it; a path is absolute.
    """

    workflow: str
    site: str
    scheduler: str
    folder: str
    digest: str
    version: str
    jobs: tuple[Job, ...]
    account: str | None = None
    run: str = ""
    file: str = ""
    asked_site: str = ""


@dataclass(frozen=True)
class Jobs:
    """What the scheduler was given.

    Attributes:
        host: that it was submitted through, as OpenSSH's configuration calls it; None: this one.
        folder: of the run on that host.
        identifiers: by step, the newest last: a resumed step has several.
        cancelled: those of them that `hqml job cancel` has ended. Slurm forgets that, and what never started leaves no
            other trace.
    """

    host: str | None = None
    folder: str = ""
    identifiers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cancelled: tuple[str, ...] = ()


def task_numbers(job: Job) -> Iterable[int | None]:
    """Of the tasks of its array; None alone where it is none."""
    return range(job.tasks) if job.tasks else (None,)


def state_name(step: str, task: int | str | None) -> str:
    """Name of the file in which a script writes how it, or a task of its array, ended."""
    return step if task is None else f"{step}.{task}"


def job_name(workflow: str, step: str) -> str:
    """What a scheduler calls a step."""
    return f"{workflow}-{step}"


def log_name(workflow: str, step: str, number: str) -> str:
    """Name of the log of a job, or of a task of an array: "12_3"."""
    return f"{job_name(workflow, step)}-{number}.out"


def log_pattern(*, is_array: bool) -> str:
    """The same as sbatch takes it: %x is the job's name, %j, or %A and %a, its number."""
    return "%x-%A_%a.out" if is_array else "%x-%j.out"


def write_json(value: Manifest | Jobs, folder: str | os.PathLike[str]) -> None:
    """Write the manifest or the jobs of a run into its folder, whole or not at all.

    Raises:
        FormatError: the folder cannot be written to.
    """
    name = MANIFEST if isinstance(value, Manifest) else JOBS
    with replacing(Path(folder) / name) as file:
        file.write(json.dumps(asdict(value), indent=2).encode() + b"\n")


def read_manifest(folder: str | os.PathLike[str]) -> Manifest:
    """Read what was rendered into a folder.

    Raises:
        FormatError: it is no run's folder, or its manifest is damaged.
    """
    content = _content(folder, MANIFEST)
    with _damaged(folder, MANIFEST):
        manifest = _typed(Manifest(**{**content, "jobs": tuple(_job(job) for job in content["jobs"])}))
        steps = {job.step for job in manifest.jobs}
        if unknown := {step for job in manifest.jobs for step in job.after} - steps:
            raise KeyError(f"no job {min(unknown)!r}")
        return manifest


def read_jobs(folder: str | os.PathLike[str]) -> Jobs | None:
    """Read what was submitted from a folder; None: nothing yet. Of a run on this machine the folder is where it is now.

    Raises:
        FormatError: the file is damaged.
    """
    if not (Path(folder) / JOBS).exists():
        return None
    content = _content(folder, JOBS)
    with _damaged(folder, JOBS):
        found = {step: tuple(str(one) for one in ids) for step, ids in content["identifiers"].items()}
        there = content["folder"] if content["host"] is not None else os.path.abspath(folder)
        return _typed(Jobs(content["host"], there, found, tuple(map(str, content.get("cancelled", ())))))


def _job(content: dict[str, Any]) -> Job:
    parts = tuple(_part(part) for part in content["parts"])
    return _typed(Job(**{**content, "after": tuple(map(str, content["after"])), "parts": parts}))


def _part(content: dict[str, Any]) -> Part:
    return _typed(Part(**{**content, "load": tuple(map(str, content["load"]))}))


def _typed(value: _Read) -> _Read:
    """The same, if its fields have the types that its class says.

    Raises:
        TypeError: one has not.
    """
    for name, hint in get_type_hints(type(value)).items():
        origin, found = get_origin(hint), getattr(value, name)
        wanted = hint if origin in (None, UnionType) else origin
        if not isinstance(found, wanted) and not (isinstance(found, int) and isinstance(0.0, wanted)):
            raise TypeError(f"{name} is {found!r:.40}")
    return value


def _content(folder: str | os.PathLike[str], name: str) -> Any:
    path = Path(folder) / name
    try:
        return read_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise FormatError(f"{folder}: has no {name}; name the folder of a run, which `hqml job submit` made") from None
    except (ValueError, OSError) as error:
        raise FormatError(f"{path}: cannot be read: {error}") from error


@contextmanager
def _damaged(folder: str | os.PathLike[str], name: str) -> Iterator[None]:
    """Tell what goes wrong in this block as a damaged file."""
    try:
        yield
    except (KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"{Path(folder) / name}: is no {name} of this version of hqml: {error}") from error
