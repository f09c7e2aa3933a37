"""What a run is: the keys of its task, and the site, modules and versions that it runs with."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import TYPE_CHECKING, Any

from hqml.secrets import cleaned

if TYPE_CHECKING:
    from hqml.dl.spec import Task

_PACKAGES = ("hqml", "torch", "keras", "statsmodels", "numpy", "onnx", "onnxruntime")

_SITES = ("SYSTEMNAME", "SLURM_CLUSTER_NAME")
"""Variables that name a computer: of Jülich's login scripts, and of Slurm."""

_JOB = {
    "job": ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID"),
    "nodes": ("SLURM_JOB_NUM_NODES", "SLURM_NNODES"),
    "ranks": ("WORLD_SIZE", "SLURM_NTASKS"),
    "container": ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER"),
}


def told(task: Task) -> dict[str, str]:
    """The keys of a task, dotted, e.g. `optimizer.rate`, and `ran_with`; without secrets.

    Keys without a value, the search, the tracking and defaults of `run` are left out; parameters stand beside what they
    belong to.
    """
    content = task.model_dump(mode="json", by_alias=True, exclude={"search", "tracking", "run"})
    content["run"] = task.run.model_dump(mode="json", exclude_defaults=True)
    return {key: _text(value) for key, value in _flat(cleaned(content))} | ran_with(task)


def ran_with(task: Task) -> dict[str, str]:
    """Names and texts: site, modules, job, device, python, and versions as `versions.torch`; without secrets."""
    found = {
        "site": task.run.site or _variable(_SITES) or platform.node(),
        "modules": os.environ.get("LOADEDMODULES"),
        **{name: _variable(variables) for name, variables in _JOB.items()},
        "device": _device(),
        "python": platform.python_version(),
        **{f"versions.{name}": version for name, version in _versions()},
    }
    return {name: str(cleaned(text)) for name, text in found.items() if text}


def _flat(content: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        name = before if key == "parameters" and isinstance(value, Mapping) else f"{before}{key}."
        if isinstance(value, Mapping):
            yield from _flat(value, name)
        elif value is not None:
            yield name[:-1], value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(_text, value)) if isinstance(value, list) else str(value)


def _variable(names: tuple[str, ...]) -> str | None:
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def _device() -> str | None:
    """The GPU, where torch is what trains; it is not imported to find out."""
    torch = sys.modules.get("torch")
    return torch.cuda.get_device_name() if torch is not None and torch.cuda.is_available() else None


def _versions() -> Iterator[tuple[str, str]]:
    for name in _PACKAGES:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
